import { expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import type { PciFunction } from "../../../emulator/pcie/driver-view.ts";
import { failOnLeaks } from "../../../harness/open-testbeds.ts";
import { plugIn } from "../../../harness/plug-in.ts";

/** Brings a card up and turns it off again; how many buffers and handlers are left is the caller's. */
async function drive(leaves: boolean, sanitize: boolean | Record<string, boolean> = true): Promise<void> {
  await using bed = await plugIn(edu(), { run: "folded", sanitize });
  upAndDown(bed.pci, leaves);
  expect([...bed.violations, ...bed.notes]).toEqual([]);
}

function upAndDown(pci: PciFunction, leaves: boolean): void {
  pci.config.setBusMaster(true);
  const buffer = pci.dma.alloc(64, { label: "forgotten" });
  const [interrupt] = pci.interrupts("msi", 1);
  interrupt?.handle(() => {});
  pci.bar(0).write32(0x20, 0);
  pci.config.setBusMaster(false);
  if (leaves) return;
  interrupt?.handle(undefined);
  buffer.free();
}

test("what a driver leaves behind fails the test in whose testbed it was, once", async () => {
  failOnLeaks();
  await drive(true);
  expect(failOnLeaks).toThrow(/^2 thing\(s\) left behind[\s\S]*dma-buffer-leaked: forgotten, 64 bytes at IOVA 0x/);
  failOnLeaks();
  await drive(true);
  expect(failOnLeaks).toThrow(/interrupt-not-released: MSI still has its handler/);
});

test("a driver that leaves nothing, one that was never closed, and rules that are off fail nothing", async () => {
  await drive(false);
  await drive(true, { "dma-buffer-leaked": false, "interrupt-not-released": false });
  await drive(true, false);
  {
    await using bed = await plugIn(edu(), { run: "folded" });
    bed.pci.config.setBusMaster(true);
    bed.pci.dma.alloc(64);
    bed.pci.bar(0).write32(0x20, 0);
  }
  failOnLeaks();
});

test("whoever closes the testbed himself finds it among the notes", async () => {
  const bed = await plugIn(edu(), { run: "folded" });
  upAndDown(bed.pci, true);
  await bed.close();
  expect(bed.notes.map(({ rule }) => rule)).toEqual(["dma-buffer-leaked", "interrupt-not-released"]);
  expect(failOnLeaks).toThrow();
});

test("many leaks are told in some lines", async () => {
  {
    await using bed = await plugIn(edu(), { run: "folded" });
    bed.pci.config.setBusMaster(true);
    for (let index = 0; index < 30; index++) bed.pci.dma.alloc(64, { label: `buffer ${index}` });
    bed.pci.bar(0).write32(0x20, 0);
    bed.pci.config.setBusMaster(false);
  }
  expect(failOnLeaks).toThrow(/^30 thing[\s\S]*buffer 15,[\s\S]*and 14 more$/);
});
