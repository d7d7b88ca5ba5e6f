import { hostile } from "../harness/faults/hostile/hostile.ts";

const { default: m } = await import(process.argv[2] as string);
const t0 = performance.now();
const { devices, body, ...options } = m;
const result = await hostile(
  devices,
  { ...options, runs: Number(process.argv[3] ?? 500), seed: Number(process.argv[4] ?? 1) },
  body,
);
console.log((performance.now() - t0).toFixed(0), "ms", result.runs, result.lieCount, JSON.stringify(result.verdicts));
const seen = new Map<string, number>();
for (const f of result.failures) {
  const k = f.verdict + " " + f.detail.replaceAll(/\d+/g, "N").slice(0, 90);
  seen.set(k, (seen.get(k) ?? 0) + 1);
  if (seen.get(k) === 1) console.log(f.verdict, "|", f.detail.slice(0, 200), "|", JSON.stringify(f.lies));
}
