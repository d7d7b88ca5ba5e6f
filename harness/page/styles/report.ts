/** Sections, verdicts, tables and charts of a report. */
export const REPORT_STYLE = `
body.report { --bar: light-dark(#3f7cbf, #5c97d6); }
.report .masthead, .report main, .contents { padding-inline: clamp(1rem, 3vw, 2.5rem); }
.report .lead { color: var(--ink); overflow-wrap: anywhere; }
.verdict { display: inline-block; padding: 0.05rem 0.55rem; border-radius: 4px; font-weight: 650; white-space: nowrap; }
.verdict.good { background: var(--good-back); color: var(--good); }
.verdict.bad { background: var(--bad-back); color: var(--bad); }
.verdict.unknown { background: var(--warn-back); color: var(--warn); }
.verdict.mild { background: var(--sunken); color: var(--soft); font-weight: 500; }
.finding-text .verdict { font-size: 0.85rem; padding: 0 0.4rem; }
.jumps { display: flex; flex-wrap: wrap; gap: 0.4rem 1.4rem; margin-top: 0.6rem; }
.jumps a { font-weight: 600; padding-block: 0.25rem; }
.reproduce { margin-top: 0.9rem; }
.reproduce span { display: block; color: var(--soft); font-size: 0.8rem; }
.reproduce code { display: block; overflow-x: auto; white-space: pre; background: var(--sunken); border: 1px solid var(--line); border-radius: 5px; padding: 0.4rem 0.7rem; max-width: 100%; width: fit-content; }
.contents { position: sticky; top: 0; z-index: 6; background: var(--paper); border-bottom: 1px solid var(--line); }
.contents ul { display: flex; flex-wrap: wrap; gap: 0 1.5rem; }
.contents a { display: block; padding: 0.55rem 0; color: var(--ink); text-decoration: none; border-bottom: 2px solid transparent; }
.contents a:hover { border-bottom-color: var(--accent); color: var(--accent); }
.report main { padding-bottom: 4rem; max-width: 100rem; }
.report main > section { padding-top: 2rem; scroll-margin-top: 1.6rem; }
.report main section > h2 { margin: 0 0 0.6rem; }
.report main h3 { margin: 1.5rem 0 0.4rem; }
.report main p { max-width: 52rem; }
.report main p + .facts, .report main p + .scroll, .report main .facts + p, .report main .facts + details { margin-top: 0.8rem; }
.sites { margin: 0.4rem 0 0.6rem; overflow-wrap: anywhere; }
.sites li { padding-left: 1.1rem; text-indent: -1.1rem; }
.sites li::before { content: "✕"; display: inline-block; width: 1.1rem; text-indent: 0; color: var(--bad); }
.note { border-left: 3px solid var(--warn); background: var(--warn-back); color: var(--warn); padding: 0.4rem 0.8rem; margin: 0.5rem 0; overflow-wrap: anywhere; }
.facts dd { overflow-wrap: anywhere; }
.scroll { position: relative; overflow-x: auto; margin: 0.6rem 0; max-width: 100%; }
.scroll table { width: auto; min-width: min(100%, 34rem); }
caption { text-align: left; color: var(--soft); font-size: 0.85rem; padding-bottom: 0.3rem; }
.scroll th, .scroll td { padding-right: 1.5rem; }
.scroll thead th { white-space: nowrap; vertical-align: bottom; }
.scroll tbody th { font-weight: 500; }
.numeric { text-align: right !important; white-space: nowrap; }
.finding-text { display: block; min-width: 18rem; max-width: 46rem; overflow-wrap: anywhere; }
details > summary { padding: 0.2rem 0; color: var(--accent); width: fit-content; }
.picture { overflow: auto; max-height: 30rem; margin: 0.5rem 0 0; padding: 0.75rem 1rem; background: var(--sunken); border: 1px solid var(--line); border-radius: 5px; font-size: 0.82rem; line-height: 1.45; max-width: 100%; }
.beside { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 2.5rem; align-items: start; margin-top: 0.75rem; }
.beside .scroll { margin: 0; }
.beside .plot { height: 12rem; }
.beside .scroll table { min-width: 11rem; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1.5rem 2.25rem; margin-top: 1rem; }
.gallery.wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 32rem), 1fr)); }
.chart figcaption { font-size: 0.9rem; font-weight: 600; margin-bottom: 1.4rem; }
.plot { position: relative; height: 8rem; border-bottom: 1px solid var(--strong-line); border-left: 1px solid var(--strong-line); }
.plot svg { display: block; width: 100%; height: 100%; overflow: visible; }
.plot rect { fill: var(--bar); }
.plot .area { fill: var(--accent-back); stroke: var(--bar); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.plot .marker { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 3; vector-effect: non-scaling-stroke; }
.plot .label { position: absolute; top: -1.25rem; transform: translateX(-50%); font-size: 0.75rem; color: var(--ink); white-space: nowrap; background: var(--paper); padding: 0 0.2rem; }
.plot .label.first { transform: translateX(0); }
.plot .label.last { transform: translateX(-100%); }
.chart small { font-weight: 400; margin-left: 0.5rem; }
.facts.figures { gap: 0.75rem 2.5rem; margin-bottom: 1.1rem; }
.figures dd { font-size: 1.45rem; line-height: 1.3; font-weight: 600; letter-spacing: -0.01em; }
.figures .bad { color: var(--bad); }
.axis { display: flex; justify-content: space-between; font-size: 0.75rem; color: var(--soft); padding-top: 0.2rem; font-variant-numeric: tabular-nums; }
.value { border-top: 1px solid var(--line); }
.value > summary { width: auto; padding: 0.35rem 0; color: var(--ink); overflow-wrap: anywhere; }
.value[open] { padding-bottom: 1rem; }
.value .of, .value .set { color: var(--soft); }
.value .set { font: 0.85em var(--mono); margin-left: 0.5rem; }
@media (max-width: 48rem) {
  .contents { position: static; padding-block: 0.4rem; }
  .contents a { padding: 0.3rem 0; }
  .report main > section { padding-top: 1.5rem; }
  .cards, .cards caption, .cards tbody, .cards tr, .cards tbody th, .cards td { display: block; }
  .cards thead { display: none; }
  .cards tr { padding: 0.6rem 0; border-top: 1px solid var(--line); }
  .cards tr > * { border: 0 !important; padding: 0.1rem 0 !important; text-align: left !important; white-space: normal !important; }
  .cards td[data-label]::before { content: attr(data-label); display: inline-block; min-width: 5.5rem; color: var(--soft); font-size: 0.85rem; }
  .cards td br { display: none; }
  .cards td br + code { margin-left: 0.6rem; }
  .finding-text { min-width: 0; }
  .beside { grid-template-columns: minmax(0, 1fr); gap: 1rem; }
}
`;
