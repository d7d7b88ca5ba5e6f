import { type Field, fieldOf, type Register } from "./declare.ts";
import { type AccessMasks, NO_REGISTER, type RegisterMap } from "./register-map.ts";

/** What a wrong or pointless access is called. */
export type RegisterFinding =
  | "write-to-read-only"
  | "write-without-effect"
  | "reserved-bits-changed"
  | "not-modelled"
  | "feature-not-modelled"
  | "reserved-register"
  | "no-register"
  | "read-of-write-only";

/** Who is told of findings: of every one, so that repeats can be counted. Called on the data plane. */
export interface RegisterFindings {
  /**
   * `ordinal` is {@link NO_REGISTER} for `no-register`; `value` is what was written, or undefined for a read; `field` is
   * the one that was turned on for `feature-not-modelled`.
   */
  registerFinding(
    finding: RegisterFinding,
    offset: number,
    ordinal: number,
    value: number | undefined,
    field: Field | undefined,
  ): void;
}

/** Plain data, structured-cloneable. */
export interface RegisterFileSnapshot {
  readonly values: Int32Array;
  readonly writtenOnce: Uint8Array;
}

/** Called after the declared side effects. `value` is the register's new value, `before` its old one, both int32. */
export type WriteHook = (index: number, value: number, before: number, written: number) => void;
/** Called before a read takes the value, so that the device can bring the register up to date. */
export type ReadHook = (index: number) => void;

/**
 * The registers of one device instance: state, and the side effects that the {@link RegisterMap} declares.
 * `read` and `write` are the driver's side; `get`, `set` and `values` the device's own and have no side effects.
 * All values are int32; `>>> 0` for printing.
 */
export class RegisterFile {
  readonly map: RegisterMap;
  /** State by ordinal. Plain data: a copy is a snapshot. */
  readonly values: Int32Array;
  readonly #writtenOnce: Uint8Array;
  readonly #findings: RegisterFindings;
  readonly #writeHooks: (WriteHook | undefined)[];
  readonly #readHooks: (ReadHook | undefined)[];
  readonly #afterReadHooks: (ReadHook | undefined)[];

  constructor(map: RegisterMap, findings: RegisterFindings) {
    this.map = map;
    this.values = Int32Array.from(map.resetValues);
    this.#writtenOnce = new Uint8Array(map.wordCount);
    this.#findings = findings;
    this.#writeHooks = new Array(map.registers.length).fill(undefined);
    this.#readHooks = new Array(map.registers.length).fill(undefined);
    this.#afterReadHooks = new Array(map.registers.length).fill(undefined);
  }

  /** Runs `hook` after each write to the register. One hook a register. */
  onWrite(register: Register, hook: WriteHook): void {
    this.#writeHooks[this.map.family(register)] = hook;
  }

  /** Runs `hook` before each read of the register takes its value. One hook a register. */
  beforeRead(register: Register, hook: ReadHook): void {
    this.#readHooks[this.map.family(register)] = hook;
  }

  /** Runs `hook` after a read and its side effects. One hook a register. */
  afterRead(register: Register, hook: ReadHook): void {
    this.#afterReadHooks[this.map.family(register)] = hook;
  }

  /** The register's value, without side effects. */
  get(register: Register, index = 0): number {
    return this.values[this.map.ordinal(register, index)] ?? 0;
  }

  /** Sets the register's value from the device's side: every bit, read-only ones too; no hook runs. */
  set(register: Register, value: number, index = 0): void {
    this.values[this.map.ordinal(register, index)] = value;
  }

  /** What a read of a word would give, without its side effects: brought up to date, write-only bits zero. */
  visible(ordinal: number): number {
    const family = this.map.familyOf[ordinal] as number;
    const before = this.#readHooks[family];
    if (before !== undefined) before(this.map.indexOf[ordinal] as number);
    return (this.values[ordinal] as number) & ~(this.map.masks[family] as AccessMasks).readsAsZero;
  }

