import { UsageError } from "./exit-codes.ts";

/** Throws UsageError for a module in TypeScript where this Node runs none. `what` is what the sentence calls it. */
export function checkRunsHere(path: string, what: string = "it"): void {
  if (!/\.[mc]?ts$/.test(path) || process.features.typescript) return;
  throw new UsageError(
    `${path}: Node ${process.versions.node} runs no TypeScript; take Node 22.18 or later, or compile ${what} to JavaScript.`,
  );
}
