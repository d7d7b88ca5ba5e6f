import type { Clock } from "../clock/clock.ts";
import { Timers } from "../clock/timers.ts";
import type { Iommu } from "../memory/iommu.ts";
import { copyMemory, type MemoryView } from "../memory/memory-view.ts";
import { type DriverPlace, type FindingKind, FindingLog } from "../run/findings.ts";
import type { Wire } from "../wire/wire.ts";
import { Completer } from "./completer.ts";
import type { ConfigWidth } from "./config-image.ts";
import { type ConfigListener, ConfigSpace } from "./config-space.ts";
import type { DeviceDeclaration, DeviceModel, DevicePort, ResetKind } from "./device-model.ts";
import * as report from "./endpoint-findings.ts";
import type { EndpointSlot, EndpointSnapshot, EndpointWatch, Uplink } from "./endpoint-slot.ts";
import { InterruptController } from "./interrupt-controller.ts";
import type { Iotlb } from "./iotlb.ts";
import { type MsiSink, MsixTable } from "./msix.ts";
import type { ReadQueue } from "./read-queue.ts";
import { Slot } from "./slot.ts";
import { transferParts } from "./transfer-parts.ts";
import type { WriteBacks } from "./write-backs.ts";

const ALL_ONES = -1;
/**
 * One PCI Express function: configuration space, BAR decoding, MSI-X, timers and DMA around a {@link DeviceModel}. The
 * device's requests come in through {@link DevicePort}, the CPU's accesses through `read`, `write` and their configuration
 * forms, and {@link step} answers DMA reads. DMA writes and messages land within the call: they are posted, keep their
 * order, and call nothing of the device. DMA reads wait in a queue: no request completes inside the handler that made it.
 */
export class Endpoint implements DevicePort, ConfigListener, MsiSink {
  readonly declaration: DeviceDeclaration;
  readonly clock: Clock;
  readonly config: ConfigSpace;
  readonly slot: Slot;
  readonly msix: MsixTable | undefined;
  readonly timers: Timers;
  readonly findings: FindingLog;
  /** Where the frames of each wire port go; set by whoever lays the wires. */
  readonly wires: (Wire | undefined)[];
  /** High word of the last 8-byte read. */
  readHigh = 0;
  readonly interrupts: InterruptController;
  uplink: Uplink | undefined;
  watch: EndpointWatch | undefined;
  /** Set while a write comes from a mirror, which cannot tell what the driver wrote first. */
  orderIsUnknown = false;
  readonly #slot: EndpointSlot;
  readonly #iommu: Iommu;
  readonly #reads: ReadQueue;
  readonly #writeBacks: WriteBacks;
  readonly #completer: Completer;
  readonly #readMappings: Iotlb;
  readonly #dataMappings: Iotlb;
  readonly #flagMappings: Iotlb;
  readonly #allMappings: readonly Iotlb[];
  readonly #barLengths = new Int32Array(6);
  readonly #msixBar: number;
  #device: DeviceModel | undefined;
  #legacyAsserted = false;
  /** The write that is being posted may pass earlier ones. */
  #isRelaxed = false;
  readonly #counters: Float64Array = new Float64Array(report.COUNTER_NAMES.length);

