import { describe, expect, test } from "vitest";
import { exanic, feedHandler, ixgbe } from "../../../devices/index.ts";
import type { DeviceSpec } from "../../../emulator/pcie/device-model.ts";
import { declarationOf, loadDevice } from "../../../emulator/run/machine.ts";
import { type DmaLayouts, descriptorJson, descriptorLines } from "../../../harness/cli/descriptor-text.ts";

const LINE = /^ {4}byte +(\d+), +(\d+) bits +(?:(\d+):)?(\d+) {2}([A-Z][A-Z0-9_]*)$/;

async function layoutsOf(spec: DeviceSpec): Promise<DmaLayouts> {
  const { dmaLayouts } = declarationOf(await loadDevice(spec));
  if (dmaLayouts === undefined) throw new Error(`${spec.name} declares none`);
  return dmaLayouts;
}

describe.each<DeviceSpec>([ixgbe(), exanic(), feedHandler()])("descriptors of $name", (spec) => {
  test("each field has a line that says where it lies, inside its record", async () => {
    const declared = Object.values(await layoutsOf(spec)).flat();
    const records = descriptorLines(await layoutsOf(spec), (text) => text)
      .join("\n")
      .split("\n\n");
    expect(records).toHaveLength(declared.length);
    for (const [index, layout] of declared.entries()) {
      const [head, ...lines] = (records[index] ?? "").split("\n");
      expect(head).toMatch(new RegExp(`^${layout.name}, ${layout.byteLength} bytes(, where \\S.* is \\d.*)?$`));
      const told = lines.map((line) => {
        const [, offset, bits, high, low, name = ""] = LINE.exec(line) ?? [];
        expect(Number(offset) + Number(bits) / 8).toBeLessThanOrEqual(layout.byteLength);
        return [name, { offset: Number(offset), bits: Number(bits), high: Number(high ?? low), low: Number(low) }];
      });
      const meant = Object.entries(layout.fields).map(([name, { offset, byteLength, high, low }]) => [
        name,
        { offset, bits: 8 * byteLength, high: high ?? 8 * byteLength - 1, low: low ?? 0 },
      ]);
      expect(Object.fromEntries(told)).toEqual(Object.fromEntries(meant));
    }
  });

  test("as plain data too", async () => {
    const layouts = await layoutsOf(spec);
    const names = Object.values(layouts).flatMap((all) => all.map(({ name }) => name));
    expect((descriptorJson(layouts) as { name: string }[]).map(({ name }) => name)).toEqual(names);
  });
});
