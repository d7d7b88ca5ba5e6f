import type { DeviceDeclaration } from "../../emulator/pcie/device-model.ts";
import { FRAME_BAD_FCS } from "../../emulator/pcie/device-model.ts";
import type { MachineTables } from "../../emulator/run/machine.ts";
import { BufferNames } from "./buffer-names.ts";
import { BARRIERS, ORDER_BITS, ORDERED, WAIT_KINDS } from "./cpu-log.ts";
import { recordsIn } from "./dma-records.ts";
import { EdgeFinder } from "./edge-finder.ts";
import { configName, RegisterNames, valueText } from "./register-names.ts";
import type { MemoryUpdateEvent, TraceEdge, TraceEvent } from "./trace-event.ts";
import type { TraceActor } from "./trace-header.ts";
import type { TraceRing } from "./trace-ring.ts";
import * as ring from "./trace-ring.ts";
import { INTERRUPT_MODES } from "./traced-port.ts";

/** What every event has. */
interface Base {
  readonly seq: number;
  readonly timeNs: number;
  readonly actor: string;
  readonly after?: readonly TraceEdge[];
}

/** Puts recorded events into words: names registers, fields and buffers, decodes descriptors, finds what comes after what. */
export class EventAssembler {
  /** Clock time at which the trace begins. */
  originNs: number;
  /** Called for an actor before its first event. */
  onActor: (actor: TraceActor) => void = () => {};
  readonly #declarations: readonly DeviceDeclaration[];
  readonly #registers: RegisterNames;
  readonly #buffers: BufferNames;
  readonly #edges: EdgeFinder;
  readonly #known = new Set<string>();
  /** By CPU, device and whether it is a handler. */
  readonly #ids: string[] = [];
  #seq = 0;
  #timeNs = 0;

  /** `tables`: of the testbed, for buffers of which the trace itself does not tell. */
  constructor(declarations: readonly DeviceDeclaration[], originNs: number, tables: MachineTables | undefined) {
    this.#declarations = declarations;
    this.#registers = new RegisterNames(declarations);
    this.#buffers = new BufferNames(tables);
    this.#edges = new EdgeFinder(tables?.options.cables ?? []);
    this.originNs = originNs;
  }

  /** Events so far: the `seq` of the next one. */
  get count(): number {
    return this.#seq;
  }

  /** Of the last event. */
  get timeNs(): number {
    return this.#timeNs;
  }

  /** An actor that the header has named already. */
  know(id: string): void {
    this.#known.add(id);
  }

  /** The event that the ring has at hand. */
  event(raw: TraceRing): TraceEvent {
    // The clocks of two threads may be a microsecond apart; the order of the tickets is exact.
    this.#timeNs = Math.max(this.#timeNs, (raw.time[0] as number) - this.originNs);
    const event = raw.cpu === ring.NO_CPU ? this.#deviceEvent(raw) : this.#cpuEvent(raw);
    this.#seq++;
    return event;
  }

