import type { FindingKind } from "../run/findings.ts";
import type { RegisterFinding, RegisterFindings } from "./register-file.ts";
import { type AccessMasks, hex, NO_REGISTER, type RegisterMap } from "./register-map.ts";

/** What takes findings: a device's port, or a log. The text is made only when it is the first of its kind. */
export interface FindingRecorder {
  record(kind: FindingKind, rule: string, place: string, text: () => string): void;
}

/**
 * `note`: what hardware would take without harm. `violation`: a driver that does this believes something of the card
 * that is not so.
 */
const KINDS: Readonly<Record<RegisterFinding, FindingKind>> = {
  "write-to-read-only": "violation",
  "reserved-bits-changed": "violation",
  "write-without-effect": "note",
  "not-modelled": "note",
  "reserved-register": "violation",
  "no-register": "note",
};

/** The register findings of one device, put into words and handed to `recorder`. */
export function recordRegisterFindings(recorder: FindingRecorder, map: RegisterMap): RegisterFindings {
  return {
    registerFinding(finding, offset, ordinal, value) {
      recorder.record(KINDS[finding], finding, registerPlace(map, offset), () =>
        registerFindingText(map, finding, offset, ordinal, value),
      );
    },
  };
}

/** "RDT(3) 0x010d8": a register by name and offset, or the offset alone where there is none. */
export function registerPlace(map: RegisterMap, offset: number): string {
  const ordinal = map.ordinalAt(offset);
  return ordinal === NO_REGISTER ? hex(offset, 5) : `${map.nameOf(ordinal)} ${hex(offset, 5)}`;
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
): string {
  const place = registerPlace(map, offset);
  const access = value === undefined ? `Read of ${place}` : `Write of ${hex(value, 8)} to ${place}`;
  if (finding === "no-register" || ordinal === NO_REGISTER) {
    const outcome = value === undefined ? "The read gave 0" : "The write was ignored";
    return `${access}, where the register table has nothing. ${outcome}; a card may answer otherwise. Check the offset against the data sheet.`;
  }
  const masks = map.masks[map.familyOf[ordinal] as number] as AccessMasks;
  switch (finding) {
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
    case "not-modelled":
      return `${access}: stored and read back, but nothing acts on it. ${map.registerOf(ordinal).about}`;
  }
}

function effectiveBits(masks: AccessMasks): string {
  return (masks.setByZero | masks.clearedByZero | masks.toggledByZero) === 0 ? "ones" : "zeros";
}
