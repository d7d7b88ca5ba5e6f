import type { DeviceDeclaration } from "../../../emulator/pcie/device-model.ts";
import { fieldOf, type Register } from "../../../emulator/registers/declare.ts";
import { hex, NO_REGISTER } from "../../../emulator/registers/register-map.ts";
import { counted, grouped } from "../../cli/quantities.ts";
import { type Html, html } from "../html.ts";
import { bitDiagram } from "../registers/bit-diagram.ts";
import { bitsText, fieldHex, fieldsFromTop } from "../registers/register-facts.ts";
import type { ReportContents } from "./report-contents.ts";
import { eventLink, numeric, type Section, table } from "./section.ts";
import type { TimelineEntry } from "./timeline-entry.ts";

/** Registers whose bits are drawn, those that were accessed last; the table has all. */
const DRAWN_LIMIT = 200;

/** What the trace shows of one register. */
interface Touched {
  readonly device: number;
  readonly bar: number;
  readonly offset: number;
  readonly name: string;
  reads: number;
  writes: number;
  lastRead: string | undefined;
  lastWritten: string | undefined;
  lastSeq: number;
}

/** The registers that were accessed, with the values that were last seen, and their fields. */
export function registersSection({ trace, declarations }: ReportContents): Section | undefined {
  if (trace === undefined) return undefined;
  const touched = touchedIn(trace.entries);
  if (touched.length === 0) return undefined;
  const { devices } = trace.header;
  const isOne = devices.length < 2;
  const rows = touched.map(({ device, bar, offset, name, reads, writes, lastRead, lastWritten, lastSeq }) => [
    html`<code>${name}</code>`,
    ...(isOne ? [] : [devices[device]?.name ?? `device ${device}`]),
    html`<code>${bar === 0 ? "" : `BAR${bar} `}${hex(offset, 5)}</code>`,
    grouped(writes),
    html`<code>${lastWritten ?? ""}</code>`,
    grouped(reads),
    html`<code>${lastRead ?? ""}</code>`,
    eventLink(lastSeq, trace),
  ]);
  const columns = [
    "Register",
    ...(isOne ? [] : ["Device"]),
    "Offset",
    numeric("Writes"),
    "Last written",
    numeric("Reads"),
    "Last read",
    "Last access",
  ];
  const drawn = [...touched].sort((one, other) => other.lastSeq - one.lastSeq).slice(0, DRAWN_LIMIT);
  const cards = touched
    .filter((each) => drawn.includes(each))
    .flatMap((each) => cardOf(each, declarations.get(devices[each.device]?.name ?? "")));
  const body = html`<p>${counted(touched.length, "register")} accessed. Values are as the trace saw them last: what a read returned, else what was written.</p>
${table("Registers accessed", columns, rows)}
${cards.length > 0 && html`<h3>Their fields</h3>${cards}`}`;
  return { id: "registers", title: "Registers", body };
}

function touchedIn(entries: readonly TimelineEntry[]): Touched[] {
  const found = new Map<string, Touched>();
  for (const entry of entries) {
    if (entry.kind !== "register-write" && entry.kind !== "register-read") continue;
    const { device, bar, offset, register: name, value, seq } = entry;
    const key = `${device} ${bar} ${offset}`;
    const known = found.get(key) ?? {
      device,
      bar,
      offset,
      name,
      reads: 0,
      writes: 0,
      lastRead: undefined,
      lastWritten: undefined,
      lastSeq: seq,
    };
    found.set(key, known);
    known.lastSeq = seq;
    if (entry.kind === "register-read") {
      known.reads++;
      known.lastRead = value;
    } else {
      known.writes++;
      known.lastWritten = value;
    }
  }
  return [...found.values()].sort(
    (one, other) => one.device - other.device || one.bar - other.bar || one.offset - other.offset,
  );
}

/** The bits of a register that has fields, where its table is known. */
function cardOf(
  { bar, offset, name, lastRead, lastWritten }: Touched,
  declaration: DeviceDeclaration | undefined,
): Html[] {
  const map = declaration?.registerMaps[bar];
  if (map === undefined || offset >= map.byteLength) return [];
  const ordinal = map.ordinalAt(offset & ~3);
  const seen = lastRead ?? lastWritten ?? "";
  // A narrow access, or one beside the register's own place, does not show all of its fields.
  if (ordinal === NO_REGISTER || map.upperHalf[ordinal] === 1 || !/^0x[0-9a-f]{8}(?:[0-9a-f]{8})?$/.test(seen))
    return [];
  const register = map.registerOf(ordinal);
  const value = Number.parseInt(seen.slice(-8), 16) | 0;
  const fields = fieldsFromTop(register);
  if (fields.length === 0) return [];
  return [
    html`<details class="value"><summary><code>${name}</code> <code class="of">${seen}</code> <small>${lastRead === undefined ? "written" : "read"}</small> <span class="set">${setText(register, value)}</span></summary>
<p class="about">${register.about}</p>${bitDiagram(register, value)}
${table(
  `Fields of ${name}`,
  ["Field", "Bits", "Value", "Meaning"],
  fields.map(([field, bits]) => [
    html`<code>${field}</code>`,
    bitsText(bits),
    html`<code>${fieldHex(fieldOf(value, bits), bits)}</code>`,
    bits.about ?? "",
  ]),
)}</details>
`,
  ];
}

/** "ENABLE=1 RX_QUEUE=0x3": what is not 0. */
function setText(register: Register, value: number): string {
  return fieldsFromTop(register)
    .filter(([, field]) => fieldOf(value, field) !== 0)
    .map(([name, field]) => `${name}=${fieldHex(fieldOf(value, field), field)}`)
    .join(" ");
}
