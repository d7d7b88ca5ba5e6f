import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { hashOfModule } from "../../../harness/explore/source-hash.ts";

test("a driver in WebAssembly that a module loads is a part of its source; another one is not", () => {
  const folder = mkdtempSync(join(tmpdir(), "softbar-hash-"));
  try {
    const module = pathToFileURL(join(folder, "race.ts")).href;
    writeFileSync(
      join(folder, "race.ts"),
      'await WasmProgram.load(new URL("./nic.wasm", import.meta.url)); // a comment\n',
    );
    const hashWith = (file: string, byte: number): string => {
      writeFileSync(join(folder, file), Uint8Array.from([0, 0x61, 0x73, 0x6d, byte]));
      return hashOfModule(module);
    };
    const first = hashWith("nic.wasm", 1);
    expect(hashWith("nic.wasm", 2)).not.toBe(first);
    expect(hashWith("other.wasm", 3)).toBe(hashWith("nic.wasm", 2));
    expect(hashWith("nic.wasm", 1)).toBe(first);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
