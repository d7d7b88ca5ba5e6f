/** The offset map beside the registers, the filter that stays in sight, and the boxes of the bits. */
export const REGISTER_STYLE = `
.columns { display: grid; grid-template-columns: 17.5rem minmax(0, 1fr); max-width: 84rem; }
.columns main { padding: 0 clamp(1rem, 3vw, 2.5rem) 4rem; min-width: 0; border-left: 1px solid var(--line); }
.map { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; padding: 1rem 0; font-size: 0.88rem; }
.map summary { padding: 0 1rem 0.5rem clamp(1rem, 3vw, 2.5rem); font-weight: 650; }
.map-bar { padding: 0.2rem 1rem 0.2rem clamp(1rem, 3vw, 2.5rem); color: var(--soft); font-size: 0.8rem; }
.map a { display: flex; gap: 0.75rem; padding: 0.1rem 1rem 0.1rem clamp(1rem, 3vw, 2.5rem); color: inherit; text-decoration: none; }
.map a code { color: var(--soft); flex: none; }
.map a span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.map a:hover, .map a[aria-current] { background: var(--accent-back); color: var(--accent); }
.map a[aria-current] code, .map a:hover code { color: inherit; }
.filter { position: sticky; top: 0; z-index: 5; display: block; background: var(--paper); border-bottom: 1px solid var(--line); padding: 0.75rem 0; }
.filter form { display: flex; flex-wrap: wrap; gap: 0.5rem 0.9rem; align-items: end; }
.filter label span { display: block; font-size: 0.8rem; color: var(--soft); }
.filter .find { flex: 1 1 14rem; }
.filter input { width: 100%; }
.filter output { padding-bottom: 0.35rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.legend { margin-top: 1rem; color: var(--soft); font-size: 0.9rem; }
.legend-columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); gap: 1.25rem 2.5rem; padding: 0.75rem 0 0.5rem; }
.legend h2 { color: var(--ink); font-size: 0.9rem; margin-bottom: 0.25rem; }
.legend dl div { display: grid; grid-template-columns: 7.5rem 1fr; padding: 0.1rem 0; }
.legend dt { color: var(--ink); }
.swatches li { display: flex; align-items: center; gap: 0.6rem; padding: 0.15rem 0; }
.swatch { width: 1.9rem; height: 1.1rem; border: 1px solid var(--strong-line); background: var(--raised); flex: none; }
main section > h2 { margin: 1.5rem 0 0.25rem; }
.register { scroll-margin-top: 5.5rem; padding: 1.4rem 0 1.5rem; border-top: 1px solid var(--line); content-visibility: auto; contain-intrinsic-size: auto 360px; }
.register > header { display: flex; flex-wrap: wrap; gap: 0.25rem 0.75rem; align-items: baseline; }
.register h3 { font: 650 1.1rem/1.4 var(--mono); letter-spacing: -0.01em; }
.register h3 a { color: inherit; text-decoration: none; }
.register h3 a:hover { text-decoration: underline; }
.register .family { color: var(--soft); font-weight: 400; }
.register:target h3 a { background: var(--accent-back); box-shadow: 0 0 0 0.25rem var(--accent-back); }
.register .about { max-width: 52rem; margin: 0.15rem 0 0.7rem; }
.register .facts .wide { flex: 0 1 auto; margin-right: 1rem; }
.formula { display: block; }
.formula small { margin-left: 0.6rem; }
.remark, .runs-title, .upper { color: var(--soft); font-size: 0.88rem; margin-top: 0.6rem; }
.runs { display: flex; flex-wrap: wrap; gap: 0.1rem 1.5rem; }
.bits { display: grid; grid-template-columns: repeat(32, minmax(0, 1fr)); margin: 0.9rem 0 0.8rem; font: 0.75rem/1.2 var(--mono); }
.box { grid-column: var(--from) / span var(--span); grid-row: 1; min-width: 0; display: grid; grid-template-rows: auto minmax(2rem, 1fr) auto; text-align: center; }
.box i { font-style: normal; color: var(--soft); display: flex; justify-content: space-between; padding: 0 0.15em 0.15em; font-size: 0.92em; }
.box.single i { justify-content: center; padding-inline: 0; }
.box b { font-weight: 500; border: 1px solid var(--strong-line); border-left-width: 0; background: var(--raised); display: flex; align-items: center; justify-content: center; padding: 0.35rem 0.1rem; overflow: hidden; }
.box[style*="--from:1;"] b { border-left-width: 1px; }
.box em { min-height: 1.5em; font-style: normal; color: var(--soft); padding-top: 0.15em; overflow: hidden; text-overflow: clip; white-space: nowrap; font-size: 0.92em; }
.box.tall b { writing-mode: vertical-rl; transform: rotate(180deg); border-left-width: 1px; border-right-width: 0; white-space: nowrap; }
.box.tall[style*="--from:1;"] b { border-right-width: 1px; }
.box.ro b, .swatch.ro { background: var(--sunken); }
.box.special b, .swatch.special { background: var(--accent-back); }
.box.gap b, .swatch.gap { background: repeating-linear-gradient(-45deg, transparent 0 4px, var(--line) 4px 5px); }
.box.absent b, .swatch.absent { background: var(--warn-back); border-style: dashed solid dashed solid; }
.box.left b, .box.right b { color: transparent; }
.box.left b { border-right: 0; }
.box.gap.left b, .box.gap.right b { background: none; }
.box.left i span:last-child, .box.right i span:first-child { visibility: hidden; }
.across { grid-column: var(--from) / span var(--span); grid-row: 1; display: flex; align-items: center; justify-content: center; pointer-events: none; min-width: 0; padding: 1.15em 0 1.5em; align-items: stretch; }
.across b { display: flex; flex: 1; align-items: center; justify-content: center; }
.across.gap b { background: repeating-linear-gradient(-45deg, transparent 0 4px, var(--line) 4px 5px); }
.across b { font-weight: 500; white-space: nowrap; overflow: hidden; }
.fields { font-size: 0.92rem; }
.fields td:first-child { width: 4rem; white-space: nowrap; }
.fields th[scope="row"] { font: 500 0.92em/1.5 var(--mono); overflow-wrap: anywhere; }
.fields td:nth-child(3), .fields td:nth-child(4) { font: 0.9em/1.6 var(--mono); white-space: nowrap; }
.nothing { padding: 2rem 0; }
@media (max-width: 62rem) {
  .columns { display: block; }
  .columns main { border-left: 0; }
  .map { position: static; max-height: none; border-bottom: 1px solid var(--line); padding: 0.75rem 0; }
  .map details[open] { max-height: 60vh; overflow-y: auto; }
  .map ol { columns: 15rem; column-gap: 0; }
}
@media (max-width: 48rem) {
  .register { scroll-margin-top: 0; }
  .filter { position: static; }
  .filter label:not(.find) { flex: 1 1 5rem; }
  .filter select { width: 100%; }
  .bits { grid-template-columns: repeat(16, minmax(0, 1fr)); row-gap: 0.35rem; }
  .box { grid-column: var(--col) / span var(--span); grid-row: var(--row); }
  .box.left b, .box.right b { color: inherit; }
  .box.gap.left b, .box.gap.right b { background: repeating-linear-gradient(-45deg, transparent 0 4px, var(--line) 4px 5px); }
  .box.left b { border-right: 1px solid var(--strong-line); }
  .box[style*="--col:1;"] b { border-left-width: 1px; }
  .box.tall[style*="--col:1;"] b { border-right-width: 1px; }
  .box.left i span:last-child, .box.right i span:first-child { visibility: visible; }
  .across { display: none; }
  .fields thead { display: none; }
  .fields, .fields tbody { display: block; }
  .fields tr { display: grid; grid-template-columns: 3.2rem minmax(0, 1fr) auto auto; gap: 0 0.75rem; padding: 0.35rem 0; border-top: 1px solid var(--line); }
  .fields tr > * { border: 0 !important; padding: 0; }
  .fields td:last-child { grid-column: 2 / -1; }
  .fields td:last-child:empty { display: none; }
}
`;
