import { createHash } from "node:crypto";
import { type Html, html, jsonForScript, Html as Markup } from "./html.ts";
import { inlineScript } from "./inline-script.ts";
import { PAGE_MARK } from "./page-file.ts";

export interface Page {
  readonly title: string;
  /** The kind of page: class of the body. */
  readonly kind: string;
  readonly styles: readonly string[];
  readonly body: Html;
  /** What the script finds in `<script type="application/json" id="…">`. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Module of browser/ that runs the page. */
  readonly script: string;
}

/**
 * One HTML file that needs nothing else: styles, data and script stand in it. The policy lets run the one script that is
 * known by its hash and lets nothing be loaded, so that text which got past the escaping would still do nothing.
 */
export function pageText({ title, kind, styles, body, data, script }: Page): string {
  const code = inlineScript(script);
  const hash = createHash("sha256").update(code).digest("base64");
  const policy = `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'`;
  const blocks = Object.entries(data).map(
    ([id, value]) => html`<script type="application/json" id="${id}">${jsonForScript(value)}</script>\n`,
  );
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${new Markup(PAGE_MARK)}
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Markup(styles.join("\n"))}</style>
</head>
<body class="${kind}">
<a class="skip" href="#main">Skip to the contents</a>
${body}
${blocks}<script type="module">${new Markup(code)}</script>
</body>
</html>
`.markup;
}
