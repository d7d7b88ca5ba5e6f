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

/** The first line of the stack outside this package's harness: "at … (file:line)". */
export function callerLine(): string {
  const lines = (new Error().stack ?? "").split("\n").slice(1);
  const line = lines.find((text) => !/[/\\]harness[/\\]|node:internal|open-testbeds/.test(text));
  return (line ?? lines.at(-1) ?? "at an unknown place").trim();
}
