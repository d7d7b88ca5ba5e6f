import { describe, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import { WasmProgramError } from "../../../harness/wasm/wasm-errors.ts";
import { IMPORT_NAMES } from "../../../harness/wasm/wasm-import-names.ts";
import { wasmImports } from "../../../harness/wasm/wasm-imports.ts";
import { WasmProgram } from "../../../harness/wasm/wasm-program.ts";
import { type TinyModule, tinyModule } from "./tiny-module.ts";

const SHARED = { initial: 64, maximum: 64, shared: true };
const UNREACHABLE = [0x00];

describe("what is no driver is told why", () => {
  const cases: readonly (readonly [string, TinyModule, RegExp])[] = [
    ["no memory is imported", { heapBase: 65536 }, /has a memory of its own, which no card can reach.*--import-memory/],
    [
      "memory that is not shared",
      { memory: { initial: 64, maximum: 64 }, heapBase: 65536 },
      /does not import its memory as shared.*-Wl,--shared-memory.*--max-memory.*-matomics -mbulk-memory/,
    ],
    [
      "more memory than cards reach",
      { memory: { initial: 64, maximum: 4097, shared: true }, heapBase: 65536 },
      /asks for 4097 pages of memory \(256\.0625 MiB\): softbar gives 256 MiB at most/,
    ],
    [
      "memory of another name",
      { memory: { ...SHARED, module: "js" }, heapBase: 65536 },
      /imports js\.memory, which softbar does not have/,
    ],
    [
      "functions of a C library",
      { memory: SHARED, heapBase: 65536, imports: ["env.malloc", "softbar.relax", "env.printf"] },
      /imports env\.malloc, env\.printf, which softbar does not have.*A function of a C library has to be linked in/,
    ],
    [
      "a function that softbar.h does not declare",
      { memory: SHARED, heapBase: 65536, imports: ["softbar.ring_bell"] },
      /imports softbar\.ring_bell, which/,
    ],
    ["no __heap_base", { memory: SHARED }, /does not export __heap_base \(-Wl,--export=__heap_base\)/],
    [
      "no room behind the program",
      { memory: { initial: 16, maximum: 16, shared: true }, heapBase: 65536 },
      /memory of 1048576 bytes has no room for BARs and DMA buffers behind its data \(65536 bytes\) and its heap \(1048576\)/,
    ],
  ];
  test.each(cases)("%s", async (_, module, message) => {
    const loading = WasmProgram.load(tinyModule(module), { name: "nic.wasm" });
    await expect(loading).rejects.toThrow(WasmProgramError);
    await expect(loading).rejects.toThrow(message);
  });

  test("a file that is none, and bytes that are no WebAssembly", async () => {
    await expect(WasmProgram.load("no-such.wasm")).rejects.toThrow("no-such.wasm cannot be read (ENOENT).");
    const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]);
    await expect(WasmProgram.load(png, { name: "x" })).rejects.toThrow(
      /^x is no WebAssembly module: expected magic word/,
    );
  });
});

test("every function that softbar.h, softbar-trace.c and softbar-fences.h import is there, and no other", async () => {
  const { readdirSync, readFileSync } = await import("node:fs");
  const folder = new URL("../../../harness/wasm/include/", import.meta.url);
  const declared = new Set<string>();
  for (const file of readdirSync(folder)) {
    const text = readFileSync(new URL(file, folder), "utf8");
    for (const [, name = ""] of text.matchAll(/(?:SB_IMPORT|IMPORT|SOFTBAR_BARRIER)\("(\w+)"\)/g)) declared.add(name);
  }
  expect([...declared].sort()).toEqual([...IMPORT_NAMES].sort());
  const nothing = { pci: { cpu: {}, config: {} } } as unknown as Parameters<typeof wasmImports>[0];
  expect(Object.keys(wasmImports(nothing)).sort()).toEqual([...IMPORT_NAMES].sort());
});

test("a function that is not exported is named with those that are; a trap with the function that it is in", async () => {
  const program = await WasmProgram.load(tinyModule({ memory: SHARED, heapBase: 65536, run: UNREACHABLE }), {
    name: "t.wasm",
  });
  await using bed = await plugIn(edu(), { ownMemory: program.ownMemory, run: "folded" });
  const driver = program.attach(bed.pci);
  expect(() => driver.call("start")).toThrow("t.wasm exports no function start; it exports run.");
  expect(() => driver.call("run")).toThrow("t.wasm: trapped: unreachable, in function 0");
});

test("a testbed that has memory of its own is refused, and told how to get the driver's", async () => {
  const program = await WasmProgram.load(tinyModule({ memory: SHARED, heapBase: 65536 }));
  await using bed = await plugIn(edu(), { run: "folded" });
  expect(() => program.attach(bed.pci)).toThrow(
    "edu was plugged into a testbed with memory of its own: plug it in with { ownMemory: program.ownMemory }",
  );
});
