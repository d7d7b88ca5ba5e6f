import type { DamagePlan } from "./damage-plan.ts";
import type { DamageLedger, LedgerEntry } from "./ledger.ts";

/** Rows in one piece of text. */
const ROWS_PER_PIECE = 4096;

/**
 * The ledger as JSON lines: the plan first, then one line for each thing that was done, then what a correct receiver of
 * each line must report, and the counts last. The same plan over the same traffic gives the same bytes. Sequence ranges
 * are [first, last], both included, as people write them.
 */
export function* ledgerLines(ledger: DamageLedger, plan: DamagePlan): Generator<string, void, void> {
  yield `${JSON.stringify({ kind: "plan", ...plan })}\n`;
  for (let first = 0; first < ledger.count; first += ROWS_PER_PIECE) {
    let piece = "";
    const end = Math.min(ledger.count, first + ROWS_PER_PIECE);
    for (let index = first; index < end; index++) piece += `${JSON.stringify(rowOf(ledger.entry(index)))}\n`;
    yield piece;
  }
  for (const line of ledger.lines()) {
    const { missing, lost, duplicates, outOfOrder, ...rest } = line;
    yield `${JSON.stringify({
      kind: "line",
      ...rest,
      missing: missing.map(inclusive),
      lost: lost.map(inclusive),
      duplicates: duplicates.map(({ frame, range }) => ({ frame, sequences: inclusive(range) })),
      outOfOrder: outOfOrder.map(({ frame, range }) => ({ frame, sequences: inclusive(range) })),
    })}\n`;
  }
  yield `${JSON.stringify({ kind: "counts", ...ledger.counts() })}\n`;
}

function rowOf({ sequences, ...entry }: LedgerEntry): object {
  return { kind: "frame", ...entry, ...(sequences === undefined ? {} : { sequences: inclusive(sequences) }) };
}

/** A heartbeat carries none: its range is empty, and shows as the next sequence and the one before it. */
function inclusive([first, end]: readonly [number, number]): [number, number] {
  return [first, end - 1];
}
