import type { CpuLink } from "../driver/cpu-link.ts";
import type { Endpoint } from "../pcie/endpoint.ts";
import type { DeviceHost } from "./device-host.ts";
import { TestbedError } from "./testbed-error.ts";
import { RELAX_NS } from "./time-request.ts";

/** What a non-posted read costs in virtual time: a poll on a register lets time pass (PCIe round trip of a NIC). */
const READ_NS = 500;
/** A planned event this near is what a relaxing CPU waits for. */
const RELAX_REACH_NS = 10_000_000;
/** On the wall clock: a thread with nothing due sooner sleeps this long at a time. */
const NAP_MS = 1;
const NAP_WORD = new Int32Array(new SharedArrayBuffer(4));

/**
 * The device folded into the thread that makes the access: each access is followed by everything that it sets off.
 * Deterministic: it is the ordinary run that a search of other orders departs from.
 */
export class FoldedLink implements CpuLink {
  readHigh = 0;
  readonly #host: DeviceHost;
  readonly #endpoint: Endpoint;

  constructor(host: DeviceHost, endpoint: Endpoint) {
    this.#host = host;
    this.#endpoint = endpoint;
  }

  write(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    this.#endpoint.write(bar, offset, byteLength, low, high);
    this.#host.settle();
  }

  read(bar: number, offset: number, byteLength: number): number {
    if (this.#isVirtual) this.delay(READ_NS);
    const low = this.#endpoint.read(bar, offset, byteLength);
    this.readHigh = this.#endpoint.readHigh;
    this.#host.settle();
    return low;
  }

  configRead(offset: number, byteLength: number): number {
    return this.#endpoint.configRead(offset, byteLength);
  }

  configWrite(offset: number, byteLength: number, value: number): void {
    this.#endpoint.configWrite(offset, byteLength, value);
    this.#host.settle();
  }

  announce(): void {
    // The device's memory is this thread's memory: there is nobody to tell.
  }

  mapBar(bar: number): never {
    throw new TestbedError(
      `BAR${bar} cannot be mapped in a folded run: a store to raw memory calls nobody, so the device would never see it. Use the accessors, or run the device in its own thread (run: "threaded").`,
    );
  }

  relax(): void {
    const now = this.nowNs();
    if (this.#host.nextEventNs() <= now + RELAX_REACH_NS) this.#host.leap(now + RELAX_REACH_NS);
    else this.#host.leap(now + RELAX_NS);
    this.#host.wake();
    this.#host.settle();
  }

  waitForInterrupt(cpu: number, seenSequence: number, limitMs: number): number {
    const deadline = this.nowNs() + limitMs * 1e6;
    const { interrupts } = this.#endpoint;
    this.#host.settle();
    while (interrupts.sequenceOf(cpu) === seenSequence && this.#letPass(deadline)) {
      // One planned event at a time; the loop ends at the deadline or, in virtual time, when nothing is planned any more.
    }
    if (interrupts.sequenceOf(cpu) === seenSequence) return 0;
    return Math.max(0, (deadline - this.nowNs()) / 1e6);
  }

  delay(durationNs: number): void {
    const deadline = this.nowNs() + durationNs;
    while (this.#letPass(deadline)) {
      // One planned event at a time, each settled, up to the deadline.
    }
    this.#host.settle();
  }

  nowNs(): number {
    this.#host.clock.refresh();
    return this.#host.clock.now[0] as number;
  }

  get #isVirtual(): boolean {
    return this.#host.clock.kind === "virtual";
  }

  /** Lets time pass up to the next planned event or the deadline. False when the deadline is there. */
  #letPass(deadlineNs: number): boolean {
    const host = this.#host;
    if (this.#isVirtual) return host.leap(deadlineNs);
    const leftNs = Math.min(deadlineNs, host.nextEventNs()) - this.nowNs();
    if (leftNs > 2 * NAP_MS * 1e6) Atomics.wait(NAP_WORD, 0, 0, NAP_MS);
    host.wake();
    host.settle();
    return this.nowNs() < deadlineNs;
  }
}
