const NS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  min: 60e9,
  h: 3600e9,
};

/** 104 days: up to there a Number holds every nanosecond. */
const LIMIT_NS = 2 ** 53;

/** "1ms", "2.5 s", "250us", "90min" in whole nanoseconds. @throws RangeError for anything else, a bare number too. */
export function parseDuration(text: string): number {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?|\.\d+) ?([a-zµ]+)$/i.exec(text) ?? [];
  const durationNs = Math.round(Number(digits) * (NS_PER_UNIT[unit] ?? Number.NaN));
  if (digits === "" || !(durationNs <= LIMIT_NS)) {
    throw new RangeError(`"${text}" is no duration; write a number and its unit: 250ns, 10us, 1.5ms, 2s, 5min or 1h.`);
  }
  return durationNs;
}
