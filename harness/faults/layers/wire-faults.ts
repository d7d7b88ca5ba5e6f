import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import { type DeviceModel, type DevicePort, FRAME_BAD_FCS } from "../../../emulator/pcie/device-model.ts";
import { PassModel, PassPort } from "../../pass-through.ts";
import { faultNumber } from "../fault-kinds.ts";
import type { FaultLayer, FaultParts } from "../layer.ts";

const FLAP = faultNumber("link-flap");
const LOST = faultNumber("frame-lost");
const BAD_FCS = faultNumber("frame-bad-fcs");
const RUNT = faultNumber("frame-runt");
const GIANT = faultNumber("frame-giant");
const RUNT_BYTES = 32;
/** What a wire takes, without FCS. */
const GIANT_BYTES = 16_384;
/** `b` of a place: whether the frame leaves the card. */
const INWARD = 0;
const OUTWARD = 1;

/** Links that go down and frames that come to harm. Damage of whole feeds, with a ledger, is the replay's own (emulator/wire/damage). */
export function wireFaults(parts: FaultParts): FaultLayer {
  const links = new Links(parts);
  return { port: (inner) => new WirePort(inner, links), model: (inner) => new WireModel(inner, links) };
}

/** Which links are down. */
class Links {
  readonly parts: FaultParts;
  readonly #down = new Set<number>();

  constructor(parts: FaultParts) {
    this.parts = parts;
    parts.onSetBack.push(() => this.#down.clear());
  }

  /** A frame passes: true when it is lost because the link is down, or goes down now. */
  takes(port: number, direction: number): boolean {
    const { faults, delays } = this.parts;
    const flaps = faults.meets(FLAP, this, port, direction);
    if (this.#down.has(port)) return true;
    if (!flaps) return false;
    this.#down.add(port);
    this.parts.device?.onCarrier?.(port, false);
    delays.after(faults.durationNs, () => {
      this.#down.delete(port);
      this.parts.device?.onCarrier?.(port, true);
    });
    return true;
  }

  describe(_kind: number, port: number, direction: number): string {
    return `${direction === OUTWARD ? "a frame out of" : "a frame into"} port ${port}`;
  }
}

class WirePort extends PassPort {
  readonly #links: Links;

  constructor(inner: DevicePort, links: Links) {
    super(inner);
    this.#links = links;
  }

  override transmit(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    if (!this.#links.takes(port, OUTWARD)) super.transmit(port, memory, offset, byteLength, flags);
  }
}

class WireModel extends PassModel {
  readonly #links: Links;
  #giant: MemoryView | undefined;

  constructor(inner: DeviceModel, links: Links) {
    super(inner);
    this.#links = links;
  }

  override onFrame(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    const { parts } = this.#links;
    const { faults } = parts;
    // All are asked, so that the n-th frame is the same one for each kind, whatever befalls those before it.
    const isDown = this.#links.takes(port, INWARD);
    const isLost = faults.meets(LOST, this.#links, port, INWARD);
    const isBad = faults.meets(BAD_FCS, this.#links, port, INWARD);
    const isRunt = faults.meets(RUNT, this.#links, port, INWARD);
    const isGiant = faults.meets(GIANT, this.#links, port, INWARD);
    if (isDown || isLost) {
      parts.framesLost++;
      return;
    }
    const sentFlags = isBad ? flags | FRAME_BAD_FCS : flags;
    if (isRunt) super.onFrame(port, memory, offset, Math.min(byteLength, RUNT_BYTES), sentFlags);
    else if (isGiant) {
      this.#giant ??= MemoryView.ofSize(GIANT_BYTES);
      for (let at = 0; at < GIANT_BYTES; at++)
        this.#giant.bytes[at] = memory.bytes[offset + (at % byteLength)] as number;
      super.onFrame(port, this.#giant, 0, GIANT_BYTES, sentFlags);
    } else super.onFrame(port, memory, offset, byteLength, sentFlags);
  }
}
