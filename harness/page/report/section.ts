import { type Html, type HtmlPart, html } from "../html.ts";
import type { TraceContents } from "./trace-contents.ts";

/** A part of a report with a heading and a place in its list of contents. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Html;
}

/** A column of a table: its heading, and whether it holds numbers. */
export type Column = string | { readonly title: string; readonly numeric: true };

/**
 * A table with headings; the first cell of each row heads it. Wide ones scroll by themselves, and can be reached by Tab.
 * `cards` is for rows of long text: a phone shows each as a block.
 */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly HtmlPart[])[],
  look: "plain" | "cards" = "plain",
): Html {
  const heads = columns.map((column) =>
    typeof column === "string"
      ? html`<th scope="col">${column}</th>`
      : html`<th scope="col" class="numeric">${column.title}</th>`,
  );
  const body = rows.map((cells) => {
    const filled = cells.map((cell, index) => {
      const column = columns[index];
      const numeric = typeof column === "object" && html` class="numeric"`;
      const label = look === "cards" && html` data-label="${typeof column === "object" ? column.title : column}"`;
      return index === 0 ? html`<th scope="row"${numeric}>${cell}</th>` : html`<td${numeric}${label}>${cell}</td>`;
    });
    return html`<tr>${filled}</tr>
`;
  });
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table class="${look}"><caption>${caption}</caption>
<thead><tr>${heads}</tr></thead><tbody>${body}</tbody></table></div>
`;
}

/** Facts with their names; the `figures` among them are set large. */
export function facts(entries: readonly (readonly [string, HtmlPart])[], look: "" | "figures" = ""): Html {
  return html`<dl class="facts ${look}">${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
`;
}

/** Leads to an event in the interleaving, by the number that stands in front of it there. */
export function eventLink(seq: number, trace: TraceContents | undefined): Html {
  const rows = trace?.header.picture?.rows;
  const line = rows?.indexOf(seq) ?? -1;
  if (rows === undefined) return html`<a href="#event-${seq}">${seq}</a>`;
  if (line >= 0) return html`<a href="#event-${seq}">line ${line + 1}</a>`;
  return html`<a href="#event-${seq}">show<span class="unseen"> event ${seq}</span></a>`;
}

/** A column of numbers. */
export function numeric(title: string): Column {
  return { title, numeric: true };
}
