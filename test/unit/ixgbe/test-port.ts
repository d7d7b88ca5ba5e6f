import { VirtualClock } from "../../../emulator/clock/clock.ts";
import { Timers } from "../../../emulator/clock/timers.ts";
import { copyMemory, MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { DeviceModel, DevicePort } from "../../../emulator/pcie/device-model.ts";
import type { CompletedReads } from "../../../emulator/pcie/read-burst.ts";
import { type FindingKind, FindingLog } from "../../../emulator/run/findings.ts";

/** High word of every IOVA: host memory begins at 4 GiB. */
export const IOVA_HIGH = 1;

const READ_WORDS = 5;
const READ_LIMIT = 4096;

export interface SentFrame {
  readonly bytes: Uint8Array;
  readonly flags: number;
}

/** What landed in host memory, or was raised, in the order of the calls. */
export type BusEvent =
  | { readonly kind: "write"; readonly offset: number; readonly byteLength: number; readonly flagOffset: number }
  | { readonly kind: "interrupt"; readonly vector: number };

/**
 * The machine around a device, as small as it can be: one host memory from 4 GiB on, reads answered in order of the
 * requests, virtual time, one MSI-X or INTx, findings, and a list of what was sent.
 */
export class TestPort implements DevicePort {
  readonly clock: VirtualClock = new VirtualClock();
  readonly host: MemoryView;
  readonly timers: Timers;
  readonly log: FindingLog;
  readonly sent: SentFrame[] = [];
  /** Filled only while `keepsEvents` is set. */
  readonly events: BusEvent[] = [];
  keepsEvents = false;
  keepsSent = true;
  sentCount = 0;
  /** How far behind the wire is; it takes everything all the same. */
  backlogNs = 0;
  readonly raised: number[] = [];
  /** Vectors with a message that waits for their mask in the MSI-X table. */
  readonly pending: Set<number> = new Set();
  readonly #maskedVectors: Set<number> = new Set();
  /** INTx level, and how often it rose. */
  level = false;
  risingEdges = 0;
  mode: "intx" | "msi" | "msix" = "intx";
  busMasterEnabled = true;
  /** Whether {@link answer} answers in bursts. */
  answersInBursts = true;
  /** Reads of host memory that begin here fail. */
  readonly poisoned: Set<number> = new Set();
  device: DeviceModel | undefined;
  readonly #reads: Int32Array = new Int32Array(READ_LIMIT * READ_WORDS);
  #first = 0;
  #count = 0;
  readonly #completed: { count: number } & CompletedReads;

  constructor(hostBytes: number, timerCount: number) {
    this.host = MemoryView.shared(hostBytes);
    const [contexts, offsets, byteLengths] = [new Int32Array(32), new Int32Array(32), new Int32Array(32)];
    this.#completed = { count: 0, memory: this.host, contexts, offsets, byteLengths };
    this.timers = new Timers(timerCount);
    this.log = new FindingLog("ixgbe", this.clock.now);
  }

  get outstandingReads(): number {
    return this.#count;
  }

  dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void {
    if (this.#count === READ_LIMIT) throw new RangeError("too many reads under way");
    const at = ((this.#first + this.#count) % READ_LIMIT) * READ_WORDS;
    const reads = this.#reads;
    reads[at] = high;
    reads[at + 1] = low;
    reads[at + 2] = byteLength;
    reads[at + 3] = tag;
    reads[at + 4] = context;
    this.#count++;
  }

  dmaWrite(
    high: number,
    low: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
  ): void {
    if (!this.#isMapped(high, low, byteLength)) {
      this.log.record("violation", "dma-outside-map", `${high}:${low}`, () => "write outside the map");
      this.device?.onDmaWriteError();
      return;
    }
    copyMemory(this.host, low, memory, offset, byteLength);
    if (this.keepsEvents) this.events.push({ kind: "write", offset: low, byteLength, flagOffset });
  }

  raise(vector: number): void {
    if (this.#maskedVectors.has(vector)) {
      this.pending.add(vector);
      return;
    }
    this.raised.push(vector);
    if (this.keepsEvents) this.events.push({ kind: "interrupt", vector });
  }

  withdraw(vector: number): void {
    this.pending.delete(vector);
  }

  setLegacyInterrupt(asserted: boolean): void {
    if (asserted && !this.level) this.risingEdges++;
    this.level = asserted;
  }

  interruptMode(): "intx" | "msi" | "msix" {
    return this.mode;
  }

  transmit(_port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    this.sentCount++;
    if (this.keepsSent) this.sent.push({ bytes: memory.bytes.slice(offset, offset + byteLength), flags });
  }

  wireBacklogNs(): number {
    return this.backlogNs;
  }

  startTimer(timer: number, delayNs: number): void {
    this.timers.start(timer, this.clock.now, delayNs);
  }

  stopTimer(timer: number): void {
    this.timers.stop(timer);
  }

  isTimerArmed(timer: number): boolean {
    return this.timers.isArmed(timer);
  }

  cancelDma(): void {
    this.#count = 0;
  }

  record(kind: FindingKind, rule: string, place: string, text: () => string): void {
    this.log.record(kind, rule, place, text);
  }

  /** The driver writes the mask bit of a vector in the MSI-X table. */
  maskVector(vector: number, isMasked: boolean): void {
    if (isMasked) this.#maskedVectors.add(vector);
    else if (this.#maskedVectors.delete(vector) && this.pending.delete(vector)) this.raise(vector);
  }

  // ---- the test's side -------------------------------------------------------------------------------------------------

  /** Answers up to `limit` reads, oldest first, as the machine does: in bursts where the device takes them. Returns how many. */
  answer(limit: number = Number.POSITIVE_INFINITY): number {
    let answered = 0;
    while (this.#count > 0 && answered < limit) {
      const count = this.#answerBurst(limit - answered);
      if (count === 0) this.answerNth(0);
      answered += Math.max(count, 1);
    }
    return answered;
  }

  #answerBurst(limit: number): number {
    if (!this.answersInBursts) return 0;
    const { contexts, offsets, byteLengths } = this.#completed;
    let count = 0;
    for (; count < Math.min(limit, this.#count, contexts.length); count++) {
      const at = ((this.#first + count) % READ_LIMIT) * READ_WORDS;
      const [high, low, byteLength, tag, context] = this.#reads.slice(at, at + READ_WORDS) as unknown as number[];
      if (tag !== this.device?.burstTag || !this.#isRead(high as number, low as number, byteLength as number)) break;
      contexts[count] = context as number;
      offsets[count] = low as number;
      byteLengths[count] = byteLength as number;
    }
    // As the machine has it: one alone is no burst.
    if (count < 2) return 0;
    this.#first = (this.#first + count) % READ_LIMIT;
    this.#count -= count;
    this.#completed.count = count;
    this.device?.onDmaReads?.(this.#completed);
    return count;
  }

  /** Answers the read that is `nth` in the order of the requests: PCIe lets completions overtake each other (2.4.1). */
  answerNth(nth: number): void {
    const device = this.device as DeviceModel;
    const reads = this.#reads;
    for (let place = nth; place > 0; place--) this.#swapWithOlder(place);
    const at = this.#first * READ_WORDS;
    const high = reads[at] as number;
    const low = reads[at + 1] as number;
    const byteLength = reads[at + 2] as number;
    const tag = reads[at + 3] as number;
    const context = reads[at + 4] as number;
    this.#first = (this.#first + 1) % READ_LIMIT;
    this.#count--;
    if (this.#isRead(high, low, byteLength)) {
      device.onDmaRead(tag, context, this.host, low, byteLength);
    } else {
      device.onDmaReadError(tag, context);
    }
  }

  #swapWithOlder(place: number): void {
    const at = ((this.#first + place) % READ_LIMIT) * READ_WORDS;
    const older = ((this.#first + place - 1) % READ_LIMIT) * READ_WORDS;
    const words = this.#reads.slice(at, at + READ_WORDS);
    this.#reads.copyWithin(at, older, older + READ_WORDS);
    this.#reads.set(words, older);
  }

  /** Moves time, and lets timers run out and reads be answered on the way. */
  advance(durationNs: number): void {
    const end = (this.clock.now[0] as number) + durationNs;
    for (let round = 0; round < 100_000; round++) {
      this.answer();
      const next = this.timers.next[0] as number;
      if (next > end) break;
      this.clock.advanceTo(next);
      const timer = this.timers.takeDue(this.clock.now);
      if (timer >= 0) this.device?.onTimer(timer);
    }
    this.clock.advanceTo(end);
  }

  #isRead(high: number, low: number, byteLength: number): boolean {
    return this.#isMapped(high, low, byteLength) && !this.poisoned.has(low);
  }

  #isMapped(high: number, low: number, byteLength: number): boolean {
    return high === IOVA_HIGH && low >= 0 && low + byteLength <= this.host.byteLength;
  }
}
