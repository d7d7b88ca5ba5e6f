import type { DeviceDeclaration } from "../../../emulator/pcie/device-model.ts";
import type { AccessMode, Register } from "../../../emulator/registers/declare.ts";
import { hex, type RegisterMap } from "../../../emulator/registers/register-map.ts";
import { type Html, html } from "../html.ts";
import { pageText } from "../page.ts";
import { BASE_STYLE } from "../styles/base.ts";
import { REGISTER_STYLE } from "../styles/registers.ts";
import { mapName, registerCard } from "./register-card.ts";
import { ACCESS_MEANINGS, MIRROR_MEANINGS, MODELLED_MEANINGS, modelledText } from "./register-facts.ts";

/** The registers of one BAR that a page shows, by offset. */
export interface ChosenRegisters {
  readonly bar: number;
  readonly map: RegisterMap;
  readonly registers: readonly Register[];
}

/** A data sheet's register chapter out of the table that the model runs on: one HTML file. */
export function registerPage(declaration: DeviceDeclaration, chosen: readonly ChosenRegisters[]): string {
  const bars = chosen.filter(({ registers }) => registers.length > 0);
  const anchors = anchorsOf(bars);
  const all = bars.flatMap(({ registers }) => registers);
  const body = html`<header class="masthead">
<p class="eyebrow">softbar · registers</p>
<h1>${declaration.name}</h1>
<p class="lead">${declaration.about}</p>
${factList(declaration, bars)}
</header>
<div class="columns">
<nav class="map" aria-label="Offset map"><details open><summary>Offset map</summary>${bars.map((bar) => offsetMap(bar, anchors))}</details></nav>
<main id="main" tabindex="-1">
${filterForm(all)}
${legend(all)}
${bars.map(
  ({ bar, registers }) =>
    html`<section aria-labelledby="bar${bar}"><h2 id="bar${bar}">BAR ${bar}</h2>
${registers.map((register) => registerCard(register, anchors.get(register) ?? ""))}</section>
`,
)}<p class="nothing" hidden>No register fits. <button type="button" id="clear">Show all</button></p>
</main>
</div>`;
  return pageText({
    title: `${declaration.name} registers`,
    kind: "registers",
    styles: [BASE_STYLE, REGISTER_STYLE],
    body,
    data: {},
    script: "registers-main",
  });
}

/** "RDT", with its BAR before it where two BARs have a register of that name. */
function anchorsOf(bars: readonly ChosenRegisters[]): Map<Register, string> {
  const anchors = new Map<Register, string>();
  const taken = new Set<string>();
  for (const { bar, registers } of bars) {
    for (const register of registers) {
      const anchor = taken.has(register.name) ? `BAR${bar}.${register.name}` : register.name;
      taken.add(anchor);
      anchors.set(register, anchor);
    }
  }
  return anchors;
}

function factList(declaration: DeviceDeclaration, bars: readonly ChosenRegisters[]): Html {
  const { vendorId, deviceId } = declaration.identity;
  const id = [vendorId, deviceId].map((part) => part.toString(16).padStart(4, "0")).join(":");
  const all = bars.flatMap(({ registers }) => registers);
  const count = (state: string): number => all.filter(({ modelled }) => modelled === state).length;
  const words = all.reduce((sum, register) => sum + register.count * (register.width / 32), 0);
  const facts: readonly (readonly [string, string])[] = [
    ["PCI ID", id],
    ...bars.map(({ bar, map }) => [`BAR ${bar}`, `${hex(map.byteLength, 1)} bytes`] as const),
    ["Registers", `${all.length}, ${words.toLocaleString("en-US")} words of 32 bits`],
    [
      "Modelled",
      `${count("modelled")} · partly ${count("partly")} · not ${count("not-modelled")} · reserved ${count("reserved")}`,
    ],
  ];
  return html`<dl class="facts">${facts.map(([term, text]) => html`<div><dt>${term}</dt><dd>${text}</dd></div>`)}</dl>`;
}

function offsetMap({ bar, registers }: ChosenRegisters, anchors: ReadonlyMap<Register, string>): Html {
  const rows = registers.map((register) => {
    const anchor = anchors.get(register) ?? "";
    return html`<li data-for="${anchor}"><a href="#${anchor}"><code>${hex(register.at(), 5)}</code> <span>${mapName(register)}</span></a></li>
`;
  });
  return html`<p class="map-bar">BAR ${bar}</p><ol>${rows}</ol>`;
}

function filterForm(registers: readonly Register[]): Html {
  const states = (Object.keys(MODELLED_MEANINGS) as Register["modelled"][]).filter((state) =>
    registers.some(({ modelled }) => modelled === state),
  );
  const mirrors = [...new Set(registers.map(({ mirror }) => mirror))].sort();
  const accesses = accessesOf(registers);
  return html`<search class="filter"><form>
<label class="find"><span>Find</span><input type="search" id="find" autocomplete="off" spellcheck="false" placeholder="name, field, word, or offset 0x1028" aria-describedby="found"></label>
<label><span>Model</span><select id="model"><option value="">any</option>${states.map((state) => html`<option value="${state}">${modelledText(state)}</option>`)}</select></label>
<label><span>Access</span><select id="access"><option value="">any</option>${accesses.map((mode) => html`<option>${mode}</option>`)}</select></label>
<label><span>Mapped access</span><select id="mirror"><option value="">any</option>${mirrors.map((mirror) => html`<option>${mirror}</option>`)}</select></label>
<output id="found" for="find model access mirror">${registers.length} registers</output>
</form></search>`;
}

function accessesOf(registers: readonly Register[]): AccessMode[] {
  const used = new Set(
    registers.flatMap(({ access, fields }) =>
      [access, ...Object.values(fields).map((field) => field.access ?? [])].flat(),
    ),
  );
  return (Object.keys(ACCESS_MEANINGS) as AccessMode[]).filter((mode) => used.has(mode));
}

/** What the words mean that the page uses. */
function legend(registers: readonly Register[]): Html {
  const list = (title: string, entries: readonly (readonly [string, string])[]): Html =>
    html`<div><h2>${title}</h2><dl>${entries.map(([word, meaning]) => html`<div><dt><code>${word}</code></dt><dd>${meaning}</dd></div>`)}</dl></div>
`;
  const states = Object.entries(MODELLED_MEANINGS).map(
    ([state, meaning]) => [state.replace("-", " "), meaning] as const,
  );
  const boxes = [
    ["", "read and write"],
    ["ro", "read-only"],
    ["special", "another way of access, named in the table"],
    ["absent", "not modelled when it is turned on"],
    ["gap", "reserved, or without a name"],
  ] as const;
  return html`<details class="legend"><summary>What the words mean</summary><div class="legend-columns">
${list(
  "Access",
  accessesOf(registers).map((mode) => [mode, ACCESS_MEANINGS[mode]]),
)}${list("Mapped access", Object.entries(MIRROR_MEANINGS))}${list("Model", states)}<div><h2>Boxes</h2><ul class="swatches">${boxes.map(([style, meaning]) => html`<li><span class="swatch ${style}"></span>${meaning}</li>`)}</ul></div>
</div></details>`;
}
