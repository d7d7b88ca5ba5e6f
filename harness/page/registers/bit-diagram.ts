import { fieldOf, type Register } from "../../../emulator/registers/declare.ts";
import { type Html, html } from "../html.ts";
import { accessText, fieldHex, fieldsFromTop } from "./register-facts.ts";

/** A box of a diagram: a field, or bits between fields. */
interface Box {
  readonly high: number;
  readonly low: number;
  /** Undefined for bits that no field names. */
  readonly name: string | undefined;
  readonly style: string;
}

const HALF = 16;

/**
 * The 32 bits of a register as a data sheet draws them, bit 31 first. A narrow screen breaks them into two rows of 16;
 * a box that crosses the middle is therefore drawn as two, with one name over both where there is room.
 *
 * It is a picture of the table of fields below it, which has everything in words; a reader of screens is given that.
 * `values` are what stands in the boxes' second line: the register's value, or its reset value.
 */
export function bitDiagram(register: Register, value: number | undefined): Html {
  const boxes = boxesOf(register);
  const words = register.width === 64 ? [html`<p class="upper">Bits 63:32 lie at offset + 4.</p>`] : [];
  return html`${words}<div class="bits" aria-hidden="true">${boxes.map((box) => boxMarkup(box, value))}</div>`;
}

function boxesOf(register: Register): Box[] {
  const fields = fieldsFromTop(register);
  if (fields.length === 0) {
    return [{ high: 31, low: 0, name: register.name, style: styleOf(accessText(register), false) }];
  }
  const boxes: Box[] = [];
  let next = 31;
  for (const [name, field] of fields) {
    if (next > field.high) boxes.push({ high: next, low: field.high + 1, name: undefined, style: "gap" });
    const style = styleOf(accessText(register, field), field.notModelled !== undefined);
    boxes.push({ high: field.high, low: field.low, name, style });
    next = field.low - 1;
  }
  if (next >= 0) boxes.push({ high: next, low: 0, name: undefined, style: "gap" });
  return boxes;
}

function styleOf(access: string, isNotModelled: boolean): string {
  if (isNotModelled) return "absent";
  if (access === "reserved") return "gap";
  if (access === "ro") return "ro";
  return access === "rw" ? "" : "special";
}

function boxMarkup(box: Box, value: number | undefined): Html[] {
  const { high, low } = box;
  if (high < HALF || low >= HALF) return [pieceMarkup(box, high, low, value, "")];
  return [
    pieceMarkup(box, high, HALF, undefined, "left"),
    pieceMarkup(box, HALF - 1, low, value, "right"),
    html`<span class="across ${box.style}" style="--from:${32 - high};--span:${high - low + 1}"><b>${box.name ?? ""}</b></span>`,
  ];
}

/** Columns count from 1 at bit 31; in two rows those of the lower half begin again. */
function pieceMarkup(
  { name, style, high, low }: Box,
  top: number,
  bottom: number,
  value: number | undefined,
  side: string,
): Html {
  const span = top - bottom + 1;
  const row = top >= HALF ? 1 : 2;
  const classes = ["box", style, side, span === 1 ? "single" : "", nameFits(name, span) ? "" : "tall"];
  const shown =
    name === undefined || value === undefined
      ? ""
      : fieldHex(fieldOf(value, { high, low, mask: maskOf(high, low) }), { high, low });
  const bits = html`<i>${top === bottom ? top : html`<span>${top}</span><span>${bottom}</span>`}</i>`;
  return html`<span class="${classes.filter((word) => word !== "").join(" ")}" style="--from:${32 - top};--col:${row === 1 ? 32 - top : HALF - top};--row:${row};--span:${span}">${bits}<b>${name ?? ""}</b><em>${shown}</em></span>`;
}

function maskOf(high: number, low: number): number {
  return (high - low === 31 ? -1 : (1 << (high - low + 1)) - 1) << low;
}

/** Names of small letters that a box of so many bits holds beside each other; longer ones are turned upright. */
function nameFits(name: string | undefined, span: number): boolean {
  return name === undefined || name.length <= span * 3;
}
