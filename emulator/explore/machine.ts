import { Cpu } from "./cpu.ts";
import { Device } from "./device.ts";
import type { DeviceHook } from "./device-hook.ts";
import { CPU_LIMIT, DEVICE_LIMIT, THREAD_LIMIT, VECTOR_LIMIT } from "./kinds.ts";
import type { LinkLatitude, MachineLatitude } from "./latitude.ts";
import { RaceDetector } from "./races/race-detector.ts";
import { type Actor, BAR_BYTES, ExplorerState, type Steps } from "./state.ts";

/** Host memory of a small program; the registers of its devices follow. */
const HOST_BYTES = 1024;
const OUTCOME_LIMIT = 16;

/** What an actor's code threw when an assertion of the program did not hold. One object: a throw must not allocate. */
export const ABORT: Error = new Error("the explored run was stopped");

/** A number by which a CPU is named. */
export type CpuName = number;

interface Thread {
  readonly name: string;
  readonly cpu: number;
  readonly device: number;
  readonly isDaemon: boolean;
  /** Undefined for a plain function. */
  readonly body: (() => Steps) | undefined;
  /** A handler that is a plain function. */
  readonly plain?: () => void;
}

/** Lays out a program: locations, registers, CPUs, devices, handlers. Used once; the runs only set its state back. */
export class Machine {
  readonly state: ExplorerState;
  readonly threads: Thread[] = [];
  readonly cpuNames: string[] = [];
  readonly devices: Device[] = [];
  readonly names: Map<number, string> = new Map();
  /** What actors have seen, for the check at the end. Zero at the beginning of each run. */
  readonly outcome: Int32Array = new Int32Array(OUTCOME_LIMIT);
  /** Names what the program itself has not laid out. */
  nameOther: (address: number) => string = (address) => `0x${address.toString(16).padStart(4, "0")}`;
  /** Names an event of a device by the context that it was scheduled with. */
  nameEvent: (context: number) => string = () => "event";
  /** Names what an async driver waits for, by the operand of the operation. */
  nameAwait: (operand: number) => string = () => "a promise";
  /** Why the run is a violation; empty while it is none. */
  violation = "";
  /** By vector: the CPU that handles it, while it has a handler. */
  readonly cpuOfVector: CpuName[] = [];
  readonly #initial: { readonly address: number; readonly byteLength: number; readonly value: number }[] = [];
  readonly #racy: number[] = [];
  readonly #resets: (() => void)[] = [];
  readonly #checks: (() => void)[] = [];
  #hostBytes = 0;
  #vectorCount = 0;

  /**
   * Without arguments, memory for a small program. With the memory of a testbed, `windowBits` says how many addresses each
   * device has behind it (2 to that power); such a device needs a hook, because nothing is kept there.
   */
  constructor(memory?: Uint8Array, windowBits: number = 8) {
    this.state =
      memory === undefined
        ? new ExplorerState(new Uint8Array(HOST_BYTES + DEVICE_LIMIT * BAR_BYTES), HOST_BYTES, 8)
        : new ExplorerState(memory, memory.length, windowBits);
  }

  /** A 32-bit word of host memory; returns its address. */
  word(name: string, initial: number = 0): number {
    return this.#allocate(name, 4, initial);
  }

  /** 8 bytes of host memory, aligned: halves and bytes of it may be accessed too. */
  word64(name: string): number {
    return this.#allocate(name, 8, 0);
  }

  /** `count` words one after the other. */
  words(name: string, count: number): number {
    const address = this.word(`${name}[0]`);
    for (let index = 1; index < count; index++) this.word(`${name}[${index}]`);
    return address;
  }

  /** A CPU that runs `body`, a generator function. */
  cpu(name: string, body: (cpu: Cpu) => Actor): CpuName {
    const cpu = this.#addCpu(name);
    const access = new Cpu(this.state, this.threads.length);
    this.state.mainOf[cpu] = this.threads.length;
    this.#addThread({ name, cpu, device: -1, isDaemon: false, body: () => body(access) });
    return cpu;
  }

