import type { Finding } from "../../emulator/run/findings.ts";
import type { DamagePlan } from "../../emulator/wire/damage/damage-plan.ts";
import type { DamageLedger, LedgerCounts } from "../../emulator/wire/damage/ledger.ts";
import type { LedgerLine } from "../../emulator/wire/damage/line-account.ts";
import type { FaultTally } from "../faults/fault-counters.ts";
import type { FrameReaderReport } from "./frame-source.ts";
import type { LatenessReport } from "./latency.ts";
import type { PreparationReport } from "./preparation.ts";
import type { SinkReport } from "./replay-sink.ts";
import type { BurstScaling, ReplaySpeed } from "./replay-speed.ts";
import type { DropPlace, ReplayTarget } from "./replay-target.ts";
import type { ReplayerReport } from "./replayer-options.ts";
import type { StreamsReport } from "./streams/stream-report.ts";

/** What a replay driver module returns: the sink's report, and what the driver read from the card's counters. */
export interface ReplayDriverResult extends SinkReport {
  /** Registers that the driver read at the end, by name. */
  readonly registers?: Readonly<Record<string, number>>;
  /** What the driver has to say in the terms of its card. */
  readonly card?: CardTerms;
}

/** Counts by what they count, in groups that the summary has a line for: `{ events: { taken: 17, lost: 0 } }`. */
export type CardTerms = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Frames that were lost at one place. */
export interface DropCount {
  /** "packet buffer full". */
  readonly about: string;
  /** The register that counts them, where the card has one. */
  readonly register: string | undefined;
  readonly count: number;
}

/** What was replayed. */
export interface ReplaySourceReport extends FrameReaderReport {
  readonly kind: "capture" | "session";
  readonly name: string;
  /** "pcap", "pcapng" or "generated". */
  readonly format: string;
  /** Why not all of the file was replayed, in a sentence: it is cut or damaged. */
  readonly damage: string | undefined;
  /** What was done to its records before they were sent; absent for a session. */
  readonly preparation?: PreparationReport;
}

/** The outcome of a replay. Plain data. */
export interface ReplayReport {
  readonly source: ReplaySourceReport;
  readonly device: string;
  readonly clock: "wall" | "virtual";
  readonly speed: ReplaySpeed;
  readonly bursts: BurstScaling | undefined;
  readonly lossless: boolean;
  /** True when it was stopped early. */
  readonly interrupted: boolean;
  readonly sentCount: number;
  readonly sentBytes: number;
  readonly deliveredCount: number;
  readonly deliveredBytes: number;
  readonly droppedCount: number;
  readonly drops: readonly DropCount[];
  /** `sent = delivered + dropped`. */
  readonly balance: ReplayBalance;
  /** From the start to the last frame at the consumer. */
  readonly elapsedNs: number;
  /** From the start to the last frame on the wire: as planned, where the replay is paced and came to its end, and as it was. */
  readonly plannedNs: number | undefined;
  readonly sentNs: number;
  readonly framesPerSecond: number;
  /** Bits of frames (without FCS, preamble and gap) that were delivered. */
  readonly gigabitsPerSecond: number;
  readonly latency: SinkReport["latency"];
  readonly unmeasuredCount: number;
  /** Times that a frame waited for room in the card, where it may; undefined where the wire does not wait. */
  readonly roomWaits: { readonly count: number; readonly totalNs: number } | undefined;
  /** How late frames arrived against their deadlines; undefined at maximal speed. */
  readonly lateness: LatenessReport | undefined;
  /** Faults of the card, by kind: how often each could have struck, and did; undefined where none was asked for. */
  readonly faults: readonly FaultTally[] | undefined;
  /** What the wire did to the frames; undefined where nothing was asked for. */
  readonly damage: DamageReport | undefined;
  readonly feed: SinkReport["feed"];
  /** What the driver had to say in the terms of its card. */
  readonly card: CardTerms | undefined;
  /** What came of arbitration, recovery and books; undefined where none was asked for. */
  readonly streams: StreamsReport | undefined;
  /** What the user's decoder returned. */
  readonly decoder: unknown;
  readonly violations: readonly Finding[];
  readonly notes: readonly Finding[];
}

