import { FIRST_DEVICE_SITE, ordinalOfSite, whoseSite } from "../../emulator/explore/races/access-marks.ts";
import type { RaceList } from "../../emulator/explore/races/race-list.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { DriverSession } from "./driver-session.ts";

const RACE = "data race on";

/** True for the violation of a run that ended well but for a data race. */
export function isDataRace(violation: string): boolean {
  return violation.startsWith(`Error: ${RACE}`);
}

/** Where a step of a thread comes from: "ixgbe.ts:287", or empty when nobody knows. */
export type NoteOf = (thread: number, ordinal: number) => string;

/** One half of a race, as people name it. */
interface Half {
  readonly name: string;
  readonly isDevice: boolean;
  readonly isWrite: boolean;
  readonly who: number;
  readonly cpu: number;
  /** Counted from 1: the operations of a CPU, the DMA of a device in one direction. */
  readonly number: number;
}

/** Steps of a copy that go back to the access that began it: 4 KiB. */
const COPY_STEPS = 512;

/** What names the halves of a race, and where findings go. */
export interface RaceScene {
  readonly races: RaceList | undefined;
  readonly endpoints: readonly Pick<Endpoint, "record" | "declaration">[];
  /** By thread. */
  readonly threads: readonly { readonly name: string; readonly cpu: number }[];
  placeOf(address: number): string;
}

/** The scene of a session that is searched. */
export function sceneOf({ machine, plugged }: DriverSession): RaceScene {
  return {
    races: machine.state.races?.races,
    endpoints: plugged.endpoints,
    threads: machine.threads,
    placeOf: (address) => plugged.placeOf(address),
  };
}

/** Puts the races of a run into the findings of the devices, where all broken rules are. With the lines, where they are known. */
export function recordRaces(scene: RaceScene, noteOf?: NoteOf): void {
  const { races, endpoints } = scene;
  for (let at = 0; races !== undefined && at < races.count; at++) {
    const [first, second] = halvesOf(scene, races, at);
    const device = [first, second].find(({ isDevice }) => isDevice)?.who ?? FIRST_DEVICE_SITE;
    const place = scene.placeOf(races.address[at] as number);
    endpoints[device - FIRST_DEVICE_SITE]?.record("violation", "data-race", place, () => {
      const byteLength = races.byteLength[at] as number;
      const bytes = byteLength === 1 ? "1 byte" : `${byteLength} bytes`;
      const sites = noteOf === undefined ? "" : ` (${siteOf(first, noteOf)} | ${siteOf(second, noteOf)})`;
      return `${RACE} ${bytes} at ${place}: ${textOf(first)} and ${textOf(second)}, and nothing puts the two in an order${sites}. ${adviceFor(first, second)}`;
    });
  }
}

/** The two sites of each race of the run that ended last, one line each; empty when there was none. */
export function raceSites(session: DriverSession, noteOf: NoteOf): string {
  const scene = sceneOf(session);
  const { races } = scene;
  const lines = new Set<string>();
  for (let at = 0; races !== undefined && at < races.count; at++) {
    const [first, second] = halvesOf(scene, races, at);
    lines.add(`  ${siteOf(first, noteOf)} | ${siteOf(second, noteOf)}`);
  }
  return lines.size === 0 ? "" : `\n${[...lines].join("\n")}`;
}

function siteOf(half: Half, noteOf: NoteOf): string {
  const text = `${half.name}, ${kindOf(half)} ${half.number}`;
  if (half.isDevice) return text;
  // Of a copy only the first access is noted.
  for (let back = 1; back <= COPY_STEPS && back <= half.number; back++) {
    const line = noteOf(half.who, half.number - back);
    if (line !== "") return `${text}, at ${line}`;
  }
  return text;
}

function halvesOf({ threads, endpoints }: RaceScene, races: RaceList, at: number): readonly [Half, Half] {
  const half = (site: number, isWrite: boolean): Half => {
    const who = whoseSite(site);
    const isDevice = who >= FIRST_DEVICE_SITE;
    const device = endpoints[who - FIRST_DEVICE_SITE];
    const thread = threads[who];
    const name = isDevice ? device?.declaration.name : thread?.name;
    const cpu = isDevice ? -1 : (thread?.cpu ?? -1);
    return { name: name ?? "", isDevice, isWrite, who, cpu, number: ordinalOfSite(site) + 1 };
  };
  return [
    half(races.firstSite[at] as number, races.firstWrites[at] === 1),
    half(races.secondSite[at] as number, races.secondWrites[at] === 1),
  ];
}

function kindOf({ isDevice, isWrite }: Half): string {
  if (isDevice) return isWrite ? "DMA write" : "DMA read";
  return isWrite ? "write" : "read";
}

function textOf(half: Half): string {
  return `the ${kindOf(half)} of ${half.name} (its ${half.isDevice ? "transfer" : "operation"} ${half.number})`;
}

function adviceFor(first: Half, second: Half): string {
  if (!first.isWrite && !second.isWrite)
    return "The look back may be made before what it is to check: put a read barrier (rmb, dmaRmb) between them.";
  if (first.isDevice || second.isDevice)
    return first.isDevice ? adviceBehindDevice(first, second) : adviceBefore(first, second);
  if (first.cpu === second.cpu)
    return "The handler may come between the task's read and its write: hold it off with irqSave, or use one atomic access.";
  return "Take a lock around both, or publish by writeRelease32 (or wmb) and look by readAcquire32 (or with rmb behind it). Where it does no harm, say so by beginRacy.";
}

function adviceBehindDevice(first: Half, second: Half): string {
  if (!first.isWrite)
    return "The card may still be reading: wait for its completion before the memory is written again.";
  if (second.isWrite)
    return "The card may still be writing: wait for its completion before the memory is used for something else.";
  return "The card's flag must be seen first, by readAcquire32 or with dmaRmb behind the look at it.";
}

function adviceBefore(first: Half, second: Half): string {
  if (!second.isWrite)
    return "The doorbell does not hold it back: write it before the doorbell, and ring that by write32 or behind a wmb.";
  if (first.isWrite)
    return "The memory was the card's already: write it before the doorbell, or after the card's completion.";
  return "The card may write there while it is read: read only what its flag says is there, and give it back after that.";
}
