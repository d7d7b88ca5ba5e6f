import type {
  AccessMode,
  Field,
  MirrorClass,
  Modelled,
  Register,
  RegisterRange,
} from "../../../emulator/registers/declare.ts";
import { hex } from "../../../emulator/registers/register-map.ts";

/** What the words of a register table mean, for legends. */
export const ACCESS_MEANINGS: Readonly<Record<AccessMode, string>> = {
  ro: "read-only: a write has no effect",
  rw: "read and write",
  wo: "write-only: reads as 0",
  w1s: "a one that is written sets the bit",
  w1c: "a one that is written clears the bit",
  w1t: "a one that is written toggles the bit",
  w0s: "a zero that is written sets the bit",
  w0c: "a zero that is written clears the bit",
  w0t: "a zero that is written toggles the bit",
  wc: "any write clears all bits of the field",
  ws: "any write sets all bits of the field",
  rc: "a read clears it",
  rs: "a read sets it",
  sc: "self-clearing: the device clears it when the work is done",
  wonce: "the first write after a reset counts",
  reserved: "reserved: a write that changes it is a finding",
};

export const MIRROR_MEANINGS: Readonly<Record<MirrorClass, string>> = {
  doorbell: "watched at every turn of the device: a store is seen at once",
  control:
    "compared with the device's copy now and then: a store is seen a little later, and two stores may look like one",
  strobe: "a store is consumed, and the word goes back to what a read gives",
  exact: "needs the accessors: reading has a side effect that raw memory cannot see",
};

export const MODELLED_MEANINGS: Readonly<Record<Modelled, string>> = {
  modelled: "does what the data sheet says",
  partly: "does some of it; the description says what",
  "not-modelled": "nothing happens; a driver that touches it is told",
  reserved: "not for drivers: touching it is a finding",
};

/** "modelled" and its like, as they are printed. */
export function modelledText(modelled: Modelled): string {
  return modelled.replace("-", " ");
}

/** One run of elements: `RDT(64–127)  0x0d018 + 0x40·(n − 64)`. */
export interface RangeFormula {
  readonly elements: string;
  readonly formula: string;
}

/** Where the elements of a register are; one entry for each range, aliases not among them. */
export function rangeFormulas({ ranges, count }: Register): RangeFormula[] {
  let first = 0;
  return ranges.map((range) => {
    const from = first;
    first += range.count;
    return {
      elements: count === 1 ? "" : `n = ${from}${range.count === 1 ? "" : `…${first - 1}`}`,
      formula: rangeFormula(range, from),
    };
  });
}

/** Other addresses of the first elements. */
export function aliasFormulas({ aliases, count }: Register): RangeFormula[] {
  return aliases.map((range) => ({
    elements: count === 1 ? "" : `n = 0${range.count === 1 ? "" : `…${range.count - 1}`}`,
    formula: rangeFormula(range, 0),
  }));
}

function rangeFormula({ offset, count, stride }: RegisterRange, first: number): string {
  if (count === 1) return hex(offset, 5);
  return `${hex(offset, 5)} + ${hex(stride, 1)} · ${first === 0 ? "n" : `(n − ${first})`}`;
}

/** "RDT(0–127)", or the bare name of a single register. */
export function familyName({ name, count }: Register): string {
  return count === 1 ? name : `${name}(0–${count - 1})`;
}

/** Reset values by runs of elements that have the same one. */
export interface ResetRun {
  readonly first: number;
  readonly last: number;
  readonly value: number;
}

export function resetRuns(register: Register): ResetRun[] {
  const runs: { first: number; last: number; value: number }[] = [];
  for (let index = 0; index < register.count; index++) {
    const value = register.reset(index) >>> 0;
    const run = runs.at(-1);
    if (run !== undefined && run.value === value) run.last = index;
    else runs.push({ first: index, last: index, value });
  }
  return runs;
}

/** "7:0" or "31". */
export function bitsText({ high, low }: { readonly high: number; readonly low: number }): string {
  return high === low ? `${high}` : `${high}:${low}`;
}

/** "rc+w1c": of a field, or of the register where the field says nothing of its own. */
export function accessText(register: Register, field?: Field): string {
  return [field?.access ?? register.access].flat().join("+");
}

/** Fields from the highest bit down. */
export function fieldsFromTop(register: Register): [string, Field][] {
  return Object.entries(register.fields).sort(([, a], [, b]) => b.high - a.high);
}

/** A value in hex with as many digits as the bits need. */
export function fieldHex(value: number, { high, low }: { readonly high: number; readonly low: number }): string {
  return high === low ? `${value >>> 0}` : hex(value >>> 0, Math.ceil((high - low + 1) / 4));
}
