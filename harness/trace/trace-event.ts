/**
 * The interchange form of a trace: what happened in one run, whichever way it ran. JSON lines, UTF-8, one object a line,
 * each with a `kind`:
 *
 * 1. a {@link TraceHeader} (`kind: "header"`): the run, its devices, the actors that are known by then;
 * 2. any number of {@link TraceEvent}s in the order of `seq`, which is an order that respects every edge and every
 *    actor's own order; between them {@link ActorRecord}s (`kind: "actor"`) for actors that turn up later, each before
 *    its first event, and {@link LostRecord}s (`kind: "lost"`) where events are missing;
 * 3. a {@link TraceEnd} (`kind: "end"`): why it ends, how many events there are and how many were lost. A file without it
 *    was cut.
 *
 * Conventions: times are nanoseconds from the header's origin. Register and memory values are hexadecimal strings of the
 * access width (`"0x00000020"`, 16 digits for 8 bytes), as 64 bits do not fit a JSON number; addresses, offsets, lengths
 * and values of fields are numbers. Bytes are hexadecimal, two digits each. What is not known is left out.
 *
 * A filter takes events out, and the edges from them; `seq` then has gaps, and the header says which filter it was.
 *
 * A reader must accept kinds and members that it does not know within the same version. The JSON schema of all this is
 * `docs/trace.schema.json`.
 */

import type { ActorRecord, LostRecord, TraceEnd, TraceHeader } from "./trace-header.ts";

/**
 * Why one event comes after another, from cause to effect:
 *
 * | why | from | to |
 * |---|---|---|
 * | `post` | a posted write of a CPU | its arrival at the device |
 * | `request` | a read of a CPU | its arrival at the device |
 * | `completion` | the arrival of a read; a DMA read | the answer at the CPU; the data at the device |
 * | `drain` | a store, a posted write | it becomes visible, it leaves the CPU |
 * | `land` | a DMA write, a message | it lands in memory, at the interrupt controller |
 * | `reads` | whatever wrote a word of memory | the load or the DMA read that returned it |
 * | `raise` | an interrupt | its handler begins, a wait ends, a poll takes it |
 * | `doorbell` | the write of a doorbell register arrives | what the device does within it: the first fetch |
 * | `effect` | anything else that reaches a device | what it does within that: a DMA write, a frame, an interrupt |
 * | `timer` | a timer is armed | it runs out |
 * | `wire` | a frame is sent | it arrives at the device |
 */
export type EdgeReason =
  | "post"
  | "request"
  | "completion"
  | "drain"
  | "land"
  | "reads"
  | "raise"
  | "doorbell"
  | "effect"
  | "timer"
  | "wire";

/** An edge into the event that holds it. `from` is smaller than that event's own `seq`, and not later in time. */
export interface TraceEdge {
  readonly from: number;
  readonly why: EdgeReason;
}

interface EventBase {
  /** Counts from 0, without gaps before a filter; what was lost has no number. */
  readonly seq: number;
  readonly timeNs: number;
  /** The `id` of a {@link TraceActor}. */
  readonly actor: string;
  /** What this event comes after, besides what its actor did before. */
  readonly after?: readonly TraceEdge[];
  /** The line of the driver that made it, where the run knows: "edu-driver.ts:21". */
  readonly line?: string;
  /** Of an explored run: in the set-up, before the first decision. What follows is what a token decides about. */
  readonly setUp?: true;
}

/** A place in a BAR. */
interface RegisterPlace {
  /** Number of the device. */
  readonly device: number;
  readonly bar: number;
  readonly offset: number;
  readonly byteLength: number;
  /** "RDT(0)"; "BAR0+0x01234" for an offset without a register. */
  readonly register: string;
}

/** Fields of a register or of a descriptor that are not 0, by name. */
export type FieldValues = Readonly<Record<string, number>>;

/** A CPU posts a write. It arrives in a {@link RegisterWriteEvent} that has an edge from it. */
export interface MmioWriteEvent extends EventBase, RegisterPlace {
  readonly kind: "mmio-write";
  readonly value: string;
  readonly fields?: FieldValues;
  readonly order?: "relaxed" | "write-combining";
}

/** A CPU begins a read. */
export interface MmioReadEvent extends EventBase, RegisterPlace {
  readonly kind: "mmio-read";
}

/** The read of a CPU is answered: what the driver got. */
export interface MmioAnswerEvent extends EventBase, RegisterPlace {
  readonly kind: "mmio-answer";
  readonly value: string;
  readonly fields?: FieldValues;
}

