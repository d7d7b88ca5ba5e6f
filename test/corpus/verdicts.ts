import type { Finding } from "../../emulator/run/findings.ts";

/** The rules of some findings, each once. */
export function rulesOf(findings: readonly Finding[]): string[] {
  return [...new Set(findings.map(({ rule }) => rule))];
}

/** Rules that are found when no driver is on the stack: at the end of a run, or in the card's own time. */
export const LINE_RULES: { readonly without: readonly string[] } = {
  without: ["dma-buffer-leaked", "interrupt-not-released"],
};
