import { RERUN_COMMAND } from "../../cli/own-name.ts";
import { isOfTest } from "../../explore/test-token.ts";
import { type Html, html } from "../html.ts";
import { pageText } from "../page.ts";
import { BASE_STYLE } from "../styles/base.ts";
import { REGISTER_STYLE } from "../styles/registers.ts";
import { REPORT_STYLE } from "../styles/report.ts";
import { TIMELINE_STYLE } from "../styles/timeline.ts";
import { exploredSection, furtherLines } from "./explored-section.ts";
import { feedsSection } from "./feeds-section.ts";
import { findingsSection } from "./findings-section.ts";
import { jumpLinks } from "./landmarks.ts";
import { latencySection } from "./latency-section.ts";
import { registersSection } from "./registers-section.ts";
import type { ReportContents } from "./report-contents.ts";
import { type ReportVerdict, reportVerdict } from "./report-verdict.ts";
import { ringsSection } from "./rings-section.ts";
import type { Section } from "./section.ts";
import { timelineData, timelineSection } from "./timeline-section.ts";
import { dropsSection, trafficSection } from "./traffic-sections.ts";

const SECTIONS: readonly ((contents: ReportContents) => Section | undefined)[] = [
  exploredSection,
  trafficSection,
  findingsSection,
  timelineSection,
  latencySection,
  ringsSection,
  dropsSection,
  feedsSection,
  registersSection,
];

const SIGNS = { good: "✓", bad: "✗", unknown: "?" } as const;

/** A report: its text, the parts that it has, and what it says at its top. */
export interface MadeReport {
  readonly text: string;
  readonly sections: readonly string[];
  readonly verdict: ReportVerdict;
}

/** Everything that is known of a run as one HTML file that opens from `file://`. */
export function reportPage(contents: ReportContents): MadeReport {
  const sections = SECTIONS.flatMap((make) => make(contents) ?? []);
  const links = sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`);
  const verdict = reportVerdict(contents);
  const body = html`<header class="masthead">
<p class="eyebrow">softbar · report</p>
<h1>${contents.title}</h1>
<p class="lead"><span class="verdict ${verdict.look}">${SIGNS[verdict.look]} ${verdict.word}</span> ${verdict.says.split("\n", 1)[0]}</p>
${contents.explored === undefined && furtherLines(verdict.says)}${jumpLinks(contents)}${reproduce(contents)}
</header>
<nav class="contents" aria-label="Parts of the report"><ul>${links}</ul></nav>
<main id="main" tabindex="-1">
${sections.map(
  ({
    id,
    title,
    body: part,
  }) => html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>
${part}</section>
`,
)}${sections.length === 0 && html`<p>There is nothing in it: no event, and no result.</p>`}</main>`;
  const text = pageText({
    title: `${contents.title} – softbar report`,
    kind: "report",
    styles: [BASE_STYLE, REGISTER_STYLE, REPORT_STYLE, TIMELINE_STYLE],
    body,
    data: timelineData(contents),
    script: "report-main",
  });
  return { text, sections: sections.map(({ id }) => id), verdict };
}

/** The token, and the command that takes it. */
function reproduce({ explored, trace }: ReportContents): Html | undefined {
  const token = explored?.failure.token ?? trace?.header.explored?.token;
  if (token === undefined) return undefined;
  const [, program = ""] = token.split("~");
  const again = isOfTest({ program }) ? `explore(…, { replay: "${token}" }, …)` : `${RERUN_COMMAND} ${token}`;
  const command = explored?.command ?? again;
  return html`<p class="reproduce"><span>Replay it</span> <code tabindex="0" role="region" aria-label="Command that replays it">${command}</code></p>`;
}
