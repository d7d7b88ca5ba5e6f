import { basename } from "node:path";
import { FIRST_DEVICE_SITE, ordinalOfSite, whoseSite } from "../../emulator/explore/races/access-marks.ts";
import type { RaceList } from "../../emulator/explore/races/race-list.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import { type LineOf, lineBehind } from "./access-lines.ts";
import type { DriverSession } from "./driver-session.ts";
import type { StepNumbers } from "./picture.ts";

const RACE = "data race on";

/** True for the violation of a run that ended well but for a data race. */
export function isDataRace(violation: string): boolean {
  return violation.startsWith(`Error: ${RACE}`);
}

/** One half of a race, as people name it. */
interface Half {
  readonly name: string;
  readonly isDevice: boolean;
  readonly isWrite: boolean;
  readonly who: number;
  readonly cpu: number;
  /** Counted from 0: the operations of a CPU, the DMA of a device in one direction. */
  readonly ordinal: number;
}

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

/** What is known of a run besides its races. */
export interface RaceNotes {
  readonly lineOf: LineOf;
  /** By race: the pairs that are recorded already. */
  readonly recorded: number[];
}

/** Puts the races of a run into the findings of the devices, where all broken rules are. With the lines, where they are known. */
export function recordRaces(scene: RaceScene, notes?: RaceNotes): void {
  const { races, endpoints } = scene;
  for (let at = 0; races !== undefined && at < races.count; at++) {
    const halves = halvesOf(scene, races, at);
    const device = halves.find(({ isDevice }) => isDevice)?.who ?? FIRST_DEVICE_SITE;
    const place = scene.placeOf(races.address[at] as number);
    const text = (): string => {
      const [first, second] = halves;
      const sites = notes === undefined ? "" : ` (${sitesText(halves, notes.lineOf)})`;
      return `${RACE} ${bytesText(races, at)} at ${place}: ${textOf(first)} and ${textOf(second)}, and nothing puts the two in an order${sites}. ${adviceFor(first, second)}`;
    };
    const line = notes === undefined ? "" : lineOfRace(halves, notes.lineOf);
    const where = notes === undefined ? undefined : { line, calledFrom: [] };
    const pairs = races.pairCount[at] as number;
    for (let pair = notes?.recorded[at] ?? 0; pair < pairs; pair++)
      endpoints[device - FIRST_DEVICE_SITE]?.record("violation", "data-race", place, text, where);
    if (notes !== undefined) notes.recorded[at] = pairs;
  }
}

/**
 * The two sites of each race of the run that ended last, under a heading; empty when there was none. `numbers`: of the steps
 * in the picture of that run.
 */
export function raceSites(session: DriverSession, lineOf: LineOf, numbers?: StepNumbers): string {
  const scene = sceneOf(session);
  const { races } = scene;
  if (races === undefined || races.count === 0) return "";
  const lines = new Map<string, string>();
  for (let at = 0; at < races.count; at++) {
    const halves = halvesOf(scene, races, at);
    const key = sitesText(halves, lineOf);
    if (!lines.has(key)) lines.set(key, `  ${sitesText(halves, lineOf, numbers)}: ${bytesText(races, at)}`);
  }
  const heading = `The sites of ${lines.size === 1 ? "the data race" : `${lines.size} data races`} in this run:`;
  const rest = races.overflowCount === 0 ? [] : [`  and ${races.overflowCount} more pairs of accesses`];
  return `\n${[heading, ...lines.values(), ...rest].join("\n")}`;
}

function sitesText(halves: Halves, lineOf: LineOf, numbers?: StepNumbers): string {
  return halves.map((half) => siteOf(half, lineOf, numbers)).join(" | ");
}

function siteOf(half: Half, lineOf: LineOf, numbers: StepNumbers | undefined): string {
  const line = half.isDevice ? "" : lineBehind(lineOf, half.who, half.ordinal);
  const place = line === "" ? "" : ` at ${basename(line)}`;
  const number = half.isDevice
    ? numbers?.ofTransfer(half.who - FIRST_DEVICE_SITE, half.ordinal, half.isWrite)
    : numbers?.ofOperation(half.who, half.ordinal);
  return `${half.name}, ${kindOf(half)}${place}${number === undefined ? "" : ` (step ${number})`}`;
}

/** The driver's line: of the later access, where both are a driver's. */
function lineOfRace([first, second]: Halves, lineOf: LineOf): string {
  const half = second.isDevice ? first : second;
  return half.isDevice ? "" : lineBehind(lineOf, half.who, half.ordinal);
}

/** "60 bytes", or "4 bytes, and 56 more of the same accesses". */
function bytesText(races: RaceList, at: number): string {
  const byteLength = races.byteLength[at] as number;
  const further = races.furtherBytes[at] as number;
  const bytes = byteLength === 1 ? "1 byte" : `${byteLength} bytes`;
  return further === 0 ? bytes : `${bytes} and ${further} more between the same lines`;
}

type Halves = readonly [Half, Half];

function halvesOf({ threads, endpoints }: RaceScene, races: RaceList, at: number): Halves {
  const half = (site: number, isWrite: boolean): Half => {
    const who = whoseSite(site);
    const isDevice = who >= FIRST_DEVICE_SITE;
    const device = endpoints[who - FIRST_DEVICE_SITE];
    const thread = threads[who];
    const name = isDevice ? device?.declaration.name : thread?.name;
    const cpu = isDevice ? -1 : (thread?.cpu ?? -1);
    return { name: name ?? "", isDevice, isWrite, who, cpu, ordinal: ordinalOfSite(site) };
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
  return `the ${kindOf(half)} of ${half.name}`;
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
