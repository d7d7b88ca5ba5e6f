import { type AccessMode, asModes, type Field, type Register } from "./declare.ts";
import { hex } from "./hex.ts";

export { hex };

/** Offset that no register declares, in the lookup of {@link RegisterMap.ordinalAt}. */
export const NO_REGISTER = -1;

/** What a write and a read do to a register's bits, one mask (int32) for each way. */
export interface AccessMasks {
  readonly stored: number;
  readonly setByOne: number;
  readonly clearedByOne: number;
  readonly toggledByOne: number;
  readonly setByZero: number;
  readonly clearedByZero: number;
  readonly toggledByZero: number;
  readonly clearedByWrite: number;
  readonly setByWrite: number;
  readonly writeOnce: number;
  readonly clearedByRead: number;
  readonly setByRead: number;
  readonly readsAsZero: number;
  readonly reserved: number;
  /** All bits that some write can change. */
  readonly writable: number;
  /** Bits of {@link notModelledFields}. */
  readonly notModelled: number;
  /** Fields that turn on what the model does not do. */
  readonly notModelledFields: readonly Field[];
}

/**
 * All registers of one BAR. Every register element has an ordinal: its place in the dense state arrays of a
 * {@link RegisterFile}. Built once for each device and shared by its instances: it holds no state.
 *
 * Throws RangeError when two declarations claim the same offset or one leaves the BAR.
 */
export class RegisterMap {
  readonly byteLength: number;
  readonly registers: readonly Register[];
  /** Number of 32-bit words that hold state. */
  readonly wordCount: number;
  /** BAR word index → ordinal or {@link NO_REGISTER}. */
  readonly #ordinalOfWord: Int32Array;
  /** Ordinal → index into `registers`. */
  readonly familyOf: Uint16Array;
  /** Ordinal → element of its family. */
  readonly indexOf: Uint16Array;
  /** Ordinal → byte offset in the BAR (not the alias). */
  readonly offsetOf: Int32Array;
  /** Ordinal → 1 for the upper half of a 64-bit register. */
  readonly upperHalf: Uint8Array;
  readonly resetValues: Int32Array;
  /** By family. */
  readonly masks: readonly AccessMasks[];
  /** What a read gives where no register is. int32. */
  readonly emptyRead: number;
  readonly #familyOfRegister: ReadonlyMap<Register, number>;
  readonly #firstOrdinal: readonly number[];

  /** `emptyRead`: what a read gives where no register is, as the data sheet says. */
  constructor(byteLength: number, registers: readonly Register[], emptyRead: number = 0) {
    this.byteLength = byteLength;
    this.emptyRead = emptyRead;
    this.registers = registers;
    this.masks = registers.map(masksOf);
    this.wordCount = registers.reduce((sum, register) => sum + register.count * (register.width >>> 5), 0);
    this.#ordinalOfWord = new Int32Array(byteLength >>> 2).fill(NO_REGISTER);
    this.familyOf = new Uint16Array(this.wordCount);
    this.indexOf = new Uint16Array(this.wordCount);
    this.offsetOf = new Int32Array(this.wordCount);
    this.upperHalf = new Uint8Array(this.wordCount);
    this.resetValues = new Int32Array(this.wordCount);
    const familyOfRegister = new Map<Register, number>();
    const firstOrdinal: number[] = [];
    let ordinal = 0;
    for (const [family, register] of registers.entries()) {
      familyOfRegister.set(register, family);
      firstOrdinal.push(ordinal);
      ordinal = this.#place(register, family, ordinal);
    }
    for (const [family, register] of registers.entries()) this.#placeAliases(register, firstOrdinal[family] ?? 0);
    this.#familyOfRegister = familyOfRegister;
    this.#firstOrdinal = firstOrdinal;
  }

  /** The ordinal of the word at a byte offset, or {@link NO_REGISTER}. The offset must be a multiple of 4 in the BAR. */
  ordinalAt(offset: number): number {
    return this.#ordinalOfWord[offset >>> 2] ?? NO_REGISTER;
  }

