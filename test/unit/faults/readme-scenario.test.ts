import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { everyFault } from "../../../harness/faults/every-fault.ts";
import type { FaultModule } from "../../../harness/faults/fault-module.ts";

const root = resolve(import.meta.dirname, "../../..");
const folder = mkdtempSync(join(tmpdir(), "softbar-readme-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What a user writes, by the file in this repository that stands for it. */
const PLACES: Readonly<Record<string, string>> = {
  '"softbar"': "harness/index.ts",
  '"softbar/devices"': "devices/index.ts",
  '"./edu-driver.ts"': "test/threads/readme-driver.ts",
};

test("the README's driver fails where the README says", async () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [, rest = ""] = readme.split("```ts\n// my-faults.ts\n");
  let [code = ""] = rest.split("```");
  for (const [name, path] of Object.entries(PLACES)) code = code.replaceAll(name, `"${join(root, path)}"`);
  const file = join(folder, "my-faults.ts");
  writeFileSync(file, code);
  const { devices, body, ...options } = (
    (await import(pathToFileURL(file).href)) as { readonly default: FaultModule<unknown> }
  ).default;
  const { visitedCount, verdicts, failures } = await everyFault(devices, { ...options, stepLimit: 10_000 }, body);
  expect(readme).toContain(`${visitedCount} of ${visitedCount} fault sites visited
${verdicts.recovered} recovered   ${verdicts["wrong-result"]} wrong-result   ${verdicts.hang} hang`);
  // None of them is an error of its own: it has none.
  expect(verdicts["clean-error"]).toBe(0);
  expect(readme).toContain(`✗ ${failures[0]?.name} (${failures[0]?.where}): ${failures[0]?.verdict}`);
});
