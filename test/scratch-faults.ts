import { everyFault } from "../harness/faults/every-fault.ts";

const { default: m } = await import(process.argv[2] as string);
const t0 = performance.now();
const { devices, body, ...options } = m;
const result = await everyFault(devices, { ...options, ...(process.argv[3] ? { only: [process.argv[3]] } : {}) }, body);
console.log(
  (performance.now() - t0).toFixed(0),
  "ms",
  result.siteCount,
  result.failurePathCount,
  result.visitedCount,
  JSON.stringify(result.verdicts),
  JSON.stringify(result.kinds),
);
const seen = new Map<string, number>();
const all = process.argv[3] ? result.sites : result.failures;
for (const f of all) {
  const k = f.name.split("#")[0] + " " + f.verdict + " " + f.detail.slice(0, 150);
  seen.set(k, (seen.get(k) ?? 0) + 1);
  if (seen.get(k) === 1) console.log(f.name, "|", f.where, "|", f.verdict, "|", f.detail.slice(0, 200));
}
if (!process.argv[3]) {
  const c = new Map<string, number>();
  for (const s of result.sites)
    if (s.verdict === "clean-error") {
      const k = s.detail.replaceAll(/0x[0-9a-f]+|\d+/g, "N").slice(0, 110);
      c.set(k, (c.get(k) ?? 0) + 1);
    }
  for (const [k, n] of [...c].sort((a, b) => b[1] - a[1])) console.log(n, k);
}