/** What a damaged wire did, and what a correct receiver must therefore report. */
export interface DamageReport {
  readonly counts: LedgerCounts;
  /** By line and session. Undefined after an interruption: the books are ahead of what was sent. */
  readonly lines: readonly LedgerLine[] | undefined;
  /** Rules name sequence numbers, and no frame carried one that the plan's protocol finds: those rules fitted none. */
  readonly lacksSequences: boolean;
}

/** The books in short. */
export function damageReport(ledger: DamageLedger, plan: DamagePlan, interrupted: boolean): DamageReport {
  const lines = ledger.lines();
  const lacksSequences = lines.length === 0 && (plan.rules ?? []).some(({ sequences }) => sequences !== undefined);
  return { counts: ledger.counts(), lines: interrupted ? undefined : lines, lacksSequences };
}

/** Where frames went that neither arrived nor were counted as dropped. Both numbers are 0 in a run that is right. */
export interface ReplayBalance {
  readonly holds: boolean;
  /** Sent and not accounted for by the card: a bug of the model. */
  readonly lostInCard: number;
  /** In host memory by the card's account, and not seen by the consumer: the driver lost them. */
  readonly lostInDriver: number;
}

/** Everything that was counted about one replay. */
export interface ReplayCounts {
  readonly replayer: ReplayerReport;
  readonly driver: ReplayDriverResult;
  /** The device's statistics after the last frame; those before the first are in the replayer's report. */
  readonly after: Readonly<Record<string, number>>;
}

/** What the consumer made of the streams, with what the servers at the far end say. Undefined where nothing was asked for. */
export function streamsReport(
  { driver, replayer }: Pick<ReplayCounts, "driver" | "replayer">,
  notes: readonly string[],
): StreamsReport | undefined {
  if (driver.streams === undefined) return undefined;
  const recovery = driver.streams.recovery?.flatMap((session, index) => {
    const server = replayer.servers[index];
    return server === undefined ? [] : [{ ...session, server }];
  });
  return { ...driver.streams, recovery, answerFrames: replayer.answerCount, notes };
}

/** Where frames were dropped: the card's places, split by register where the driver read them, then the driver's own. */
export function dropsOf(target: ReplayTarget, counts: ReplayCounts): DropCount[] {
  const drops = target.drops.flatMap((place) => splitByRegister(place, change(counts, place.counter), counts.driver));
  drops.push({ about: "thrown away by the driver", register: undefined, count: counts.driver.rejectedCount });
  return drops.filter(({ count }) => count !== 0);
}

/** Bytes that were delivered: where the driver does not see them, by the card's account. */
export function deliveredBytesOf(target: ReplayTarget, counts: ReplayCounts): number {
  const { deliveredBytesCounter } = target;
  return deliveredBytesCounter === undefined ? counts.driver.deliveredBytes : change(counts, deliveredBytesCounter);
}

/** Who lost what. Where the card does not count what it delivered, its share and the driver's are one. */
export function balanceOf(target: ReplayTarget, counts: ReplayCounts): ReplayBalance {
  const { driver, replayer } = counts;
  const seen = driver.deliveredCount + driver.rejectedCount;
  const dropped = target.drops.reduce((sum, place) => sum + change(counts, place.counter), 0);
  const delivered = target.deliveredCounter === undefined ? seen : change(counts, target.deliveredCounter);
  const lostInCard = replayer.sentCount - dropped - delivered;
  const lostInDriver = delivered - seen;
  return { holds: lostInCard === 0 && lostInDriver === 0, lostInCard, lostInDriver };
}

function change(counts: ReplayCounts, counter: string): number {
  return (counts.after[counter] ?? 0) - (counts.replayer.before[counter] ?? 0);
}

/** One line for each register that counted something; what no register explains keeps the place's own words. */
function splitByRegister(place: DropPlace, total: number, driver: ReplayDriverResult): DropCount[] {
  const registers = Object.entries(place.registers ?? {});
  const only = registers.length === 1 ? registers[0] : undefined;
  if (only !== undefined) return [{ about: place.about, register: only[0], count: total }];
  const drops: DropCount[] = [];
  let rest = total;
  for (const [register, about] of registers) {
    const count = Math.min(rest, driver.registers?.[register] ?? 0);
    drops.push({ about, register, count });
    rest -= count;
  }
  drops.push({ about: place.about, register: undefined, count: rest });
  return drops;
}