  /** A CPU that does nothing but take interrupts. */
  idleCpu(name: string): CpuName {
    return this.#addCpu(name);
  }

  /** A CPU whose program is a plain function, called by whoever runs the program. At most one. */
  plainCpu(name: string): { readonly cpu: CpuName; readonly thread: number } {
    const cpu = this.#addCpu(name);
    const thread = this.threads.length;
    this.state.mainOf[cpu] = thread;
    this.#addThread({ name, cpu, device: -1, isDaemon: false, body: undefined });
    return { cpu, thread };
  }

  /** Further actors on a CPU whose program is a plain function: one for each promise that it may wait for at a time. */
  awaits(cpu: CpuName, count: number): number[] {
    return Array.from({ length: count }, (_, index) => {
      const thread = this.threads.length;
      this.#addThread({ name: `await ${index + 1}`, cpu, device: -1, isDaemon: false, body: undefined });
      return thread;
    });
  }

  /**
   * A CPU whose program runs somewhere else, which `begin` lets start anew: see CpuWorker. `isPlain`: a driver, which may
   * wait in loops of its own.
   */
  remoteCpu(name: string, begin: (thread: number) => Steps, isPlain: boolean = false): CpuName {
    const cpu = this.#addCpu(name);
    const thread = this.threads.length;
    this.state.mainOf[cpu] = thread;
    this.#addThread({ name, cpu, device: -1, isDaemon: false, body: () => begin(thread) });
    if (isPlain) this.state.isPlain[thread] = 1;
    return cpu;
  }

