/**
 * How a register is declared. One declaration gives the typed name, the side effects of an access, the findings about
 * wrong accesses, the names in a trace and the printed register page.
 */

/**
 * What an access does to a field. The words are the data sheets'; the set is Renode's twelve modes plus read-only,
 * self-clearing, write-once and reserved.
 *
 * | word | write | read |
 * |---|---|---|
 * | `ro` | no effect | value |
 * | `rw` | value | value |
 * | `wo` | value | 0 |
 * | `w1s` `w1c` `w1t` | ones set, clear, toggle | value |
 * | `w0s` `w0c` `w0t` | zeros set, clear, toggle | value |
 * | `wc` `ws` | any write clears, sets all bits of the field | value |
 * | `rc` `rs` | none (combine with another word) | value, then clears, sets |
 * | `sc` | as `rw`; the device clears it again when the work is done | value |
 * | `wonce` | the first write after a reset counts | value |
 * | `reserved` | no effect, and a changed bit is a finding | reset value |
 */
export type AccessMode =
  | "ro"
  | "rw"
  | "wo"
  | "w1s"
  | "w1c"
  | "w1t"
  | "w0s"
  | "w0c"
  | "w0t"
  | "wc"
  | "ws"
  | "rc"
  | "rs"
  | "sc"
  | "wonce"
  | "reserved";

/** One word, or several joined where one access has several effects: EICR is `["rc", "w1c"]`. */
export type Access = AccessMode | readonly AccessMode[];

/** A run of bits of a register, both ends included. */
export interface Field {
  readonly high: number;
  readonly low: number;
  /** Overrides the register's access for these bits. */
  readonly access?: Access;
  readonly about?: string;
  /** Bits in place, as an int32. */
  readonly mask: number;
  /** Set by {@link notModelled}. */
  readonly notModelled?: NotModelled;
  /** Set by {@link wish}. */
  readonly isWish?: boolean;
}

/** What a field asks for that the model does not do. */
export interface NotModelled {
  /** Values of the field that are modelled, or ask for nothing. */
  readonly quietValues: readonly number[];
  /** What will not happen for the others, as the end of a sentence. */
  readonly says: string;
}

/** Who may change the register's value while the device runs. */
export type Owner = "driver" | "device" | "both";

/**
 * How the register is served to a driver that maps the BAR as raw memory and so makes no calls.
 *
 * - `doorbell`: polled every turn of the device loop.
 * - `control`: compared with the device's copy in slices.
 * - `strobe`: a write is consumed and the word goes back to what a read gives.
 * - `exact`: needs the accessors, because reading has a side effect that raw memory cannot see.
 */
export type MirrorClass = "doorbell" | "control" | "strobe" | "exact";

/** How much of the register the model stands behind. Touching `not-modelled` is said; `reserved` is a finding. */
export type Modelled = "modelled" | "partly" | "not-modelled" | "reserved";

export interface RegisterOptions {
  /** Byte offset of element 0 in the BAR. Several ranges where a family is split: `[{ offset, count, stride }, …]`. */
  readonly offset: number;
  /** Number of elements; 1 when absent. */
  readonly count?: number;
  /** Bytes from one element to the next; the register's width when absent. */
  readonly stride?: number;
  /** Further ranges that continue the numbering: queues 64–127 of a card often live elsewhere. */
  readonly more?: readonly RegisterRange[];
  /** Other byte offsets (of element 0) that reach the first `count` elements; all of them, at the same stride, when absent. */
  readonly aliases?: readonly { readonly offset: number; readonly count?: number; readonly stride?: number }[];
  readonly access: Access;
  readonly fields?: Readonly<Record<string, Field>>;
  /** Value after a reset; a function where elements differ. */
  readonly reset?: number | ((index: number) => number);
  readonly owner?: Owner;
  readonly mirror?: MirrorClass;
  readonly modelled?: Modelled;
  /** Writes that have no effect are expected here (drivers do it on purpose) and make no finding. */
  readonly harmless?: boolean;
  /**
   * What the register does for interrupts, for the sanitizers: reading it shows causes, writing it takes causes back, or
   * writing it lets causes interrupt. A register that shows causes and takes them back is `acknowledge`.
   */
  readonly interrupt?: "cause" | "acknowledge" | "enable";
  /** 32, or 64 for a register that also takes one 8-byte access. */
  readonly width?: 32 | 64;
  /** What it means, in a sentence, with the section of the data sheet. */
  readonly about: string;
}

export interface RegisterRange {
  readonly offset: number;
  readonly count: number;
  readonly stride: number;
}

/** A register whose field names the compiler knows: a misspelt `CTRL.fields.RTS` does not compile. */
export type FieldedRegister<Names extends string> = Register & { readonly fields: Readonly<Record<Names, Field>> };

