/**
 * For vitest: `setupFiles: ["softbar/vitest"]` in your configuration. After each test, testbeds that were left open are
 * closed and the test fails. Works with any runner that has a global `afterEach`.
 */
import { failOnOpenTestbeds } from "./open-testbeds.ts";

interface Runner {
  afterEach?: (hook: () => Promise<void>) => void;
}

const { afterEach } = await import("vitest" as string).then(
  (module) => module as Runner,
  () => globalThis as Runner,
);
if (afterEach === undefined) throw new Error("softbar/vitest needs vitest, or a runner with a global afterEach");
afterEach(failOnOpenTestbeds);
