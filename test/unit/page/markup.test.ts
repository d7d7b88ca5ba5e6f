import fc from "fast-check";
import { expect, test } from "vitest";
import { Html, html, jsonForScript } from "../../../harness/page/html.ts";

/** What a browser makes of the text between tags: the way back, written down independently. */
function textOf(markup: string): string {
  const named: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
  return markup.replace(/&([^;]+);/g, (_, name: string) => named[name] ?? "?");
}

const TEXT = fc.string({
  unit: fc.constantFrom("<", ">", "&", '"', "'", "a", ";", "/", "script", "--", "!", "\u2028"),
});

test("any text in a template is text again, and neither markup nor the end of an attribute", () => {
  fc.assert(
    fc.property(TEXT, (text) => {
      const { markup } = html`<p title="${text}">${text}</p>`;
      const [, attribute = "", content = ""] = /^<p title="([^"<>]*)">([^<>]*)<\/p>$/.exec(markup) ?? [];
      expect([attribute, content].map(textOf)).toEqual([text, text]);
    }),
  );
});

test("markup stays markup, lists stand one behind the other, nothing is nothing", () => {
  const part = html`<b>${1 + 1}</b>`;
  expect(html`${[part, part]}${undefined}${false}${"<"}${new Html("<i>")}`.markup).toBe("<b>2</b><b>2</b>&lt;<i>");
});

test("control characters, which HTML forbids, are seen as such", () => {
  expect(html`${"a\u0000b\u001b[31m\tc\nd\u0085"}`.markup).toBe("a\ufffdb\ufffd[31m\tc\nd\ufffd");
});

test("data in a script is the same data, and cannot end the script", () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ stringUnit: fc.constantFrom("</script>", "<!--", "<script", "]]>", "a", "\u2028", '"') }),
      (data) => {
        const { markup } = jsonForScript(data);
        expect(markup).not.toContain("<");
        expect(JSON.parse(markup)).toEqual(JSON.parse(JSON.stringify(data)));
      },
    ),
  );
});
