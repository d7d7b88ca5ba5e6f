import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  test: {
    setupFiles: ["test/setup/live-workers.ts", "test/setup/open-testbeds.ts"],
    reporters: ["default", "./scripts/tally-reporter.ts"],
    // Four groups, one after the other: device threads spin, and two of them on two cores measure only each other.
    // The orders start at 1, because order 0 with a single worker is put in a group of its own behind the others.
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            "test/unit/**/*.test.ts",
            "test/litmus/**/*.test.ts",
            "test/conformance/**/*.test.ts",
            "test/tidy.test.ts",
          ],
          // Vitest leaves a core to itself, and it needs a quarter of one: on two cores everything would wait for one worker.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          // Nothing here waits for a clock: a test that takes long computes, and more slowly beside another one.
          testTimeout: 20_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "threads",
          include: ["test/threads/**/*.test.ts", "templates/**/*.test.ts"],
          // Most of what a command line does in a test is to load: with what Node has compiled at hand it takes half the time.
          env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/softbar-tests", import.meta.url)) },
          pool: "forks",
          maxWorkers: 1,
          testTimeout: 20_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: "package",
          include: ["test/package/**/*.test.ts"],
          pool: "forks",
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        test: {
          name: "page",
          include: ["test/page/**/*.test.ts"],
          pool: "forks",
          maxWorkers: 1,
          testTimeout: 30_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});

export default config;
