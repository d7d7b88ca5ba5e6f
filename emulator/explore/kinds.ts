/**
 * The vocabulary of an explored run: what an actor may ask for next, what may be on its way between CPU, memory and device,
 * and who the actors are. Small integers, because they live in typed arrays.
 */

/** `sc`: sequential consistency; `tso`: x86; `relaxed`: Arm-like, without load buffering. */
export type MemoryModel = "sc" | "tso" | "relaxed";

/** Strongest first. The index is what the engine keeps. */
export const MEMORY_MODELS: readonly MemoryModel[] = ["sc", "tso", "relaxed"];
export const SC = 0;
export const TSO = 1;
export const RELAXED = 2;

// ---- what a CPU may ask for -----------------------------------------------------------------------------------------
export const LOAD = 1;
export const LOAD_ACQUIRE = 2;
/** JavaScript's `Atomics.load`: sequentially consistent. */
export const LOAD_ATOMIC = 3;
export const STORE = 4;
export const STORE_RELEASE = 5;
export const STORE_ATOMIC = 6;
export const ADD = 7;
export const EXCHANGE = 8;
export const COMPARE_EXCHANGE = 9;
export const POLL = 10;
export const MB = 11;
export const RMB = 12;
export const WMB = 13;
export const DMA_RMB = 14;
export const DMA_WMB = 15;
export const MMIO_WRITE = 16;
export const MMIO_WRITE_RELAXED = 17;
export const MMIO_READ = 18;
export const MMIO_READ_RELAXED = 19;
export const MMIO_POLL = 20;
export const WC_WRITE = 21;
export const LOCK = 22;
export const UNLOCK = 23;
export const FUTEX_WAIT = 24;
export const FUTEX_NOTIFY = 25;
export const WAIT_INTERRUPT = 26;
export const SYNCHRONIZE_IRQ = 27;
export const IRQ_SAVE = 28;
export const IRQ_RESTORE = 29;
export const RELAX = 30;
export const DELAY = 31;
// ---- what a device may ask for --------------------------------------------------------------------------------------
export const REGISTER_READ = 32;
export const REGISTER_WRITE = 33;
export const REGISTER_POLL = 34;
export const FETCH = 35;
export const DMA_WRITE = 36;
export const MESSAGE = 37;
export const LINE = 38;
export const REGISTER_SET = 39;
/** An async function waits for one of softbar's promises. */
export const AWAIT = 40;

/** By operation, for people. */
export const OPERATION_NAMES: readonly string[] = [
  "",
  "read",
  "read (acquire)",
  "atomic read",
  "write",
  "write (release)",
  "atomic write",
  "atomic add",
  "atomic exchange",
  "atomic compare-exchange",
  "poll",
  "mb",
  "rmb",
  "wmb",
  "dmaRmb",
  "dmaWmb",
  "MMIO write",
  "MMIO write (relaxed)",
  "MMIO read",
  "MMIO read (relaxed)",
  "MMIO poll",
  "write-combining write",
  "lock",
  "unlock",
  "futex wait",
  "futex notify",
  "wait for interrupt",
  "synchronizeIrq",
  "irqSave",
  "irqRestore",
  "relax",
  "delay",
  "register read",
  "register write",
  "register poll",
  "DMA read",
  "DMA write",
  "interrupt message",
  "interrupt line",
  "register set",
  "await",
];

// ---- what may be on its way -----------------------------------------------------------------------------------------
/** A store in a store buffer. */
export const BUFFERED_STORE = 1;
/** A posted MMIO write that is still in a store buffer. */
export const BUFFERED_IO = 2;
/** Orders all that is before it in the store buffer with all that is behind it. No step of its own. */
export const FENCE = 3;
/** The same, for stores to memory only: what a spin_unlock is made of. */
export const FENCE_DRAM = 4;
export const COMBINED_WRITE = 5;
export const POSTED_WRITE = 6;
export const READ_REQUEST = 7;
export const DMA_LANDING = 8;
export const MESSAGE_LANDING = 9;
export const COMPLETION = 10;
export const DMA_FETCH = 11;
export const INTERRUPT = 12;
export const EVENT = 13;
/** A change of a legacy line that travels as a message, in order. */
export const LINE_LANDING = 14;

// ---- who acts -------------------------------------------------------------------------------------------------------
/** Threads: CPUs, devices written as generators, interrupt handlers. Their numbers are actors 0 to 15. */
export const THREAD_LIMIT = 16;
export const CPU_LIMIT = 8;
export const DEVICE_LIMIT = 8;
export const VECTOR_LIMIT = 64;
/** Derived actors: each queue on the way takes steps of its own. The owner's number is added. */
export const STORE_BUFFER = 16;
export const COMBINING: number = STORE_BUFFER + CPU_LIMIT;
export const DOWN: number = COMBINING + CPU_LIMIT;
export const UP: number = DOWN + DEVICE_LIMIT;
export const FETCHES: number = UP + DEVICE_LIMIT;
export const EVENTS: number = FETCHES + DEVICE_LIMIT;
export const INTERRUPTS: number = EVENTS + DEVICE_LIMIT;
export const ACTOR_LIMIT: number = INTERRUPTS + VECTOR_LIMIT;

/** Things on their way at the same time in one run. */
export const IN_FLIGHT_LIMIT = 240;
/** A step is named by its slot: a thread's number, or this plus the place of what is on its way. */
export const FIRST_ENTRY_SLOT = 16;
export const SLOT_LIMIT = 256;

// ---- how a thread stands --------------------------------------------------------------------------------------------
/** Not started (a handler whose interrupt has not come) or not there. */
export const DORMANT = 0;
/** Its next operation is published. */
export const READY = 1;
/** Its operation is on the bus and ends when the answer arrives. */
export const WAITING = 2;
/** In a futex wait. */
export const SLEEPING = 3;
export const DONE = 4;
/** A plain function whose operation has ended: it is about to return into the driver. */
export const RETURNING = 5;
