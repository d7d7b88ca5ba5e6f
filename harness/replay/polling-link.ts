import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { DeviceHost } from "../../emulator/run/device-host.ts";
import { FoldedLink } from "../../emulator/run/folded-link.ts";
import { RELAX_NS } from "../../emulator/run/time-request.ts";

/** The longest step: an hour of silence is a thousand polls. */
const STEP_LIMIT_NS = 60e9;

/**
 * How a driver that is replayed into in virtual time polls: each `relax()` goes to the next planned event, but no further
 * than twice as far as the one before, so that hours of silence do not cost a hundred thousand polls a second, and a
 * driver that counts its own time is late by no more than it has waited. An access of the card begins with small steps.
 */
export class PollingLink extends FoldedLink {
  readonly #host: DeviceHost;
  readonly #stepNs = new Float64Array([RELAX_NS]);

  constructor(host: DeviceHost, endpoint: Endpoint) {
    super(host, endpoint);
    this.#host = host;
  }

  override relax(): void {
    const host = this.#host;
    const limitNs = (host.clock.now[0] as number) + (this.#stepNs[0] as number);
    if (host.leap(limitNs)) this.#stepNs[0] = RELAX_NS;
    else this.#stepNs[0] = Math.min(2 * (this.#stepNs[0] as number), STEP_LIMIT_NS);
    host.settle();
  }

  override read(bar: number, offset: number, byteLength: number): number {
    this.#stepNs[0] = RELAX_NS;
    return super.read(bar, offset, byteLength);
  }
}
