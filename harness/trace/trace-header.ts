/** What stands around the events of a trace; see trace-event.ts for the whole form. */

/** Changes when a reader of the version before would misread a file. */
export const TRACE_VERSION = 1;

/** `threaded`: device and driver on threads of their own; `folded`: in one thread; `explored`: a chosen order of events. */
export type RunKind = "threaded" | "folded" | "explored";

export interface TraceHeader {
  readonly kind: "header";
  readonly softbarTrace: typeof TRACE_VERSION;
  readonly run: RunKind;
  /** For people: "session.pcap", "lost-interrupt". */
  readonly title: string;
  readonly clock: "wall" | "virtual";
  /** The testbed's clock at time 0 of the trace. On the wall clock that is CLOCK_MONOTONIC. */
  readonly originNs: number;
  /** Time 0 of the trace as ISO 8601 in UTC. Absent where time is virtual. */
  readonly startedAt?: string;
  readonly devices: readonly TracedDevice[];
  readonly actors: readonly TraceActor[];
  /** What the trace holds beyond the events themselves. */
  readonly detail: TraceDetail;
  /** What a filter has left, in words: "device 0, registers RDT*". Absent for a whole trace. */
  readonly filter?: string;
  /** Of an explored run alone. */
  readonly explored?: ExploredRun;
  /** Of an explored run: how the picture of it as text goes with the events. */
  readonly picture?: TracePicture;
}

export interface TracePicture {
  /** By line of the text, from its first on: the number of the event; -1 for a line that stands for several. */
  readonly rows: readonly number[];
  readonly marks: readonly TraceMark[];
}

/** Why to look at an event. */
export interface TraceMark {
  readonly seq: number;
  /** `fault`: it is, or it shows, what is wrong. `deviation`: here the run differs from the ordinary order. */
  readonly kind: "fault" | "deviation";
  /** In a few words: "races", "kept back: later than usual". */
  readonly text: string;
}

/** A device of the testbed. Its number is its place in {@link TraceHeader.devices}. */
export interface TracedDevice {
  readonly name: string;
  readonly about: string;
  readonly wirePortCount: number;
  readonly gigabitsPerSecond?: number;
  /** Message-signalled vectors that the device has; 0 for one that has none. */
  readonly vectorCount: number;
  /** Its rings, where it declares them: what events of kind "ring" name. */
  readonly rings: readonly TracedRing[];
}

/** A family of rings: "transmit queue" stands for "transmit queue 0" and so on. */
export interface TracedRing {
  readonly name: string;
  readonly count: number;
  /** Names of the registers, without their number. */
  readonly tail: string;
  readonly head: string;
}

/** How much of the bytes is in the trace; the first so many of each. 0: none. */
export interface TraceDetail {
  readonly frameBytes: number;
  readonly dmaBytes: number;
  /** Whether accesses to host memory and barriers are in it: in explored runs always, elsewhere through accessors. */
  readonly memory: boolean;
}

export interface ExploredRun {
  /** The race or the module. */
  readonly program: string;
  readonly model: "sc" | "tso" | "relaxed";
  readonly strategy: string;
  readonly seed: number;
  /** `softbar rerun TOKEN` makes the run again. */
  readonly token: string;
  /** "violation", "deadlock", …; "passed". */
  readonly verdict: string;
  /** The assertion that did not hold; empty for other verdicts. */
  readonly violation: string;
}

/**
 * Whoever acts:
 *
 * | kind | id | what it does |
 * |---|---|---|
 * | `cpu` | `cpu0` | accesses, barriers and waits of the driver, or of the test |
 * | `handler` | `cpu0.handler` | the same, while an interrupt handler runs on that CPU |
 * | `device` | `device0` | what arrives at a device and what it asks for |
 * | `link` | `device0.link` | DMA writes, messages and completions that land, in explored runs |
 * | `store-buffer` | `cpu0.stores` | stores that become visible or leave the CPU, in explored runs |
 * | `wire` | `device0.wire0` | nothing by itself: frames name it by their port |
 */
export interface TraceActor {
  readonly id: string;
  readonly kind: "cpu" | "handler" | "device" | "link" | "store-buffer" | "wire";
  /** For people: "CPU 0", "ixgbe". */
  readonly name: string;
  /** The CPU it is or belongs to. */
  readonly cpu?: number;
  /** The number of the device it is or belongs to. */
  readonly device?: number;
}

export interface ActorRecord {
  readonly kind: "actor";
  readonly actor: TraceActor;
}

/** Events are missing here: whoever wrote them was faster than whoever took them away. */
export interface LostRecord {
  readonly kind: "lost";
  readonly count: number;
  /** When it was noticed: what is lost lies before. */
  readonly timeNs: number;
}

/** How a trace can end: {@link TraceEnd.reason}. */
export const END_REASONS = ["complete", "failed", "interrupted", "limit"] as const;

export interface TraceEnd {
  readonly kind: "end";
  readonly eventCount: number;
  readonly lostCount: number;
  /** `failed`: the driver, the device or the test threw, or the explored run is a failure; all up to there is in it. */
  readonly reason: (typeof END_REASONS)[number];
  /** Why, in words; empty for `complete`. */
  readonly message: string;
}
