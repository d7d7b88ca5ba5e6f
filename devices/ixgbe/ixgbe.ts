/**
 * The Intel 82599 10 GbE controller. This file puts the parts together and hands each event to the one it is for;
 * DATASHEET.md says what is modelled, registers.ts what an access does by itself. A frame's way in is receive.ts,
 * packet-buffer.ts, receive-dma.ts; its way out transmit.ts, transmit-offload.ts, transmit-mac.ts.
 */

import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DeviceModel, DevicePort, DmaDescription, ResetKind } from "../../emulator/pcie/device-model.ts";
import type { CompletedReads } from "../../emulator/pcie/read-burst.ts";
import { fieldOf } from "../../emulator/registers/declare.ts";
import { recordRegisterFindings } from "../../emulator/registers/finding-text.ts";
import { RegisterFile } from "../../emulator/registers/register-file.ts";
import type { Handover, MemoryOwnership } from "../../emulator/sanitize/ownership.ts";
import { type IxgbeOptions, moduleOf } from "./declaration.ts";
import { DESCTYPE_LEGACY } from "./descriptors.ts";
import { describeFetch, describeWrite } from "./dma-purposes.ts";
import { Eeprom, parseMacAddress } from "./eeprom.ts";
import { Filters } from "./filters.ts";
import { recordWrongWidth, recordWrongWriteWidth } from "./findings.ts";
import { Interrupts } from "./interrupts.ts";
import { Link } from "./link.ts";
import { IxgbeOwnership } from "./ownership.ts";
import { PacketBuffer } from "./packet-buffer.ts";
import { QueueControl, RECEIVE_RINGS, TRANSMIT_RINGS } from "./queue-control.ts";
import { Rings } from "./queues.ts";
import { Receive } from "./receive.ts";
import { RECEIVE_CACHE_SLOTS, ReceiveDma } from "./receive-dma.ts";
import * as reg from "./registers.ts";
import { MasterControl } from "./reset.ts";
import { Rss } from "./rss.ts";
import { Segmentation } from "./segmentation.ts";
import * as statistics from "./statistics.ts";
import { Statistics } from "./statistics.ts";
import * as timers from "./timers.ts";
import { TRANSMIT_CACHE_SLOTS, Transmit } from "./transmit.ts";
import { TransmitBuffer } from "./transmit-buffer.ts";
import { TransmitGather } from "./transmit-gather.ts";
import { TransmitMac } from "./transmit-mac.ts";
import { TransmitOffload } from "./transmit-offload.ts";
import { TransmitRoom } from "./transmit-room.ts";
import { TransmitWriteBack } from "./transmit-write-back.ts";

export { declaration, type IxgbeOptions } from "./declaration.ts";

/** Throws RangeError for a MAC address that is none, and for a module in a card without a cage. */
export function create(port: DevicePort, options: IxgbeOptions = {}): DeviceModel {
  return new Ixgbe(port, options);
}

/** What a DMA read was for. */
const RECEIVE_DESCRIPTORS = 0;
const TRANSMIT_DESCRIPTORS = 1;
const TRANSMIT_DATA = 2;

const ALL_ONES = -1;
const EICS_AT = reg.EICS.at();
const CTRL_AT = reg.CTRL.at();
const TRANSMIT_ENABLE = reg.DMATXCTL.fields.TE.mask;

class Ixgbe implements DeviceModel {
  readHigh = 0;
  readonly burstTag: number = TRANSMIT_DATA;
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #master: MasterControl;
  readonly #interrupts: Interrupts;
  readonly #link: Link;
  readonly #eeprom: Eeprom;
  readonly #filters: Filters;
  readonly #rss: Rss;
  readonly #statistics: Statistics;
  readonly #packetBuffer = new PacketBuffer();
  readonly #receiveRings: Rings;
  readonly #receiveControl: QueueControl;
  readonly #receiveDma: ReceiveDma;
  readonly #receive: Receive;
  readonly #transmitRings: Rings;
  readonly #transmitControl: QueueControl;
  readonly #transmitBuffer = new TransmitBuffer();
  readonly #transmitRoom: TransmitRoom;
  readonly #mac: TransmitMac;
  readonly #offload: TransmitOffload;
  readonly #writeBack: TransmitWriteBack;
  readonly #gather: TransmitGather;
  readonly #transmit: Transmit;

