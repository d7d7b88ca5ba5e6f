import type { DriverPlace, FindingKind } from "../run/findings.ts";
import { type Field, fieldOf } from "./declare.ts";
import type { RegisterFinding, RegisterFindings } from "./register-file.ts";
import { type AccessMasks, hex, NO_REGISTER, type RegisterMap } from "./register-map.ts";

/**
 * What takes findings: a device's port, or a log. Told of repeats too, with the same strings and the same function; the
 * text is made only when it is the first of its kind.
 */
export interface FindingRecorder {
  /** `at`: see {@link FindingLog.record}. */
  record(kind: FindingKind, rule: string, place: string, text: () => string, at?: DriverPlace | "here"): void;
}

/**
 * `note`: what hardware would take without harm. `violation`: a driver that does this believes something of the card
 * that is not so. `number` tells them apart in a key.
 */
const RULES: Readonly<Record<RegisterFinding, { readonly kind: FindingKind; readonly number: number }>> = {
  "write-to-read-only": { kind: "violation", number: 0 },
  "reserved-bits-changed": { kind: "violation", number: 1 },
  "write-without-effect": { kind: "note", number: 2 },
  "not-modelled": { kind: "note", number: 3 },
  "feature-not-modelled": { kind: "note", number: 4 },
  "reserved-register": { kind: "violation", number: 5 },
  "no-register": { kind: "note", number: 6 },
  "read-of-write-only": { kind: "note", number: 7 },
};

/** More places of one rule in one family are counted together: a mailbox of 1,024 words must not fill the log. */
const PLACES_MAX = 32;
/** The same for offsets without a register. */
const HOLES_MAX = 256;
/** Keys: rule, lowest bit of the field, ordinal or word of the BAR. Small integers, so that a look-up makes no garbage. */
const ORDINALS = 1 << 20;

/** What was recorded once, kept so that a repeat needs nothing new. */
interface Recorded {
  readonly kind: FindingKind;
  readonly rule: RegisterFinding;
  readonly place: string;
  readonly text: () => string;
}

/** The register findings of one device, put into words and handed to `recorder`: one entry for each rule and register. */
export function recordRegisterFindings(recorder: FindingRecorder, map: RegisterMap): RegisterFindings {
  return new FindingTexts(recorder, map);
}

class FindingTexts implements RegisterFindings {
  readonly #recorder: FindingRecorder;
  readonly #map: RegisterMap;
  readonly #recorded = new Map<number, Recorded>();
  /** Places so far by rule and family, and what stands for all further ones. */
  readonly #placeCounts = new Map<number, number>();
  readonly #further = new Map<number, Recorded>();

  constructor(recorder: FindingRecorder, map: RegisterMap) {
    this.#recorder = recorder;
    this.#map = map;
  }

  registerFinding(
    finding: RegisterFinding,
    offset: number,
    ordinal: number,
    value: number | undefined,
    field: Field | undefined,
  ): void {
    const rule = RULES[finding].number * 32 + (field === undefined ? 0 : field.low);
    const key = rule * ORDINALS + (ordinal === NO_REGISTER ? offset >>> 2 : ordinal);
    // No closure in this function: one would be garbage at every call (see #describe).
    const recorded = this.#recorded.get(key) ?? this.#describe(key, rule, finding, offset, ordinal, value, field);
    this.#recorder.record(recorded.kind, recorded.rule, recorded.place, recorded.text);
  }

  #describe(
    key: number,
    rule: number,
    finding: RegisterFinding,
    offset: number,
    ordinal: number,
    value: number | undefined,
    field: Field | undefined,
  ): Recorded {
    const map = this.#map;
    const isHole = ordinal === NO_REGISTER;
    const group = rule * ORDINALS + (isHole ? 0 : (map.familyOf[ordinal] as number));
    const count = (this.#placeCounts.get(group) ?? 0) + 1;
    this.#placeCounts.set(group, count);
    const further = this.#further.get(group);
    let recorded = further;
    if (recorded === undefined) {
      const isFurther = count > (isHole ? HOLES_MAX : PLACES_MAX);
      const name = isHole ? "offsets without a register" : map.registerOf(ordinal).name;
      recorded = {
        kind: RULES[finding].kind,
        rule: finding,
        place: isFurther ? `${name}, further ones` : fieldPlace(map, offset, ordinal, field),
        text: () => registerFindingText(map, finding, offset, ordinal, value, field),
      };
      if (isFurther) this.#further.set(group, recorded);
    }
    this.#recorded.set(key, recorded);
    return recorded;
  }
}

