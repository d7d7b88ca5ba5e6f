import type { Reporter, TestModule, Vitest } from "vitest/node";

/**
 * Ends the output of a test run with one line that any CI can read: `N passed, N failed, N skipped`.
 * Skipped tests come before it with their reason (`context.skip("reason")`): a skip must never pass unseen.
 */
export default class TallyReporter implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    const skippedLines: string[] = [];

    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const result = test.result();
        count[result.state]++;
        if (result.state !== "skipped") continue;
        skippedLines.push(
          `skipped: ${module.relativeModuleId} > ${test.fullName}: ${result.note ?? "no reason given"}`,
        );
      }
    }

    // A module that cannot be loaded has no tests to count, and an error outside a test belongs to none; both are
    // failures. Tests that were still pending when the run ended have not passed either.
    const brokenModuleCount = modules.filter((module) => module.errors().length > 0).length;
    // Leaks are only there with --detect-async-leaks, and vitest prints them but exits with 0.
    const leakCount = this.#vitest?.state.leakSet.size ?? 0;
    const failedCount = count.failed + count.pending + brokenModuleCount + unhandledErrors.length + leakCount;
    if (failedCount > 0) process.exitCode = 1;

    for (const line of skippedLines) console.log(line);
    console.log(`${count.passed} passed, ${failedCount} failed, ${count.skipped} skipped`);
  }
}
