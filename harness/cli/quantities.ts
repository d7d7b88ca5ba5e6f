/** Counts, times and sizes as people read them. Nothing of a terminal or of Node: pages print them too. */

/** "1,234,567". */
export function grouped(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** "1 frame", "2,705 frames". */
export function counted(count: number, singular: string, plural = `${singular}s`): string {
  return `${grouped(count)} ${count === 1 ? singular : plural}`;
}

/** "ixgbe, exanic and edu". */
export function listText(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** "850 ns", "12.3 µs", "4.56 ms", "1.23 s", "5 min 3 s": three digits of what matters. */
export function durationText(durationNs: number): string {
  if (durationNs < 1000) return `${Math.round(durationNs)} ns`;
  if (durationNs < 1e6) return `${threeDigits(durationNs / 1e3)} µs`;
  if (durationNs < 1e9) return `${threeDigits(durationNs / 1e6)} ms`;
  if (durationNs < 120e9) return `${threeDigits(durationNs / 1e9)} s`;
  const seconds = Math.round(durationNs / 1e9);
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** "31.2 MB": decimal, as links are measured. */
export function bytesText(byteCount: number): string {
  if (byteCount < 1000) return `${byteCount} B`;
  if (byteCount < 1e6) return `${threeDigits(byteCount / 1e3)} kB`;
  return byteCount < 1e9 ? `${threeDigits(byteCount / 1e6)} MB` : `${threeDigits(byteCount / 1e9)} GB`;
}

/** Three significant digits without an exponent, more where the whole part has more. */
export function threeDigits(value: number): string {
  if (value >= 100) return grouped(value);
  return value.toFixed(value >= 10 ? 1 : 2);
}
