import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import * as devices from "../../devices/index.ts";
import { declarationOf, loadDevice } from "../../emulator/run/machine.ts";
import { allRules } from "../../emulator/sanitize/rules.ts";
import { plugIn } from "../../harness/plug-in.ts";
import { CORPUS } from "../corpus/corpus.ts";

const root = resolve(import.meta.dirname, "../..");

/** Text of every source file of the machine, the devices, the search and the server but the catalogues themselves. */
const sources = ["emulator", "devices", "harness/explore", "harness/vfio-user"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !/(^|[\\/])rules\.ts$/.test(path))
    .map((path) => readFileSync(join(root, folder, path), "utf8")),
);

/** "violation tail-beyond-ring" for each place that records, as the source has it. */
function recorded(): Set<string> {
  const found = new Set<string>();
  const take = (pattern: RegExp, entry: (groups: readonly string[]) => string[]): void => {
    for (const text of sources)
      for (const match of text.matchAll(pattern)) for (const each of entry(match.slice(1))) found.add(each);
  };
  take(/\.record\(\s*"(violation|note)",\s*"([a-z-]+)"/g, ([kind, rule]) => [`${kind} ${rule}`]);
  // The table of what register files find.
  take(/"([a-z-]+)": \{ kind: "(violation|note)"/g, ([rule, kind]) => [`${kind} ${rule}`]);
  take(/\{ rule: "([a-z-]+)", kind: "(violation|note)" \}/g, ([rule, kind]) => [`${kind} ${rule}`]);
  // Rules that are chosen first, and rules of sending.
  take(/const rule = ([^;]*);/g, ([text = ""]) =>
    [...text.matchAll(/"([a-z]+-[a-z-]+)"/g)].map(([, rule]) => `violation ${rule}`),
  );
  take(/(?:recordTransmit|#reject)\(\s*(?:this\.#port|port),\s*(?:port, offset, )?"([a-z-]+)"/g, ([rule]) => [
    `violation ${rule}`,
  ]);
  take(/recordStoreTo\(\s*findings,\s*ring,\s*slot,\s*"([a-z-]+)"/g, ([rule]) => [`violation ${rule}`]);
  take(/#reject\(port, "([a-z-]+)"/g, ([rule]) => [`violation ${rule}`]);
  take(/recordNotModelled\(this\.#port, "([a-z-]+)"/g, ([rule]) => [`note ${rule}`]);
  return found;
}

async function catalogue(): ReturnType<typeof loadAll> {
  return loadAll();
}

async function loadAll() {
  const specs = [devices.ixgbe(), devices.exanic(), devices.feedHandler(), devices.edu()];
  return allRules((await Promise.all(specs.map(loadDevice))).map(declarationOf));
}

test("every rule that is recorded is in the catalogue with its severity, and every rule of the catalogue is recorded", async () => {
  const rules = await catalogue();
  expect([...recorded()].sort()).toEqual(rules.map(({ kind, name }) => `${kind} ${name}`).sort());
});

test("the catalogue says what hardware does and what to do, in sentences", async () => {
  for (const { name, what, hardware, cure } of await catalogue()) {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    for (const sentence of [what, hardware, cure]) expect(sentence, name).toMatch(/^[A-Z].*\.$/);
  }
});

test("every rule of the machine that is about drivers has a wrong driver in the corpus", async () => {
  const shown = new Set(CORPUS.map(({ rule }) => rule));
  // What no driver of one small card does: see the unit tests of the bus, of registers and of each card.
  const elsewhere = [
    "bus-master-off",
    "vector-beyond-table",
    "message-outside-window",
    "vector-changed-unmasked",
    "reserved-register",
    "not-modelled",
    "feature-not-modelled",
    // Of a thousand mistakes: run/findings.test.ts.
    "findings-left-out",
    // A client's doing and no driver's: vfio-user/protocol.test.ts.
    "dma-read-refused",
    "dma-write-refused",
    // A card's doing and no driver's: completions.test.ts.
    "completion-repeated",
    "completion-repeated-by-fault",
  ];
  const missing = allRules([]).filter(({ name }) => !shown.has(name) && !elsewhere.includes(name));
  expect(missing.map(({ name }) => name)).toEqual([]);
});

test("a rule is switched off by its name, and a name that no device knows is refused", async () => {
  const entry = CORPUS.find(({ name }) => name === "edu-byte-access");
  if (entry === undefined) throw new Error("the corpus has lost an entry");
  const found = async (sanitize: boolean | Record<string, boolean>): Promise<string[]> => {
    await using bed = await plugIn(entry.device, { run: "folded", sanitize });
    entry.setup({ pci: bed.pci, wire: { send: () => {} } }, true)();
    return bed.violations.map(({ rule }) => rule);
  };
  expect(await found(true)).toEqual(["wrong-width"]);
  // What the card itself sees is told all the same.
  expect(await found(false)).toEqual(["wrong-width"]);
  expect(await found({ "wrong-width": false })).toEqual([]);
  await expect(found({ "wrong-widht": false })).rejects.toThrow('no rule "wrong-widht"');
});
