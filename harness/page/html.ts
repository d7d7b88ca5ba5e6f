/**
 * HTML as values that cannot be forgotten to escape: what a template holds is text, unless it is Html itself. Names and
 * messages come from drivers, captures and files, which may hold anything.
 */
export class Html {
  readonly markup: string;

  /** `markup` is taken as it is: for what {@link html} has made, and for constants. */
  constructor(markup: string) {
    this.markup = markup;
  }
}

/** What a template may hold. Undefined and false are nothing. */
export type HtmlPart = Html | string | number | undefined | false | readonly HtmlPart[];

/** Markup with parts: strings and numbers as text (also inside a quoted attribute), lists one behind the other. */
export function html(strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  let markup = strings[0] ?? "";
  for (const [index, part] of parts.entries()) markup += markupOf(part) + (strings[index + 1] ?? "");
  return new Html(markup);
}

function markupOf(part: HtmlPart): string {
  if (part instanceof Html) return part.markup;
  if (part === undefined || part === false) return "";
  return typeof part === "object" ? part.map(markupOf).join("") : escaped(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for element content and quoted attributes. Control characters, which HTML forbids, become a visible stand-in. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => ENTITIES[letter] ?? "").replace(/[^\P{Cc}\t\n\r]/gu, "\ufffd");
}

/** Data for a `<script type="application/json">`: nothing in it can end the element or begin a comment. */
export function jsonForScript(data: unknown): Html {
  return new Html(JSON.stringify(data).replaceAll("<", "\\u003c"));
}
