import type { Finding } from "../emulator/run/findings.ts";

/** What is found when a testbed is closed: see {@link DriverWatch.end}. */
const LEAK_RULES: readonly string[] = ["dma-buffer-leaked", "interrupt-not-released"];

/** A testbed that somebody has to close. */
export interface OpenTestbed {
  /** Where it was plugged in: the caller's line of the stack. */
  readonly openedAt: string;
  close(): Promise<void>;
}

const open = new Set<OpenTestbed>();

/** Notes a testbed as open. */
export function noteOpened(testbed: OpenTestbed): void {
  open.add(testbed);
}

/** Notes a testbed as closed. */
export function noteClosed(testbed: OpenTestbed): void {
  open.delete(testbed);
}

/**
 * Closes every testbed that is still open and throws an Error that says where they were plugged in. To be called after each
 * test, `afterEach(failOnOpenTestbeds)`: a spinning device thread that nobody closes would slow every later test.
 */
export async function failOnOpenTestbeds(): Promise<void> {
  if (open.size === 0) return;
  const left = [...open];
  await Promise.all(left.map((testbed) => testbed.close()));
  const places = left.map((testbed) => `  plugged in ${testbed.openedAt}`).join("\n");
  throw new Error(
    `${left.length} testbed(s) left open. Write \`await using bed = await plugIn(…)\`, or call close().\n${places}`,
  );
}

/** What drivers have left behind on testbeds that were closed since the last look. The first few say enough. */
const leaks: string[] = [];
const LEAK_LIMIT = 16;
let leakCount = 0;

/** Notes what a driver has left behind, as its testbed was closed. */
export function noteLeaks(found: readonly Finding[]): void {
  for (const { rule, message } of found) {
    if (!LEAK_RULES.includes(rule)) continue;
    leakCount++;
    if (leaks.length < LEAK_LIMIT) leaks.push(`  ${rule}: ${message}`);
  }
}

/**
 * Throws an Error for what drivers have left behind: DMA buffers that are still mapped, interrupt handlers that were not taken
 * away, when they had turned the card off and the testbed was closed. To be called after each test,
 * `afterEach(failOnLeaks)`: a test that looks at `bed.violations` does so before the testbed is closed, when nothing is left
 * behind yet. Knows of folded testbeds; on threads nobody hears of handlers.
 */
export function failOnLeaks(): void {
  if (leakCount === 0) return;
  const more = leakCount > leaks.length ? [`  and ${leakCount - leaks.length} more`] : [];
  const text = [...leaks, ...more].join("\n");
  const count = leakCount;
  leaks.length = 0;
  leakCount = 0;
  throw new Error(`${count} thing(s) left behind by a driver that has turned its card off.\n${text}`);
}

/** The first line of the stack outside this package's harness: "at … (file:line)". */
export function callerLine(): string {
  const lines = (new Error().stack ?? "").split("\n").slice(1);
  const line = lines.find((text) => !/[/\\]harness[/\\]|node:internal|open-testbeds/.test(text));
  return (line ?? lines.at(-1) ?? "at an unknown place").trim();
}
