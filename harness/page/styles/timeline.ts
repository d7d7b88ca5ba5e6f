/** The interleaving: its tools, the strip with the whole of it, the rows in sight, the arrows under them, the details. */
export const TIMELINE_STYLE = `
.report {
  --cpu: light-dark(#0a58a6, #86bdf5);
  --device: light-dark(#8f3f00, #f3b07c);
  --edge: light-dark(#8c939a, #7b838b);
}
.tools { display: flex; flex-wrap: wrap; gap: 0.6rem 1rem; align-items: end; margin: 0.75rem 0; }
.tools label > span:first-child:not(.glyph) { display: block; font-size: 0.8rem; color: var(--soft); }
.tools .find { flex: 1 1 14rem; max-width: 26rem; }
.tools .find input { width: 100%; }
.tools fieldset { flex-basis: 100%; border: 0; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; }
.tools .check { display: flex; align-items: center; gap: 0.35rem; min-height: 1.8rem; }
.tools .check input { margin: 0; accent-color: var(--accent); width: 1rem; height: 1rem; }
.tools output { color: var(--soft); font-variant-numeric: tabular-nums; }
.glyph { font-size: 0.8rem; color: var(--soft); }
.glyph.finding { color: var(--bad); }
.steps-buttons { display: flex; gap: 0.5rem; }
.strip { display: block; width: 100%; background: var(--sunken); border: 1px solid var(--line); border-radius: 4px; color: var(--bar); text-decoration-color: var(--bad); caret-color: var(--ink); cursor: pointer; touch-action: none; margin-bottom: 0.75rem; }
.split { scroll-margin-top: 3.2rem; display: grid; grid-template-columns: minmax(0, 1fr) 20rem; gap: 1.25rem; align-items: start; }
.grid { position: relative; height: min(72vh, 46rem); overflow-y: auto; overflow-x: hidden; background: var(--raised); border: 1px solid var(--line); border-radius: 5px; contain: strict; }
.grid.small { height: auto; max-height: 72vh; min-height: 12rem; contain: content; }
.grid-head { position: sticky; top: 0; z-index: 3; height: 2.1rem; background: var(--raised); border-bottom: 1px solid var(--strong-line); font-size: 0.85rem; color: var(--soft); }
.grid-head > span { position: absolute; top: 0.4rem; white-space: nowrap; }
.grid-head .number { left: 0; width: 54px; text-align: right; }
.grid-head .time { left: 62px; width: 96px; text-align: right; }
.grid-head .who, .grid-head .what { display: none; }
.grid-head .lane { color: var(--ink); font-weight: 650; transform: translateX(-4px); }
.grid-head .lane.cpu { color: var(--cpu); }
.grid-head .lane.device { color: var(--device); }
.timeless .time { display: none; }
.grid-body { position: relative; }
.grid-body svg { position: absolute; left: 0; top: 0; z-index: 1; pointer-events: none; overflow: hidden; }
.row { position: absolute; left: 0; right: 0; height: 26px; line-height: 26px; font-size: 0.84rem; cursor: default; }
.row::before { content: ""; position: absolute; inset: 0; }
.row:hover::before { background: color-mix(in srgb, var(--accent-back) 55%, transparent); }
.row > span { position: absolute; top: 0; z-index: 2; white-space: nowrap; }
.row .number { left: 0; width: 54px; text-align: right; color: var(--soft); font-variant-numeric: tabular-nums; }
.row .time { left: 62px; width: 96px; text-align: right; color: var(--soft); font-variant-numeric: tabular-nums; }
.row .who { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.row .what { left: var(--what); max-width: calc(100% - var(--what)); padding: 0 0.35rem; overflow: hidden; text-overflow: ellipsis; white-space: pre; font-family: var(--mono); font-size: 0.95em; background: var(--raised); height: 20px; line-height: 20px; top: 3px; }
.row:hover .what { background: var(--accent-back); }
.row.finding .what { color: var(--bad); font-weight: 600; }
.row[aria-selected="true"]::before { background: var(--accent-back); box-shadow: inset 3px 0 var(--accent); }
.row[aria-selected="true"] .what { background: var(--accent-back); color: var(--ink); }
.row[aria-selected="true"].finding .what { color: var(--bad); }
.row[aria-selected="true"] .number, .row[aria-selected="true"] .time { color: var(--ink); }
.row.fault::before { background: var(--bad-back); box-shadow: inset 3px 0 var(--bad); }
.row.fault .what { background: var(--bad-back); }
.row.deviation:not(.fault)::before { box-shadow: inset 3px 0 var(--warn); }
.row .tag { font-family: var(--sans); font-size: 0.9em; font-weight: 600; margin-right: 0.1rem; }
.row .tag.fault { color: var(--bad); }
.row .tag.deviation { color: var(--warn); }
.row .cause { display: none; }
.grid:focus-visible { outline-offset: 1px; }
.lifeline { stroke: var(--line); stroke-width: 1; }
.edge { fill: none; stroke: var(--edge); stroke-width: 1.2; }
.edge.why-completion, .edge.why-reads { stroke-dasharray: 4 3; }
.edge.why-drain, .edge.why-land, .edge.why-timer { stroke-dasharray: 1.5 2.5; }
.edge.chosen { stroke: var(--accent); stroke-width: 2; }
.mark { fill: var(--soft); stroke: var(--raised); stroke-width: 1.5; }
.mark.interrupt, .mark.frame { fill: var(--ink); }
.mark.finding { fill: none; stroke: var(--bad); stroke-width: 2.2; }
.mark.chosen { fill: var(--accent); }
.mark.finding.chosen { fill: none; }
.grid .nothing { position: absolute; inset: 4rem 0 auto; text-align: center; color: var(--soft); max-width: none !important; }
.details { font-size: 0.88rem; position: sticky; top: 3.5rem; max-height: calc(100vh - 5rem); overflow-y: auto; overflow-wrap: anywhere; }
.details .reason { font-weight: 600; margin-bottom: 0.4rem; }
.details .reason.fault { color: var(--bad); }
.details .reason.deviation { color: var(--warn); }
.details .hint { color: var(--soft); }
.details h3 { margin: 0 0 0.2rem !important; }
.details h4 { margin: 0.9rem 0 0.3rem; font-size: 0.85rem; }
.details .what { font-family: var(--mono); font-size: 0.92em; white-space: pre-wrap; padding-bottom: 0.5rem; border-bottom: 1px solid var(--line); margin-bottom: 0.5rem; }
.details dl div { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: 0.5rem; padding: 0.08rem 0; }
.details dt { color: var(--soft); }
.details dd { font-family: var(--mono); font-size: 0.92em; }
.details dl.fields div { grid-template-columns: minmax(0, 1fr) auto; }
.details dl.fields div + div { border-top: 1px solid var(--line); }
.details dl.fields dt { font-family: var(--mono); font-size: 0.92em; }
.details pre { margin: 0; font-size: 0.72rem; line-height: 1.4; overflow-x: auto; }
.details button { width: 100%; text-align: left; white-space: pre-wrap; padding: 0.3rem 0.5rem; margin-bottom: 0.3rem; line-height: 1.35; }
.details button .why { display: block; color: var(--soft); font-size: 0.85em; }
@media (max-width: 68rem) {
  .split { grid-template-columns: minmax(0, 1fr); }
  .details { position: static; max-height: none; min-height: 8rem; }
}
@media (max-width: 48rem) {
  .grid { height: 60vh; }
  .grid-head .lane, .grid-body svg { display: none; }
  .grid-head .number, .row .number { width: 42px; }
  .grid-head .time, .row .time { display: none; }
  .grid-head .who { display: block; left: 52px; }
  .row .who { width: auto; height: auto; clip-path: none; left: 52px; max-width: 66px; overflow: hidden; text-overflow: ellipsis; color: var(--soft); }
  .row .what { left: 122px; max-width: calc(100% - 124px); }
  .row .tag { border: 0; padding: 0; margin: 0; }
  .row .tag .reason { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .row .cause { display: block; right: 2px; padding: 0 0.3rem; color: var(--soft); background: var(--raised); font-variant-numeric: tabular-nums; }
  .steps-buttons { flex: 1 1 100%; }
  .steps-buttons button { flex: 1; }
}
`;