/** A write arrives at a device. */
export interface RegisterWriteEvent extends EventBase, RegisterPlace {
  readonly kind: "register-write";
  readonly value: string;
  readonly fields?: FieldValues;
  /** The register is a doorbell. */
  readonly doorbell?: true;
}

/** A read arrives at a device, which answers it. */
export interface RegisterReadEvent extends EventBase, RegisterPlace {
  readonly kind: "register-read";
  readonly value: string;
  readonly fields?: FieldValues;
}

/** In small explored programs: a device looks at a register of its own, or changes it. Nothing crosses the bus. */
export interface OwnRegisterEvent extends EventBase, RegisterPlace {
  readonly kind: "register-look" | "register-change";
  readonly value: string;
}

/** A configuration access as the CPU makes it; non-posted, so that it is over within the event. */
export interface ConfigEvent extends EventBase {
  readonly kind: "config-read" | "config-write";
  readonly device: number;
  readonly offset: number;
  readonly byteLength: number;
  readonly value: string;
  /** "COMMAND", where the offset has a name. */
  readonly register?: string;
}

/** A place in host memory: in a buffer by the driver's label where there is one. */
interface MemoryPlace {
  readonly byteLength: number;
  /** "tx ring 0"; in a small explored program the name of the location. */
  readonly buffer?: string;
  readonly bufferOffset?: number;
}

/** A CPU loads from host memory. Loads that go on returning the same are one event. */
export interface MemoryReadEvent extends EventBase, MemoryPlace {
  readonly kind: "memory-read";
  /** Absent for a copy of more than 8 bytes. */
  readonly value?: string;
  /** How often the load before, which is in the trace, was made again with the same outcome; up to this event's time. */
  readonly repeats?: number;
  readonly order: "plain" | "acquire" | "atomic";
  /** How many newer values there were: a load of a weak memory model. Absent for the newest. */
  readonly staleness?: number;
}

/** A CPU stores to host memory; visible to others with the {@link DrainEvent} behind it, where there is one. */
export interface MemoryWriteEvent extends EventBase, MemoryPlace {
  readonly kind: "memory-write";
  /** Absent for a copy of more than 8 bytes. */
  readonly value?: string;
  readonly order: "plain" | "release" | "atomic";
}

/** An atomic read-modify-write, a lock or an unlock. */
export interface MemoryUpdateEvent extends EventBase, MemoryPlace {
  readonly kind: "memory-update";
  readonly operation: "add" | "exchange" | "compare-exchange" | "lock" | "unlock";
  readonly value: string;
  /** What was there before; of a lock left out. */
  readonly result?: string;
}

export interface BarrierEvent extends EventBase {
  readonly kind: "barrier";
  readonly barrier: "mb" | "rmb" | "wmb" | "dmaRmb" | "dmaWmb";
}

/** A CPU begins to wait. The {@link WakeEvent} that ends it is the next event of that actor but for handlers'. */
export interface WaitEvent extends EventBase {
  readonly kind: "wait";
  readonly for: "interrupt" | "relax" | "delay" | "poll" | "lock" | "promise" | "synchronizeIrq";
  /** "interrupt 0", "TDH(0)": what it waits for, in words. */
  readonly what: string;
}

export interface WakeEvent extends EventBase {
  readonly kind: "wake";
  readonly for: WaitEvent["for"];
  readonly what: string;
  /** True when the limit was over first. */
  readonly timedOut?: true;
}

/** A driver maps memory for a device, or takes it away. */
export interface DmaMapEvent extends EventBase {
  readonly kind: "dma-map" | "dma-unmap";
  readonly device: number;
  readonly iova: number;
  readonly byteLength: number;
  readonly buffer: string;
}

/** A handler begins or ends. The actor is the handler. Small explored programs do not tell its end, nor whose vector it is. */
export interface HandlerEvent extends EventBase {
  readonly kind: "handler-enter" | "handler-exit";
  readonly device?: number;
  readonly vector: number;
}

/** A poll or a wait of a CPU has taken an interrupt that has no handler. */
export interface InterruptTakenEvent extends EventBase {
  readonly kind: "interrupt-taken";
  readonly device: number;
  readonly vector: number;
}

/** What DMA was about, where device and driver say. */
interface DmaPlace extends MemoryPlace {
  readonly device: number;
  /** As the device names it; in a small explored program the address in its memory. */
  readonly iova: number;
  /** "descriptors 4–7 of transmit queue 0". */
  readonly purpose?: string;
  /** The bytes, cut at the header's `detail.dmaBytes`. */
  readonly bytes?: string;
  /** Descriptors among the bytes, decoded. */
  readonly records?: readonly DmaRecord[];
}

