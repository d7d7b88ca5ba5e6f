import type { Field, Register, RegisterOptions } from "../registers/declare.ts";
import { type FindingRecorder, registerPlace } from "../registers/finding-text.ts";
import { type AccessMasks, hex, NO_REGISTER, type RegisterMap } from "../registers/register-map.ts";
import type { DriverPlace, FindingKind } from "../run/findings.ts";

/** Reads of one register in a row after which it is a poll and not a look. */
const POLL_READS = 64;
const NONE = -1;

/** What a register does for interrupts; see {@link RegisterOptions.interrupt}. */
export type InterruptRole = NonNullable<RegisterOptions["interrupt"]>;

/** Where findings go of which it is only clear later that they are any. */
export interface LintFindings extends FindingRecorder {
  /** Where the driver is; undefined where nobody knows. */
  here(kind: FindingKind, rule: string, place: string): DriverPlace | undefined;
}

/**
 * Reads and writes of one BAR's registers that cannot do what the driver wants of them. Its own side of the accesses: what
 * a write does to the card is judged by the card.
 */
export class RegisterLint {
  readonly #findings: LintFindings;
  readonly #map: RegisterMap;
  /** Ordinal of the last access if it was a read, and how many of the same there were. */
  #lastRead = NONE;
  #readCount = 0;
  /** By ordinal: what a read took away by reading it, with nothing but reads since. */
  readonly #taken = new Map<number, number>();
  /** Ordinal of the last access if it was a write that turned bits on in a register that the device never changes. */
  #lastWrite = NONE;
  /** Such a write was read back, and nothing else was done since. */
  #readBack = NONE;
  /** Where that was. */
  #readBackAt: DriverPlace | undefined;
  /** By ordinal: what the driver wrote last, or the reset value. */
  readonly #written: Int32Array;
  /** By family: 1 where every bit is what the driver wrote last; the bits that a read may clear. */
  readonly #isDriversAlone: Uint8Array;
  readonly #clearedByRead: Int32Array;
  /** By family: 1 where every bit is what the driver wrote last, or a request of the driver's; and the bits that end by themselves. */
  readonly #isEcho: Uint8Array;
  readonly #selfClearing: Int32Array;
  readonly #roles: readonly (InterruptRole | undefined)[];

