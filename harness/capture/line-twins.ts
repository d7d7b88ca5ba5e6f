import { PayloadPrints } from "../replay/streams/same-payloads.ts";
import type { CaptureLine } from "./line-table.ts";

/** Lines whose payloads are remembered, and of each so many: 40 MiB at most, and a few hundred KiB as a rule. */
const LINE_LIMIT = 256;
const PAYLOAD_LIMIT = 4096;

/** Two lines that carry the same packets, as lines A and B of a feed do. Plain data. */
export interface LineTwins {
  /** UDP destinations, the lower address and port first, which exchanges call line A. */
  readonly lines: readonly [a: string, b: string];
  /** Different payloads among the first ones of both, and those that were on both. Short ones, as heartbeats are, do not count. */
  readonly payloadCount: number;
  readonly commonCount: number;
  /** Only the first payloads of a line were compared: there are more. */
  readonly isCut: boolean;
}

/** Finds lines that carry the same, by their first payloads. */
export class TwinFinder {
  readonly #prints = new Map<CaptureLine, PayloadPrints>();

  /** A datagram of `line` with this payload. */
  count(line: CaptureLine, bytes: Uint8Array, offset: number, byteLength: number): void {
    let prints = this.#prints.get(line);
    if (prints === undefined) {
      if (this.#prints.size === LINE_LIMIT) return;
      prints = new PayloadPrints(PAYLOAD_LIMIT);
      this.#prints.set(line, prints);
    }
    prints.add(bytes, offset, byteLength);
  }

  /** Each line with the line after it that it has most in common with; a line is in one pair at most. */
  report(): LineTwins[] {
    const free = [...this.#prints].sort(([one], [other]) =>
      one.destination.localeCompare(other.destination, "en", { numeric: true }),
    );
    const twins: LineTwins[] = [];
    while (free.length > 1) {
      const [a, prints] = free.shift() as (typeof free)[number];
      const alike = free
        .filter(([, others]) => prints.isSameAs(others))
        .sort(([, one], [, other]) => prints.commonWith(other) - prints.commonWith(one));
      const [found] = alike;
      if (found === undefined) continue;
      free.splice(free.indexOf(found), 1);
      const [b, others] = found;
      const commonCount = prints.commonWith(others);
      const payloadCount = prints.count + others.count - commonCount;
      const isCut = Math.max(prints.count, others.count) === PAYLOAD_LIMIT;
      twins.push({ lines: [a.destination, b.destination], payloadCount, commonCount, isCut });
    }
    return twins;
  }
}