/** A declared register or family of registers. */
export interface Register {
  readonly name: string;
  readonly ranges: readonly RegisterRange[];
  readonly aliases: readonly RegisterRange[];
  /** Elements in all ranges together. */
  readonly count: number;
  readonly access: readonly AccessMode[];
  readonly fields: Readonly<Record<string, Field>>;
  readonly reset: (index: number) => number;
  readonly owner: Owner;
  readonly mirror: MirrorClass;
  readonly modelled: Modelled;
  readonly harmless: boolean;
  readonly interrupt: RegisterOptions["interrupt"];
  readonly width: 32 | 64;
  readonly about: string;
  /** Byte offset of element `index` in the BAR. Throws RangeError outside the family. */
  at(index?: number): number;
}

/** The bits `high` down to `low` of a register. */
export function bits(high: number, low: number, access?: Access, about?: string): Field {
  if (!(high >= low && low >= 0 && high < 32))
    throw new RangeError(`bits(${high}, ${low}): want 31 >= high >= low >= 0`);
  const ones = high - low === 31 ? -1 : (1 << (high - low + 1)) - 1;
  return {
    high,
    low,
    mask: ones << low,
    ...(access === undefined ? {} : { access }),
    ...(about === undefined ? {} : { about }),
  };
}

/** One bit of a register. */
export function bit(position: number, access?: Access, about?: string): Field {
  return bits(position, position, access, about);
}

/**
 * The field, with a note for the driver that turns on what the model lacks: said when a write gives it a value other than
 * the quiet ones, 0 if none are named. Routine writes of "off" stay quiet.
 *
 * ```ts
 * QUEUE_ENABLE: notModelled(bit(31), "no frame is steered by the filter"),
 * ```
 */
export function notModelled(field: Field, says: string, quietValues: readonly number[] = [0]): Field {
  return { ...field, notModelled: { says, quietValues } };
}

/**
 * The field, of which a write is a wish and a read says whether it is granted: a queue's enable bit that the card shows when
 * the queue is up. Whoever polls it while it is otherwise than it was written waits for the card; behind that, for nothing.
 */
export function wish(field: Field): Field {
  return { ...field, isWish: true };
}

/** Declares a register, or a family of `count` registers. Throws RangeError for fields that overlap and aliases that are too long. */
export function register<Names extends string = string>(
  name: string,
  options: RegisterOptions & { readonly fields?: Readonly<Record<Names, Field>> },
): FieldedRegister<Names> {
  const count = options.count ?? 1;
  const stride = options.stride ?? (options.width ?? 32) / 8;
  const ranges: RegisterRange[] = [{ offset: options.offset, count, stride }, ...(options.more ?? [])];
  const total = ranges.reduce((sum, range) => sum + range.count, 0);
  const access = asModes(options.access);
  const reset = options.reset ?? 0;
  const aliases = (options.aliases ?? []).map((alias) => ({
    offset: alias.offset,
    count: alias.count ?? total,
    stride: alias.stride ?? stride,
  }));
  for (const alias of aliases) {
    if (alias.count > total)
      throw new RangeError(`${name}: an alias of ${alias.count} elements for a family of ${total}`);
  }
  checkFields(name, options.fields ?? {});
  return {
    name,
    ranges,
    aliases,
    count: total,
    access,
    fields: (options.fields ?? {}) as Readonly<Record<Names, Field>>,
    reset: typeof reset === "number" ? () => reset : reset,
    owner: options.owner ?? (access.includes("ro") ? "device" : "driver"),
    mirror: options.mirror ?? "control",
    modelled: options.modelled ?? "modelled",
    harmless: options.harmless ?? false,
    interrupt: options.interrupt,
    width: options.width ?? 32,
    about: options.about,
    at(index = 0): number {
      let rest = index;
      for (const range of ranges) {
        if (rest >= 0 && rest < range.count) return range.offset + rest * range.stride;
        rest -= range.count;
      }
      throw new RangeError(`${name}(${index}): the family has ${total} registers`);
    },
  };
}

/** One bit has one meaning. Throws RangeError where two fields claim it. */
function checkFields(name: string, fields: Readonly<Record<string, Field>>): void {
  let taken = 0;
  for (const [fieldName, field] of Object.entries(fields)) {
    if ((taken & field.mask) !== 0) throw new RangeError(`${name}.${fieldName} overlaps another field of the register`);
    taken |= field.mask;
  }
}

/** The value of `field` in a register's value. */
export function fieldOf(value: number, field: Field): number {
  return (value & field.mask) >>> field.low;
}

/** `fieldValue` put in its place, for or-ing into a register's value. */
export function placed(field: Field, fieldValue: number): number {
  return (fieldValue << field.low) & field.mask;
}

/** The modes of a declaration as a list. */
export function asModes(access: Access): readonly AccessMode[] {
  return typeof access === "string" ? [access] : access;
}
