/** What all pages look like: colours of day and night, type, tables, focus. */
export const BASE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: light-dark(#fbfbf9, #141618);
  --raised: light-dark(#ffffff, #1b1e21);
  --sunken: light-dark(#f2f2ee, #0f1112);
  --ink: light-dark(#1b1d1f, #e7e8ea);
  --soft: light-dark(#53585e, #a8aeb5);
  --line: light-dark(#dedeD8, #31363a);
  --strong-line: light-dark(#8b9097, #767d85);
  --accent: light-dark(#0a58a6, #86bdf5);
  --accent-back: light-dark(#e7f0fa, #14293f);
  --bad: light-dark(#a3201a, #ffa29b);
  --bad-back: light-dark(#fcecea, #3a1b1a);
  --good: light-dark(#14693a, #86d8a6);
  --good-back: light-dark(#e6f4eb, #12301e);
  --warn: light-dark(#7d4b00, #f1c476);
  --warn-back: light-dark(#fdf2de, #35280d);
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 var(--sans); overflow-wrap: break-word; }
h1, h2, h3, p, dl, dd, ol, ul, figure { margin: 0; padding: 0; }
h1 { font-size: 1.75rem; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; }
h2 { font-size: 1.25rem; line-height: 1.3; font-weight: 650; letter-spacing: -0.01em; }
h3 { font-size: 1rem; line-height: 1.4; font-weight: 650; }
code, kbd, pre, .mono { font-family: var(--mono); font-size: 0.92em; font-variant-ligatures: none; }
a { color: var(--accent); text-underline-offset: 0.15em; }
small { font-size: 0.88em; color: var(--soft); }
ol, ul { list-style: none; }
[hidden] { display: none !important; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
main:focus { outline: none; }
.skip { position: absolute; left: 0.5rem; top: -4rem; z-index: 20; padding: 0.5rem 1rem; background: var(--raised); border: 1px solid var(--strong-line); }
.skip:focus { top: 0.5rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.masthead { padding: 2rem clamp(1rem, 3vw, 2.5rem) 1.5rem; border-bottom: 1px solid var(--line); background: var(--raised); }
.eyebrow { color: var(--soft); font-size: 0.85rem; letter-spacing: 0.02em; margin-bottom: 0.25rem; }
.lead { color: var(--soft); max-width: 60rem; margin-top: 0.35rem; }
.facts { display: flex; flex-wrap: wrap; gap: 0.5rem 2rem; }
.facts dt { color: var(--soft); font-size: 0.8rem; }
.facts dd { font-variant-numeric: tabular-nums; }
.masthead .facts { margin-top: 1.1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; }
thead th { color: var(--soft); font-size: 0.8rem; font-weight: 500; border-bottom: 1px solid var(--strong-line); }
th, td { padding: 0.3rem 0.75rem 0.3rem 0; vertical-align: top; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
button, select, input { font: inherit; color: inherit; }
button, select, input[type="search"] { background: var(--raised); border: 1px solid var(--strong-line); border-radius: 5px; padding: 0.3rem 0.6rem; min-height: 2.1rem; }
button { cursor: pointer; }
button:hover:not(:disabled) { border-color: var(--accent); color: var(--accent); }
button:disabled { color: var(--soft); border-color: var(--line); cursor: default; }
summary { cursor: pointer; }
.tag { display: inline-block; padding: 0 0.45rem; border-radius: 3px; border: 1px solid currentColor; font-size: 0.78rem; line-height: 1.45; white-space: nowrap; color: var(--soft); }
.tag.partly { color: var(--warn); }
.tag.not-modelled { color: var(--bad); }
@media print { .skip, .filter, nav { display: none !important; } body { background: #fff; } }
`;
