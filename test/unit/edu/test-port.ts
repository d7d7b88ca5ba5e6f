import { create, type EduOptions } from "../../../devices/edu/edu.ts";
import { VirtualClock } from "../../../emulator/clock/clock.ts";
import { Timers } from "../../../emulator/clock/timers.ts";
import { copyMemory, MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { DeviceModel, DevicePort } from "../../../emulator/pcie/device-model.ts";
import { type FindingKind, FindingLog } from "../../../emulator/run/findings.ts";

/** Where host memory begins for the card, and how much of it is mapped. */
export const HOST_IOVA = 0x0100_0000;
export const HOST_BYTE_LENGTH = 0x4000;

interface Read {
  readonly address: number;
  readonly byteLength: number;
  readonly tag: number;
  readonly context: number;
}

/**
 * The smallest machine that an edu runs in: one piece of host memory, a virtual clock, and DMA reads that are answered
 * when the test says so. Writes land at once.
 */
export class TestPort implements DevicePort {
  readonly clock: VirtualClock = new VirtualClock();
  readonly timers: Timers = new Timers(2);
  readonly host: MemoryView = MemoryView.ofSize(HOST_BYTE_LENGTH);
  readonly log: FindingLog = new FindingLog("edu", this.clock.now);
  readonly device: DeviceModel;
  busMasterEnabled = true;
  mode: "intx" | "msi" = "msi";
  lineAsserted = false;
  messageCount = 0;
  reads: Read[] = [];
  /** All requests, in order. */
  readonly requests: { readonly address: number; readonly byteLength: number }[] = [];

  constructor(options: EduOptions = {}) {
    this.device = create(this, options);
    this.device.onReset("power-on");
  }

  // ---- what the CPU does -------------------------------------------------------------------------------------------

  read32(offset: number): number {
    return this.device.onRead(0, offset, 4) >>> 0;
  }

  read64(offset: number): bigint {
    const low = this.device.onRead(0, offset, 8);
    return (BigInt(this.device.readHigh >>> 0) << 32n) | BigInt(low >>> 0);
  }

  write32(offset: number, value: number): void {
    this.device.onWrite(0, offset, 4, value | 0, 0);
  }

  write64(offset: number, value: bigint): void {
    this.device.onWrite(0, offset, 8, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }

  // ---- what the machine does ---------------------------------------------------------------------------------------

  /** Answers the oldest DMA read; false when there is none. */
  answer(): boolean {
    const read = this.reads.shift();
    if (read === undefined) return false;
    const offset = read.address - HOST_IOVA;
    if (this.#isMapped(read.address, read.byteLength)) {
      this.device.onDmaRead(read.tag, read.context, this.host, offset, read.byteLength);
    } else {
      this.device.onDmaReadError(read.tag, read.context);
    }
    return true;
  }

  /** The next timer fires, and time moves there; DMA reads stay unanswered. False when none is armed up to `limitNs`. */
  fireNextTimer(limitNs: number = Number.MAX_VALUE): boolean {
    const next = this.timers.next[0] as number;
    if (next > limitNs) return false;
    this.clock.advanceTo(next);
    this.device.onTimer(this.timers.takeDue(this.clock.now));
    return true;
  }

  /** Lets time pass and answers DMA reads on the way. */
  pass(durationNs: number): void {
    const untilNs = (this.clock.now[0] as number) + durationNs;
    while (this.answer() || this.fireNextTimer(untilNs)) {
      // Each turn answers one read or fires one timer, and the edu has few of both.
    }
    this.clock.advanceTo(untilNs);
  }

  get rules(): string[] {
    return this.log.findings.map((finding) => finding.rule);
  }

  snapshot(): unknown {
    const { mode, lineAsserted, messageCount } = this;
    const bytes = this.host.bytes.slice();
    const deadlines = this.timers.deadlines.slice();
    const nowNs = this.clock.now[0] as number;
    const reads = [...this.reads];
    const device = this.device.snapshot();
    return structuredClone({ mode, lineAsserted, messageCount, bytes, deadlines, nowNs, reads, device });
  }

  restore(snapshot: unknown): void {
    const state = structuredClone(snapshot) as {
      mode: "intx" | "msi";
      lineAsserted: boolean;
      messageCount: number;
      bytes: Uint8Array;
      deadlines: Float64Array;
      nowNs: number;
      reads: Read[];
      device: unknown;
    };
    this.mode = state.mode;
    this.lineAsserted = state.lineAsserted;
    this.messageCount = state.messageCount;
    this.host.bytes.set(state.bytes);
    this.timers.deadlines.set(state.deadlines);
    this.timers.next[0] = Math.min(...state.deadlines);
    this.clock.now[0] = state.nowNs;
    this.reads = state.reads;
    this.device.restore(state.device);
  }

  // ---- DevicePort --------------------------------------------------------------------------------------------------

  get outstandingReads(): number {
    return this.reads.length;
  }

  dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void {
    const address = addressOf(high, low);
    this.requests.push({ address, byteLength });
    this.reads.push({ address, byteLength, tag, context });
  }

  dmaWrite(
    high: number,
    low: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
  ): void {
    if (flagOffset >= 0) throw new RangeError("the edu has no flag to store last");
    const address = addressOf(high, low);
    this.requests.push({ address, byteLength });
    if (this.#isMapped(address, byteLength)) copyMemory(this.host, address - HOST_IOVA, memory, offset, byteLength);
    else this.device.onDmaWriteError();
  }

  raise(vector: number): void {
    throw new RangeError(`the edu has no MSI-X, and raised vector ${vector}`);
  }

  setLegacyInterrupt(asserted: boolean): void {
    if (this.mode === "msi" && asserted && !this.lineAsserted) this.messageCount++;
    this.lineAsserted = asserted;
  }

  interruptMode(): "intx" | "msi" {
    return this.mode;
  }

  wireBacklogNs(): number {
    return 0;
  }

  transmit(): void {
    throw new RangeError("the edu has no wire");
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
    this.reads = [];
  }

  record(kind: FindingKind, rule: string, place: string, text: () => string): void {
    this.log.record(kind, rule, place, text);
  }

  #isMapped(address: number, byteLength: number): boolean {
    return address >= HOST_IOVA && address + byteLength <= HOST_IOVA + HOST_BYTE_LENGTH;
  }
}

function addressOf(high: number, low: number): number {
  return (high >>> 0) * 2 ** 32 + (low >>> 0);
}
