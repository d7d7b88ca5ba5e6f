import type { RegisterOptions } from "../registers/declare.ts";
import { type FindingRecorder, registerPlace } from "../registers/finding-text.ts";
import { type AccessMasks, hex, NO_REGISTER, type RegisterMap } from "../registers/register-map.ts";

/** Reads of one register in a row after which it is a poll and not a look. */
const POLL_READS = 64;
const NONE = -1;

/** What a register does for interrupts; see {@link RegisterOptions.interrupt}. */
export type InterruptRole = NonNullable<RegisterOptions["interrupt"]>;

/**
 * Reads and writes of one BAR's registers that cannot do what the driver wants of them. Its own side of the accesses: what
 * a write does to the card is judged by the card.
 */
export class RegisterLint {
  readonly #findings: FindingRecorder;
  readonly #map: RegisterMap;
  /** Ordinal of the last access if it was a read, and how many of the same there were. */
  #lastRead = NONE;
  #readCount = 0;
  /** What the last read took away by reading it. */
  #taken = 0;
  /** Ordinal of the last access if it was a write that turned bits on in a register that the device never changes. */
  #lastWrite = NONE;
  /** Such a write was read back, and nothing else was done since. */
  #readBack = NONE;
  /** By ordinal: what the driver wrote last. */
  readonly #written = new Map<number, number>();

  constructor(findings: FindingRecorder, map: RegisterMap) {
    this.#findings = findings;
    this.#map = map;
  }

  /** Something else was done: memory was looked at, time passed, another BAR was accessed. */
  interrupted(): void {
    this.#judgeReadBack(NONE);
    this.#taken = 0;
    this.#lastWrite = NONE;
  }

  /** A pause in a poll. */
  paused(): void {
    this.#taken = 0;
  }

  /** Memory was looked at: what is polled may be there. */
  looked(): void {
    this.interrupted();
    this.#lastRead = NONE;
  }

  written(offset: number, value: number): void {
    const ordinal = this.#map.ordinalAt(offset & ~3);
    this.#judgeReadBack(ordinal);
    this.#lastRead = NONE;
    this.#taken = 0;
    this.#lastWrite = NONE;
    if (ordinal === NO_REGISTER || !this.#isDriversAlone(ordinal)) return;
    const before = this.#written.get(ordinal) ?? (this.#map.resetValues[ordinal] as number);
    this.#written.set(ordinal, value);
    if ((value & ~before) !== 0) this.#lastWrite = ordinal;
  }

  /** A register was read, and gave this. */
  read(offset: number, value: number): void {
    const ordinal = this.#map.ordinalAt(offset & ~3);
    this.#judgeReadBack(NONE);
    const isSame = ordinal !== NO_REGISTER && ordinal === this.#lastRead;
    if (isSame) this.#repeated(ordinal, offset, value);
    else this.#readCount = 1;
    if (ordinal !== NO_REGISTER && ordinal === this.#lastWrite) this.#readBack = ordinal;
    this.#lastWrite = NONE;
    this.#lastRead = ordinal;
    this.#taken = ordinal === NO_REGISTER ? 0 : value & this.#clearedByRead(ordinal);
  }

  roleAt(offset: number): InterruptRole | undefined {
    const ordinal = this.#map.ordinalAt(offset & ~3);
    return ordinal === NO_REGISTER ? undefined : this.#map.registerOf(ordinal).interrupt;
  }

  clear(): void {
    this.#lastRead = NONE;
    this.#readCount = 0;
    this.#taken = 0;
    this.#lastWrite = NONE;
    this.#readBack = NONE;
    this.#written.clear();
  }

  #repeated(ordinal: number, offset: number, value: number): void {
    this.#readCount++;
    const place = registerPlace(this.#map, offset & ~3);
    if (this.#taken !== 0 && (value & this.#clearedByRead(ordinal)) === 0) {
      const taken = this.#taken;
      this.#findings.record("note", "read-to-clear-twice", place, () => {
        return `${place} was read twice in a row: the first read gave ${hex(taken >>> 0, 8)} and cleared it, the second gave ${hex(value >>> 0, 8)}. The card gives each event away once. Read it once, and keep the value; add counters up in memory.`;
      });
    }
    if (this.#readCount !== POLL_READS || !this.#isDriversAlone(ordinal)) return;
    this.#findings.record("violation", "poll-never-changes", place, () => {
      return `${place} is polled (${POLL_READS} reads in a row, ${hex(value >>> 0, 8)}), but the card never changes this register: it gives back what the driver wrote. The wait ends at once or never. Poll the register in which the card reports; "softbar regs" says which bits are the card's.`;
    });
  }

  /** A read of what was just written, and not for the next change of it: a flush, or a wait that is over before it began. */
  #judgeReadBack(nextWrite: number): void {
    const ordinal = this.#readBack;
    if (ordinal === NONE) return;
    this.#readBack = NONE;
    if (ordinal === nextWrite) return;
    const place = registerPlace(this.#map, this.#map.offsetOf[ordinal] as number);
    const value = this.#written.get(ordinal) ?? 0;
    this.#findings.record("note", "self-satisfied-poll", place, () => {
      return `${place} was written with ${hex(value >>> 0, 8)} and read back at once, but the card never changes this register: the read gives what the driver wrote, and no answer. As a flush of the write it does; as a wait for the card it waits for nothing. Wait for a bit that the card sets.`;
    });
  }

  #masksOf(ordinal: number): AccessMasks {
    return this.#map.masks[this.#map.familyOf[ordinal] as number] as AccessMasks;
  }

  /** Causes that are taken back by writing to them are by reading them, too, where the card's mode says so. */
  #clearedByRead(ordinal: number): number {
    const { clearedByRead, readsAsZero } = this.#masksOf(ordinal);
    return this.#map.registerOf(ordinal).interrupt === "acknowledge" ? ~readsAsZero : clearedByRead;
  }

  /** Every bit is what the driver wrote last. */
  #isDriversAlone(ordinal: number): boolean {
    const register = this.#map.registerOf(ordinal);
    const { stored, reserved, readsAsZero, writable, clearedByRead, setByRead } = this.#masksOf(ordinal);
    // A doorbell is asked for by nobody who waits.
    if (register.mirror === "doorbell") return false;
    if (register.owner !== "driver" || register.modelled === "not-modelled" || register.access.includes("sc"))
      return false;
    if (Object.values(register.fields).some(({ access }) => access?.includes("sc") === true)) return false;
    const isPlain =
      writable === stored && (stored | reserved) === -1 && (clearedByRead | setByRead | readsAsZero) === 0;
    return isPlain && stored !== 0;
  }
}
