import { Script } from "node:vm";
import { describe, expect, test } from "vitest";
import { inlineScript, joinModules } from "../../../harness/page/inline-script.ts";

/** Joins modules that stand here, by their names. */
function join(modules: Readonly<Record<string, string>>): string {
  return joinModules("file:///p/main.js", (url) => modules[url.slice("file:///p/".length)] ?? "");
}

test("modules stand behind what they import, each once", () => {
  const code = join({
    "main.js": 'import { two } from "./two.js";\nimport { one } from "./one.js";\nresult = one + two;',
    "two.js": 'import { one } from "./one.js";\nexport const two = one + one;',
    "one.js": "export const one = 1;",
  });
  const context: { result: number } = { result: 0 };
  new Script(code).runInNewContext(context);
  expect(context.result).toBe(3);
  expect(code.match(/const one/g)).toHaveLength(1);
});

describe("what cannot be joined is refused, with its place:", () => {
  const cases: readonly [what: string, modules: Readonly<Record<string, string>>, message: RegExp][] = [
    [
      "a name declared twice",
      { "main.js": 'import { a } from "./a.js";\nconst b = a;', "a.js": "export const a = 1;\nconst b = 2;" },
      /main\.js and .*a\.js both declare b/,
    ],
    [
      "a circle",
      { "main.js": 'import { a } from "./a.js";', "a.js": 'import { b } from "./main.js";' },
      /main\.js imports itself/,
    ],
    ["a default import", { "main.js": 'import a from "./a.js";' }, /"import a from .*cannot be put into a page/],
    ["a package", { "main.js": 'import { a } from "comlink";' }, /cannot be put into a page/],
    ["a default export", { "main.js": "export default 1;" }, /"export default 1;" cannot be put into a page/],
    ["the end of the script element", { "main.js": 'const a = "</script>";' }, /<\/script/],
  ];
  test.each(cases)("%s", (_what, modules, message) => {
    expect(() => join(modules)).toThrow(message);
  });
});

test.each(["registers-main", "report-main"])("the script of a page, %s, is JavaScript that compiles", (entry) => {
  const code = inlineScript(entry);
  expect(code).not.toMatch(/^(?:import|export) /m);
  // Strict, as modules are: a name that two modules declare would be an error here too.
  new Script(`"use strict";\n${code}`);
  // Only types are taken away: what is left is as long as the modules or shorter, and none of it is empty.
  expect(code.length).toBeGreaterThan(2000);
});
