import { existsSync, statSync } from "node:fs";
import { relative, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import type { RaceProgram } from "../explore/race-program.ts";
import { loadRaces, type ScenarioPlace } from "../explore/scenario.ts";
import { UsageError } from "./exit-codes.ts";
import { checkRunsHere } from "./runs-here.ts";
import { suggestion } from "./suggest.ts";

/** Finds a scenario by its name, or a module by its path. Throws UsageError for what is neither. */
export async function placeOf(word: string, racesUrl: string, isFixed: boolean): Promise<ScenarioPlace> {
  const races: readonly RaceProgram[] = racesUrl === "" ? [] : await loadRaces(racesUrl);
  if (races.some(({ name }) => name === word)) return { name: word, url: racesUrl, isRace: true, isFixed };
  if (!existsSync(word)) {
    const names = races.map(({ name }) => name);
    const hint = /[./\\]/.test(word) ? "" : suggestion(word, names);
    if (hint !== "") throw new UsageError(`There is no scenario "${word}"${hint}`);
    throw new UsageError(
      `There is no scenario "${word}", and no such file: \`softbar explore\` lists the scenarios, or give the path of a module.`,
    );
  }
  if (!statSync(word).isFile()) throw new UsageError(`${word} is no file: a scenario is a name, or a module.`);
  if (isFixed)
    throw new UsageError(`--fixed is for the scenarios that softbar brings along; ${word} has no fixed twin.`);
  if (word.endsWith(".wasm"))
    throw new UsageError(
      `${word} is a driver, and what is to be searched is a module around it: scenarios/explorations/ixgbe-c.ts is one; \`softbar run ${word}\` runs it once.`,
    );
  checkRunsHere(word);
  return { name: pathName(word), url: pathToFileURL(resolve(word)).href, isRace: false, isFixed };
}

/** From the current folder on, with a slash in it: no name of a scenario has one. */
function pathName(path: string): string {
  const from = relative(process.cwd(), resolve(path)).split(sep).join("/");
  return from.startsWith("../") ? from : `./${from}`;
}
