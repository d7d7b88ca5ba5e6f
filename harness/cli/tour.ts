import { exploreInThread } from "../explore/explore-thread.ts";
import { loadRaces } from "../explore/scenario.ts";
import { exploreText } from "./explore-text.ts";
import { EXPLORE_COMMAND } from "./own-name.ts";
import type { painter } from "./terminal.ts";

const RACE = "lost-interrupt";
/** It is found within a handful; a tour must not take long. */
const OPTIONS = { models: ["sc"], strategy: "portfolio", seed: 1, runs: 1000 } as const;
const LIMIT_MS = 2000;

/** What the first run of a newcomer ends with: a race, found and shown. Empty where there are no scenarios. */
export async function raceOfTheTour(racesUrl: string, paint: ReturnType<typeof painter>): Promise<string> {
  const races = racesUrl === "" ? [] : await loadRaces(racesUrl);
  const race = races.find(({ name }) => name === RACE);
  if (race === undefined) return "";
  const place = { name: RACE, url: racesUrl, isRace: true, isFixed: false };
  const work = { kind: "search", options: { ...OPTIONS, timeLimitMs: LIMIT_MS }, saved: [] } as const;
  const outcome = await exploreInThread(place, work, { hangLimitMs: LIMIT_MS });
  const found = exploreText({ place, options: OPTIONS, outcome, kept: undefined }, paint);
  return `Then the orders of events that hardware shows once a month: ${EXPLORE_COMMAND} ${RACE}\n\n${found}`;
}
