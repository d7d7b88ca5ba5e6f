import type { DeviceDeclaration, DeviceModel } from "../../emulator/pcie/device-model.ts";
import type { RingDeclaration } from "../../emulator/pcie/dma-layout.ts";
import type { RegisterMap } from "../../emulator/registers/register-map.ts";
import type { TraceLog } from "./trace-log.ts";
import { RING } from "./trace-ring.ts";

interface WatchedRing {
  readonly family: number;
  readonly index: number;
  readonly bar: number;
  readonly declaration: RingDeclaration;
  readonly tailAt: number;
  readonly headAt: number;
  readonly sizeAt: number;
  head: number;
  tail: number;
  size: number;
}

/** Looks at the pointers of a device's rings, as its registers show them, and notes when they have moved. */
export class RingWatch {
  readonly #log: TraceLog;
  readonly #place: number;
  readonly #declaration: DeviceDeclaration;
  /** Those into whose pointers the driver has written: the others do not run. */
  readonly #watched: WatchedRing[] = [];
  /** By BAR and offset: what a write there is to. */
  readonly #pointers = new Map<string, WatchedRing>();

  constructor(log: TraceLog, place: number, declaration: DeviceDeclaration) {
    this.#log = log;
    this.#place = place;
    this.#declaration = declaration;
    for (const [family, ring] of (declaration.rings ?? []).entries()) this.#lay(family, ring);
  }

  get isIdle(): boolean {
    return this.#pointers.size === 0;
  }

  /** The driver has written a register. */
  written(bar: number, offset: number): void {
    const ring = this.#pointers.get(`${bar}:${offset}`);
    if (ring !== undefined && !this.#watched.includes(ring)) this.#watched.push(ring);
  }

  look(device: DeviceModel): void {
    for (const ring of this.#watched) {
      const values = device.registerFile?.(ring.bar)?.values;
      if (values === undefined) continue;
      const head = values[ring.headAt] as number;
      const tail = values[ring.tailAt] as number;
      const size = sizeOf(ring.declaration, values[ring.sizeAt] as number);
      if (head === ring.head && tail === ring.tail && size === ring.size) continue;
      ring.head = head;
      ring.tail = tail;
      ring.size = size;
      this.#log.note(RING, this.#place, size, ring.family, ring.index, head, tail);
    }
  }

  #lay(family: number, declaration: RingDeclaration): void {
    const { bar, count } = declaration;
    const map = this.#declaration.registerMaps[bar];
    if (map === undefined) return;
    for (let index = 0; index < count; index++) {
      const [tailAt, headAt, sizeAt] = [declaration.tail, declaration.head, declaration.size.register].map((name) =>
        ordinalNamed(map, name, index),
      ) as [number, number, number];
      const ring = { family, index, bar, declaration, tailAt, headAt, sizeAt, head: 0, tail: 0, size: 0 };
      for (const at of [tailAt, headAt]) this.#pointers.set(`${bar}:${map.offsetOf[at]}`, ring);
    }
  }
}

function ordinalNamed(map: RegisterMap, name: string, index: number): number {
  const register = map.registers.find((each) => each.name === name);
  if (register === undefined) throw new RangeError(`a ring is declared by register ${name}, which is not there`);
  return map.ordinal(register, index);
}

function sizeOf({ size }: RingDeclaration, value: number): number {
  return size.unit === "log2" ? 2 ** (value & 31) : Math.floor((value >>> 0) / size.entryBytes);
}
