import { strict as assert } from "node:assert";
import { type CheckGroup, prepareDma, settle } from "./check-group.ts";

export const DMA_CHECKS: CheckGroup = {
  name: "DMA",
  checks: [
    {
      name: "happens with bus master on, and every byte within the buffer",
      async check(device, open) {
        await using bed = await open();
        await settle(bed, device);
        bed.pci.config.setBusMaster(true);
        const buffer = prepareDma(bed, device);
        const before = buffer.bytes.slice();
        device.dma.ring(bed.pci);
        bed.pci.cpu.delay(device.dma.durationNs);
        await bed.quiesce();
        assert.deepEqual(bed.violations, []);
        assert.notEqual(Buffer.compare(buffer.bytes, before), 0, "the card left the buffer as it was");
        const { dmaReads = 0, dmaWrites = 0 } = (await bed.statistics())[0]?.bus ?? {};
        assert.ok(dmaReads + dmaWrites > 0, "the card made no DMA request");
      },
    },
    {
      name: "does not without: nothing moves, and if it was tried, that is said",
      async check(device, open) {
        await using bed = await open();
        await settle(bed, device);
        const buffer = prepareDma(bed, device);
        const before = buffer.bytes.slice();
        device.dma.ring(bed.pci);
        bed.pci.cpu.delay(device.dma.durationNs);
        await bed.quiesce();
        assert.equal(Buffer.compare(buffer.bytes, before), 0, "host memory changed");
        const { dmaReads, dmaWrites } = (await bed.statistics())[0]?.bus ?? {};
        assert.deepEqual({ dmaReads, dmaWrites }, { dmaReads: 0, dmaWrites: 0 });
        const said = bed.violations.map(({ rule }) => rule);
        assert.notEqual(said.length, 0, "nobody said that bus master is off");
        // The machine's rule, or that of a card which sees it at the doorbell already.
        for (const rule of said) assert.match(rule, /^bus-master-off/);
      },
    },
    {
      name: "into memory that was unmapped faults, by the buffer's name",
      async check(device, open) {
        await using bed = await open();
        await settle(bed, device);
        bed.pci.config.setBusMaster(true);
        const buffer = prepareDma(bed, device);
        buffer.free();
        device.dma.ring(bed.pci);
        bed.pci.cpu.delay(device.dma.durationNs);
        await bed.quiesce();
        const fault = bed.violations.find(({ rule }) => rule === "dma-after-unmap");
        const hit = /hits conformance buffer 0x[0-9a-f_]+–0x[0-9a-f_]+, which was unmapped/;
        assert.match(fault?.message ?? "no violation of the rule dma-after-unmap", hit);
      },
    },
    {
      name: "of a driver's whole life leaves no mapping and breaks no rule, twice",
      async check(device, open) {
        await using bed = await open();
        for (let life = 0; life < 2; life++) {
          device.driverLife(bed.pci);
          await bed.quiesce();
          assert.equal(bed.pci.dma.mappingCount, 0);
          assert.deepEqual(bed.violations, []);
        }
      },
    },
  ],
};
