import * as k from "../../emulator/explore/kinds.ts";
import type { Machine } from "../../emulator/explore/machine.ts";
import type { StepTrace } from "../../emulator/explore/trace.ts";
import { isEntry } from "./explored-edges.ts";
import type { ExploredPlaces, ExploredRegister } from "./explored-places.ts";
import { configName, valueText } from "./register-names.ts";
import type { BarrierEvent, MemoryUpdateEvent, TraceEvent, WaitEvent } from "./trace-event.ts";

interface Base {
  readonly seq: number;
  readonly timeNs: number;
  readonly actor: string;
}

const BARRIERS: Readonly<Record<number, BarrierEvent["barrier"]>> = {
  [k.MB]: "mb",
  [k.RMB]: "rmb",
  [k.WMB]: "wmb",
  [k.DMA_RMB]: "dmaRmb",
  [k.DMA_WMB]: "dmaWmb",
};

const UPDATES: Readonly<Record<number, MemoryUpdateEvent["operation"]>> = {
  [k.ADD]: "add",
  [k.EXCHANGE]: "exchange",
  [k.COMPARE_EXCHANGE]: "compare-exchange",
  [k.LOCK]: "lock",
  [k.UNLOCK]: "unlock",
};

const WAITS: Readonly<Record<number, WaitEvent["for"]>> = {
  [k.WAIT_INTERRUPT]: "interrupt",
  [k.SYNCHRONIZE_IRQ]: "synchronizeIrq",
  [k.RELAX]: "relax",
  [k.DELAY]: "delay",
  [k.AWAIT]: "promise",
};

/** Puts the steps of an explored run into the words of a trace. */
export class ExploredSteps {
  readonly #machine: Machine;
  readonly #trace: StepTrace;
  readonly #places: ExploredPlaces;
  /** By the step in which a read arrived at its device: the step in which it was answered. */
  readonly #answers = new Map<number, number>();

  constructor(machine: Machine, trace: StepTrace, places: ExploredPlaces) {
    this.#machine = machine;
    this.#trace = trace;
    this.#places = places;
    for (let at = 0; at < trace.count; at++)
      if (isEntry(trace, at) && trace.kind[at] === k.COMPLETION) this.#answers.set(trace.cause[at] as number, at);
  }

