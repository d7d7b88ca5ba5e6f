import { VirtualClock } from "../../../emulator/clock/clock.ts";
import { Timers } from "../../../emulator/clock/timers.ts";
import { copyMemory, MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { DeviceModel, DevicePort } from "../../../emulator/pcie/device-model.ts";
import { type FindingKind, FindingLog } from "../../../emulator/run/findings.ts";

/** High word of every IOVA: host memory begins at 4 GiB. */
export const IOVA_HIGH = 1;

const READ_WORDS = 5;

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
  readonly raised: number[] = [];
  /** INTx level, and how often it rose. */
  level = false;
  risingEdges = 0;
  mode: "intx" | "msi" | "msix" = "intx";
  busMasterEnabled = true;
  /** Reads of host memory that begin here fail. */
  readonly poisoned: Set<number> = new Set();
  device: DeviceModel | undefined;
  readonly #reads: Int32Array = new Int32Array(4096 * READ_WORDS);
  #first = 0;
  #count = 0;

  constructor(hostBytes: number, timerCount: number) {
    this.host = MemoryView.shared(hostBytes);
    this.timers = new Timers(timerCount);
    this.log = new FindingLog("ixgbe", this.clock.now);
  }

  get outstandingReads(): number {
    return this.#count;
  }

  dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void {
    if (this.#count === 4096) throw new RangeError("too many reads under way");
    const at = ((this.#first + this.#count) % 4096) * READ_WORDS;
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
    this.raised.push(vector);
    if (this.keepsEvents) this.events.push({ kind: "interrupt", vector });
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

  // ---- the test's side -------------------------------------------------------------------------------------------------

  /** Answers up to `limit` reads, oldest first; returns how many. */
  answer(limit: number = Number.POSITIVE_INFINITY): number {
    let answered = 0;
    while (this.#count > 0 && answered < limit) {
      this.answerNth(0);
      answered++;
    }
    return answered;
  }

  /** Answers the read that is `nth` in the order of the requests: PCIe lets completions overtake each other (2.4.1). */
  answerNth(nth: number): void {
    const device = this.device as DeviceModel;
    const reads = this.#reads;
    const oldest = this.#first * READ_WORDS;
    const at = ((this.#first + nth) % 4096) * READ_WORDS;
    const read = reads.slice(at, at + READ_WORDS);
    // The ones before it move up by one place.
    for (let index = nth; index > 0; index--) {
      const to = ((this.#first + index) % 4096) * READ_WORDS;
      reads.copyWithin(
        to,
        ((this.#first + index - 1) % 4096) * READ_WORDS,
        ((this.#first + index - 1) % 4096) * READ_WORDS + READ_WORDS,
      );
    }
    reads.fill(0, oldest, oldest + READ_WORDS);
    this.#first = (this.#first + 1) % 4096;
    this.#count--;
    const [high = 0, low = 0, byteLength = 0, tag = 0, context = 0] = read;
    if (this.#isMapped(high, low, byteLength) && !this.poisoned.has(low)) {
      device.onDmaRead(tag, context, this.host, low, byteLength);
    } else {
      device.onDmaReadError(tag, context);
    }
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

  #isMapped(high: number, low: number, byteLength: number): boolean {
    return high === IOVA_HIGH && low >= 0 && low + byteLength <= this.host.byteLength;
  }
}
