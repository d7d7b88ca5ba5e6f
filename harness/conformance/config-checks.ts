import { strict as assert } from "node:assert";
import { sizeBar } from "../../emulator/pcie/bar-sizing.ts";
import { findExtendedCapability } from "../../emulator/pcie/capability-walk.ts";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { type CheckGroup, settle } from "./check-group.ts";

export const CONFIG_CHECKS: CheckGroup = {
  name: "configuration space",
  checks: [
    {
      name: "says who the function is, as its data sheet does",
      async check(device, open) {
        await using bed = await open();
        const { config } = bed.pci;
        assert.deepEqual(
          {
            vendorId: config.read16(0x00),
            deviceId: config.read16(0x02),
            revisionId: config.read8(0x08),
            classCode: config.read32(0x08) >>> 8,
          },
          device.identity,
        );
      },
    },

    {
      name: "sizes its BARs, and leaves them as they were",
      async check(device, open) {
        await using bed = await open();
        const { config } = bed.pci;
        const before = Array.from({ length: 7 }, (_, index) => config.read32(index === 6 ? 0x04 : 0x10 + 4 * index));
        const read = (offset: number, byteLength: number): number => configRead(bed.pci, offset, byteLength);
        const write = (offset: number, byteLength: number, value: number): void =>
          configWrite(bed.pci, offset, byteLength, value);
        const sized: unknown[] = [];
        for (let index = 0; index < 6; ) {
          const { kind, byteLength, slotCount } = sizeBar(read, write, index);
          if (kind !== "none") sized.push({ index, kind, byteLength });
          index += slotCount;
        }
        assert.deepEqual(sized, device.bars);
        assert.deepEqual(
          Array.from({ length: 7 }, (_, index) => config.read32(index === 6 ? 0x04 : 0x10 + 4 * index)),
          before,
        );
        // Decoded still.
        await settle(bed, device);
        assert.deepEqual(bed.violations, []);
      },
    },

    {
      name: "has the capabilities that a driver looks for, in lists that end",
      async check(device, open) {
        await using bed = await open();
        const { config } = bed.pci;
        const ids: number[] = [];
        for (let at = config.read8(0x34), count = 0; at !== 0 && count < 48; count++, at = config.read8(at + 1)) {
          assert.equal(at % 4, 0);
          assert.equal(config.findCapability(config.read8(at)), at);
          ids.push(config.read8(at));
        }
        const [powerManagement, msi, pciExpress, msix] = [0x01, 0x05, 0x10, 0x11];
        for (const id of [powerManagement, msi, pciExpress])
          assert.ok(ids.includes(id), `there is no capability 0x0${id.toString(16)}`);
        assert.equal(new Set(ids).size, ids.length);
        const msixAt = config.findCapability(msix);
        assert.equal(msixAt === 0 ? 0 : (config.read16(msixAt + 2) & 0x7ff) + 1, device.msixVectorCount);
        const read = (offset: number, byteLength: number): number => configRead(bed.pci, offset, byteLength);
        assert.ok(findExtendedCapability(read, 0x0001) >= 0x100);
        assert.equal(findExtendedCapability(read, 0xffff), 0);
        assert.equal(config.findCapability(0xee), 0);
      },
    },

    {
      name: "refuses what is not there: other BARs, too many interrupts",
      async check(device, open) {
        await using bed = await open();
        const { pci } = bed;
        const slots = device.bars.map(({ index }) => index);
        for (let index = 0; index < 6; index++) {
          if (!slots.includes(index)) assert.throws(() => pci.bar(index), RangeError);
          else assert.equal(pci.bar(index).byteLength, device.bars.find((bar) => bar.index === index)?.byteLength);
        }
        assert.throws(() => pci.interrupts("msix", device.msixVectorCount + 1), RangeError);
        assert.throws(() => pci.interrupts("msi", 2), RangeError);
      },
    },

    {
      name: "has an MSI-X table of as many vectors, all masked and nothing pending, or none at all",
      async check(device, open) {
        await using bed = await open();
        const { pci } = bed;
        const at = pci.config.findCapability(0x11);
        assert.equal(at !== 0, device.msixVectorCount > 0);
        if (at === 0) return;
        const [table, pending] = [pci.config.read32(at + 4), pci.config.read32(at + 8)];
        for (let vector = 0; vector < device.msixVectorCount; vector++) {
          assert.equal(pci.bar(table & 7).read32((table & ~7) + 16 * vector + 12), 1);
        }
        for (let word = 0; word < Math.ceil(device.msixVectorCount / 64); word++) {
          assert.equal(pci.bar(pending & 7).read64((pending & ~7) + 8 * word), 0n);
        }
      },
    },
  ],
};

function configRead({ config }: PciFunction, offset: number, byteLength: number): number {
  if (byteLength === 1) return config.read8(offset);
  return byteLength === 2 ? config.read16(offset) : config.read32(offset);
}

function configWrite({ config }: PciFunction, offset: number, byteLength: number, value: number): void {
  if (byteLength === 1) config.write8(offset, value);
  else if (byteLength === 2) config.write16(offset, value);
  else config.write32(offset, value);
}
