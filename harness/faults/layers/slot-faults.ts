import type { MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { DeviceModel, DevicePort } from "../../../emulator/pcie/device-model.ts";
import { hex, NO_REGISTER } from "../../../emulator/registers/register-map.ts";
import { PassModel, PassPort } from "../../pass-through.ts";
import { faultNumber } from "../fault-kinds.ts";
import type { FaultLayer, FaultParts } from "../layer.ts";

const READ_ERROR = faultNumber("read-error");
const WRITE_LOST = faultNumber("write-lost");
const CONFIG_READ_ERROR = faultNumber("config-read-error");
const REMOVAL = faultNumber("removal");
const POWER_GLITCH = faultNumber("power-glitch");
const ALL_ONES = -1;
/** `a` of a place is the BAR; for configuration space this. `b` is the offset, complemented for a write. */
const CONFIG = -1;

/**
 * The slot: accesses that go wrong on their way, and the card that is pulled out of it and put back. While it is out, reads
 * give all ones, writes vanish, and neither DMA, interrupts nor frames pass; back again, it is as after power-on.
 */
export function slotFaults(parts: FaultParts): FaultLayer {
  const socket = new Socket(parts);
  return { port: (inner) => new SlotPort(inner, socket), model: (inner) => new SlotModel(inner, socket) };
}

class Socket {
  readonly parts: FaultParts;
  port: DevicePort | undefined;
  isEmpty = false;
  #outing = 0;

  constructor(parts: FaultParts) {
    this.parts = parts;
    parts.onSetBack.push(() => this.#setEmpty(false));
  }

  /**
   * The driver is about to access the card: true when that goes wrong, because nobody is there, or nobody any more, or by a fault
   * of `kind`. All are asked, so that the n-th access is the same one for each kind; a card that is out meets nothing.
   */
  goesWrong(kind: number, bar: number, place: number): boolean {
    if (this.isEmpty) return true;
    const { faults, delays } = this.parts;
    const isPulled = faults.meets(REMOVAL, this, bar, place);
    const pulledNs = faults.durationNs;
    const isGlitch = faults.meets(POWER_GLITCH, this, bar, place);
    const outNs = isPulled ? pulledNs : faults.durationNs;
    const fails = faults.meets(kind, this, bar, place);
    if (!isPulled && !isGlitch) return fails;
    const outing = ++this.#outing;
    this.#setEmpty(true);
    this.port?.setLegacyInterrupt(false);
    this.port?.cancelDma();
    delays.after(outNs, () => {
      if (this.#outing === outing) this.putBack();
    });
    return true;
  }

  /** Into the slot again, powered on. */
  putBack(): void {
    this.#setEmpty(false);
    this.port?.slot?.powerCycle();
  }

  onConfigRead(offset: number, byteLength: number, value: number): number {
    return this.goesWrong(CONFIG_READ_ERROR, CONFIG, offset) ? 2 ** (8 * byteLength) - 1 : value;
  }

  describe(_kind: number, bar: number, place: number): string {
    const offset = place < 0 ? ~place : place;
    const verb = place < 0 ? "the write of" : "the read of";
    if (bar === CONFIG) return `${verb} configuration space at ${hex(offset)}`;
    const map = this.parts.device?.registerFile?.(bar)?.map;
    const ordinal = map?.ordinalAt(offset & ~3) ?? NO_REGISTER;
    return `${verb} ${map === undefined || ordinal === NO_REGISTER ? `BAR${bar}+${hex(offset)}` : map.nameOf(ordinal)}`;
  }

  #setEmpty(isEmpty: boolean): void {
    this.isEmpty = isEmpty;
    const slot = this.port?.slot;
    if (slot !== undefined) slot.isPresent = !isEmpty;
  }
}

class SlotPort extends PassPort {
  readonly #socket: Socket;

  constructor(inner: DevicePort, socket: Socket) {
    super(inner);
    this.#socket = socket;
    socket.port = inner;
    if (inner.slot !== undefined)
      inner.slot.onConfigRead = (offset, byteLength, value) => socket.onConfigRead(offset, byteLength, value);
  }

  override dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void {
    if (!this.#socket.isEmpty) super.dmaRead(high, low, byteLength, tag, context);
  }

  override dmaWrite(
    high: number,
    low: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
  ): void {
    if (!this.#socket.isEmpty) super.dmaWrite(high, low, memory, offset, byteLength, flagOffset);
  }

  override dmaWriteRelaxed(high: number, low: number, memory: MemoryView, offset: number, byteLength: number): void {
    if (!this.#socket.isEmpty) super.dmaWriteRelaxed(high, low, memory, offset, byteLength);
  }

  override raise(vector: number): void {
    if (!this.#socket.isEmpty) super.raise(vector);
  }

  override setLegacyInterrupt(asserted: boolean): void {
    if (!this.#socket.isEmpty) super.setLegacyInterrupt(asserted);
  }

  override transmit(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    if (!this.#socket.isEmpty) super.transmit(port, memory, offset, byteLength, flags);
  }
}

class SlotModel extends PassModel {
  readonly #socket: Socket;

  constructor(inner: DeviceModel, socket: Socket) {
    super(inner);
    this.#socket = socket;
  }

  override onWrite(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    if (!this.#socket.goesWrong(WRITE_LOST, bar, ~offset)) super.onWrite(bar, offset, byteLength, low, high);
  }

  override onRead(bar: number, offset: number, byteLength: number): number {
    if (!this.#socket.goesWrong(READ_ERROR, bar, offset)) return super.onRead(bar, offset, byteLength);
    this.readHigh = ALL_ONES;
    return ALL_ONES;
  }

  override onDmaRead(tag: number, context: number, memory: MemoryView, offset: number, byteLength: number): void {
    if (!this.#socket.isEmpty) super.onDmaRead(tag, context, memory, offset, byteLength);
  }

  override onDmaReadError(tag: number, context: number): void {
    if (!this.#socket.isEmpty) super.onDmaReadError(tag, context);
  }

  override onFrame(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    if (this.#socket.isEmpty) this.#socket.parts.framesLost++;
    else super.onFrame(port, memory, offset, byteLength, flags);
  }

  /** A card without power does nothing. */
  override onTimer(timer: number): void {
    if (!this.#socket.isEmpty) super.onTimer(timer);
  }

  override isIdle(): boolean {
    return this.#socket.isEmpty || super.isIdle();
  }
}
