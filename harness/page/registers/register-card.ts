import { type Field, fieldOf, type Register } from "../../../emulator/registers/declare.ts";
import { hex } from "../../../emulator/registers/register-map.ts";
import { type Html, html } from "../html.ts";
import { bitDiagram } from "./bit-diagram.ts";
import {
  accessText,
  aliasFormulas,
  bitsText,
  familyName,
  fieldHex,
  fieldsFromTop,
  modelledText,
  type RangeFormula,
  rangeFormulas,
  resetRuns,
} from "./register-facts.ts";

/** Runs of reset values that are listed; a longer list says how many more there are. */
const RUN_LIMIT = 8;

/** One register or family: where it is, how it is accessed, its bits as a picture and as a table. `id` is its anchor. */
export function registerCard(register: Register, id: string): Html {
  const runs = resetRuns(register);
  const reset = runs.length === 1 ? runs[0]?.value : undefined;
  const { modelled, mirror, owner, harmless, width, ranges, aliases } = register;
  const places = [...ranges, ...aliases].map(({ offset, count, stride }) => `${offset},${count},${stride}`).join(" ");
  return html`<article class="register" id="${id}" aria-labelledby="${id}-name" data-model="${modelled}" data-mirror="${mirror}" data-access="${accessWords(register)}" data-at="${places}">
<header><h3 id="${id}-name"><a href="#${id}">${register.name}</a>${register.count > 1 && html`<span class="family">(0–${register.count - 1})</span>`}</h3>
<p class="tags">${modelled !== "modelled" && html`<span class="tag ${modelled}">${modelledText(modelled)}</span>`}</p></header>
<p class="about">${register.about}</p>
<dl class="facts">
<div class="wide"><dt>Offset</dt><dd>${formulaList(rangeFormulas(register))}</dd></div>
${aliases.length > 0 && html`<div class="wide"><dt>Also at</dt><dd>${formulaList(aliasFormulas(register))}</dd></div>\n`}<div><dt>Access</dt><dd><code>${accessText(register)}</code></dd></div>
<div><dt>Reset</dt><dd>${runs.length === 1 ? html`<code>${hex(reset ?? 0, width === 64 ? 16 : 8)}</code>` : "varies, see below"}</dd></div>
<div><dt>Width</dt><dd>${width} bits</dd></div>
<div><dt>Owner</dt><dd>${owner === "both" ? "driver and device" : owner}</dd></div>
<div><dt>Mapped access</dt><dd>${mirror}</dd></div>
</dl>
${bitDiagram(register, reset)}
${fieldTable(register, reset)}${runs.length > 1 && resetTable(runs)}${harmless && html`<p class="remark">A write without effect is expected here, and no finding.</p>\n`}</article>
`;
}

/** Every word that bits of the register are accessed by, for the filter. */
function accessWords(register: Register): string {
  const words = [register.access, ...Object.values(register.fields).map(({ access }) => access ?? [])].flat();
  return [...new Set(words)].join(" ");
}

function formulaList(formulas: readonly RangeFormula[]): Html[] {
  return formulas.map(
    ({ formula, elements }) =>
      html`<span class="formula"><code>${formula}</code>${elements !== "" && html` <small>${elements}</small>`}</span>`,
  );
}

function fieldTable(register: Register, reset: number | undefined): Html | undefined {
  const fields = fieldsFromTop(register);
  if (fields.length === 0) return undefined;
  const rows = fields.map(([name, field]) => fieldRow(register, name, field, reset));
  return html`<table class="fields"><caption class="unseen">Fields of ${register.name}</caption>
<thead><tr><th scope="col">Bits</th><th scope="col">Field</th><th scope="col">Access</th><th scope="col">Reset</th><th scope="col">Meaning</th></tr></thead>
<tbody>${rows}</tbody></table>
`;
}

function fieldRow(register: Register, name: string, field: Field, reset: number | undefined): Html {
  const { about = "", notModelled } = field;
  const start = reset === undefined ? "varies" : fieldHex(fieldOf(reset, field), field);
  const absent = notModelled && html`<span class="tag not-modelled">not modelled</span> ${absentText(notModelled)}`;
  return html`<tr><td>${bitsText(field)}</td><th scope="row">${name}</th><td>${accessText(register, field)}</td><td>${start}</td><td>${about}${about !== "" && absent && " "}${absent}</td></tr>
`;
}

function absentText({ says, quietValues }: NonNullable<Field["notModelled"]>): string {
  const [first, ...more] = quietValues;
  const others =
    more.length === 0 && first === 0 ? "when it is not 0" : `for values other than ${quietValues.join(", ")}`;
  return `${says} (said ${others})`;
}

function resetTable(runs: ReturnType<typeof resetRuns>): Html {
  const rows = runs
    .slice(0, RUN_LIMIT)
    .map(
      ({ first, last, value }) =>
        html`<li><code>${hex(value, 8)}</code> <small>n = ${first}${last > first && `…${last}`}</small></li>`,
    );
  const hidden = runs.length - RUN_LIMIT;
  return html`<p class="runs-title">Reset values</p><ul class="runs">${rows}${hidden > 0 && html`<li>and ${hidden} more values; softbar regs --json lists them all</li>`}</ul>
`;
}

/** Names in an offset map. */
export function mapName(register: Register): string {
  return familyName(register);
}
