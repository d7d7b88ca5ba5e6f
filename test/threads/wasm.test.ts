import { join } from "node:path";
import { expect, test } from "vitest";
import { edu } from "../../devices/edu/index.ts";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { runWasm } from "../../harness/wasm/run-wasm.ts";
import { root, start } from "./command-line.ts";

const c = (name: string): string => join(root, "scenarios/drivers/c", `${name}.wasm`);

test("trapped: frames that the driver sends come back to it, in order, by MSI-X", async () => {
  const options = { frames: 2000, interrupts: 1 };
  const report = await runWasm({ file: c("ixgbe"), device: ixgbe(), isLoopback: true, options });
  expect(report).toMatchObject({ access: "trapped", outcome: "passed", result: 0, error: "", violations: [] });
  expect(report.counters).toMatchObject({ txFrames: 2000, rxDelivered: 2000 });
});

test("mapped: the same driver over raw memory, and what that cannot do is said once", async () => {
  const words = ["run", c("ixgbe-mapped"), "--loopback", "--set", "frames=2000", "--json"];
  const { code, stdout, stderr } = await start(words).run;
  expect(JSON.parse(stdout)).toMatchObject({
    driver: "ixgbe-mapped.wasm",
    device: "ixgbe",
    access: "mapped",
    outcome: "passed",
  });
  expect(code).toBe(0);
  expect(stderr.match(/ixgbe BAR0 is mapped as raw memory/g)).toHaveLength(1);
  expect(stderr).toContain("ixgbe-mapped.wasm: 2000 frames in ");
});

test("a driver in Rust computes and copies", async () => {
  const report = await runWasm({ file: join(root, "scenarios/drivers/rust/edu.wasm"), device: edu() });
  expect(report).toMatchObject({ outcome: "passed", counters: { factorials: 1, transfers: 2 }, violations: [] });
});

test("a driver that gives up fails; one that waits for what never comes is stuck, and stopped", async () => {
  const failed = await runWasm({ file: c("ixgbe"), device: edu() });
  expect(failed).toMatchObject({ outcome: "failed", result: null });
  expect(failed.error).toMatch(
    /^ixgbe\.wasm: CTRL\.CTRL_LRST \| CTRL_RST did not go; the register reads 0x010000ed, in .*ixgbe\.c:\d+/,
  );
  const options = { mode: 2, frames: 1 };
  const stuck = await runWasm({ file: c("ixgbe"), device: ixgbe(), limitMs: 700, options });
  expect(stuck).toMatchObject({ outcome: "stuck", error: "it has not returned within 0.7 s" });
});

test("the verb says what it cannot do, with the exit codes of the others", async () => {
  const { code, stderr } = await start(["run", join(root, "README.md")]).run;
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/^softbar: README\.md is no WebAssembly module: expected magic word/),
  ]);
});