  actorOf(at: number): string {
    const actor = this.#trace.actor[at] as number;
    const isAnswer = actor >= k.THREAD_LIMIT && this.#trace.kind[at] === k.COMPLETION;
    return this.actorId(isAnswer ? (this.#trace.thread[at] as number) : actor);
  }

  /** The id of an actor of the explorer. */
  actorId(actor: number): string {
    if (actor < k.THREAD_LIMIT) return this.#threadId(actor);
    if (actor < k.DOWN) return `cpu${actor < k.COMBINING ? actor - k.STORE_BUFFER : actor - k.COMBINING}.stores`;
    if (actor >= k.INTERRUPTS) return `cpu${this.#machine.cpuOfVector[actor - k.INTERRUPTS] ?? 0}.handler`;
    const device = `device${(actor - k.DOWN) % k.DEVICE_LIMIT}`;
    return actor >= k.UP && actor < k.FETCHES ? `${device}.link` : device;
  }

  event(at: number, base: Base): TraceEvent {
    return isEntry(this.#trace, at) ? this.#entry(at, base) : this.#thread(at, base);
  }

  #threadId(thread: number): string {
    const { threads, state } = this.#machine;
    const { cpu = 0, device = -1, body, plain } = threads[thread] ?? {};
    if (cpu < 0) return `device${device}`;
    // A promise that is waited for has an actor of its own, which is the CPU's.
    const isHandler = state.mainOf[cpu] !== thread && (body !== undefined || plain !== undefined);
    return isHandler ? `cpu${cpu}.handler` : `cpu${cpu}`;
  }

  #thread(at: number, base: Base): TraceEvent {
    const { address, byteLength, operand, versions } = this.#trace;
    const kind = this.#trace.kind[at] as number;
    const place = address[at] as number;
    const length = byteLength[at] as number;
    switch (kind) {
      case k.LOAD:
      case k.LOAD_ACQUIRE:
      case k.LOAD_ATOMIC:
      case k.POLL: {
        const order = kind === k.LOAD_ACQUIRE ? "acquire" : kind === k.LOAD_ATOMIC ? "atomic" : "plain";
        const staleness = versions[at] === 0 ? {} : { staleness: versions[at] as number };
        const memory = this.#places.memory(place, length);
        return { kind: "memory-read", ...base, ...memory, value: this.#result(at), order, ...staleness };
      }
      case k.STORE:
      case k.STORE_RELEASE:
      case k.STORE_ATOMIC: {
        const order = kind === k.STORE ? "plain" : kind === k.STORE_RELEASE ? "release" : "atomic";
        return { kind: "memory-write", ...base, ...this.#places.memory(place, length), value: this.#value(at), order };
      }
      case k.MMIO_WRITE:
      case k.MMIO_WRITE_RELAXED:
      case k.WC_WRITE: {
        const order = kind === k.MMIO_WRITE_RELAXED ? "relaxed" : "write-combining";
        return {
          kind: "mmio-write",
          ...base,
          ...this.#written(at),
          ...(kind === k.MMIO_WRITE ? {} : { order }),
        };
      }
      case k.MMIO_READ:
      case k.MMIO_READ_RELAXED:
      case k.MMIO_POLL: {
        const register = this.#places.register(place, length);
        if (register === undefined) return this.#step(base, `${this.#configText(place)} …`);
        return { kind: "mmio-read", ...base, ...register };
      }
      case k.REGISTER_READ:
      case k.REGISTER_POLL:
        return { kind: "register-look", ...base, ...this.#registerAt(at), value: this.#result(at) };
      case k.REGISTER_WRITE:
      case k.REGISTER_SET:
        return { kind: "register-change", ...base, ...this.#registerAt(at), value: this.#value(at) };
      case k.FETCH:
        return { kind: "dma-read", ...base, ...this.#dma(at, 4 * length) };
      case k.DMA_WRITE:
        return {
          kind: "dma-write",
          ...base,
          ...this.#dma(at, length),
          bytes: littleEndian(this.#value(at)),
          ...(operand[at] === 1 ? { relaxed: true } : {}),
        };
      case k.MESSAGE:
        return { kind: "interrupt", ...base, device: this.#deviceOf(at), mode: "msix", vector: place };
      case k.LINE: {
        const asserted = this.#trace.value[at] !== 0;
        return { kind: "interrupt", ...base, device: this.#deviceOf(at), mode: "intx", vector: place, asserted };
      }
      default:
        return this.#other(at, kind, base);
    }
  }

  #other(at: number, kind: number, base: Base): TraceEvent {
    const barrier = BARRIERS[kind];
    if (barrier !== undefined) return { kind: "barrier", ...base, barrier };
    const operation = UPDATES[kind];
    const { address, byteLength } = this.#trace;
    if (operation !== undefined) {
      const place = this.#places.memory(address[at] as number, byteLength[at] as number);
      const isLock = operation === "lock" || operation === "unlock";
      const result = isLock ? {} : { result: this.#result(at) };
      return { kind: "memory-update", ...base, ...place, operation, value: this.#value(at), ...result };
    }
    const wait = WAITS[kind];
    if (wait !== undefined) return { kind: "wake", ...base, for: wait, what: this.#waitText(at, kind) };
    const name = k.OPERATION_NAMES[kind] ?? "";
    const isOfMemory = kind === k.FUTEX_WAIT || kind === k.FUTEX_NOTIFY;
    return this.#step(base, isOfMemory ? `${name} ${this.#places.nameOf(address[at] as number)}` : name);
  }

  #entry(at: number, base: Base): TraceEvent {
    const { address, operand, byteLength } = this.#trace;
    const place = address[at] as number;
    const what = (): string => this.#places.nameOf(place);
    switch (this.#trace.kind[at]) {
      case k.BUFFERED_STORE:
        return { kind: "visible", ...base, what: what(), value: this.#value(at) };
      case k.BUFFERED_IO:
      case k.COMBINED_WRITE:
        return { kind: "leaves-cpu", ...base, what: what(), value: this.#value(at) };
      case k.POSTED_WRITE: {
        const isDoorbell = this.#places.isDoorbell(this.#registerAt(at));
        return { kind: "register-write", ...base, ...this.#written(at), ...(isDoorbell ? { doorbell: true } : {}) };
      }
      case k.READ_REQUEST:
        return this.#arrival(at, base);
      case k.COMPLETION:
        return this.#answer(at, base);
      case k.DMA_LANDING:
        // Of a longer write the bytes are kept elsewhere.
        return { kind: "dma-landing", ...base, what: what(), ...(operand[at] === 1 ? {} : { value: this.#value(at) }) };
      case k.MESSAGE_LANDING:
        return { kind: "interrupt-landing", ...base, what: `interrupt message ${place}` };
      case k.LINE_LANDING: {
        const change = this.#trace.value[at] === 0 ? "falls" : "rises";
        return { kind: "interrupt-landing", ...base, what: `interrupt line ${place} ${change}` };
      }
      case k.DMA_FETCH:
        return { kind: "dma-data", ...base, ...this.#dma(at, byteLength[at] as number), ...this.#fetched(at) };
      case k.INTERRUPT:
        return { kind: "handler-enter", ...base, vector: (this.#trace.actor[at] as number) - k.INTERRUPTS };
      default:
        return this.#step(base, this.#machine.nameEvent(operand[at] as number));
    }
  }

  /** A read arrives at its device; what it is answered with is known once the answer has come. */
  #arrival(at: number, base: Base): TraceEvent {
    const register = this.#places.register(this.#trace.address[at] as number, this.#trace.byteLength[at] as number);
    const answer = this.#answers.get(at);
    if (register === undefined || answer === undefined)
      return this.#step(base, `read of ${this.#places.nameOf(this.#trace.address[at] as number)} arrives`);
    return { kind: "register-read", ...base, ...register, ...this.#fields(register, answer) };
  }

  #answer(at: number, base: Base): TraceEvent {
    const address = this.#trace.address[at] as number;
    const byteLength = this.#trace.byteLength[at] as number;
    const register = this.#places.register(address, byteLength);
    if (register !== undefined) return { kind: "mmio-answer", ...base, ...register, ...this.#fields(register, at) };
    const { device, offset, isWrite } = this.#places.config(address);
    const name = configName(offset);
    // A write is answered with nothing: its value went down with the request.
    const requested = this.#trace.cause[at] as number;
    const asked = requested < 0 ? -1 : (this.#trace.cause[requested] as number);
    return {
      kind: isWrite ? "config-write" : "config-read",
      ...base,
      device,
      offset,
      byteLength,
      value: this.#value(isWrite && asked >= 0 ? asked : at),
      ...(name === undefined ? {} : { register: name }),
    };
  }

  #written(at: number) {
    const register = this.#registerAt(at);
    return { ...register, ...this.#fields(register, at) };
  }

  #fields(register: ExploredRegister, at: number) {
    const fields = this.#places.fields(register, this.#trace.value[at] as number);
    return { value: this.#value(at), ...(fields === undefined ? {} : { fields }) };
  }

  #registerAt(at: number): ExploredRegister {
    const { address, byteLength } = this.#trace;
    const place = this.#places.register(address[at] as number, byteLength[at] as number);
    return (
      place ?? { device: 0, bar: 0, offset: 0, byteLength: 4, register: this.#places.nameOf(address[at] as number) }
    );
  }

  #dma(at: number, byteLength: number) {
    const address = this.#trace.address[at] as number;
    return { device: this.#deviceOf(at), iova: Math.max(0, address), ...this.#places.memory(address, byteLength) };
  }

  /** The word that a device of a small program has fetched. */
  #fetched(at: number): { readonly bytes?: string } {
    return (this.#trace.thread[at] as number) < 0 ? {} : { bytes: littleEndian(this.#result(at)) };
  }

  #deviceOf(at: number): number {
    const actor = this.#trace.actor[at] as number;
    if (actor >= k.THREAD_LIMIT) return (actor - k.DOWN) % k.DEVICE_LIMIT;
    return this.#machine.threads[actor]?.device ?? 0;
  }

  #waitText(at: number, kind: number): string {
    const operand = this.#trace.operand[at] as number;
    if (kind === k.WAIT_INTERRUPT) return `interrupt ${operand}`;
    return kind === k.AWAIT ? this.#machine.nameAwait(operand) : "";
  }

  #configText(address: number): string {
    const { offset, isWrite } = this.#places.config(address);
    const name = configName(offset) ?? `0x${offset.toString(16)}`;
    return `${isWrite ? "write" : "read"} of configuration ${name}`;
  }

  #step(base: Base, text: string): TraceEvent {
    return { kind: "step", ...base, text };
  }

  #value(at: number): string {
    const { value, valueHigh, byteLength } = this.#trace;
    return valueText(widthOf(byteLength[at] as number), value[at] as number, valueHigh[at] as number);
  }

  #result(at: number): string {
    const { result, resultHigh, byteLength } = this.#trace;
    return valueText(widthOf(byteLength[at] as number), result[at] as number, resultHigh[at] as number);
  }
}

/** The bytes of a value as they lie in memory. */
function littleEndian(value: string): string {
  return (value.slice(2).match(/../g) ?? []).reverse().join("");
}

/** Of an access; other steps have words. */
function widthOf(byteLength: number): number {
  return byteLength === 1 || byteLength === 2 || byteLength === 8 ? byteLength : 4;
}
