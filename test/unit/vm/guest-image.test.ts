import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Initramfs } from "../../../harness/vm/cpio.ts";
import { ElfFile } from "../../../harness/vm/elf.ts";
import { guestRoot } from "../../../harness/vm/guest-root.ts";

interface Entry {
  readonly path: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

/** Reads a "newc" archive by its description alone (Linux, Documentation/driver-api/early-userspace/buffer-format.rst). */
function entriesOf(packed: Uint8Array): Entry[] {
  const bytes = gunzipSync(packed);
  const entries: Entry[] = [];
  const up = (at: number): number => Math.ceil(at / 4) * 4;
  for (let at = 0; ; ) {
    expect(bytes.toString("latin1", at, at + 6)).toBe("070701");
    const field = (index: number): number =>
      Number.parseInt(bytes.toString("latin1", at + 6 + 8 * index, at + 14 + 8 * index), 16);
    const [mode, byteLength, nameLength] = [field(1), field(6), field(11)];
    const path = bytes.toString("utf8", at + 110, at + 110 + nameLength - 1);
    const contentAt = up(at + 110 + nameLength);
    if (path === "TRAILER!!!") return entries;
    entries.push({ path, mode, content: bytes.subarray(contentAt, contentAt + byteLength) });
    at = up(contentAt + byteLength);
  }
}

describe("an initramfs", () => {
  const name = fc.stringMatching(/^[a-z]{1,8}$/);

  test("unpacks to what was put in, each file behind the folders above it, once", () => {
    const file = fc.record({
      path: fc.array(name, { minLength: 1, maxLength: 4 }),
      content: fc.uint8Array({ maxLength: 50 }),
    });
    fc.assert(
      fc.property(fc.uniqueArray(file, { selector: ({ path }) => path.join("/"), maxLength: 12 }), (files) => {
        const archive = new Initramfs();
        for (const { path, content } of files) archive.file(`top/${path.join("/")}.x`, content, 0o755);
        const entries = entriesOf(archive.pack());
        const seen = new Set<string>();
        for (const { path, mode } of entries) {
          const above = path.split("/").slice(0, -1).join("/");
          if (above !== "") expect(seen).toContain(above);
          if ((mode & 0o170000) === 0o040000) expect(seen).not.toContain(path);
          seen.add(path);
        }
        for (const { path, content } of files) {
          const found = entries.findLast((entry) => entry.path === `top/${path.join("/")}.x`);
          expect(found?.mode).toBe(0o100755);
          expect(Buffer.from(found?.content ?? []).equals(content)).toBe(true);
        }
      }),
    );
  });

  test("of nothing is an archive with its end", () => {
    expect(entriesOf(new Initramfs().pack())).toEqual([]);
  });
});

describe("a guest's root", () => {
  const libraries = "/usr/lib/x86_64-linux-gnu";

  test("has a program with its loader, its libraries and those that it opens by name", ({ skip }) => {
    if (process.platform !== "linux" || process.arch !== "x64" || !existsSync(`${libraries}/libm.so.6`)) {
      return skip(`there is no ${libraries}/libm.so.6 to take`);
    }
    const root = mkdtempSync(join(tmpdir(), "softbar-guest-"));
    const folder = (path: string): string => {
      mkdirSync(join(root, path), { recursive: true });
      return join(root, path);
    };
    copyFileSync("/bin/true", join(folder("usr/bin"), "true"));
    writeFileSync(join(folder("bin"), "busybox"), "");
    writeFileSync(join(folder("lib/modules/6.1/kernel"), "some.ko"), "");
    symlinkSync(libraries, join(folder("usr/lib"), "x86_64-linux-gnu"));
    const guest = { root, kernelRelease: "6.1", packages: {} };
    const wanted = { modules: [], ownModules: [], files: [] };
    const programs = [{ name: "true", plugins: ["libm.so.6"] }];
    const paths = entriesOf(guestRoot(guest, { ...wanted, programs }).archive).map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining(["bin/true", "lib64/ld-linux-x86-64.so.2", "lib/libc.so.6", "lib/libm.so.6"]),
    );
    const unknown = [{ name: "true", plugins: ["libnone.so.1"] }];
    expect(() => guestRoot(guest, { ...wanted, programs: unknown })).toThrow(
      "usr/bin/true needs libnone.so.1, which no package brought.",
    );
    rmSync(root, { recursive: true });
  });
});

describe("an ELF file", () => {
  test("names the libraries that its loader is asked for", () => {
    const elf = new ElfFile(readFileSync(process.execPath), "node");
    expect(elf.neededLibraries()).toContain("libc.so.6");
    expect(elf.moduleInfo("depends")).toEqual([]);
    expect(elf.is64Bit).toBe(true);
    expect(elf.interpreter()).toMatch(/^\/lib.*\/ld-linux/);
  });

  test("cut anywhere is told as that, and never read beyond", () => {
    const whole = readFileSync("/bin/true");
    expect(execFileSync("/bin/true").length).toBe(0);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), (byteLength) => {
        try {
          new ElfFile(whole.subarray(0, byteLength), "part").neededLibraries();
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          expect((error as Error).message).toMatch(
            /^part is (no little-endian ELF file|an ELF file that is cut short)$/,
          );
        }
      }),
    );
  });

  test("is told from other files", () => {
    expect(() => new ElfFile(new TextEncoder().encode("#!/bin/sh\n"), "script")).toThrow(
      "script is no little-endian ELF file",
    );
  });
});
