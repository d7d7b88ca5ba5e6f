/** A row of a format's table of messages. */
export interface MessageKind {
  /** The type byte, or the number of the template. */
  readonly type: number;
  readonly name: string;
}

/** How a format's documents write its types: "A", "0x21", "46". */
export type TypeNotation = "letter" | "hex" | "decimal";

/** Messages of one type. Plain data. */
export interface MessageCount {
  readonly type: string;
  /** "unknown" where the format's table has no such type. */
  readonly name: string;
  readonly count: number;
}

/** Counts messages by type, known or not. No allocation per message. */
export class MessageCounts {
  readonly byType: Float64Array;
  /** Of a type at or above the limit. */
  beyond = 0;
  /** Of a known type, but shorter than it, or of another length. Counted by type as well. */
  malformed = 0;
  readonly #kinds: readonly MessageKind[];
  readonly #notation: TypeNotation;

  /** Types below `typeLimit` are told apart. */
  constructor(kinds: readonly MessageKind[], notation: TypeNotation, typeLimit = 256) {
    this.byType = new Float64Array(typeLimit);
    this.#kinds = kinds;
    this.#notation = notation;
  }

  count(type: number): void {
    if (type < this.byType.length) (this.byType[type] as number)++;
    else this.beyond++;
  }

  /** The types that were seen: known ones in the order of the table, then the others (allocates). */
  list(): MessageCount[] {
    const known = this.#kinds.filter(({ type }) => (this.byType[type] ?? 0) > 0);
    const isKnown = new Set(known.map(({ type }) => type));
    const rows = known.map(({ type, name }) => ({ type: this.#key(type), name, count: this.byType[type] as number }));
    for (let type = 0; type < this.byType.length; type++) {
      const count = this.byType[type] as number;
      if (count > 0 && !isKnown.has(type)) rows.push({ type: this.#key(type), name: "unknown", count });
    }
    if (this.beyond > 0) rows.push({ type: `≥ ${this.byType.length}`, name: "unknown", count: this.beyond });
    return rows;
  }

  /** What is wrong with the messages, for a tracker's remarks (allocates). */
  remarks(): Record<string, number> {
    return { ...(this.malformed > 0 && { "malformed messages": this.malformed }) };
  }

  #key(type: number): string {
    const isPrintable = type > 0x20 && type < 0x7f;
    if (this.#notation === "letter" && isPrintable) return String.fromCharCode(type);
    if (this.#notation === "decimal") return `${type}`;
    return `0x${type.toString(16).padStart(2, "0")}`;
  }
}
