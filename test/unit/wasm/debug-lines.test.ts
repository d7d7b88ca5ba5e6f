import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { DebugLines } from "../../../harness/wasm/debug-lines.ts";
import { wasmSections } from "../../../harness/wasm/wasm-sections.ts";

const DRIVER = fileURLToPath(new URL("../../../scenarios/drivers/c/ixgbe.wasm", import.meta.url));

interface Row {
  readonly address: number;
  readonly line: number;
  readonly isEnd: boolean;
}

/** The rows of LLVM's own reader; undefined where it is not installed. */
function dumped(): Row[] | undefined {
  let text: string;
  try {
    text = execFileSync("llvm-dwarfdump", ["--debug-line", DRIVER], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return undefined;
  }
  return [...text.matchAll(/^0x([0-9a-f]{16}) +(\d+) +\d+ +\d+ .*$/gm)].map(([row, address = "", line = ""]) => {
    return { address: Number.parseInt(address, 16), line: Number(line), isEnd: row.includes("end_sequence") };
  });
}

test("every line of the driver is where LLVM's reader finds it", ({ skip }) => {
  const rows = dumped();
  if (rows === undefined) skip("llvm-dwarfdump is not installed (Debian: llvm)");
  const lines = new DebugLines(wasmSections(new Uint8Array(readFileSync(DRIVER))).custom);
  // Of several rows at one address the last counts; line 0 means none, and an end that another sequence begins at is none.
  const last = new Map<number, Row>();
  for (const row of rows ?? []) if (row.line > 0 && !(row.isEnd && last.has(row.address))) last.set(row.address, row);
  const starts = new Set((rows ?? []).flatMap((row) => (row.isEnd ? [] : row.address)));
  expect(last.size).toBeGreaterThan(100);
  for (const { address, line, isEnd } of last.values()) {
    if (isEnd && !starts.has(address)) expect(lines.at(address)).toBeUndefined();
    else expect({ address, line: lines.at(address)?.line }).toEqual({ address, line });
  }
});

test("without line tables, and with one that is cut short, no line is known and nothing is thrown", () => {
  expect(new DebugLines(new Map()).at(10)).toBeUndefined();
  const table = wasmSections(new Uint8Array(readFileSync(DRIVER))).custom.get(".debug_line") ?? expect.fail("no table");
  for (const end of [3, 11, 40])
    expect(new DebugLines(new Map([[".debug_line", table.slice(0, end)]])).at(10)).toBeUndefined();
});
