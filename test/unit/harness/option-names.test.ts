import { describe, expect, test } from "vitest";
import { edu, exanic, feedHandler, ixgbe } from "../../../devices/index.ts";
import type { DeviceSpec } from "../../../emulator/pcie/device-model.ts";
import { explore, plugIn } from "../../../harness/index.ts";

const FOLDED = { run: "folded" } as const;

// What a compiler would refuse, and what runs without one all the same.
const misspelt = (options: object): never => options as never;

describe("an option that there is not is refused by name", () => {
  test.each<[DeviceSpec, string]>([
    [edu(misspelt({ factorialNS: 5 })), "factorialNs"],
    [ixgbe(misspelt({ linkUp: 5 })), "linkUpNs"],
    [exanic(misspelt({ chunks: 8 })), "chunkCount"],
    [feedHandler(misspelt({ parseNS: 5 })), "parseNs"],
  ])("%s", async (spec, meant) => {
    const [given] = Object.keys(spec.options as object);
    await expect(plugIn(spec, FOLDED)).rejects.toThrow(
      new RegExp(`^${spec.name}: there is no option "${given}"; there are .*\\b${meant}\\b`),
    );
  });

  test("plugIn", async () => {
    await expect(plugIn(edu(), misspelt({ ...FOLDED, sanitise: false }))).rejects.toThrow(
      /^plugIn: there is no option "sanitise"; there are .*\bsanitize\b/,
    );
    await expect(plugIn(edu(), misspelt({ run: "fold" }))).rejects.toThrow('want "threaded" or "folded"');
  });

  test("explore, and the machine in it", async () => {
    await expect(explore(edu(), misspelt({ run: 5 }), () => {})).rejects.toThrow(/^explore: there is no option "run"/);
    const machine = misspelt({ hostMemory: 5 });
    await expect(explore(edu(), { machine }, () => {})).rejects.toThrow(/^explore, machine: there is no option/);
  });
});