/** "RDT(3) 0x010d8": a register by name and offset, or the offset alone where there is none. */
export function registerPlace(map: RegisterMap, offset: number): string {
  const ordinal = map.ordinalAt(offset);
  return ordinal === NO_REGISTER ? hex(offset, 5) : `${map.nameOf(ordinal)} ${hex(offset, 5)}`;
}

/** "FTQF(3).QUEUE_ENABLE 0x0e60c": as {@link registerPlace}, of a field if there is one. */
function fieldPlace(map: RegisterMap, offset: number, ordinal: number, field: Field | undefined): string {
  if (field === undefined) return registerPlace(map, offset);
  return `${map.nameOf(ordinal)}.${fieldName(map, ordinal, field)} ${hex(offset, 5)}`;
}

function fieldName(map: RegisterMap, ordinal: number, field: Field): string {
  return Object.entries(map.registerOf(ordinal).fields).find(([, each]) => each === field)?.[0] ?? `bit ${field.low}`;
}

/**
 * One sentence of what was done, one of what the card did about it, one of what to do. `value` is what was written,
 * undefined for a read.
 */
function registerFindingText(
  map: RegisterMap,
  finding: RegisterFinding,
  offset: number,
  ordinal: number,
  value: number | undefined,
  field: Field | undefined,
): string {
  const place = registerPlace(map, offset);
  const access = value === undefined ? `Read of ${place}` : `Write of ${hex(value, 8)} to ${place}`;
  if (finding === "no-register" || ordinal === NO_REGISTER) {
    const outcome =
      value === undefined
        ? `The read gave ${hex(map.emptyRead >>> 0, map.emptyRead === 0 ? 1 : 8)}`
        : "The write was ignored";
    return `${access}, where the register table has nothing. ${outcome}; a card may answer otherwise. Check the offset against the data sheet.`;
  }
  const masks = map.masks[map.familyOf[ordinal] as number] as AccessMasks;
  switch (finding) {
    case "read-of-write-only":
      return `${access}, which is write-only. The read shows neither what was written nor the card's state. Keep what is written in memory, and read the register in which the card reports.`;
    case "write-to-read-only":
      return `${access}, which is read-only. The card ignored the write. Do not expect to read the value back.`;
    case "reserved-bits-changed":
      return `${access} changes reserved bits (${hex(masks.reserved, 8)}). The card kept them as they were. Read the register first and write those bits back unchanged.`;
    case "reserved-register":
      return `${access}, which the data sheet reserves. The card's answer is undefined. Leave the register alone.`;
    case "write-without-effect":
      if (masks.writeOnce !== 0) {
        return `${access} has no effect: it was written once since the last reset, which is all that counts.`;
      }
      return `${access} has no effect: it is a register whose ${effectiveBits(masks)} act, and none of them was written. Write the bits that are meant.`;
    case "feature-not-modelled": {
      if (field === undefined || value === undefined) return access;
      const to = `${fieldName(map, ordinal, field)} to ${hex(fieldOf(value, field), 1)}`;
      return `${access} sets ${to}, which is not modelled: ${field.notModelled?.says ?? ""}. The value is kept and read back. Do not wait for what it asks for here.`;
    }
    case "not-modelled":
      return `${access}: stored and read back, but nothing acts on it. ${map.registerOf(ordinal).about}`;
  }
}

function effectiveBits(masks: AccessMasks): string {
  return (masks.setByZero | masks.clearedByZero | masks.toggledByZero) === 0 ? "ones" : "zeros";
}