  /**
   * The handler of a CPU whose program runs somewhere else. `begin` is called when the interrupt is taken. It is in force
   * only while the CPU says that it has one.
   */
  remoteHandler(vector: number, cpu: CpuName, name: string, begin: () => Steps): number {
    const thread = this.threads.length;
    this.cpuOfVector[vector] = cpu;
    this.#addThread({ name, cpu, device: -1, isDaemon: false, body: begin });
    this.state.isPlain[thread] = this.state.isPlain[this.state.mainOf[cpu] as number] as number;
    this.#resets.push(() => {
      this.state.handlerOf[vector] = -1;
    });
    return thread;
  }

  /** The number of the next CPU, and of the actor that its handler is, when it is laid out by a program and a handler. */
  nextCpu(): { readonly cpu: CpuName; readonly handlerThread: number } {
    return { cpu: this.cpuNames.length, handlerThread: this.threads.length + 1 };
  }

  /** Lets another program run as a thread that is laid out already. */
  setBody(thread: number, body: () => Steps): void {
    const existing = this.threads[thread];
    if (existing === undefined) throw new RangeError(`a program without a thread ${thread}`);
    this.threads[thread] = { ...existing, body };
  }

  /** A device. Its engine, if it has one, runs for ever or ends; nobody waits for it. */
  device(name: string, engine?: (device: Device) => Actor, hook?: DeviceHook): Device {
    const index = this.devices.length;
    if (index === DEVICE_LIMIT) throw new RangeError(`a program has at most ${DEVICE_LIMIT} devices`);
    const device = new Device(name, index, this.state, this.names);
    this.devices.push(device);
    this.state.hooks[index] = hook;
    if (engine === undefined) return device;
    device.thread = this.threads.length;
    this.#addThread({ name, cpu: -1, device: index, isDaemon: true, body: () => engine(device) });
    return device;
  }

  /** What the processors and the clock of this machine may do beyond the defaults. Holds for all runs. */
  allow(latitude: MachineLatitude): void {
    this.state.latitude.ofMachine(latitude);
  }

  /** The same for the link of one device. */
  allowLink(device: { readonly index: number }, latitude: LinkLatitude): void {
    this.state.latitude.ofLink(device.index, latitude);
  }

  /** From the next run on, data races on host memory are looked for. */
  detectRaces(): RaceDetector {
    const { state } = this;
    if (state.races !== undefined) return state.races;
    state.races = new RaceDetector(state);
    for (const address of this.#racy) state.races.checks.allowAt(address, 4);
    return state.races;
  }

  /** Races on this word are meant: it is what the program is about, or it is looked at twice. Say why. */
  mayRace(address: number, _reason: string): void {
    this.#racy.push(address);
    this.state.races?.checks.allowAt(address, 4);
  }

  /** An interrupt vector. */
  vector(): number {
    if (this.#vectorCount === VECTOR_LIMIT) throw new RangeError(`a program has at most ${VECTOR_LIMIT} vectors`);
    return this.#vectorCount++;
  }

  /** What `cpu` does when it takes an interrupt of `vector`: between two operations of its program. */
  handle(vector: number, cpu: CpuName, name: string, body: (cpu: Cpu) => Actor): void {
    const access = new Cpu(this.state, this.threads.length);
    this.state.handlerOf[vector] = this.threads.length;
    this.cpuOfVector[vector] = cpu;
    this.#addThread({ name, cpu, device: -1, isDaemon: false, body: () => body(access) });
  }

  /**
   * A handler that is a plain function too, for the CPU whose program is one: it runs on top of the access that it
   * interrupts. Its accesses are made as `thread`.
   */
  handlePlain(vector: number, cpu: CpuName, name: string, plain: () => void): { cpu: CpuName; thread: number } {
    const thread = this.threads.length;
    this.state.handlerOf[vector] = thread;
    this.cpuOfVector[vector] = cpu;
    this.#addThread({ name, cpu, device: -1, isDaemon: false, body: undefined, plain });
    return { cpu, thread };
  }

  /** State outside memory: set back before each run. */
  onReset(reset: () => void): void {
    this.#resets.push(reset);
  }

  /** Checked when a run has come to its end. */
  finally(check: () => void): void {
    this.#checks.push(check);
  }

  /** Ends the run as a violation unless `holds`. `what` says what went wrong. */
  assert(holds: boolean, what: string): void {
    if (holds) return;
    this.violation = what;
    throw ABORT;
  }

  /** What is in memory, for the check at the end. */
  peek32(address: number): number {
    this.state.timeline.load(address, 4, 0);
    return this.state.timeline.low;
  }

  /** The name of the location or register at `address`. */
  nameOf(address: number): string {
    for (let base = address; base >= 0 && base > address - 8; base--) {
      const name = this.names.get(base);
      if (name !== undefined) return base === address ? name : `${name}+${address - base}`;
    }
    return this.nameOther(address);
  }

  /** Sets everything back to the beginning. */
  reset(): void {
    const { state } = this;
    state.reset();
    state.timeline.bytes.fill(0, 0, this.#hostBytes);
    for (const device of this.devices) {
      const base = state.windowOf(device.index);
      if (device.barBytes > 0) state.timeline.bytes.fill(0, base, base + device.barBytes);
      state.hooks[device.index]?.onReset?.();
    }
    for (const { address, byteLength, value } of this.#initial) state.timeline.initialise(address, byteLength, value);
    this.outcome.fill(0);
    this.violation = "";
    for (const reset of this.#resets) reset();
  }

  /** Runs the checks of the end; throws what an assertion throws. */
  check(): void {
    for (const check of this.#checks) check();
  }

  #allocate(name: string, byteLength: number, initial: number): number {
    const address = (this.#hostBytes + byteLength - 1) & -byteLength;
    if (address + byteLength > HOST_BYTES) throw new RangeError(`a program has ${HOST_BYTES} bytes of host memory`);
    this.#hostBytes = address + byteLength;
    this.names.set(address, name);
    if (initial !== 0) this.#initial.push({ address, byteLength, value: initial });
    return address;
  }

  #addCpu(name: string): number {
    if (this.cpuNames.length === CPU_LIMIT) throw new RangeError(`a program has at most ${CPU_LIMIT} CPUs`);
    return this.cpuNames.push(name) - 1;
  }

  #addThread(thread: Thread): void {
    const index = this.threads.length;
    if (index === THREAD_LIMIT) throw new RangeError(`a program has at most ${THREAD_LIMIT} actors`);
    this.state.cpuOf[index] = thread.cpu;
    this.state.deviceOf[index] = thread.device;
    this.state.isPlain[index] = thread.body === undefined ? 1 : 0;
    this.threads.push(thread);
  }
}