  constructor(declaration: DeviceDeclaration, slot: EndpointSlot) {
    this.declaration = declaration;
    this.clock = slot.clock;
    this.#slot = slot;
    this.interrupts = slot.interrupts;
    this.#iommu = slot.iommu;
    const parts = slot.parts ?? transferParts(slot);
    const { reads, ahead, data, flags, writeBacks } = parts;
    this.#readMappings = reads;
    this.#completer = new Completer(this, slot.iommu, parts, this.#counters);
    this.#reads = this.#completer.reads;
    this.#dataMappings = data;
    this.#flagMappings = flags;
    this.#allMappings = [reads, ahead, data, flags];
    this.#writeBacks = writeBacks;
    this.timers = new Timers(declaration.timerCount);
    this.findings = new FindingLog(declaration.name, slot.clock.now, slot.silenced);
    this.wires = new Array(declaration.wirePortCount).fill(undefined);
    this.config = new ConfigSpace(declaration, this);
    this.slot = new Slot(this.config, () => this.#reset("power-on"));
    this.msix = declaration.msix === undefined ? undefined : new MsixTable(declaration.msix, this);
    this.#msixBar = declaration.msix?.bar ?? -1;
    for (const bar of declaration.bars) this.#barLengths[bar.index] = bar.byteLength;
  }

  /** The device behind this function. Must be set before anything is accessed. Throws TypeError for one that takes bursts by halves. */
  attach(device: DeviceModel): void {
    if ((device.burstTag === undefined) !== (device.onDmaReads === undefined)) {
      const [has, lacks] = device.burstTag === undefined ? ["onDmaReads", "burstTag"] : ["burstTag", "onDmaReads"];
      throw new TypeError(
        `${this.declaration.name}: the model has ${has} but no ${lacks}; to take DMA reads in bursts it needs both`,
      );
    }
    this.#device = device;
    this.#completer.device = device;
    device.onReset("power-on");
  }

  get device(): DeviceModel {
    if (this.#device === undefined) throw new Error(`${this.declaration.name}: no device is attached to its endpoint`);
    return this.#device;
  }

  // ---- accesses of a CPU -------------------------------------------------------------------------------------------

  /** A memory write to a BAR arrives. */
  write(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    if (!this.#decodes(bar, offset, byteLength)) {
      report.recordWrite(this, this.declaration, bar, offset, byteLength, low, high);
      return;
    }
    if (bar === this.#msixBar && this.msix?.owns(offset)) this.msix.write(this, offset, byteLength, low, high);
    else (this.#device as DeviceModel).onWrite(bar, offset, byteLength, low, high);
    this.watch?.arrived(bar, offset);
  }

  /** A memory read of a BAR arrives: returns the low word, int32. */
  read(bar: number, offset: number, byteLength: number): number {
    this.readHigh = ALL_ONES;
    if (!this.#decodes(bar, offset, byteLength)) {
      report.recordRead(this, this.declaration, bar, offset, byteLength);
      return ALL_ONES;
    }
    if (bar === this.#msixBar && this.msix?.owns(offset)) {
      this.#writeBacks.land();
      this.readHigh = byteLength === 8 ? this.msix.readWord(offset + 4) : 0;
      return this.msix.readWord(offset);
    }
    const device = this.#device as DeviceModel;
    device.readHigh = 0;
    const low = device.onRead(bar, offset, byteLength);
    this.readHigh = device.readHigh;
    // The completion pushes the DMA writes before it.
    this.#writeBacks.land();
    return low;
  }

  configRead(offset: number, byteLength: number): number {
    this.#writeBacks.land();
    this.config.setTransactionsPending(this.#reads.count > 0);
    return this.slot.configRead(offset, byteLength, this.config.read(offset, byteLength as ConfigWidth));
  }

  configWrite(offset: number, byteLength: number, value: number): void {
    this.#writeBacks.land();
    if (this.slot.isPresent) this.config.write(offset, byteLength as ConfigWidth, value >>> 0);
  }

  // ---- the machine's turn ------------------------------------------------------------------------------------------

  /** Answers the oldest DMA read, and those behind it that the device takes together with it. Returns how many. */
  step(): number {
    return this.#completer.step();
  }

  /** Answers the oldest read with this tag and context: reads have no order among each other. False when there is none. */
  answerRead(tag: number, context: number): boolean {
    return this.#completer.answerNamed(tag, context);
  }

  /** Ends a turn: everything that the device wrote is in memory. */
  landWrites(): void {
    this.#writeBacks.land();
  }

  /** Runs the timers that are due. False when none was. */
  runTimers(): boolean {
    const now = this.clock.now;
    if ((this.timers.next[0] as number) > (now[0] as number)) return false;
    // Each timer at most once a turn: one that starts itself anew with no delay must not hold the thread.
    for (let budget = this.declaration.timerCount; budget > 0; budget--) {
      const timer = this.timers.takeDue(now);
      if (timer < 0) break;
      (this.#device as DeviceModel).onTimer(timer);
    }
    return true;
  }

  /** True when the function does nothing more without a new event or the passing of time. */
  isIdle(): boolean {
    return this.#reads.count === 0 && (this.#device as DeviceModel).isIdle();
  }

  /** What crossed the bus, by name, and the frames that were lost because they were sent faster than the wire goes. */
  busStatistics(): Record<string, number> {
    const counted = report.COUNTER_NAMES.map((name, index) => [name, this.#counters[index] as number] as const);
    const wireFramesLost = this.wires.reduce((sum, wire) => sum + (wire?.lostCount ?? 0), 0);
    return { ...Object.fromEntries(counted), wireFramesLost };
  }

  // ---- DevicePort: what the device asks for ------------------------------------------------------------------------

  get busMasterEnabled(): boolean {
    return this.config.busMasterEnabled;
  }

  get outstandingReads(): number {
    return this.#reads.count;
  }

  dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void {
    // Bus Master Enable gates the request, not its completion: what has been issued is answered (PCIe 7.5.1.1.3).
    this.#reads.put(high, low, this.config.busMasterEnabled ? byteLength : ~byteLength, tag, context);
    if (this.uplink === undefined) return;
    const isMapped = this.#readMappings.translate(high, low, byteLength);
    this.uplink.read(isMapped ? this.#readMappings.offset : -1, byteLength, tag, context);
  }

  dmaWrite(
    high: number,
    low: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
  ): void {
    const mappings = flagOffset >= 0 ? this.#flagMappings : this.#dataMappings;
    if (!this.config.busMasterEnabled || !mappings.translate(high, low, byteLength)) {
      report.recordFailedWrite(this, this.#iommu, high, low, byteLength);
      (this.#device as DeviceModel).onDmaWriteError();
      return;
    }
    const { memory: target, offset: at } = mappings;
    this.#counters[DMA_WRITES] = (this.#counters[DMA_WRITES] as number) + 1;
    if (flagOffset >= 0 && this.watch !== undefined) this.watch.written(high, low, memory, offset, byteLength);
    if (this.uplink !== undefined) {
      this.uplink.write(at, memory, offset, byteLength, flagOffset, this.#isRelaxed);
    } else if (flagOffset >= 0) {
      this.#writeBacks.write(target, at, memory, offset, byteLength, flagOffset);
    } else {
      if (this.#writeBacks.touches(target.words, at >> 2, (byteLength + 7) >> 2)) this.#writeBacks.land();
      copyMemory(target, at, memory, offset, byteLength);
    }
  }

  dmaWriteRelaxed(high: number, low: number, memory: MemoryView, offset: number, byteLength: number): void {
    this.#isRelaxed = this.config.relaxedOrderingEnabled;
    this.dmaWrite(high, low, memory, offset, byteLength, -1);
    this.#isRelaxed = false;
  }

  raise(vector: number): void {
    this.watch?.raised(vector);
    if (!this.msix?.raise(vector))
      report.recordVector(this, this.declaration.name, vector, this.msix?.vectorCount ?? 0);
  }

  withdraw(vector: number): void {
    this.msix?.withdraw(vector);
  }

  setLegacyInterrupt(asserted: boolean): void {
    const rising = asserted && !this.#legacyAsserted;
    this.#legacyAsserted = asserted;
    this.config.setInterruptStatus(asserted);
    if (this.config.msiEnabled) {
      if (rising) this.deliverMsi(this.config.msiAddressHigh, this.config.msiAddressLow, this.config.msiData);
    } else {
      if (rising) this.#counters[INTERRUPTS] = (this.#counters[INTERRUPTS] as number) + 1;
      this.#driveLine();
    }
  }

  interruptMode(): "intx" | "msi" | "msix" {
    if (this.config.msixEnabled) return "msix";
    return this.config.msiEnabled ? "msi" : "intx";
  }

  transmit(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    this.wires[port]?.deliver(memory, offset, byteLength, flags);
  }

  wireBacklogNs(port: number): number {
    return this.wires[port]?.backlogNs() ?? 0;
  }

  startTimer(timer: number, delayNs: number): void {
    // The time of the last look may lie back by as long as this thread had no processor: no timer runs out early.
    this.clock.refresh();
    this.timers.start(timer, this.clock.now, delayNs);
    this.uplink?.timer();
  }

  stopTimer(timer: number): void {
    this.timers.stop(timer);
  }

  isTimerArmed(timer: number): boolean {
    return this.timers.isArmed(timer);
  }

  cancelDma(): void {
    this.#reads.clear();
  }

  // ---- state -------------------------------------------------------------------------------------------------------

  /** Everything of the function, its device included, with nothing under way. Structured-cloneable. */
  snapshot(): EndpointSnapshot {
    this.#writeBacks.land();
    return {
      config: this.config.snapshot(),
      msix: this.msix?.snapshot(),
      deadlines: this.timers.deadlines.slice(),
      nextDeadline: this.timers.next[0] as number,
      legacyAsserted: this.#legacyAsserted,
      device: this.device.snapshot(),
    };
  }

  /** Back to a snapshot: what is under way is gone, counters and findings are as new. */
  restore(state: EndpointSnapshot): void {
    this.#reads.clear();
    for (const mappings of this.#allMappings) mappings.forget();
    this.config.restore(state.config);
    if (state.msix !== undefined) this.msix?.restore(state.msix);
    this.timers.deadlines.set(state.deadlines);
    this.timers.next[0] = state.nextDeadline;
    this.#legacyAsserted = state.legacyAsserted;
    this.#counters.fill(0);
    this.findings.clear();
    this.device.restore(state.device);
  }

  record(kind: FindingKind, rule: string, place: string, text: () => string, at?: DriverPlace | "here"): void {
    if (!this.slot.blames || (this.orderIsUnknown && this.declaration.orderRules?.includes(rule) === true)) return;
    this.findings.record(kind, rule, place, text, at);
  }

  // ---- configuration and messages ----------------------------------------------------------------------------------

  onFunctionLevelReset(): void {
    this.#reset("function-level");
  }

  #reset(kind: ResetKind): void {
    this.#reads.clear();
    this.timers.stopAll();
    this.msix?.reset();
    this.#legacyAsserted = false;
    this.#slot.interrupts.setLine(this.#slot.functionIndex, false);
    this.device.onReset(kind);
  }

  onCommandChanged(): void {
    this.#driveLine();
    this.#device?.onConfigChanged?.();
  }

  onMsixControlChanged(): void {
    this.msix?.setControl(this.config.msixEnabled, this.config.msixFunctionMasked);
    this.#driveLine();
    this.#device?.onConfigChanged?.();
  }

  /** A message interrupt leaves the function: behind its DMA writes, which have landed already. */
  deliverMsi(addressHigh: number, addressLow: number, data: number): void {
    this.#writeBacks.land();
    if (!this.config.busMasterEnabled) {
      report.recordBusMasterOff(this, this.declaration.name, "interrupt message", "the interrupt is lost");
      return;
    }
    this.#counters[INTERRUPTS] = (this.#counters[INTERRUPTS] as number) + 1;
    if (!InterruptController.isMessage(addressHigh, addressLow))
      report.recordMessageAddress(this, this.declaration.name, addressHigh, addressLow);
    else if (this.uplink === undefined) this.#slot.interrupts.arrive(data);
    else this.uplink.message(data);
    this.watch?.message(data);
  }

  #driveLine(): void {
    this.#writeBacks.land();
    // With MSI or MSI-X enabled a function must not use INTx (PCIe 6.1.4.3).
    const mayDrive = !this.config.intxDisabled && !this.config.msiEnabled && !this.config.msixEnabled;
    if (this.uplink === undefined)
      this.#slot.interrupts.setLine(this.#slot.functionIndex, mayDrive && this.#legacyAsserted);
    else this.uplink.line(mayDrive && this.#legacyAsserted);
  }

  #decodes(bar: number, offset: number, byteLength: number): boolean {
    const barLength = this.#barLengths[bar] ?? 0;
    const fits = offset >= 0 && offset + byteLength <= barLength && (offset & (byteLength - 1)) === 0;
    return fits && this.config.memoryEnabled && this.slot.isPresent;
  }
}

const { DMA_WRITES, INTERRUPTS } = report;
