import type { LineGroup } from "./stream-plan.ts";

const TABLE_SIZE = 1024;
const TABLE_MASK = TABLE_SIZE - 1;

/** Finds the group of a UDP destination, and which of its lines it is, without allocation. */
export class LineTable {
  /** Set by {@link find}. */
  group = -1;
  line = -1;
  readonly #addresses: Int32Array;
  readonly #ports: Int32Array;
  readonly #groups: Int32Array;
  readonly #lines: Int32Array;
  /** Open addressing: index of a line plus 1, or 0. At most 256 lines are known, so a quarter of it is taken. */
  readonly #table = new Int16Array(TABLE_SIZE);

  constructor(groups: readonly LineGroup[]) {
    const all = groups.flatMap(({ lines }, group) => lines.map((line, index) => ({ ...line, group, index })));
    if (all.length > TABLE_SIZE / 2) throw new RangeError(`${all.length} lines; want at most ${TABLE_SIZE / 2}`);
    this.#addresses = Int32Array.from(all, ({ address }) => address);
    this.#ports = Int32Array.from(all, ({ port }) => port);
    this.#groups = Int32Array.from(all, ({ group }) => group);
    this.#lines = Int32Array.from(all, ({ index }) => index);
    for (let entry = 0; entry < all.length; entry++) {
      let at = placeOf(this.#addresses[entry] as number, this.#ports[entry] as number);
      while (this.#table[at] !== 0) at = (at + 1) & TABLE_MASK;
      this.#table[at] = entry + 1;
    }
  }

  /** False where the destination is no line of a group. */
  find(address: number, port: number): boolean {
    for (let at = placeOf(address, port); this.#table[at] !== 0; at = (at + 1) & TABLE_MASK) {
      const entry = (this.#table[at] as number) - 1;
      if (this.#addresses[entry] !== address || this.#ports[entry] !== port) continue;
      this.group = this.#groups[entry] as number;
      this.line = this.#lines[entry] as number;
      return true;
    }
    return false;
  }
}

function placeOf(address: number, port: number): number {
  return (Math.imul(address ^ (port << 16) ^ port, 0x9e37_79b1) >>> 16) & TABLE_MASK;
}