  #cpuEvent(raw: TraceRing): TraceEvent {
    const { device, a, b, c, d } = raw;
    const edges = this.#edges;
    switch (raw.kind) {
      case ring.MMIO_WRITE: {
        if (!this.#isInterruptTable(raw)) edges.posted(raw, this.#seq);
        const order = raw.text() as "" | "relaxed" | "write-combining";
        return {
          kind: "mmio-write",
          ...this.#base(raw),
          ...this.#register(raw),
          ...this.#value(raw),
          ...(order === "" ? {} : { order }),
        };
      }
      case ring.MMIO_READ:
        edges.asks(raw, this.#seq);
        return { kind: "mmio-read", ...this.#base(raw), ...this.#register(raw) };
      case ring.MMIO_ANSWER:
        return {
          kind: "mmio-answer",
          ...this.#base(raw, edges.answered(raw)),
          ...this.#register(raw),
          ...this.#value(raw),
        };
      case ring.CONFIG_READ:
      case ring.CONFIG_WRITE: {
        const register = configName(b);
        return {
          kind: raw.kind === ring.CONFIG_READ ? "config-read" : "config-write",
          ...this.#base(raw),
          device,
          offset: b,
          byteLength: raw.byteLength,
          value: valueText(raw.byteLength, c, 0),
          ...(register === undefined ? {} : { register }),
        };
      }
      case ring.MEMORY_READ:
      case ring.MEMORY_WRITE:
        return this.#memory(raw);
      case ring.MEMORY_UPDATE:
        edges.writers.cpuWrites(device, addressOf(a, b), raw.cpu, this.#seq);
        return {
          kind: "memory-update",
          ...this.#base(raw),
          ...this.#place(raw, addressOf(a, b)),
          operation: raw.text() as MemoryUpdateEvent["operation"],
          value: valueText(4, c, 0),
          result: valueText(4, d, 0),
        };
      case ring.BARRIER:
        return { kind: "barrier", ...this.#base(raw), barrier: BARRIERS[a] ?? "mb" };
      case ring.WAIT:
        return { kind: "wait", ...this.#base(raw), for: WAIT_KINDS[a] ?? "poll", what: raw.text() };
      case ring.WAKE: {
        const isOver = b === 1;
        const raise = WAIT_KINDS[a] === "interrupt" && !isOver ? edges.taken(device, c) : undefined;
        return {
          kind: "wake",
          ...this.#base(raw, raise),
          for: WAIT_KINDS[a] ?? "poll",
          what: raw.text(),
          ...(isOver ? { timedOut: true as const } : {}),
        };
      }
      case ring.DMA_MAP:
      case ring.DMA_UNMAP:
        return this.#mapping(raw);
      case ring.HANDLER_ENTER:
        return { kind: "handler-enter", ...this.#base(raw, edges.taken(device, a)), device, vector: a };
      case ring.HANDLER_EXIT:
        return { kind: "handler-exit", ...this.#base(raw), device, vector: a };
      default:
        return { kind: "interrupt-taken", ...this.#base(raw, edges.taken(device, a)), device, vector: a };
    }
  }

  #deviceEvent(raw: TraceRing): TraceEvent {
    const { device, a, b, c, d } = raw;
    const edges = this.#edges;
    switch (raw.kind) {
      case ring.REGISTER_WRITE: {
        const isBell = this.#registers.isDoorbell(device, a, b);
        return {
          kind: "register-write",
          ...this.#base(raw, edges.written(raw, this.#seq, isBell)),
          ...this.#register(raw),
          ...this.#value(raw),
          ...(isBell ? { doorbell: true as const } : {}),
        };
      }
      case ring.REGISTER_READ:
        return {
          kind: "register-read",
          ...this.#base(raw, edges.read(raw, this.#seq)),
          ...this.#register(raw),
          ...this.#value(raw),
        };
      case ring.DMA_READ: {
        const about = raw.text();
        const base = this.#base(raw, edges.cause(raw));
        edges.asksMemory(raw, about, this.#seq);
        return { kind: "dma-read", ...base, ...this.#dma(raw, addressOf(a, b), about, 0) };
      }
      case ring.DMA_DATA: {
        const asked = edges.answersMemory(raw);
        const iova = asked === undefined ? 0 : addressOf(asked.high, asked.low);
        const written = edges.writers.seenByDevice(device, iova, raw.byteLength);
        const completion = asked === undefined ? undefined : { from: asked.seq, why: "completion" as const };
        edges.arrived(raw, this.#seq);
        return {
          kind: "dma-data",
          ...this.#base(raw, completion, written),
          ...this.#dma(raw, iova, asked?.about ?? "", raw.dataBytes),
        };
      }
      case ring.DMA_ERROR: {
        const asked = edges.answersMemory(raw);
        const purpose = asked?.about.split("\n", 1)[0] ?? "";
        edges.arrived(raw, this.#seq);
        return {
          kind: "dma-error",
          ...this.#base(raw, asked === undefined ? undefined : { from: asked.seq, why: "completion" }),
          device,
          ...(purpose === "" ? {} : { purpose }),
        };
      }
      case ring.DMA_WRITE: {
        const iova = addressOf(a, b);
        const base = this.#base(raw, edges.cause(raw));
        edges.writers.deviceWrites(device, iova, raw.byteLength, raw.bytes, raw.dataAt, raw.dataBytes, this.#seq);
        return {
          kind: "dma-write",
          ...base,
          ...this.#dma(raw, iova, raw.text(), raw.dataBytes),
          ...(c < 0 ? {} : { flagOffset: c }),
          ...(d === 1 ? { relaxed: true as const } : {}),
        };
      }
      case ring.INTERRUPT: {
        const mode = INTERRUPT_MODES[a] ?? "msix";
        const base = this.#base(raw, edges.cause(raw));
        if (c === 1) edges.raised(device, b, this.#seq);
        return {
          kind: "interrupt",
          ...base,
          device,
          mode,
          vector: b,
          ...(mode === "intx" ? { asserted: c === 1 } : {}),
        };
      }
      case ring.FRAME_IN:
      case ring.FRAME_OUT:
        return this.#frame(raw);
      case ring.TIMER_START:
      case ring.TIMER_STOP:
      case ring.TIMER:
        return this.#timer(raw);
      case ring.RESET:
        edges.reset(device);
        edges.arrived(raw, this.#seq);
        return { kind: "reset", ...this.#base(raw), device, reset: a === 1 ? "function-level" : "power-on" };
      case ring.RING:
        return this.#ring(raw);
      default: {
        const [rule = "", ...message] = raw.text().split("\n");
        const severity = a === 1 ? "note" : "violation";
        return { kind: "finding", ...this.#base(raw), device, severity, rule, message: message.join("\n") };
      }
    }
  }

  #base(raw: TraceRing, first?: TraceEdge, second?: TraceEdge): Base {
    const seq = this.#seq;
    const timeNs = this.#timeNs;
    const actor = this.#actor(raw);
    if (first === undefined)
      return second === undefined ? { seq, timeNs, actor } : { seq, timeNs, actor, after: [second] };
    return { seq, timeNs, actor, after: second === undefined ? [first] : [first, second] };
  }

  #actor({ cpu, device, isInHandler }: TraceRing): string {
    const key = (cpu << 9) | (device << 1) | (isInHandler ? 1 : 0);
    this.#ids[key] ??= this.#newActor(cpu, device, isInHandler);
    return this.#ids[key] as string;
  }

  #newActor(cpu: number, device: number, isInHandler: boolean): string {
    const id = cpu === ring.NO_CPU ? `device${device}` : `cpu${cpu}${isInHandler ? ".handler" : ""}`;
    if (this.#known.has(id)) return id;
    this.#known.add(id);
    if (cpu === ring.NO_CPU) this.onActor({ id, kind: "device", name: this.#declarations[device]?.name ?? id, device });
    else if (isInHandler) this.onActor({ id, kind: "handler", name: `interrupt handler of CPU ${cpu}`, cpu });
    else this.onActor({ id, kind: "cpu", name: `CPU ${cpu}`, cpu });
    return id;
  }

  #register({ device, a, b, byteLength }: TraceRing) {
    return { device, bar: a, offset: b, byteLength, register: this.#registers.name(device, a, b) };
  }

  #value({ device, a, b, c, d, byteLength }: TraceRing) {
    const fields = this.#registers.fields(device, a, b, byteLength, c);
    const value = valueText(byteLength, c, d);
    return fields === undefined ? { value } : { value, fields };
  }

  #memory(raw: TraceRing): TraceEvent {
    const { device, cpu, a, b, c, d, byteLength } = raw;
    const iova = addressOf(a, b);
    const isCopy = raw.dataBytes > 0;
    const isOrdered = (d & ((1 << ORDER_BITS) - 1)) === ORDERED;
    const value = isCopy ? {} : { value: valueText(byteLength, c, 0) };
    const { writers } = this.#edges;
    if (raw.kind === ring.MEMORY_WRITE) {
      writers.cpuWrites(device, iova, cpu, this.#seq);
      const order = isOrdered ? "release" : "plain";
      return { kind: "memory-write", ...this.#base(raw), ...this.#place(raw, iova), ...value, order };
    }
    const repeats = d >> ORDER_BITS;
    const loaded = isCopy ? writers.seenByCopy(device, iova) : writers.seenByLoad(device, iova, byteLength, c);
    return {
      kind: "memory-read",
      ...this.#base(raw, repeats > 0 ? undefined : loaded),
      ...this.#place(raw, iova),
      ...value,
      order: isOrdered ? "acquire" : "plain",
      ...(repeats > 0 ? { repeats } : {}),
    };
  }

  #mapping(raw: TraceRing): TraceEvent {
    const { device, a, b, byteLength } = raw;
    const iova = addressOf(a, b);
    const isMap = raw.kind === ring.DMA_MAP;
    const label = isMap ? raw.text() : (this.#buffers.at(device, iova)?.label ?? "");
    if (isMap) this.#buffers.add(device, { iova, byteLength, label });
    return { kind: isMap ? "dma-map" : "dma-unmap", ...this.#base(raw), device, iova, byteLength, buffer: label };
  }

  #place({ device, byteLength }: TraceRing, iova: number) {
    const buffer = this.#buffers.at(device, iova);
    return buffer === undefined
      ? { byteLength }
      : { byteLength, buffer: buffer.label, bufferOffset: iova - buffer.iova };
  }

  /** `about` is the purpose, and behind a line feed the layout. */
  #dma(raw: TraceRing, iova: number, about: string, dataBytes: number) {
    const [purpose = "", layout] = about.split("\n");
    const place = { device: raw.device, iova, ...this.#place(raw, iova) };
    const described = purpose === "" ? place : { ...place, purpose };
    if (dataBytes === 0) return described;
    const data = raw.bytes.slice(raw.dataAt, raw.dataAt + dataBytes);
    const layouts = layout === undefined ? undefined : this.#declarations[raw.device]?.dmaLayouts?.[layout];
    const records = layouts === undefined ? [] : recordsIn(layouts, data);
    const bytes = hexBytes(data);
    return records.length === 0 ? { ...described, bytes } : { ...described, bytes, records };
  }

  #frame(raw: TraceRing): TraceEvent {
    const { device, a, b, byteLength, dataAt, dataBytes } = raw;
    const isIn = raw.kind === ring.FRAME_IN;
    const base = this.#base(raw, isIn ? this.#edges.frameIn(raw) : this.#edges.cause(raw));
    if (isIn) this.#edges.arrived(raw, this.#seq);
    else this.#edges.frameOut(raw, this.#seq);
    return {
      kind: isIn ? "frame-in" : "frame-out",
      ...base,
      device,
      port: a,
      byteLength,
      ...((b & FRAME_BAD_FCS) === 0 ? {} : { badFcs: true as const }),
      ...(dataBytes === 0 ? {} : { bytes: hexBytes(raw.bytes.slice(dataAt, dataAt + dataBytes)) }),
    };
  }

  #timer(raw: TraceRing): TraceEvent {
    const { device, a: timer, c, d } = raw;
    const { timers } = this.#edges;
    if (raw.kind === ring.TIMER_START) {
      const what = raw.text();
      const base = this.#base(raw, this.#edges.cause(raw));
      timers.started(device, timer, { seq: this.#seq, what });
      const delayNs = d * 2 ** 32 + (c >>> 0);
      return { kind: "timer-start", ...base, device, timer, ...told(what), delayNs, dueNs: base.timeNs + delayNs };
    }
    const armed = timers.take(device, timer);
    const place = { device, timer, ...told(armed?.what ?? "") };
    if (raw.kind === ring.TIMER_STOP) return { kind: "timer-stop", ...this.#base(raw), ...place };
    const base = this.#base(raw, armed === undefined ? undefined : { from: armed.seq, why: "timer" });
    this.#edges.arrived(raw, this.#seq);
    return { kind: "timer", ...base, ...place };
  }

  #ring(raw: TraceRing): TraceEvent {
    const { device, a, b, c: head, d: tail, byteLength: size } = raw;
    const distance = tail - head;
    // Pointers either run round, or count on.
    const occupied = distance < 0 && distance >= -size ? distance + size : distance;
    const ringName = `${this.#declarations[device]?.rings?.[a]?.name ?? "ring"} ${b}`;
    return { kind: "ring", ...this.#base(raw), device, ring: ringName, head, tail, occupied, size };
  }

  /** Accesses to the MSI-X table are the function's: the device does not see them. */
  #isInterruptTable({ device, a, b }: TraceRing): boolean {
    const msix = this.#declarations[device]?.msix;
    if (msix === undefined || msix.bar !== a) return false;
    return b >= msix.tableOffset && b < msix.tableOffset + 16 * msix.vectorCount;
  }
}

/** What a device says of a timer, where it says something. */
function told(what: string): { readonly what?: string } {
  return what === "" ? {} : { what };
}

function addressOf(high: number, low: number): number {
  return (high >>> 0) * 2 ** 32 + (low >>> 0);
}

function hexBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
