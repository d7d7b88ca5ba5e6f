import type { Clock } from "../emulator/clock/clock.ts";
import type { MemoryView } from "../emulator/memory/memory-view.ts";
import type { DeviceModel, DevicePort, DmaDescription, ResetKind } from "../emulator/pcie/device-model.ts";
import type { Slot } from "../emulator/pcie/slot.ts";
import type { RegisterFile } from "../emulator/registers/register-file.ts";
import type { FindingKind } from "../emulator/run/findings.ts";
import type { Handover, MemoryOwnership } from "../emulator/sanitize/ownership.ts";

/** A port that hands everything on: what gets between a device and its port overrides what it is about. */
export class PassPort implements DevicePort {
  readonly clock: Clock;
  protected inner: DevicePort;

  constructor(inner: DevicePort) {
    this.clock = inner.clock;
    this.inner = inner;
  }

  get slot(): Slot | undefined {
    return this.inner.slot;
  }

  get outstandingReads(): number {
    return this.inner.outstandingReads;
  }

  get busMasterEnabled(): boolean {
    return this.inner.busMasterEnabled;
  }

  dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void {
    this.inner.dmaRead(high, low, byteLength, tag, context);
  }

  dmaWrite(
    high: number,
    low: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
  ): void {
    this.inner.dmaWrite(high, low, memory, offset, byteLength, flagOffset);
  }

  dmaWriteRelaxed(high: number, low: number, memory: MemoryView, offset: number, byteLength: number): void {
    if (this.inner.dmaWriteRelaxed === undefined) this.inner.dmaWrite(high, low, memory, offset, byteLength, -1);
    else this.inner.dmaWriteRelaxed(high, low, memory, offset, byteLength);
  }

  raise(vector: number): void {
    this.inner.raise(vector);
  }

  withdraw(vector: number): void {
    this.inner.withdraw?.(vector);
  }

  setLegacyInterrupt(asserted: boolean): void {
    this.inner.setLegacyInterrupt(asserted);
  }

  interruptMode(): "intx" | "msi" | "msix" {
    return this.inner.interruptMode();
  }

  transmit(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    this.inner.transmit(port, memory, offset, byteLength, flags);
  }

  wireBacklogNs(port: number): number {
    return this.inner.wireBacklogNs(port);
  }

  startTimer(timer: number, delayNs: number): void {
    this.inner.startTimer(timer, delayNs);
  }

  stopTimer(timer: number): void {
    this.inner.stopTimer(timer);
  }

  isTimerArmed(timer: number): boolean {
    return this.inner.isTimerArmed(timer);
  }

  cancelDma(): void {
    this.inner.cancelDma();
  }

  record(kind: FindingKind, rule: string, place: string, text: () => string): void {
    this.inner.record(kind, rule, place, text);
  }
}

/** A device that is another one: the same for the other side. */
export class PassModel implements DeviceModel {
  protected inner: DeviceModel;

  constructor(inner: DeviceModel) {
    this.inner = inner;
  }

  get readHigh(): number {
    return this.inner.readHigh;
  }

  set readHigh(word: number) {
    this.inner.readHigh = word;
  }

  onWrite(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    this.inner.onWrite(bar, offset, byteLength, low, high);
  }

  onRead(bar: number, offset: number, byteLength: number): number {
    return this.inner.onRead(bar, offset, byteLength);
  }

  onDmaRead(tag: number, context: number, memory: MemoryView, offset: number, byteLength: number): void {
    this.inner.onDmaRead(tag, context, memory, offset, byteLength);
  }

  onDmaReadError(tag: number, context: number): void {
    this.inner.onDmaReadError(tag, context);
  }

  describeRead(tag: number, context: number): DmaDescription | undefined {
    return this.inner.describeRead?.(tag, context);
  }

  describeWrite(high: number, low: number): DmaDescription | undefined {
    return this.inner.describeWrite?.(high, low);
  }

  onDmaWriteError(): void {
    this.inner.onDmaWriteError();
  }

  onFrame(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    this.inner.onFrame(port, memory, offset, byteLength, flags);
  }

  onTimer(timer: number): void {
    this.inner.onTimer(timer);
  }

  describeTimer(timer: number): string | undefined {
    return this.inner.describeTimer?.(timer);
  }

  onCarrier(port: number, isThere: boolean): void {
    this.inner.onCarrier?.(port, isThere);
  }

  onConfigChanged(): void {
    this.inner.onConfigChanged?.();
  }

  onReset(kind: ResetKind): void {
    this.inner.onReset(kind);
  }

  isIdle(): boolean {
    return this.inner.isIdle();
  }

  statistics(): Record<string, number> {
    return this.inner.statistics();
  }

  registerFile(bar: number): RegisterFile | undefined {
    return this.inner.registerFile?.(bar);
  }

  hasRoomForFrame(port: number, byteLength: number): boolean {
    return this.inner.hasRoomForFrame?.(port, byteLength) ?? true;
  }

  ownership(handover: Handover): MemoryOwnership | undefined {
    return this.inner.ownership?.(handover);
  }

  snapshot(): unknown {
    return this.inner.snapshot();
  }

  restore(state: unknown): void {
    this.inner.restore(state);
  }

  control(command: unknown): unknown {
    return this.inner.control?.(command);
  }
}
