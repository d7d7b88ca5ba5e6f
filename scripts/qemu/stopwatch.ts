/** Takes a line for people. */
export type Say = (line: string) => void;

/** Says lines with the seconds since it was made. */
export function stopwatch(say: Say): Say {
  const startedAtMs = performance.now();
  return (line) => say(`  ${((performance.now() - startedAtMs) / 1000).toFixed(1).padStart(5)} s  ${line}`);
}
