import { copyMemory, MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { DevicePort } from "../../../emulator/pcie/device-model.ts";
import { Rng } from "../../../emulator/run/rng.ts";
import { PassPort } from "../../pass-through.ts";
import { faultNumber } from "../fault-kinds.ts";
import { lie } from "../hostile/lies.ts";
import type { FaultLayer, FaultParts } from "../layer.ts";

const ERROR = faultNumber("dma-write-error");
const PAYLOAD_LATE = faultNumber("payload-late");
const LATE = faultNumber("write-back-late");
const TORN = faultNumber("write-back-torn");
const REORDERED = faultNumber("write-back-reordered");
const PARTIAL = faultNumber("write-back-partial");
const CORRUPT = faultNumber("write-back-corrupt");
const REPEATED = faultNumber("write-back-repeated");
const WRITE_BACK_KINDS = [LATE, TORN, REORDERED, PARTIAL, CORRUPT, REPEATED] as const;
const FLAG_BYTES = 4;

/**
 * Writes to host memory that go wrong. What has a flag is a write-back (a descriptor, an event), what has none is payload.
 * The frames of a card without descriptors carry their flag with them, and count as write-backs.
 */
export function dmaWriteFaults(parts: FaultParts): FaultLayer {
  return { port: (inner) => new WritingPort(inner, parts) };
}

class WritingPort extends PassPort {
  readonly #parts: FaultParts;

  constructor(inner: DevicePort, parts: FaultParts) {
    super(inner);
    this.#parts = parts;
  }

  override dmaWrite(
    high: number,
    low: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
  ): void {
    const { faults, delays, device } = this.#parts;
    const isRefused = faults.meets(ERROR, this, high, low);
    const isPayload = flagOffset < 0;
    const isLate = isPayload && faults.meets(PAYLOAD_LATE, this, high, low);
    const kind = isPayload ? -1 : this.#strikes(high, low);
    if (isRefused) {
      device?.onDmaWriteError();
      return;
    }
    if (isPayload) {
      if (isLate) {
        const copy = copyOf(memory, offset, byteLength);
        delays.after(faults.durationNs, () => this.#late(high, low, copy, 0, byteLength, -1));
      } else super.dmaWrite(high, low, memory, offset, byteLength, -1);
      return;
    }
    if (kind < 0) {
      super.dmaWrite(high, low, memory, offset, byteLength, flagOffset);
      return;
    }
    const copy = copyOf(memory, offset, byteLength);
    const { durationNs } = faults;
    const whole = (): void => this.#late(high, low, copy, 0, byteLength, flagOffset);
    const again = (): void => this.#again(whole);
    const flag = (): void => {
      const flagLow = ((low >>> 0) + flagOffset) | 0;
      const carry = (low >>> 0) + flagOffset > 0xffff_ffff ? 1 : 0;
      this.#late((high + carry) | 0, flagLow, copy, flagOffset, FLAG_BYTES, 0);
    };
    if (kind === LATE) delays.after(durationNs, whole);
    else if (kind === REPEATED) {
      super.dmaWrite(high, low, memory, offset, byteLength, flagOffset);
      delays.after(durationNs, again);
    } else if (kind === CORRUPT) {
      // Which lie it is depends on the occurrence alone, so that a site can be replayed by its name.
      lie(copy, byteLength, new Rng(faults.metOf(CORRUPT)));
      whole();
    } else if (kind === TORN) {
      for (const [from, to] of aroundFlag(byteLength, flagOffset)) this.#part(high, low, copy, from, to);
      delays.after(durationNs, flag);
    } else {
      flag();
      // The rest comes with the flag again: it is the same by then.
      if (kind === REORDERED) delays.after(durationNs, again);
    }
  }

  /** The kind that strikes this write-back, -1 for none; of several the first one. All are asked, so that all count it. */
  #strikes(high: number, low: number): number {
    const { faults } = this.#parts;
    let first = -1;
    let durationNs = 0;
    for (const kind of WRITE_BACK_KINDS) {
      if (!faults.meets(kind, this, high, low) || first >= 0) continue;
      first = kind;
      durationNs = faults.durationNs;
    }
    faults.durationNs = durationNs;
    return first;
  }

  /** The card is not where its driver believes it: what it may not do any more by then is not the driver's mistake. */
  #late(high: number, low: number, copy: MemoryView, offset: number, byteLength: number, flagOffset: number): void {
    const { slot } = this;
    if (slot !== undefined) slot.isQuiet = true;
    super.dmaWrite(high, low, copy, offset, byteLength, flagOffset);
    if (slot !== undefined) slot.isQuiet = false;
  }

  /** What was written already, or its flag was. */
  #again(write: () => void): void {
    const { slot } = this;
    if (slot !== undefined) slot.isRepeating = true;
    write();
    if (slot !== undefined) slot.isRepeating = false;
  }

  #part(high: number, low: number, copy: MemoryView, from: number, to: number): void {
    const carry = (low >>> 0) + from > 0xffff_ffff ? 1 : 0;
    super.dmaWrite((high + carry) | 0, ((low >>> 0) + from) | 0, copy, from, to - from, -1);
  }

  describe(_kind: number, high: number, low: number): string {
    const described = this.#parts.device?.describeWrite?.(high, low)?.purpose;
    return described ?? `IOVA 0x${((high >>> 0) * 2 ** 32 + (low >>> 0)).toString(16)}`;
  }
}

/** The bytes in front of the flag and behind it, where there are any. */
function aroundFlag(byteLength: number, flagOffset: number): (readonly [from: number, to: number])[] {
  const behind = flagOffset + FLAG_BYTES;
  const parts = [
    [0, flagOffset],
    [behind, byteLength],
  ] as const;
  return parts.filter(([from, to]) => to > from);
}

function copyOf(memory: MemoryView, offset: number, byteLength: number): MemoryView {
  const copy = MemoryView.ofSize((byteLength + 3) & ~3);
  copyMemory(copy, 0, memory, offset, byteLength);
  return copy;
}