  /** The ordinal of a declared register's element. Throws RangeError for a register of another map or a wrong index. */
  ordinal(register: Register, index = 0): number {
    const family = this.family(register);
    if (!(index >= 0 && index < register.count)) {
      throw new RangeError(`${register.name}(${index}): the family has ${register.count} registers`);
    }
    return (this.#firstOrdinal[family] ?? 0) + index * (register.width >>> 5);
  }

  /** The family number of a declared register. Throws RangeError for a register of another map. */
  family(register: Register): number {
    const family = this.#familyOfRegister.get(register);
    if (family === undefined) throw new RangeError(`${register.name} is not a register of this map`);
    return family;
  }

  /** The register that holds an ordinal. */
  registerOf(ordinal: number): Register {
    const register = this.registers[this.familyOf[ordinal] ?? -1];
    if (register === undefined) throw new RangeError(`ordinal ${ordinal} is outside the register map`);
    return register;
  }

  /** "RDT(3)" or "CTRL": how a finding or a trace names a word. */
  nameOf(ordinal: number): string {
    const register = this.registerOf(ordinal);
    const half = this.upperHalf[ordinal] === 1 ? " (upper half)" : "";
    return register.count === 1 ? register.name + half : `${register.name}(${this.indexOf[ordinal]})${half}`;
  }

  #place(register: Register, family: number, first: number): number {
    const wordsEach = register.width >>> 5;
    let ordinal = first;
    for (let index = 0; index < register.count; index++) {
      for (let half = 0; half < wordsEach; half++) {
        const offset = register.at(index) + 4 * half;
        this.#claim(offset, ordinal, register);
        this.familyOf[ordinal] = family;
        this.indexOf[ordinal] = index;
        this.offsetOf[ordinal] = offset;
        this.upperHalf[ordinal] = half;
        this.resetValues[ordinal] = half === 0 ? register.reset(index) : 0;
        ordinal++;
      }
    }
    return ordinal;
  }

  #placeAliases(register: Register, first: number): void {
    for (const alias of register.aliases) {
      const wordsEach = register.width >>> 5;
      for (let index = 0; index < alias.count; index++) {
        for (let half = 0; half < wordsEach; half++) {
          this.#claim(alias.offset + index * alias.stride + 4 * half, first + index * wordsEach + half, register);
        }
      }
    }
  }

  #claim(offset: number, ordinal: number, register: Register): void {
    if (offset % 4 !== 0 || offset < 0 || offset + 4 > this.byteLength) {
      throw new RangeError(
        `${register.name}: offset ${hex(offset, 5)} is not a word of a BAR of ${this.byteLength} bytes`,
      );
    }
    const taken = this.#ordinalOfWord[offset >>> 2] ?? NO_REGISTER;
    if (taken !== NO_REGISTER) {
      throw new RangeError(`${register.name} and ${this.registerOf(taken).name} both claim offset ${hex(offset, 5)}`);
    }
    this.#ordinalOfWord[offset >>> 2] = ordinal;
  }
}

/** The masks of a register: fields first, the register's own access for the bits that no field names. */
function masksOf(register: Register): AccessMasks {
  const byMode = new Map<AccessMode, number>();
  const add = (modes: readonly AccessMode[], mask: number): void => {
    for (const mode of modes) byMode.set(mode, (byMode.get(mode) ?? 0) | mask);
  };
  let named = 0;
  for (const field of Object.values(register.fields)) {
    add(field.access === undefined ? register.access : asModes(field.access), field.mask);
    named |= field.mask;
  }
  // With fields, the bits between them are the data sheet's "Reserved"; without, the register is one field.
  add(named === 0 ? register.access : ["reserved"], ~named);
  const mask = (mode: AccessMode): number => byMode.get(mode) ?? 0;
  const masks = {
    stored: mask("rw") | mask("wo") | mask("sc"),
    setByOne: mask("w1s"),
    clearedByOne: mask("w1c"),
    toggledByOne: mask("w1t"),
    setByZero: mask("w0s"),
    clearedByZero: mask("w0c"),
    toggledByZero: mask("w0t"),
    clearedByWrite: mask("wc"),
    setByWrite: mask("ws"),
    writeOnce: mask("wonce"),
    clearedByRead: mask("rc"),
    setByRead: mask("rs"),
    readsAsZero: mask("wo"),
    reserved: mask("reserved"),
  };
  const { stored, setByOne, clearedByOne, toggledByOne, setByZero, clearedByZero, toggledByZero } = masks;
  const { clearedByWrite, setByWrite, writeOnce } = masks;
  const ones = setByOne | clearedByOne | toggledByOne;
  const zeros = setByZero | clearedByZero | toggledByZero;
  const notModelledFields = Object.values(register.fields).filter((field) => field.notModelled !== undefined);
  return {
    ...masks,
    writable: stored | ones | zeros | clearedByWrite | setByWrite | writeOnce,
    notModelled: notModelledFields.reduce((all, field) => all | field.mask, 0),
    notModelledFields,
  };
}