  constructor(findings: LintFindings, map: RegisterMap) {
    this.#findings = findings;
    this.#map = map;
    this.#written = map.resetValues.slice();
    this.#isDriversAlone = Uint8Array.from(map.registers, (register, family) =>
      isDriversAlone(register, map.masks[family] as AccessMasks) ? 1 : 0,
    );
    this.#isEcho = Uint8Array.from(map.registers, (register, family) =>
      isEcho(register, map.masks[family] as AccessMasks) ? 1 : 0,
    );
    this.#selfClearing = Int32Array.from(map.registers, selfClearingBits);
    // Causes that are taken back by writing to them are by reading them, too, where the card's mode says so.
    this.#clearedByRead = Int32Array.from(map.masks, ({ clearedByRead, readsAsZero }, family) =>
      map.registers[family]?.interrupt === "acknowledge" ? ~readsAsZero : clearedByRead,
    );
    this.#roles = map.registers.map(({ interrupt }) => interrupt);
  }

  /** Something else was done: memory was looked at, time passed, another BAR was accessed. */
  interrupted(): void {
    if (this.#readBack !== NONE) this.#judgeReadBack(NONE);
    this.paused();
    this.#lastWrite = NONE;
  }

  /** A pause in a poll. */
  paused(): void {
    if (this.#taken.size > 0) this.#taken.clear();
  }

  /** Memory was looked at: what is polled may be there. */
  looked(): void {
    this.interrupted();
    this.#lastRead = NONE;
  }

  /** A register was written. Returns what it is to interrupts. */
  written(offset: number, value: number): InterruptRole | undefined {
    const ordinal = this.#map.ordinalAt(offset & ~3);
    if (this.#readBack !== NONE) this.#judgeReadBack(ordinal);
    this.#lastRead = NONE;
    this.paused();
    this.#lastWrite = NONE;
    if (ordinal === NO_REGISTER) return undefined;
    const family = this.#map.familyOf[ordinal] as number;
    if (this.#isDriversAlone[family] === 1 && (value & ~(this.#written[ordinal] as number)) !== 0)
      this.#lastWrite = ordinal;
    if (this.#isEcho[family] === 1) this.#written[ordinal] = value;
    return this.#roles[family];
  }

  /** A register was read, and gave this. Returns what it is to interrupts. */
  read(offset: number, value: number): InterruptRole | undefined {
    const ordinal = this.#map.ordinalAt(offset & ~3);
    if (this.#readBack !== NONE) this.#judgeReadBack(NONE);
    const isSame = ordinal !== NO_REGISTER && ordinal === this.#lastRead;
    if (isSame) this.#repeated(ordinal, offset, value);
    else this.#readCount = 1;
    if (ordinal !== NO_REGISTER && ordinal === this.#lastWrite) {
      this.#readBack = ordinal;
      this.#readBackAt = this.#findings.here("note", "self-satisfied-poll", registerPlace(this.#map, offset & ~3));
    }
    this.#lastWrite = NONE;
    this.#lastRead = ordinal;
    if (ordinal === NO_REGISTER) return undefined;
    const family = this.#map.familyOf[ordinal] as number;
    const cleared = this.#clearedByRead[family] as number;
    if (cleared !== 0) {
      // A handler looks for further causes until there are none.
      if (!isSame && this.#roles[family] !== undefined) this.#taken.delete(ordinal);
      this.#take(ordinal, offset, value & cleared);
    }
    return this.#roles[family];
  }

  clear(): void {
    this.#lastRead = NONE;
    this.#readCount = 0;
    this.paused();
    this.#lastWrite = NONE;
    this.#readBack = NONE;
    this.#written.set(this.#map.resetValues);
  }

  #repeated(ordinal: number, offset: number, value: number): void {
    this.#readCount++;
    if (this.#readCount === POLL_READS && this.#hasNothingOpen(ordinal, value)) this.#recordVainPoll(offset, value);
  }

  /** Whether nothing is under way in a register that could change what a read of it gives. */
  #hasNothingOpen(ordinal: number, value: number): boolean {
    const family = this.#map.familyOf[ordinal] as number;
    if (this.#isEcho[family] !== 1) return false;
    const requests = this.#selfClearing[family] as number;
    const others = ((this.#map.masks[family] as AccessMasks).stored | wishes(this.#map.registers[family])) & ~requests;
    // What the card grants or takes back by changing it reads otherwise than it was written until it has.
    return (value & requests) === 0 && ((value ^ (this.#written[ordinal] as number)) & others) === 0;
  }

  /** A read took these bits. Where it took none, an earlier one did. */
  #take(ordinal: number, offset: number, bits: number): void {
    const taken = this.#taken.get(ordinal) ?? 0;
    if (bits !== 0) this.#taken.set(ordinal, bits);
    else if (taken !== 0) this.#recordTwice(offset, taken);
  }

  #recordTwice(offset: number, taken: number): void {
    const place = registerPlace(this.#map, offset & ~3);
    this.#findings.record("note", "read-to-clear-twice", place, () => {
      return `${place} was read twice, with nothing but reads in between: the first gave ${hex(taken >>> 0, 8)} and cleared it, the second gave nothing. The card gives each event away once. Read it once, and keep the value; add counters up in memory.`;
    });
  }

  #recordVainPoll(offset: number, value: number): void {
    const place = registerPlace(this.#map, offset & ~3);
    const isAlone = this.#isDriversAlone[this.#map.familyOf[this.#map.ordinalAt(offset & ~3)] as number] === 1;
    const why = isAlone
      ? "but the card never changes this register: it gives back what the driver wrote"
      : "but it reads as the driver has written it, and nothing that was asked for in it is under way";
    this.#findings.record("note", "poll-never-changes", place, () => {
      return `${place} is polled (${POLL_READS} reads in a row, ${hex(value >>> 0, 8)}), ${why}. The wait ends at once or never. Poll the register in which the card reports; "softbar regs" says which bits are the card's.`;
    });
  }

  /** A read of what was just written, and not for the next change of it: a flush, or a wait that is over before it began. */
  #judgeReadBack(nextWrite: number): void {
    const ordinal = this.#readBack;
    this.#readBack = NONE;
    if (ordinal === nextWrite) return;
    const place = registerPlace(this.#map, this.#map.offsetOf[ordinal] as number);
    const value = this.#written[ordinal] as number;
    const text = (): string =>
      `${place} was written with ${hex(value >>> 0, 8)} and read back at once, but the card never changes this register: the read gives what the driver wrote, and no answer. As a flush of the write it does; as a wait for the card it waits for nothing. Wait for a bit that the card sets.`;
    this.#findings.record("note", "self-satisfied-poll", place, text, this.#readBackAt);
  }
}

/** Whether every bit of a register is what the driver wrote last. */
function isDriversAlone(register: Register, masks: AccessMasks): boolean {
  return register.owner === "driver" && isPlain(register, masks) && openBits(register) === 0;
}

/** Whether every bit is what the driver wrote last, or will be when the card has done as it was asked. */
function isEcho(register: Register, masks: AccessMasks): boolean {
  if (isDriversAlone(register, masks)) return true;
  // A register of both without fields may be a result.
  return register.owner === "both" && Object.keys(register.fields).length > 0 && isPlain(register, masks);
}

function isPlain(register: Register, masks: AccessMasks): boolean {
  // A doorbell is asked for by nobody who waits.
  if (register.mirror === "doorbell" || register.modelled === "not-modelled") return false;
  const { stored, reserved, readsAsZero, writable, clearedByRead, setByRead } = masks;
  return (
    writable === stored &&
    (stored | reserved | wishes(register)) === -1 &&
    (clearedByRead | setByRead | readsAsZero) === 0 &&
    stored !== 0
  );
}

/** Bits by which the card answers. */
function openBits(register: Register): number {
  return selfClearingBits(register) | wishes(register);
}

function wishes(register: Register | undefined): number {
  return Object.values(register?.fields ?? {}).reduce((bits, { mask, isWish }) => (isWish ? bits | mask : bits), 0);
}

function selfClearingBits({ access, fields }: Register): number {
  const all = access.includes("sc") ? -1 : 0;
  return Object.values(fields).reduce((bits, field) => (isSelfClearing(field) ? bits | field.mask : bits), all);
}

function isSelfClearing({ access }: Field): boolean {
  return access?.includes("sc") === true;
}
