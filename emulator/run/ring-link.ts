import type { MessagePort } from "node:worker_threads";
import type { Clock } from "../clock/clock.ts";
import type { CpuLink } from "../driver/cpu-link.ts";
import { InterruptController } from "../pcie/interrupt-controller.ts";
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
import { DeviceGoneError, TestbedError } from "./testbed-error.ts";
import { STATUS_DEAD, type ThreadStatus } from "./thread-status.ts";

/** Looks at the response before the thread sleeps: a read crosses in a fraction of a microsecond. */
const SPIN_COUNT = 20_000;
/** The device thread may be held up by a collection or a busy machine; after this it is taken for stuck. */
const ANSWER_LIMIT_MS = 5_000;
const NAP_MS = 10;

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
  #position = 0;
  #seenTaken = 0;
  #responses = 0;

  constructor(parts: {
    readonly name: string;
    readonly ring: SharedArrayBuffer;
    readonly status: ThreadStatus;
    readonly controller: InterruptController;
    readonly clock: Clock;
    readonly port: MessagePort;
    readonly bars: Readonly<Record<number, SharedArrayBuffer>>;
    /** Told once for each BAR that is mapped. */
    readonly onMap: (bar: number) => void;
  }) {
    this.#name = parts.name;
    this.#words = new Int32Array(parts.ring);
    this.#status = parts.status;
    this.#controller = parts.controller;
    this.#clock = parts.clock;
    this.#port = parts.port;
    this.#barMemory = parts.bars;
    this.#onMap = parts.onMap;
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

  announce(segment: number, buffer: SharedArrayBuffer): void {
    this.#port.postMessage({ segment, buffer });
  }

  mapBar(bar: number): SharedArrayBuffer {
    const memory = this.#barMemory[bar];
    if (memory === undefined) throw new RangeError(`${this.#name} has no BAR${bar}`);
    this.#ask(OP_MAP_BAR | (bar << 8), 0, 0);
    this.#onMap(bar);
    return memory;
  }

  relax(): void {
    (Atomics as { pause?: () => void }).pause?.();
    if (this.#status.status >= STATUS_DEAD) this.#throwGone();
  }

  waitForInterrupt(irq: number, seenCount: number, limitMs: number): void {
    const index = InterruptController.waitIndex(irq);
    for (let left = limitMs; left > 0; left -= NAP_MS) {
      // Short naps, because a thread that dies can no longer notify.
      if (Atomics.wait(this.#controller.words, index, seenCount, Math.min(left, NAP_MS)) !== "timed-out") return;
      if (this.#status.status >= STATUS_DEAD) this.#throwGone();
    }
  }

  delay(durationNs: number): void {
    const deadline = this.nowNs() + durationNs;
    for (let left = durationNs; left > 0; left = deadline - this.nowNs()) {
      if (this.#status.status >= STATUS_DEAD) this.#throwGone();
      if (left > 2e6) Atomics.wait(this.#words, RESPONSE_COUNT, this.#responses, Math.min(left / 1e6 - 1, NAP_MS));
      else (Atomics as { pause?: () => void }).pause?.();
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
    this.#status.wakeIfAsleep();
  }

  #ask(head: number, offset: number, low: number): number {
    this.#post(head, offset, low, 0);
    const words = this.#words;
    const expected = (this.#responses + 1) | 0;
    this.#responses = expected;
    let spins = 0;
    while (Atomics.load(words, RESPONSE_COUNT) !== expected) if (++spins === SPIN_COUNT) this.#awaitResponse(expected);
    this.readHigh = words[RESPONSE_HIGH] as number;
    return words[RESPONSE_LOW] as number;
  }

  #awaitResponse(expected: number): void {
    const words = this.#words;
    const before = (expected - 1) | 0;
    Atomics.store(words, RESPONSE_WAITER, 1);
    try {
      for (let waitedMs = 0; waitedMs < ANSWER_LIMIT_MS; waitedMs += NAP_MS) {
        this.#status.wakeIfAsleep();
        if (Atomics.wait(words, RESPONSE_COUNT, before, NAP_MS) !== "timed-out") return;
        if (this.#status.status >= STATUS_DEAD) this.#throwGone();
      }
    } finally {
      Atomics.store(words, RESPONSE_WAITER, 0);
    }
    throw new TestbedError(
      `${this.#name} did not answer a read within ${ANSWER_LIMIT_MS} ms although its thread lives: its model loops, or the machine is overloaded`,
    );
  }

  #waitForRoom(): void {
    const words = this.#words;
    for (let waitedMs = 0, spins = 0; ; spins++) {
      this.#seenTaken = Atomics.load(words, CONTROL_TAKEN);
      if (((this.#position - this.#seenTaken) | 0) < RING_ENTRY_COUNT) return;
      if (spins < SPIN_COUNT) continue;
      this.#status.wakeIfAsleep();
      if (this.#status.status >= STATUS_DEAD) this.#throwGone();
      Atomics.wait(words, CONTROL_TAKEN, this.#seenTaken, 1);
      if (++waitedMs > ANSWER_LIMIT_MS) {
        throw new TestbedError(`${this.#name} took no request for ${ANSWER_LIMIT_MS} ms: its model loops, or the machine is overloaded`);
      }
    }
  }

  #throwGone(): never {
    throw new DeviceGoneError(`${this.#name} is gone: ${this.#status.reason || "its testbed was closed"}`);
  }
}
