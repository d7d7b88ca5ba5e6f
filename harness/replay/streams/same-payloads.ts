import { crc32 } from "../../../emulator/wire/crc32.ts";

/** Shorter payloads are heartbeats in most feeds, and say the same on lines that have nothing to do with each other. */
const SHORTEST_BYTES = 41;
/** Payloads of a line that are remembered, from its first on, unless somebody wants fewer. */
const PAYLOAD_LIMIT = 65_536;

/** What one line carried, so that another one that carries the same is known: CRC and length of its payloads. */
export class PayloadPrints {
  readonly #prints = new Set<number>();
  readonly #limit: number;

  constructor(limit: number = PAYLOAD_LIMIT) {
    this.#limit = limit;
  }

  /** Different payloads that are remembered. */
  get count(): number {
    return this.#prints.size;
  }

  add(bytes: Uint8Array, offset: number, byteLength: number): void {
    if (byteLength < SHORTEST_BYTES || this.#prints.size === this.#limit) return;
    this.#prints.add((crc32(bytes, offset, byteLength) >>> 0) * 65_536 + byteLength);
  }

  /**
   * Whether the lines are copies of each other: at least half of what the one has that carried less is on the other too.
   * What one of them lost, or had before the other came up, is no reason against it.
   */
  isSameAs(other: PayloadPrints): boolean {
    const common = this.commonWith(other);
    return common > 0 && 2 * common >= Math.min(this.count, other.count);
  }

  /** Payloads that both lines had. */
  commonWith(other: PayloadPrints): number {
    const [few, many] = this.count <= other.count ? [this, other] : [other, this];
    let common = 0;
    for (const print of few.#prints) if (many.#prints.has(print)) common++;
    return common;
  }
}
