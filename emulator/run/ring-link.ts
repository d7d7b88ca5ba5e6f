import type { MessagePort } from "node:worker_threads";
import type { Clock } from "../clock/clock.ts";
import { WallClock } from "../clock/wall-clock.ts";
import type { CpuLink } from "../driver/cpu-link.ts";
import { InterruptController } from "../pcie/interrupt-controller.ts";
import { LifeWatch } from "./life-watch.ts";
import {
  CONTROL_TAKEN,
  entryAt,
  lapOf,
  OP_CONFIG_READ,
  OP_CONFIG_WRITE,
  OP_MAP_BAR,
  OP_READ,
  OP_WRITE,
  RESPONSE_COUNT,
  RESPONSE_HIGH,
  RESPONSE_LOW,
  RESPONSE_WAITER,
  RING_ENTRY_COUNT,
} from "./request-ring.ts";
import { DeviceGoneError, DeviceStuckError, TestbedError } from "./testbed-error.ts";
import { STATUS_DEAD, type ThreadStatus } from "./thread-status.ts";
import { RELAX_NS, TimeWish } from "./time-request.ts";

/** Looks at the response before the thread sleeps: a read crosses in a fraction of a microsecond. */
const SPIN_COUNT = 20_000;
/** Looks for an interrupt before the thread sleeps: a sleep costs a hundred times as much. */
const INTERRUPT_SPIN_COUNT = 2000;
const NAP_MS = 10;
/** Relaxations between two looks whether the device thread still lives: a fraction of a millisecond. */
const RELAXES_PER_LOOK = 1024;

/** Tells the processor that this is a spin. */
function pause(): void {
  (Atomics as { pause?: () => void }).pause?.();
}

/** A CPU's end of a request ring to a function whose device runs in another thread. */
export class RingLink implements CpuLink {
  readHigh = 0;
  readonly #name: string;
  readonly #words: Int32Array;
  readonly #status: ThreadStatus;
  readonly #controller: InterruptController;
  readonly #clock: Clock;
  readonly #port: MessagePort;
  readonly #barMemory: Readonly<Record<number, SharedArrayBuffer>>;
  readonly #onMap: (bar: number) => void;
  readonly #cpuIndex: number;
  /** Virtual time only: it passes when somebody asks for it. */
  readonly #wish: TimeWish | undefined;
  /** How long an answer may take is real time, whatever clock the testbed has. */
  readonly #wall = new WallClock();
  readonly #answerLimitMs: number;
  readonly #life: LifeWatch;
  #relaxCount = 0;
  #position = 0;
  #seenTaken = 0;
  #responses = 0;

  constructor(parts: {
    readonly name: string;
    readonly cpuIndex: number;
    readonly ring: SharedArrayBuffer;
    readonly status: ThreadStatus;
    readonly controller: InterruptController;
    readonly clock: Clock;
    /** One double, shared with the device thread; see {@link TimeWish}. */
    readonly wantedNs: SharedArrayBuffer;
    readonly port: MessagePort;
    readonly bars: Readonly<Record<number, SharedArrayBuffer>>;
    /** Told once for each BAR that is mapped. */
    readonly onMap: (bar: number) => void;
    /** How long the device thread may be silent before it is taken for stuck. */
    readonly answerLimitMs: number;
  }) {
    this.#name = parts.name;
    this.#words = new Int32Array(parts.ring);
    this.#status = parts.status;
    this.#controller = parts.controller;
    this.#clock = parts.clock;
    this.#port = parts.port;
    this.#barMemory = parts.bars;
    this.#onMap = parts.onMap;
    this.#answerLimitMs = parts.answerLimitMs;
    this.#life = new LifeWatch(parts.status, parts.port);
    this.#cpuIndex = parts.cpuIndex;
    if (parts.clock.kind === "virtual") {
      this.#wish = new TimeWish(parts.clock, parts.wantedNs, parts.status, parts.controller, parts.cpuIndex);
    }
  }

  write(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    this.#post(OP_WRITE | (byteLength << 4) | (bar << 8), offset, low, high);
  }

  read(bar: number, offset: number, byteLength: number): number {
    return this.#ask(OP_READ | (byteLength << 4) | (bar << 8), offset, 0);
  }

  configRead(offset: number, byteLength: number): number {
    return this.#ask(OP_CONFIG_READ | (byteLength << 4), offset, 0);
  }

  configWrite(offset: number, byteLength: number, value: number): void {
    this.#ask(OP_CONFIG_WRITE | (byteLength << 4), offset, value | 0);
  }

  announce(segment: number, buffer: SharedArrayBuffer | undefined): void {
    this.#port.postMessage({ segment, buffer });
  }

  mapBar(bar: number): SharedArrayBuffer {
    const memory = this.#barMemory[bar];
    if (memory === undefined) throw new RangeError(`${this.#name} has no BAR${bar}`);
    if (this.#ask(OP_MAP_BAR | (bar << 8), 0, 0) === 0) {
      throw new TestbedError(
        `BAR${bar} of ${this.#name} has no register table, so nothing would come of a store to its raw memory. Use the accessors.`,
      );
    }
    this.#onMap(bar);
    return memory;
  }

