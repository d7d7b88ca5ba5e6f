/** What is said of a data race that was seen in a threaded run. */

import { iovaName } from "../memory/iommu.ts";
import type { FindingRecorder } from "../registers/finding-text.ts";
import * as t from "./race-tables.ts";

/** Where an access goes: a DMA buffer. */
export interface RacePlace {
  /** Byte of the arena at which it begins; negative for memory of its own. */
  readonly base: number;
  readonly byteLength: number;
  readonly iova: number;
  readonly label: string;
  /** Who is told of what happens in it. */
  readonly findings: FindingRecorder;
}

/** Who is asked for what a finding needs. */
export interface RaceFinder {
  readonly cpuIndex: number;
  /** Names of the functions, in order. */
  readonly deviceNames: readonly string[];
  readonly log: Int32Array;
  /** The driver's line under way; "" for none. */
  lineOf(): string;
  /** That of the race that is being recorded, for the logs. */
  line: string;
}

/** The two accesses: the card's is the one that the mark is of, and the first one. */
export interface SampledRace {
  /** Byte of the arena at which they meet. */
  readonly at: number;
  /** Where the driver's access begins, and how long it is. */
  readonly from: number;
  readonly byteLength: number;
  readonly mark: number;
  /** The mark is of a DMA read. */
  readonly isFetch: boolean;
  readonly isStore: boolean;
  /** By this load or one before it the driver has looked at something that the card wrote then or later, without a barrier behind. */
  readonly isBehindLook: boolean;
  readonly line: string;
}

export function recordRace(finder: RaceFinder, place: RacePlace, race: SampledRace): void {
  finder.line = race.line;
  // One for each line and buffer: the same mistake is made at every slot of a ring.
  const access = race.isStore ? "store to" : "load from";
  const where = race.line === "" ? `${access} ${place.label}` : `${access} ${place.label} at ${race.line}`;
  place.findings.record("violation", "data-race", where, () => {
    const driver = `the ${race.isStore ? "store" : "load"} of CPU ${finder.cpuIndex}${race.line === "" ? "" : ` at ${race.line}`}`;
    return `data race on ${bytesText(race.byteLength)} at ${nameAt(place, race.from)}${metAt(place, race)}: ${cardText(finder, place, race)} and ${driver}, and nothing puts the two in an order. ${outcomeOf(race)} ${adviceFor(race)}`;
  });
}

function bytesText(byteLength: number): string {
  return byteLength === 1 ? "1 byte" : `${byteLength} bytes`;
}

function nameAt({ label, base, iova }: RacePlace, at: number): string {
  return `${label}+0x${(at - base).toString(16)} (IOVA ${iovaName(iova + at - base)})`;
}

/** Of a copy, the first byte that the card touched too. */
function metAt(place: RacePlace, { at, from }: SampledRace): string {
  return at === from ? "" : `, from +0x${(at - place.base).toString(16)} on`;
}

/** "the DMA write of ixgbe (number 17 of those looked at, 16 bytes at rx ring 0+0x30, its entry 3 if all have 16 bytes)". */
function cardText({ deviceNames, log }: RaceFinder, place: RacePlace, { mark, isFetch }: SampledRace): string {
  const number = mark >> t.NUMBER_SHIFT;
  const entry = t.logAt(number);
  const what = isFetch ? "DMA read" : "DMA write";
  // Written down before anything of the transfer was done; by now another one may stand there.
  const [name = "", offset = 0, byteLength = 0] = [
    deviceNames[log[entry + t.LOG_FUNCTION] as number],
    log[entry + t.LOG_OFFSET],
    log[entry + t.LOG_BYTES],
  ];
  if (log[entry + t.LOG_NUMBER] !== number) return `a ${what} of the card`;
  const inside = offset - place.base;
  const isDescriptor = !isFetch && ((mark >> t.KIND_SHIFT) & t.KIND_MASK) >= t.FLAGGED;
  const slot = isDescriptor && inside % byteLength === 0 ? `, its entry ${inside / byteLength} if all are as long` : "";
  const kind = isDescriptor ? ", written back with a flag" : "";
  return `the ${what} of ${name} (transfer ${number} of those looked at: ${bytesText(byteLength)} at ${place.label}+0x${inside.toString(16)}${slot}${kind})`;
}

function outcomeOf({ isBehindLook, isStore, isFetch }: SampledRace): string {
  if (isBehindLook)
    return "By this load or one before it the driver has looked at what the card wrote then or later, but no read barrier is behind the look: a machine that reorders loads (Arm) may give older bytes to what is read on; x86 does not.";
  if (isFetch)
    return "Nothing that the driver has seen says that the card was done reading: it takes old bytes, new ones or some of each.";
  return isStore
    ? "Nothing that the driver has seen says that the card was done writing: either may come last, on every machine."
    : "Nothing that the driver has seen says that the card was done writing: what it finds there is luck, on every machine.";
}

function adviceFor({ isStore, isFetch, isBehindLook }: SampledRace): string {
  if (isFetch) return "Wait for the card's completion before the memory is written again.";
  if (isStore) return "Wait for the card's completion before the memory is used for something else.";
  return isBehindLook
    ? "Put dmaRmb behind the look, or look by readAcquire32."
    : "Look at the card's flag first, by readAcquire32 or with dmaRmb behind it, or wait for its interrupt.";
}