/** One descriptor, or whatever else the device calls its own in host memory. */
export interface DmaRecord {
  /** "transmit data descriptor". */
  readonly layout: string;
  /** Of its first byte within the transfer. */
  readonly offset: number;
  /** Its fields that are not 0; hexadecimal where they are wider than 32 bits. */
  readonly fields: Readonly<Record<string, number | string>>;
}

/** A device asks for host memory. */
export interface DmaReadEvent extends EventBase, DmaPlace {
  readonly kind: "dma-read";
}

/** The data of a DMA read reaches the device. */
export interface DmaDataEvent extends EventBase, DmaPlace {
  readonly kind: "dma-data";
}

/** A DMA read is answered with Unsupported Request: nothing was read. */
export interface DmaErrorEvent extends EventBase {
  readonly kind: "dma-error";
  readonly device: number;
  readonly purpose?: string;
}

/** A device posts a write to host memory. In threaded and folded runs it lands with the event. */
export interface DmaWriteEvent extends EventBase, DmaPlace {
  readonly kind: "dma-write";
  /** Byte offset within the transfer of the word that is stored last: what the driver polls. */
  readonly flagOffset?: number;
  readonly relaxed?: true;
}

/** A device raises an interrupt, or drives its line. */
export interface InterruptEvent extends EventBase {
  readonly kind: "interrupt";
  readonly device: number;
  readonly mode: "intx" | "msi" | "msix";
  readonly vector: number;
  /** Of a line alone: whether it rises. */
  readonly asserted?: boolean;
}

/** In explored runs: something posted arrives, in memory, at the interrupt controller, or out of the CPU. */
export interface DrainEvent extends EventBase {
  readonly kind: "visible" | "leaves-cpu" | "dma-landing" | "interrupt-landing";
  /** What, in words: "completion[0]", "TDT". */
  readonly what: string;
  readonly value?: string;
}

/** A frame reaches a device from the wire, or leaves it. The bytes have no FCS. */
export interface FrameEvent extends EventBase {
  readonly kind: "frame-in" | "frame-out";
  readonly device: number;
  readonly port: number;
  readonly byteLength: number;
  readonly badFcs?: true;
  /** Cut at the header's `detail.frameBytes`. */
  readonly bytes?: string;
}

/** A timer of a device is armed, stopped, or runs out. */
export interface TimerEvent extends EventBase {
  readonly kind: "timer-start" | "timer-stop" | "timer";
  readonly device: number;
  readonly timer: number;
  /** "the end of the reset": what it stands for, where the device says. */
  readonly what?: string;
  /** Of a start: how long it runs, and when it will run out. */
  readonly delayNs?: number;
  readonly dueNs?: number;
}

export interface ResetEvent extends EventBase {
  readonly kind: "reset";
  readonly device: number;
  readonly reset: "power-on" | "function-level";
}

/** The pointers of a ring have moved, as the device sees them. */
export interface RingEvent extends EventBase {
  readonly kind: "ring";
  readonly device: number;
  /** "transmit queue 0". */
  readonly ring: string;
  readonly head: number;
  readonly tail: number;
  /** Entries between head and tail: of a descriptor ring those that are the device's. */
  readonly occupied: number;
  readonly size: number;
}

/** The driver broke a rule, or touched what is not modelled. The first time for each rule and place. */
export interface FindingEvent extends EventBase {
  readonly kind: "finding";
  /** Whose rule it is. Absent: what the test itself asserts. */
  readonly device?: number;
  readonly severity: "violation" | "note";
  readonly rule: string;
  readonly message: string;
}

/** Something else that an explored run does, in words. */
export interface StepEvent extends EventBase {
  readonly kind: "step";
  readonly text: string;
}

export type TraceEvent =
  | MmioWriteEvent
  | MmioReadEvent
  | MmioAnswerEvent
  | RegisterWriteEvent
  | RegisterReadEvent
  | OwnRegisterEvent
  | ConfigEvent
  | MemoryReadEvent
  | MemoryWriteEvent
  | MemoryUpdateEvent
  | BarrierEvent
  | WaitEvent
  | WakeEvent
  | DmaMapEvent
  | HandlerEvent
  | InterruptTakenEvent
  | DmaReadEvent
  | DmaDataEvent
  | DmaErrorEvent
  | DmaWriteEvent
  | InterruptEvent
  | DrainEvent
  | FrameEvent
  | TimerEvent
  | ResetEvent
  | RingEvent
  | FindingEvent
  | StepEvent;

/** Any line of a trace. */
export type TraceRecord = TraceHeader | ActorRecord | LostRecord | TraceEnd | TraceEvent;

/** False for what stands around the events. */
export function isEvent(record: TraceRecord): record is TraceEvent {
  return "seq" in record;
}
