import type { Finding } from "../../emulator/run/findings.ts";

/** Different notes that are kept. A driver that sets off more has other worries, and each run brings the same again. */
const NOTE_LIMIT = 100;

/** The notes of all runs of a search, each once: by device, rule and place. */
export class RunNotes {
  readonly #byKey = new Map<string, Finding>();

  /** Whether such a note was kept: its line is known. */
  has(device: string, rule: string, place: string): boolean {
    return this.#byKey.has(keyOf(device, rule, place));
  }

  /** What was found in a run that has ended. */
  take(findings: readonly Finding[]): void {
    for (const finding of findings) {
      if (finding.kind !== "note") continue;
      const key = keyOf(finding.device, finding.rule, finding.place);
      const known = this.#byKey.get(key);
      if (known !== undefined) known.count += finding.count;
      else if (this.#byKey.size < NOTE_LIMIT) this.#byKey.set(key, { ...finding });
    }
  }

  /** In the order in which they were found first; `count` is that of all runs. */
  get all(): readonly Finding[] {
    return [...this.#byKey.values()];
  }
}

/** A line for each note, under one that says what they are; none where there are none. */
export function notesText(notes: readonly Finding[]): string[] {
  if (notes.length === 0) return [];
  const lines = notes.map(
    ({ rule, message, line }) => `- ${rule}: ${message}${line === undefined ? "" : ` At ${line}.`}`,
  );
  return [
    `${notes.length === 1 ? "A note, worth a look; it fails" : "Notes, worth a look; they fail"} nothing:`,
    ...lines,
  ];
}

function keyOf(device: string, rule: string, place: string): string {
  return `${device}\n${rule}\n${place}`;
}
