import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Libc } from "../../harness/native/libc.ts";
import { watch } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "softbar-servers-"));
afterAll(() => rmSync(folder, { recursive: true }));

const HANG_MS = 20_000;

test("five servers leave a process its threads, no event descriptor stalls it, and it can exit", {
  timeout: 30_000,
}, async ({ skip }) => {
  if ((await Libc.load()) === undefined) return skip("koffi is not installed, or this is no 64-bit Linux");
  const file = join(import.meta.dirname, "fixtures/vfio-servers.ts");
  // Nothing less ends one whose threads wait in the kernel.
  const child = spawn(process.execPath, [file, folder], { timeout: HANG_MS, killSignal: "SIGKILL" });
  const { code, stdout, stderr } = await watch(child).run;
  expect({ code, stderr }).toEqual({ code: 3, stderr: "" });
  expect(stdout).toBe("a file is read\nidentification 10000ed\nexiting\n");
});