  /** The bits that {@link visible} shows of a word; undefined when a hook has to bring it up to date first. */
  visibleMask(ordinal: number): number | undefined {
    const family = this.map.familyOf[ordinal] as number;
    if (this.#readHooks[family] !== undefined) return undefined;
    return ~(this.map.masks[family] as AccessMasks).readsAsZero;
  }

  /** A 32-bit read by the driver at a word of the BAR. Returns int32; where there is no register, what the map says. */
  read(offset: number): number {
    const ordinal = this.map.ordinalAt(offset);
    if (ordinal === NO_REGISTER) {
      this.#report("no-register", offset, NO_REGISTER, undefined);
      return this.map.emptyRead;
    }
    const family = this.map.familyOf[ordinal] as number;
    const index = this.map.indexOf[ordinal] as number;
    const register = this.map.registers[family] as Register;
    if (register.modelled === "not-modelled") this.#report("not-modelled", offset, ordinal, undefined);
    else if (register.modelled === "reserved") this.#report("reserved-register", offset, ordinal, undefined);
    const before = this.#readHooks[family];
    if (before !== undefined) before(index);
    const masks = this.map.masks[family] as AccessMasks;
    if (masks.readsAsZero !== 0 && (masks.readsAsZero | masks.reserved) === -1 && !register.harmless)
      this.#report("read-of-write-only", offset, ordinal, undefined);
    const value = this.values[ordinal] as number;
    this.values[ordinal] = (value & ~masks.clearedByRead) | masks.setByRead;
    const after = this.#afterReadHooks[family];
    if (after !== undefined) after(index);
    return value & ~masks.readsAsZero;
  }

  /** A 32-bit write by the driver at a word of the BAR. */
  write(offset: number, written: number): void {
    const ordinal = this.map.ordinalAt(offset);
    if (ordinal === NO_REGISTER) {
      this.#report("no-register", offset, NO_REGISTER, written);
      return;
    }
    const family = this.map.familyOf[ordinal] as number;
    const before = this.#store(ordinal, family, offset, written | 0);
    const hook = this.#writeHooks[family];
    if (hook !== undefined && this.map.upperHalf[ordinal] === 0) {
      hook(this.map.indexOf[ordinal] as number, this.values[ordinal] as number, before, written | 0);
    }
  }

  /**
   * A 64-bit write. Both halves of a 64-bit register are stored before its hook runs; over two 32-bit registers it is
   * two writes, the upper one first, so that a doorbell in the lower one sees its companion.
   */
  write64(offset: number, low: number, high: number): void {
    const ordinal = this.map.ordinalAt(offset + 4);
    if (ordinal !== NO_REGISTER && this.map.upperHalf[ordinal] === 1) {
      this.#store(ordinal, this.map.familyOf[ordinal] as number, offset + 4, high | 0);
    } else {
      this.write(offset + 4, high);
    }
    this.write(offset, low);
  }

  /** All state as a copy that the caller owns. */
  snapshot(): RegisterFileSnapshot {
    return { values: this.values.slice(), writtenOnce: this.#writtenOnce.slice() };
  }

  /** Takes over a snapshot of a file of the same map. Hooks do not run. */
  restore(snapshot: RegisterFileSnapshot): void {
    this.values.set(snapshot.values);
    this.#writtenOnce.set(snapshot.writtenOnce);
  }

  /** Back to the declared reset values. Hooks do not run; write-once fields are open again. */
  reset(): void {
    this.values.set(this.map.resetValues);
    this.#writtenOnce.fill(0);
  }

  /** Applies the declared effect of a write and returns the value before it. */
  #store(ordinal: number, family: number, offset: number, written: number): number {
    const masks = this.map.masks[family] as AccessMasks;
    const before = this.values[ordinal] as number;
    let after = (before & ~masks.stored) | (written & masks.stored);
    if (masks.stored !== masks.writable) {
      after |= (written & masks.setByOne) | (~written & masks.setByZero) | masks.setByWrite;
      after &= ~((written & masks.clearedByOne) | (~written & masks.clearedByZero) | masks.clearedByWrite);
      after ^= (written & masks.toggledByOne) | (~written & masks.toggledByZero);
      if (masks.writeOnce !== 0) {
        if (this.#writtenOnce[ordinal] === 0) after = (after & ~masks.writeOnce) | (written & masks.writeOnce);
        else if (((written ^ before) & masks.writeOnce) !== 0) {
          this.#report("write-without-effect", offset, ordinal, written);
        }
        this.#writtenOnce[ordinal] = 1;
      }
    }
    this.values[ordinal] = after;
    const enabled = (after ^ before) & masks.notModelled;
    if (enabled !== 0) this.#judgeFeatures(masks, ordinal, offset, enabled, written);
    this.#judge(masks, ordinal, family, offset, before, written);
    return before;
  }

  /** Says what is pointless or wrong about a write. Hardware would take it without a word. */
  #judge(masks: AccessMasks, ordinal: number, family: number, offset: number, before: number, written: number): void {
    const register = this.map.registers[family] as Register;
    if (register.modelled === "not-modelled") this.#report("not-modelled", offset, ordinal, written);
    else if (register.modelled === "reserved") this.#report("reserved-register", offset, ordinal, written);
    if (register.harmless || masks.stored === -1) return;
    if (masks.writable === 0) {
      this.#report("write-to-read-only", offset, ordinal, written);
      return;
    }
    if (((written ^ before) & masks.reserved) !== 0) {
      this.#report("reserved-bits-changed", offset, ordinal, written);
    }
    const byValue = masks.setByOne | masks.clearedByOne | masks.toggledByOne;
    const byZero = masks.setByZero | masks.clearedByZero | masks.toggledByZero;
    const always = masks.stored | masks.clearedByWrite | masks.setByWrite | masks.writeOnce;
    if (always === 0 && (written & byValue) === 0 && (~written & byZero) === 0) {
      this.#report("write-without-effect", offset, ordinal, written);
    }
  }

  /** The fields that this write turned on and the model does not do anything about. */
  #judgeFeatures(masks: AccessMasks, ordinal: number, offset: number, changed: number, written: number): void {
    const value = this.values[ordinal] as number;
    for (const field of masks.notModelledFields) {
      if ((changed & field.mask) === 0) continue;
      if (field.notModelled?.quietValues.includes(fieldOf(value, field)) === true) continue;
      this.#findings.registerFinding("feature-not-modelled", offset, ordinal, written, field);
    }
  }

  #report(finding: RegisterFinding, offset: number, ordinal: number, value: number | undefined): void {
    this.#findings.registerFinding(finding, offset, ordinal, value, undefined);
  }
}
