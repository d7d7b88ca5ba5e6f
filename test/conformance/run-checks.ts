import { describe, test } from "vitest";
import type { ConformanceCheck } from "../../harness/conformance/conformance.ts";

/** Each check as a test. */
export function runChecks(checks: readonly ConformanceCheck[]): void {
  describe("conformance", () => {
    for (const { name, run } of checks) test(name, run);
  });
}
