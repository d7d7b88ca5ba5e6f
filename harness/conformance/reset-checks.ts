import { strict as assert } from "node:assert";
import type { Bar } from "../../emulator/pcie/driver-view.ts";
import type { RegisterMap } from "../../emulator/registers/register-map.ts";
import { Rng } from "../../emulator/run/rng.ts";
import { type CheckGroup, prepareDma, settle } from "./check-group.ts";
import { differences, expectedAfterReset, mapOf, readAll } from "./register-values.ts";

export const RESET_CHECKS: CheckGroup = {
  name: "reset",
  checks: [
    {
      name: "function-level reset brings every register back, whatever was written",
      async check(device, open) {
        await using bed = await open();
        await settle(bed, device);
        const map = await mapOf(device);
        const bar = bed.pci.bar(0);
        const rng = new Rng(1);
        for (let round = 0; round < 3; round++) {
          scramble(bar, map, rng);
          bed.pci.config.functionLevelReset();
          await settle(bed, device);
          assert.deepEqual(differences(readAll(bar, map), expectedAfterReset(device, map)), []);
        }
        assert.equal(bed.pci.config.read16(0x04) & 0x4, 0);
        await bed.quiesce();
      },
    },
    {
      name: "and ends what is under way: nothing lands afterwards",
      async check(device, open) {
        await using bed = await open();
        await settle(bed, device);
        const buffer = prepareDma(bed, device);
        bed.pci.config.setBusMaster(true);
        device.dma.ring(bed.pci);
        bed.pci.config.functionLevelReset();
        // What landed before the reset did is there; from here on nothing may change.
        const landed = buffer.bytes.slice();
        const moved = (await bed.statistics())[0]?.bus;
        bed.pci.config.setBusMaster(true);
        bed.pci.cpu.delay(device.dma.durationNs);
        await settle(bed, device);
        assert.equal(Buffer.compare(buffer.bytes, landed), 0, "host memory changed after the reset");
        assert.deepEqual((await bed.statistics())[0]?.bus, moved);
        buffer.free();
      },
    },
  ],
};

/** Random values into everything, in random order, as a driver gone mad would. */
function scramble(bar: Bar, map: RegisterMap, rng: Rng): void {
  for (let write = 0; write < Math.min(2 * map.wordCount, 3000); write++) {
    bar.write32(map.offsetOf[rng.below(map.wordCount)] as number, rng.nextU32());
  }
}
