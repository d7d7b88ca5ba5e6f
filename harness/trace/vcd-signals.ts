import type { TraceEvent, TraceRecord } from "./trace-event.ts";
import type { TraceHeader } from "./trace-header.ts";

/** What a signal is: bits that hold a value, or something that only happens. */
export type SignalType = "wire" | "event";

/** One signal of a VCD file. */
export interface VcdSignal {
  /** Without spaces: what a viewer shows. */
  readonly name: string;
  /** The modules that it is in, from outside in. */
  readonly scope: readonly string[];
  readonly type: SignalType;
  width: number;
  /** How the file names it. Given when all are known. */
  code: string;
  /** The last value written, so that only changes are. */
  last: string;
}

/** A value that a signal takes; undefined is an event's that happens. */
export type SignalChange = (
  key: string,
  scope: readonly string[],
  name: string,
  width: number,
  value: bigint | undefined,
) => void;

/**
 * What the events of a trace make signals do. Registers are vectors that hold what last crossed the bus, written or read;
 * doorbells, messages and frames are events; lines, handlers and waits are wires; rings are numbers.
 */
export class VcdChanges {
  #header: TraceHeader | undefined;
  readonly #partial = new Map<string, bigint>();
  readonly #outstanding: number[] = [];

  see(record: TraceRecord, change: SignalChange): void {
    if (record.kind === "header") this.#header = record;
    else if ("seq" in record) this.#event(record, change);
  }

  #event(event: TraceEvent, change: SignalChange): void {
    switch (event.kind) {
      case "register-write":
      case "register-read":
      case "register-change": {
        const scope = [this.#device(event.device)];
        const name = identifier(event.register);
        const key = `${event.device}/${event.register}`;
        change(key, scope, name, widthOf(event.byteLength), this.#value(key, event));
        if (event.kind === "register-write" && event.doorbell === true)
          change(`${key}/bell`, scope, `${name}_doorbell`, 1, undefined);
        return;
      }
      case "interrupt": {
        const scope = [this.#device(event.device)];
        const key = `${event.device}/${event.mode}${event.vector}`;
        if (event.mode === "intx") change(key, scope, "intx", 1, event.asserted === true ? 1n : 0n);
        else change(key, scope, `${event.mode}_${event.vector}`, 1, undefined);
        return;
      }
      case "ring": {
        const scope = [this.#device(event.device), identifier(event.ring)];
        for (const name of ["head", "tail", "occupied", "size"] as const)
          change(`${event.device}/${event.ring}/${name}`, scope, name, 32, BigInt(event[name] >>> 0));
        return;
      }
      case "dma-read":
      case "dma-data":
      case "dma-error": {
        const now = Math.max(0, (this.#outstanding[event.device] ?? 0) + (event.kind === "dma-read" ? 1 : -1));
        this.#outstanding[event.device] = now;
        change(`${event.device}/dma`, [this.#device(event.device)], "dma_reads_outstanding", 32, BigInt(now));
        return;
      }
      case "frame-in":
      case "frame-out": {
        const scope = [this.#device(event.device)];
        const name = `port${event.port}_${event.kind === "frame-in" ? "in" : "out"}`;
        const key = `${event.device}/${name}`;
        change(`${key}/bytes`, scope, `${name}_bytes`, 32, BigInt(event.byteLength));
        change(key, scope, name, 1, undefined);
        return;
      }
      case "handler-enter":
      case "handler-exit":
        change(`${event.actor}`, [identifier(event.actor)], "running", 1, event.kind === "handler-enter" ? 1n : 0n);
        return;
      case "wait":
      case "wake":
        change(`${event.actor}/waits`, [identifier(event.actor)], "waits", 1, event.kind === "wait" ? 1n : 0n);
        return;
      case "reset":
        this.#outstanding[event.device] = 0;
        change(`${event.device}/reset`, [this.#device(event.device)], "reset", 1, undefined);
        return;
      default:
    }
  }

  /** An access to a part of a register changes that part of its signal. */
  #value(key: string, { value, offset, byteLength }: { value: string; offset: number; byteLength: number }): bigint {
    if (byteLength >= 4) {
      this.#partial.set(key, BigInt(value));
      return BigInt(value);
    }
    const shift = BigInt(8 * (offset & 3));
    const mask = ((1n << BigInt(8 * byteLength)) - 1n) << shift;
    const whole = ((this.#partial.get(key) ?? 0n) & ~mask) | (BigInt(value) << shift);
    this.#partial.set(key, whole);
    return whole;
  }

  /** Two devices of one name are told apart by their numbers. */
  #device(device: number): string {
    const name = this.#header?.devices[device]?.name ?? "device";
    const isAlone = this.#header?.devices.filter((each) => each.name === name).length === 1;
    return identifier(isAlone ? name : `${name}_${device}`);
  }
}

/** "RDT_0" for "RDT(0)": brackets would be a range of bits, and spaces end a name. */
function identifier(text: string): string {
  const name = text.replaceAll(/[^A-Za-z0-9_]+/g, "_").replaceAll(/^_+|_+$/g, "");
  return /^[A-Za-z_]/.test(name) ? name : `_${name}`;
}

function widthOf(byteLength: number): number {
  return byteLength === 8 ? 64 : 32;
}
