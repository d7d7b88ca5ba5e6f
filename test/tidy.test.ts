import { existsSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";
import { argumentsAt, imports, ownUrls, readTree, root, type SourceFile, sourceFile } from "./tidy/read-tree.ts";

/**
 * What the compiler and the linter cannot hold: which layer may import which, that time and chance come from one place,
 * and that the folders keep their shape. Every rule carries an example that breaks it, so that a rule which has gone
 * blind fails by itself. This file names what it bans and is the one file that is not checked.
 *
 * Known blind spot: `import(url)` is not followed. That is how devices and drivers are loaded by a layer that does not
 * know them: their URLs are handed in. A URL beside `import.meta.url` is one that the layer knows, and counts as an import.
 */

/** A layer may import itself and what stands here. `test` and `scripts` may import everything. */
const mayImport: Record<string, readonly string[]> = {
  emulator: [],
  devices: ["emulator"],
  harness: ["devices", "emulator"],
  scenarios: ["harness", "devices", "emulator"],
};

/** The only files below emulator/ and devices/ that may ask the machine for time or a turn of the event loop, and why. */
const mayUseHostTime: Record<string, string> = {
  "emulator/clock/wall-clock.ts": "it is the wall clock; everything else asks a clock",
  "emulator/run/macrotask.ts": "the device worker must let the control plane's messages in",
};

const runtimePackages = /^(node:.+|comlink|comlink\/dist\/esm\/node-adapter\.mjs|fast-check)$/;

/** Packages that are wanted for one thing only, and asked for there, when it is wanted. */
const optionalPackages: Readonly<Record<string, string>> = {
  v86: "harness/vm/guest-thread.ts",
  koffi: "harness/native/libc.ts",
};

interface Finding {
  readonly at: number;
  readonly problem: string;
}

interface Rule {
  readonly name: string;
  readonly find: (file: SourceFile) => Iterable<Finding>;
  /** [path, text] of a file that breaks the rule. */
  readonly example: readonly [string, string];
}

const layerOf = (path: string): string => path.split("/")[0] ?? "";
const isSource = (file: SourceFile): boolean => file.path.endsWith(".ts");
const isProduct = (file: SourceFile): boolean => isSource(file) && layerOf(file.path) in mayImport;

/** A rule that is one pattern; `view` is `code`, unless comments and strings count too. */
const pattern = (
  name: string,
  applies: (file: SourceFile) => boolean,
  regex: RegExp,
  advice: string,
  example: readonly [string, string],
  view: "code" | "text" = "code",
): Rule => ({
  name,
  example,
  *find(file) {
    if (!applies(file)) return;
    for (const found of file[view].matchAll(regex)) {
      yield { at: found.index, problem: `"${found[0].trim()}": ${advice}` };
    }
  },
});

const rules: readonly Rule[] = [
  {
    name: "layers import downwards only",
    example: ["emulator/x.ts", 'export * from "../devices/edu/edu.ts";'],
    *find(file) {
      const layer = layerOf(file.path);
      const below = mayImport[layer];
      if (!isSource(file) || below === undefined) return;
      for (const { at, name } of imports(file)) {
        if (!name.startsWith(".")) continue;
        const target = layerOf(relative(root, resolve(root, dirname(file.path), name)));
        if (target === layer || below.includes(target)) continue;
        const allowed = below.join(", ") || "nothing but itself";
        yield {
          at,
          problem: `${layer} imports "${name}": it may import ${allowed}. Move the thing down, or pass it in.`,
        };
      }
    },
  },
  {
    name: "layers load downwards only, by URL too",
    example: ["harness/x.ts", "const url = new URL(`../scenarios/x.ts`, import.meta.url);"],
    *find(file) {
      const layer = layerOf(file.path);
      const below = mayImport[layer];
      if (!isSource(file) || below === undefined) return;
      for (const { at, name } of ownUrls(file)) {
        const target = layerOf(relative(root, resolve(root, dirname(file.path), name)));
        // A file of no layer, such as package.json, is read and not loaded.
        if (!(target in mayImport) || target === layer || below.includes(target)) continue;
        yield { at, problem: `${layer} loads "${name}" by its URL: have it handed in by whoever knows it.` };
      }
    },
  },
  {
    name: "the product needs comlink, fast-check and Node, nothing else",
    example: ["harness/x.ts", 'import chalk from "chalk";'],
    *find(file) {
      if (!isProduct(file)) return;
      for (const { at, name } of imports(file)) {
        if (name.startsWith(".") || runtimePackages.test(name) || optionalPackages[name] === file.path) continue;
        yield { at, problem: `imports the package "${name}": write the few lines, or argue for it in package.json.` };
      }
    },
  },
  pattern(
    "the machine and the devices have no time of their own",
    (file) => /^(emulator|devices)\//.test(file.path) && isSource(file) && !(file.path in mayUseHostTime),
    /\b(?:Date|performance|hrtime|setTimeout|setInterval|setImmediate)\b/g,
    "time is the clock's. Take the clock as an argument (clock.nowNs, a timer of the device).",
    ["devices/edu/edu.ts", "const startNs = performance.now();"],
  ),
  pattern(
    "chance comes from a seed",
    isSource,
    /\bMath\s*\.\s*random\b|\brandom(?:Bytes|UUID)\b|\bgetRandomValues\b/g,
    "a run must be repeatable from its seed. Use emulator/run/rng.ts (in tests: fast-check).",
    ["scenarios/x.ts", "if (Math.random() < 0.5) drop();"],
  ),
  {
    name: "no wait without a limit",
    example: ["test/x.test.ts", "Atomics.wait(words, index(1, 2), 0);"],
    *find(file) {
      if (!isSource(file)) return;
      for (const found of file.code.matchAll(/\bAtomics\s*\.\s*wait\s*\(/g)) {
        const limit = argumentsAt(file.code, found.index + found[0].length)[3];
        if (limit && !/^(?:undefined|Infinity|Number\.POSITIVE_INFINITY)$/.test(limit)) continue;
        yield {
          at: found.index,
          problem: "Atomics.wait without a time limit can hang for ever: pass a fourth argument.",
        };
      }
    },
  },
  {
    name: "files hold one idea",
    example: ["harness/x.ts", "\n".repeat(401)],
    *find(file) {
      const lineCount = file.text.split("\n").length - 1;
      if (!/\.(ts|js|mjs|css|html)$/.test(file.path) || lineCount <= 400) return;
      yield { at: 0, problem: `${lineCount} lines, the limit is 400. Split it where a second idea begins.` };
    },
  },
  pattern(
    "no test is singled out or left for later",
    isSource,
    /\.(?:only|todo)\s*\(/g,
    "a green run would not mean what it says. Write the test, or take the mark away.",
    ["test/x.test.ts", 'test.only("x", () => {});'],
  ),
  pattern("types are not silenced", isSource, /\bas any\b/g, "say which type it is, or narrow `unknown`.", [
    "harness/x.ts",
    "(bed as any).secret();",
  ]),
  pattern(
    "the compiler is not silenced",
    isSource,
    /@ts-(?:ignore|nocheck)\b/g,
    "mend the type; where a test wants an error, @ts-expect-error with the reason.",
    ["harness/x.ts", "// @ts-ignore"],
    "text",
  ),
  pattern(
    "the tree speaks of itself alone and leaves no notes to its authors",
    () => true,
    /\/(?:work|farm)\/|\bfacts\/|\b(?:TODO|FIXME|XXX)\b/g,
    "a path of somebody's machine or a left-over. Do it, or say it in words a reader of the project understands.",
    ["README.md", "see /work/notes.md"],
    "text",
  ),
];

const files = readTree();

function check(rule: Rule, file: SourceFile): string[] {
  return [...rule.find(file)].map(({ at, problem }) => {
    const line = file.text.slice(0, at).split("\n").length;
    return `${file.path}:${line}: ${problem}`;
  });
}

function expectNone(problems: readonly string[]): void {
  if (problems.length > 0) expect.fail(`${problems.length} to mend:\n${problems.join("\n")}`);
}

test.for(rules)("$name", (rule) => {
  expect(check(rule, sourceFile(...rule.example)), "the rule does not see its own example").toHaveLength(1);
  expectNone(files.flatMap((file) => check(rule, file)));
});

test("the tree was read", () => {
  for (const layer of Object.keys(mayImport)) {
    expect(
      files.filter((file) => layerOf(file.path) === layer && isSource(file)),
      layer,
    ).not.toHaveLength(0);
  }
});

test("one module wraps comlink", () => {
  const importers = files
    .filter((file) => isSource(file) && !file.path.endsWith(".d.ts"))
    .filter((file) => [...imports(file)].some(({ name }) => name.startsWith("comlink")))
    .map((file) => file.path);
  const advice = `${importers.join(", ")}: keep one. comlink alone leaves a call to a dead device pending for ever; the wrapper rejects it.`;
  expect(importers.length, advice).toBeLessThanOrEqual(1);
});

test("every device folder has the same files", () => {
  const folders = readdirSync(join(root, "devices"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const problems = folders.flatMap(({ name }) =>
    ["registers.ts", `${name}.ts`, "index.ts", "DATASHEET.md"]
      .filter((file) => !existsSync(join(root, "devices", name, file)))
      .map((file) => `devices/${name}/${file}:1: is missing. Every device folder is laid out alike; see devices/edu.`),
  );
  expectNone(problems);
});
