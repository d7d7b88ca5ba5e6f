import type { CpuLink } from "../driver/cpu-link.ts";
import { VirtualClock } from "../clock/clock.ts";
import type { Endpoint } from "../pcie/endpoint.ts";
import type { DeviceHost } from "./device-host.ts";
import { TestbedError } from "./testbed-error.ts";

/** What a non-posted read costs in virtual time: a poll on a register lets time pass (PCIe round trip of a NIC). */
const READ_NS = 500;
/** How far one `relax()` moves virtual time when nothing is planned sooner. */
const RELAX_NS = 10_000;
/** A planned event this near is what a relaxing CPU waits for. */
const RELAX_REACH_NS = 10_000_000;

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
    const { clock } = this.#host;
    if (clock instanceof VirtualClock) {
      clock.advanceBy(READ_NS);
      this.#host.settle();
    }
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
    this.#host.settle();
  }

  waitForInterrupt(irq: number, seenCount: number, limitMs: number): void {
    const deadline = this.nowNs() + limitMs * 1e6;
    const { interrupts } = this.#endpoint;
    this.#host.settle();
    while (interrupts.countOf(irq) === seenCount && this.#host.leap(deadline)) {
      // Each leap is one planned event; the loop ends at the deadline or when nothing is planned any more.
    }
  }

  delay(durationNs: number): void {
    const deadline = this.nowNs() + durationNs;
    while (this.#host.leap(deadline)) {
      // One planned event at a time, each settled, up to the deadline.
    }
    this.#host.settle();
  }

  nowNs(): number {
    return this.#host.clock.now[0] as number;
  }
}