  relax(): void {
    pause();
    if (this.#status.status >= STATUS_DEAD) this.#throwGone();
    if (++this.#relaxCount === RELAXES_PER_LOOK) {
      this.#relaxCount = 0;
      this.#lookForLife();
    }
    this.#wish?.await(this.nowNs() + RELAX_NS, this.#controller.sequenceOf(this.#cpuIndex));
  }

  waitForInterrupt(cpu: number, seenSequence: number, limitMs: number): number {
    const controller = this.#controller;
    for (let spins = 0; spins < INTERRUPT_SPIN_COUNT; spins++) {
      if (controller.sequenceOf(cpu) !== seenSequence) return limitMs;
    }
    const index = InterruptController.sequenceIndex(cpu);
    const deadlineNs = this.nowNs() + limitMs * 1e6;
    for (let leftMs = limitMs; leftMs > 0; leftMs = (deadlineNs - this.nowNs()) / 1e6) {
      // Short naps, because a thread that dies can no longer notify.
      this.#lookForLife();
      if (this.#wish !== undefined && deadlineNs !== Number.POSITIVE_INFINITY)
        this.#wish.await(deadlineNs, seenSequence);
      else Atomics.wait(controller.words, index, seenSequence, Math.min(leftMs, NAP_MS));
      if (controller.sequenceOf(cpu) !== seenSequence) return leftMs;
    }
    return 0;
  }

  delay(durationNs: number): void {
    const deadlineNs = this.nowNs() + durationNs;
    for (let leftNs = durationNs; leftNs > 0; leftNs = deadlineNs - this.nowNs()) {
      this.#lookForLife();
      if (this.#wish !== undefined) this.#wish.await(deadlineNs, this.#controller.sequenceOf(this.#cpuIndex));
      else if (leftNs > 2e6)
        Atomics.wait(this.#words, RESPONSE_COUNT, this.#responses, Math.min(leftNs / 1e6 - 1, NAP_MS));
      else pause();
    }
  }

  nowNs(): number {
    this.#clock.refresh();
    return this.#clock.now[0] as number;
  }

  #post(head: number, offset: number, low: number, high: number): void {
    const words = this.#words;
    const position = this.#position;
    if (((position - this.#seenTaken) | 0) >= RING_ENTRY_COUNT) this.#waitForRoom();
    const at = entryAt(position);
    words[at + 1] = offset;
    words[at + 2] = low;
    words[at + 3] = high;
    // The entry's own first word says that it is there: one cache line crosses, not two.
    Atomics.store(words, at, head | lapOf(position));
    this.#position = (position + 1) | 0;
    if (!this.#status.wakeIfAsleep()) this.#throwGone();
  }

  #ask(head: number, offset: number, low: number): number {
    this.#post(head, offset, low, 0);
    const words = this.#words;
    const expected = (this.#responses + 1) | 0;
    this.#responses = expected;
    let spins = 0;
    while (Atomics.load(words, RESPONSE_COUNT) !== expected) if (++spins >= SPIN_COUNT) this.#awaitResponse(expected);
    this.readHigh = words[RESPONSE_HIGH] as number;
    return words[RESPONSE_LOW] as number;
  }

  /** Returns when the response is there. What arrives in between answers a read that was given up. */
  #awaitResponse(expected: number): void {
    const words = this.#words;
    const deadlineNs = this.#wallNs() + this.#answerLimitMs * 1e6;
    Atomics.store(words, RESPONSE_WAITER, 1);
    try {
      for (
        let count = Atomics.load(words, RESPONSE_COUNT);
        count !== expected;
        count = Atomics.load(words, RESPONSE_COUNT)
      ) {
        const silentMs = this.#lookForLife();
        if (this.#wallNs() > deadlineNs) this.#throwStuck("did not answer a read", silentMs);
        this.#status.wakeIfAsleep();
        Atomics.wait(words, RESPONSE_COUNT, count, NAP_MS);
      }
    } finally {
      Atomics.store(words, RESPONSE_WAITER, 0);
    }
  }

  #waitForRoom(): void {
    const words = this.#words;
    let deadlineNs = Number.POSITIVE_INFINITY;
    for (let spins = 0; ; spins++) {
      this.#seenTaken = Atomics.load(words, CONTROL_TAKEN);
      if (((this.#position - this.#seenTaken) | 0) < RING_ENTRY_COUNT) return;
      if (spins < SPIN_COUNT) continue;
      if (spins === SPIN_COUNT) deadlineNs = this.#wallNs() + this.#answerLimitMs * 1e6;
      this.#status.wakeIfAsleep();
      const silentMs = this.#lookForLife();
      if (this.#wallNs() > deadlineNs) this.#throwStuck("took no request", silentMs);
      Atomics.wait(words, CONTROL_TAKEN, this.#seenTaken, 1);
    }
  }

  #wallNs(): number {
    this.#wall.refresh();
    return this.#wall.now[0] as number;
  }

  #throwGone(): never {
    throw new DeviceGoneError(`${this.#name} is gone: ${this.#status.reason || "its testbed was closed"}`);
  }

  /**
   * Throws DeviceGoneError when the device thread is dead, DeviceStuckError when it has been silent for too long. Returns
   * how long it has been silent.
   */
  #lookForLife(): number {
    const silentMs = this.#life.look();
    if (this.#status.status >= STATUS_DEAD) this.#throwGone();
    if (silentMs > this.#answerLimitMs) this.#throwStuck("", silentMs);
    return silentMs;
  }

  /** A thread that lives beats a hundred times a second: half the limit without a beat is none that lives. */
  #throwStuck(what: string, silentMs: number): never {
    const limit = `for ${this.#answerLimitMs} ms`;
    const isSilent = silentMs > this.#answerLimitMs / 2;
    const since = isSilent ? `gave no sign of life ${limit}` : `${what} ${limit} although its thread lives`;
    throw new DeviceStuckError(`${this.#name} ${since}: its model loops, or the machine is overloaded`);
  }
}
