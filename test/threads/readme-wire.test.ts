import { expect, test } from "vitest";
import { ixgbe } from "../../devices/index.ts";
import { frames, plugIn } from "../../harness/index.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts"; // the driver under test, unchanged

test("every frame leaves the wire once, in order", async () => {
  await using bed = await plugIn(ixgbe()); // the card runs in its own thread
  const driver = IxgbeDriver.probe(bed.pci); // BARs, DMA memory and MSI-X, as a kernel hands them over
  const batch = frames(100);

  for (const frame of batch) while (!driver.transmit(frame)) bed.pci.cpu.relax();
  await bed.quiesce(); // rings drained, nothing on its way

  expect(bed.wire.sent).toEqual(batch);
  expect(bed.violations).toEqual([]); // DMA outside the map, a tail beyond the ring, bus master off, …
});

test("a frame from the wire reaches the driver", async () => {
  await using bed = await plugIn(ixgbe(), { run: "folded" }); // the same card inside this thread, in virtual time
  const driver = IxgbeDriver.probe(bed.pci);
  const [frame = new Uint8Array()] = frames(1);
  bed.wire.send(frame);
  await bed.quiesce();
  expect(driver.receive()).toEqual(frame);
});