  constructor(port: DevicePort, options: IxgbeOptions) {
    const { macAddress = "02:00:00:82:59:90", linkUpNs = 2_000_000 } = options;
    const registers = new RegisterFile(reg.IXGBE_REGISTER_MAP, recordRegisterFindings(port, reg.IXGBE_REGISTER_MAP));
    this.#port = port;
    this.#registers = registers;
    const master = new MasterControl(port, registers, options.resetNs);
    const interrupts = new Interrupts(port, registers);
    const link = new Link(port, registers, interrupts, linkUpNs, moduleOf(options));
    const filters = new Filters(registers);
    const rss = new Rss(registers);
    const stats = new Statistics(registers);
    const buffer = this.#packetBuffer;
    this.#eeprom = new Eeprom(port, registers, parseMacAddress(macAddress));

    this.#receiveRings = new Rings(port, registers, reg.RDH, {
      cacheSlots: RECEIVE_CACHE_SLOTS,
      tag: RECEIVE_DESCRIPTORS,
      timer: timers.RECEIVE_ENABLE_TIMER,
    });
    const receiveParts = { rings: this.#receiveRings, buffer, interrupts, statistics: stats, master };
    const dma = new ReceiveDma(port, registers, receiveParts);
    this.#receiveControl = new QueueControl(port, registers, master, this.#receiveRings, RECEIVE_RINGS, dma);
    const receive = new Receive(registers, { master, link, filters, rss, buffer, dma, interrupts, statistics: stats });

    const rings = new Rings(port, registers, reg.TDH, {
      cacheSlots: TRANSMIT_CACHE_SLOTS,
      tag: TRANSMIT_DESCRIPTORS,
      timer: timers.TRANSMIT_ENABLE_TIMER,
    });
    this.#transmitRings = rings;
    this.#mac = new TransmitMac(port, registers, receive, stats);
    this.#offload = new TransmitOffload(port, this.#mac, new Segmentation(registers, this.#mac));
    this.#writeBack = new TransmitWriteBack(port, registers, rings, interrupts);
    this.#transmitRoom = new TransmitRoom(port, registers, this.#transmitBuffer);
    this.#gather = new TransmitGather(port, {
      rings,
      buffer: this.#transmitBuffer,
      room: this.#transmitRoom,
      offload: this.#offload,
      writeBack: this.#writeBack,
      master,
      statistics: stats,
      dataTag: TRANSMIT_DATA,
    });
    this.#transmit = new Transmit(port, registers, {
      rings,
      gather: this.#gather,
      room: this.#transmitRoom,
      offload: this.#offload,
      writeBack: this.#writeBack,
      master,
      link,
      receive,
    });
    this.#transmitControl = new QueueControl(port, registers, master, rings, TRANSMIT_RINGS, this.#transmit);
    [this.#master, this.#interrupts, this.#link, this.#filters] = [master, interrupts, link, filters];
    [this.#rss, this.#statistics, this.#receiveDma, this.#receive] = [rss, stats, dma, receive];
    master.owner = {
      onSoftwareReset: (isLinkReset) => this.#softwareReset(isLinkReset),
      onAutoRead: () => this.#onAutoRead(),
      onDmaAllowed: () => this.#resume(),
    };
    link.owner = { onLinkUp: () => this.#transmit.resume() };
    registers.onWrite(reg.HLREG0, () => {
      receive.refresh();
      this.#mac.refresh();
      this.#transmit.resume();
    });
    registers.onWrite(reg.DMATXCTL, (_index, value, before) => this.#writeTransmitControl(value, before));
  }

  // ---- accesses --------------------------------------------------------------------------------------------------------

  onRead(_bar: number, offset: number, byteLength: number): number {
    if (byteLength !== 4) {
      recordWrongWidth(this.#port, reg.IXGBE_REGISTER_MAP, offset, byteLength);
      this.readHigh = ALL_ONES;
      return ALL_ONES;
    }
    const value = this.#registers.read(offset);
    // EICS is write-only on paper. Cards give the causes without clearing them, and a driver lives on that.
    return offset === EICS_AT ? this.#interrupts.peek() : value;
  }

  onWrite(_bar: number, offset: number, byteLength: number, low: number, high: number): void {
    if (byteLength !== 4) recordWrongWriteWidth(this.#port, reg.IXGBE_REGISTER_MAP, offset, byteLength, low, high);
    else if (this.#master.inReset && offset !== CTRL_AT) this.#master.recordWriteInReset(offset, low);
    else this.#registers.write(offset, low);
  }

  registerFile(bar: number): RegisterFile | undefined {
    return bar === 0 ? this.#registers : undefined;
  }

  ownership(handover: Handover): MemoryOwnership {
    const rings = { receive: this.#receiveRings, transmit: this.#transmitRings };
    return new IxgbeOwnership(this.#port, this.#registers, rings, this.#interrupts, handover);
  }

  // ---- events ----------------------------------------------------------------------------------------------------------

  onDmaRead(tag: number, context: number, memory: MemoryView, offset: number, byteLength: number): void {
    if (tag === TRANSMIT_DATA) this.#transmit.onData(context, memory, offset, byteLength);
    else if (tag === TRANSMIT_DESCRIPTORS) this.#transmit.onDescriptors(context, memory, offset, byteLength);
    else this.#receiveDma.onDescriptors(context, memory, offset, byteLength);
    this.#master.afterDma();
  }

  onDmaReads(reads: CompletedReads): void {
    this.#transmit.onDataBurst(reads);
    this.#master.afterDma();
  }

  onDmaReadError(tag: number, context: number): void {
    this.#statistics.dropped(statistics.DMA_READ_ERRORS);
    if (tag === TRANSMIT_DATA) this.#transmit.onDataError(context);
    else if (tag === TRANSMIT_DESCRIPTORS) this.#transmit.onDescriptorError(context);
    else this.#receiveDma.onDescriptorError(context);
    this.#interrupts.otherCause(reg.EICR.fields.PCI_EXCEPTION.mask);
    this.#master.afterDma();
  }

  describeRead(tag: number, context: number): DmaDescription {
    if (tag === TRANSMIT_DATA) return this.#gather.describe(context);
    if (tag === TRANSMIT_DESCRIPTORS) return describeFetch("transmit", this.#transmitRings, context);
    return describeFetch("receive", this.#receiveRings, context);
  }

  describeWrite(high: number, low: number): DmaDescription | undefined {
    const isLegacy = (queue: number): boolean =>
      fieldOf(this.#registers.get(reg.SRRCTL, queue), reg.SRRCTL.fields.DESCTYPE) === DESCTYPE_LEGACY;
    return describeWrite(this.#receiveRings, this.#transmitRings, high, low, isLegacy);
  }

  onDmaWriteError(): void {
    this.#statistics.dropped(statistics.DMA_WRITE_ERRORS);
  }

  onFrame(_port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    this.#receive.onFrame(memory, offset, byteLength, flags);
  }

  hasRoomForFrame(_port: number, byteLength: number): boolean {
    return this.#receive.hasRoom(byteLength);
  }

  onTimer(timer: number): void {
    if (timer >= timers.FIRST_THROTTLE_TIMER) this.#interrupts.onTimer(timer);
    else if (timer === timers.RECEIVE_ENABLE_TIMER) this.#receiveControl.onTimer();
    else if (timer === timers.TRANSMIT_ENABLE_TIMER) this.#transmitControl.onTimer();
    else if (timer === timers.WIRE_TIMER) this.#transmit.onTimer();
    else if (timer === timers.LINK_TIMER) this.#link.onTimer();
    else if (timer === timers.EEPROM_TIMER || timer === timers.MDIO_TIMER) this.#eeprom.onTimer(timer);
    else this.#master.onTimer(timer);
  }

  describeTimer(timer: number): string | undefined {
    return timers.nameOf(timer);
  }

  onCarrier(_port: number, isThere: boolean): void {
    this.#link.setCarrier(isThere);
  }

  onConfigChanged(): void {
    this.#master.refresh();
    this.#gather.resume();
    this.#interrupts.onConfigChanged();
  }

  // ---- resets ----------------------------------------------------------------------------------------------------------

  onReset(kind: ResetKind): void {
    this.#abort();
    this.#link.resetRegisters();
    this.#clear();
    if (kind === "power-on") this.#master.powerOn();
    else this.#master.beginReset();
    this.#link.negotiate();
  }

  /** CTRL.RST leaves the link alone, CTRL.LRST does not (4.2.1.7). */
  #softwareReset(isLinkReset: boolean): void {
    const linkIsComing = this.#port.isTimerArmed(timers.LINK_TIMER);
    this.#abort();
    if (isLinkReset) this.#link.resetRegisters();
    else this.#link.resetRegistersAround();
    this.#clear();
    if (isLinkReset || linkIsComing) this.#link.negotiate();
  }

  /** What is under way does not land any more. */
  #abort(): void {
    this.#statistics.settle();
    this.#port.cancelDma();
    for (let timer = 0; timer < timers.TIMER_COUNT; timer++) this.#port.stopTimer(timer);
  }

  /** The registers have their defaults; everything that follows from registers and everything inside does too. */
  #clear(): void {
    this.#receiveRings.reset();
    this.#transmitRings.reset();
    this.#statistics.forgotten(this.#packetBuffer.frameCount);
    this.#packetBuffer.clear();
    this.#transmit.reset();
    this.#offload.reset();
    this.#writeBack.reset();
    this.#interrupts.reset();
    this.#eeprom.reset();
    this.#refreshAll();
  }

  #refreshAll(): void {
    this.#filters.refresh();
    this.#rss.refresh();
    this.#statistics.refresh();
    this.#receive.refresh();
    this.#receiveDma.refresh();
    this.#mac.refresh();
    this.#writeBack.refresh();
    this.#transmit.refresh();
  }

  #onAutoRead(): void {
    this.#eeprom.loadStationAddress();
    this.#filters.refresh();
  }

  #resume(): void {
    this.#receiveDma.resume();
    this.#transmit.resume();
  }

  #writeTransmitControl(value: number, before: number): void {
    this.#mac.refresh();
    this.#transmit.refresh();
    if ((value & ~before & TRANSMIT_ENABLE) === 0) return;
    // TE enables queue 0 by itself (8.2.3.9.2); without a ring there is nothing to enable.
    if (this.#registers.get(reg.TDLEN) !== 0) this.#transmitControl.enable(0, reg.DMATXCTL, value);
    this.#transmit.resume();
  }

  // ---- what others ask -------------------------------------------------------------------------------------------------

  isIdle(): boolean {
    // Virtual time does not pass while anybody is busy; on the wall clock a wait for the wire is work that goes on.
    if (this.#transmitRoom.isAwaited && this.#port.clock.kind === "wall") return false;
    return this.#gather.isIdle() && !this.#receiveRings.isFetching() && !this.#transmitRings.isFetching();
  }

  statistics(): Record<string, number> {
    const result: Record<string, number> = {};
    this.#statistics.settle();
    for (const [index, name] of statistics.TOTAL_NAMES.entries()) result[name] = this.#statistics.totals[index] ?? 0;
    result.rxInPacketBuffer = this.#packetBuffer.frameCount;
    result.txUnderWay = this.#transmitBuffer.count;
    return result;
  }

  snapshot(): unknown {
    this.#statistics.settle();
    return {
      registers: this.#registers.values.slice(),
      totals: this.#statistics.totals.slice(),
      link: this.#link.snapshot(),
      master: this.#master.snapshot(),
      eeprom: this.#eeprom.snapshot(),
      interrupts: this.#interrupts.snapshot(),
      receiveRings: this.#receiveRings.snapshot(),
      packetBuffer: this.#packetBuffer.snapshot(),
      transmitRings: this.#transmitRings.snapshot(),
      transmitBuffer: this.#transmitBuffer.snapshot(),
      transmit: this.#transmit.snapshot(),
      offload: this.#offload.snapshot(),
      writeBack: this.#writeBack.snapshot(),
    } satisfies IxgbeState;
  }

  restore(state: unknown): void {
    const saved = state as IxgbeState;
    this.#statistics.settle();
    this.#registers.values.set(saved.registers);
    this.#statistics.totals.set(saved.totals);
    this.#link.restore(saved.link);
    this.#master.restore(saved.master);
    this.#eeprom.restore(saved.eeprom);
    this.#interrupts.restore(saved.interrupts);
    this.#receiveRings.restore(saved.receiveRings);
    this.#packetBuffer.restore(saved.packetBuffer);
    this.#transmitRings.restore(saved.transmitRings);
    this.#transmitBuffer.restore(saved.transmitBuffer);
    this.#transmit.restore(saved.transmit);
    this.#offload.restore(saved.offload);
    this.#writeBack.restore(saved.writeBack);
    this.#refreshAll();
  }
}

interface IxgbeState {
  readonly registers: Int32Array;
  readonly totals: Float64Array;
  readonly link: unknown;
  readonly master: unknown;
  readonly eeprom: unknown;
  readonly interrupts: unknown;
  readonly receiveRings: readonly (Int32Array | Uint8Array)[];
  readonly packetBuffer: unknown;
  readonly transmitRings: readonly (Int32Array | Uint8Array)[];
  readonly transmitBuffer: unknown;
  readonly transmit: unknown;
  readonly offload: unknown;
  readonly writeBack: unknown;
}
