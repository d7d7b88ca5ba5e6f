import type { AccessMode, Register } from "../../emulator/registers/declare.ts";
import type { RegisterFinding, RegisterFindings } from "../../emulator/registers/register-file.ts";

// What an access does to one bit, as a truth table: no masks, nothing shared with the register file. `write` has the bit
// after a write for (bit, written) = 00, 01, 10, 11; `read` what a read gives for bit = 0, 1; `after` the bit after it.

interface Row {
  readonly write: string;
  readonly read: string;
  readonly after: string;
}

const row = (write: string, read = "01", after = "01"): Row => ({ write, read, after });

export const truth: Readonly<Record<AccessMode, Row>> = {
  ro: row("0011"),
  rw: row("0101"),
  wo: row("0101", "00"),
  w1s: row("0111"),
  w1c: row("0010"),
  w1t: row("0110"),
  w0s: row("1011"),
  w0c: row("0001"),
  w0t: row("1001"),
  wc: row("0000"),
  ws: row("1111"),
  rc: row("0011", "01", "00"),
  rs: row("0011", "01", "11"),
  sc: row("0101"),
  wonce: row("0101"),
  reserved: row("0011"),
};

const untouched = "0011";
/** Modes that take any value written; for the others, some value has no effect. */
const takesAll: readonly AccessMode[] = ["rw", "wo", "sc", "wc", "ws", "wonce"];

/** One register element, bit by bit. Values are int32. */
export class BitModel {
  readonly #modes: readonly (readonly AccessMode[])[];
  readonly #resetBits: readonly number[];
  #bits: number[];
  #written = false;

  constructor(modes: readonly (readonly AccessMode[])[], resetValue: number) {
    this.#modes = modes;
    this.#resetBits = bitsOf(resetValue);
    this.#bits = [...this.#resetBits];
  }

  get value(): number {
    return int32Of(this.#bits);
  }

  deviceSets(value: number): void {
    this.#bits = bitsOf(value);
  }

  reset(): void {
    this.#bits = [...this.#resetBits];
    this.#written = false;
  }

  write(value: number): void {
    const written = bitsOf(value);
    this.#bits = this.#bits.map((bit, position) => {
      const modes = this.#modes[position] ?? [];
      return modes.reduce((now, mode) => {
        const column = mode === "wonce" && this.#written ? untouched : truth[mode].write;
        return Number(column[2 * now + (written[position] ?? 0)]);
      }, bit);
    });
    this.#written = true;
  }

  read(): number {
    const column = (name: "read" | "after"): number[] =>
      this.#bits.map((bit, position) =>
        (this.#modes[position] ?? []).reduce((now, mode) => Number(truth[mode][name][now]), bit),
      );
    const value = int32Of(column("read"));
    this.#bits = column("after");
    return value;
  }

  /** What a write of `value` would be called, from the definitions of the findings. */
  findingsOf(value: number): Set<RegisterFinding> {
    const written = bitsOf(value);
    const findings = new Set<RegisterFinding>();
    const all = this.#modes.flat();
    const inert = (mode: AccessMode): boolean => truth[mode].write === untouched;
    if (all.every(inert)) return findings.add("write-to-read-only");
    this.#modes.forEach((modes, position) => {
      if (modes.includes("reserved") && written[position] !== this.#bits[position]) {
        findings.add("reserved-bits-changed");
      }
    });
    // A bit that acts on ones, or on zeros, does nothing for the other value whatever it holds.
    const acts = this.#modes.some((modes, position) =>
      modes.some((mode) => {
        if (takesAll.includes(mode)) return true;
        const w = written[position] ?? 0;
        return truth[mode].write[w] !== "0" || truth[mode].write[2 + w] !== "1";
      }),
    );
    if (!acts) findings.add("write-without-effect");
    // The second write of a write-once bit is lost, which shows when it would have changed the bit.
    const lost = this.#modes.some((modes, at) => modes.includes("wonce") && written[at] !== this.#bits[at]);
    if (this.#written && lost) findings.add("write-without-effect");
    return findings;
  }
}

/** The modes of a declared register's 32 bits. What no field names is reserved, if there are fields at all. */
export function modesByBit(register: Register): (readonly AccessMode[])[] {
  const fields = Object.values(register.fields);
  return Array.from({ length: 32 }, (_, position) => {
    const field = fields.find(({ high, low }) => low <= position && position <= high);
    if (field === undefined) return fields.length === 0 ? register.access : (["reserved"] as const);
    if (field.access === undefined) return register.access;
    return typeof field.access === "string" ? [field.access] : field.access;
  });
}

/** Byte offsets by which an element is reached: its own first, then its aliases. */
export function offsetsOf(register: Register, index: number): number[] {
  const offsets: number[] = [];
  let first = 0;
  for (const { offset, count, stride } of register.ranges) {
    if (index >= first && index < first + count) offsets.push(offset + (index - first) * stride);
    first += count;
  }
  for (const { offset, count, stride } of register.aliases) if (index < count) offsets.push(offset + index * stride);
  return offsets;
}

export interface Recorded {
  readonly finding: RegisterFinding;
  readonly offset: number;
  readonly value: number | undefined;
}

/** Keeps what a register file says, repeats too. */
export class Findings implements RegisterFindings {
  readonly all: Recorded[] = [];

  registerFinding(finding: RegisterFinding, offset: number, _ordinal: number, value: number | undefined): void {
    this.all.push({ finding, offset, value });
  }
}

function bitsOf(value: number): number[] {
  return Array.from({ length: 32 }, (_, position) => Math.floor((value >>> 0) / 2 ** position) % 2);
}

function int32Of(bits: readonly number[]): number {
  return bits.reduce((sum, bit, position) => sum + bit * 2 ** position, 0) | 0;
}
