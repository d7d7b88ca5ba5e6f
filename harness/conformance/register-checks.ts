import { strict as assert } from "node:assert";
import type { Bar } from "../../emulator/pcie/driver-view.ts";
import { registerPlace } from "../../emulator/registers/finding-text.ts";
import { type CheckGroup, settle } from "./check-group.ts";
import {
  differences,
  expectedAfterReset,
  isSteady,
  mapOf,
  masksOfOrdinal,
  modelled,
  readAll,
} from "./register-values.ts";

export const REGISTER_CHECKS: CheckGroup = {
  name: "registers",
  checks: [
    {
      name: "have the reset values of their table, and the exceptions that are described",
      async check(device, open) {
        await using bed = await open();
        await settle(bed, device);
        const map = await mapOf(device);
        const names = new Set(map.registers.map(({ name }) => name));
        assert.deepEqual(
          Object.keys(device.afterReset).filter((name) => !names.has(name.replace(/\(\d+\)$/, ""))),
          [],
        );
        assert.deepEqual(differences(readAll(bed.pci.bar(0), map), expectedAfterReset(device, map)), []);
      },
    },

    {
      name: "that are read-only stay, and writing one is said with its name and offset",
      async check(device, open) {
        await using bed = await open();
        await settle(bed, device);
        const map = await mapOf(device);
        const bar = bed.pci.bar(0);
        const places: string[] = [];
        const changed: string[] = [];
        for (let ordinal = 0; ordinal < map.wordCount; ordinal++) {
          const masks = masksOfOrdinal(map, ordinal);
          const register = map.registerOf(ordinal);
          if (masks.writable !== 0 || masks.clearedByRead !== 0 || masks.setByRead !== 0) continue;
          const described = device.afterReset[register.name];
          if (described !== undefined && typeof described !== "number") continue;
          const offset = map.offsetOf[ordinal] as number;
          const before = bar.read32(offset);
          bar.write32(offset, ~before >>> 0);
          if (bar.read32(offset) !== before) changed.push(registerPlace(map, offset));
          if (!register.harmless) places.push(registerPlace(map, offset));
        }
        assert.deepEqual(changed, []);
        await bed.quiesce();
        const said = bed.violations.filter(({ rule }) => rule === "write-to-read-only");
        const expected = places.filter((place) => modelled(map, place));
        assert.deepEqual(said.map(({ place }) => place).sort(), expected.sort());
        for (const { message, place } of said) {
          assert.ok(message.includes(place), message);
          assert.match(place, / 0x[0-9a-f]{5}$/);
        }
      },
    },

    {
      name: "are nowhere else: a hole answers as the data sheet says, and is said",
      async check(device, open) {
        await using bed = await open();
        await settle(bed, device);
        const { offset, value } = device.hole;
        const map = await mapOf(device);
        assert.equal(map.ordinalAt(offset), -1);
        bed.pci.bar(0).write32(offset, 0x1234_5678);
        assert.equal(bed.pci.bar(0).read32(offset), value);
        await bed.quiesce();
        const place = `0x${offset.toString(16).padStart(5, "0")}`;
        assert.deepEqual(
          [...bed.violations, ...bed.notes].map((found) => `${found.rule} ${found.place}`),
          [`no-register ${place}`],
        );
        assert.ok(bed.notes[0]?.message.includes(place), bed.notes[0]?.message);
      },
    },

    {
      name: "take accesses of their width only",
      async check(device, open) {
        for (const { offset, byteLength } of device.wrongWidths) {
          await using bed = await open();
          await settle(bed, device);
          const map = await mapOf(device);
          const bar = bed.pci.bar(0);
          const before = readAll(bar, map);
          assert.equal(accessOf(bar, offset, byteLength), 2n ** BigInt(8 * byteLength) - 1n);
          const found = bed.violations.find(({ rule }) => rule === "wrong-width");
          assert.ok(
            found?.message.includes(`0x${offset.toString(16).padStart(5, "0")}`),
            found?.message ?? "no violation of the rule wrong-width",
          );
          assert.deepEqual(
            differences(readAll(bar, map), before, (place) => isSteady(device, map, place)),
            [],
          );
        }
      },
    },
  ],
};

function accessOf(bar: Bar, offset: number, byteLength: 1 | 2 | 8): bigint {
  if (byteLength === 1) {
    bar.write8(offset, 0xa5);
    return BigInt(bar.read8(offset));
  }
  if (byteLength === 2) {
    bar.write16(offset, 0xa5a5);
    return BigInt(bar.read16(offset));
  }
  bar.write64(offset, 0xa5a5_a5a5_a5a5_a5a5n);
  return bar.read64(offset);
}
