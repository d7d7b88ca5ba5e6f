import { ixgbe } from "../devices/ixgbe/index.ts";
import { everyFault } from "../harness/faults/every-fault.ts";
import { frames } from "../harness/frames.ts";
import { IxgbeDriver } from "../scenarios/drivers/ixgbe.ts";

const FRAMES = frames(3, { seed: 12, minByteLength: 60, maxByteLength: 64 });
const t0 = performance.now();
const result = await everyFault(ixgbe(), {
  setup: (bed) => IxgbeDriver.probe(bed.pci, { ringSize: 8, bufferCount: 24, promiscuous: true, interrupts: "msix" }),
  teardown: (driver) => driver.close(),
}, (bed, driver) => {
  for (const frame of FRAMES) bed.wire.send(frame);
  for (const frame of FRAMES) driver.transmit(frame);
  let got = 0;
  for (let tries = 0; tries < 20 && got < 3; tries++) {
    if (!driver.waitForTraffic(5)) continue;
    while (driver.receive() !== undefined) got++;
  }
  if (got < 3) throw new Error(`got ${got}`);
});
console.log((performance.now() - t0).toFixed(0), "ms", result.siteCount, result.failurePathCount, result.visitedCount, result.verdicts, result.kinds);
const seen = new Map<string, number>();
for (const f of result.failures) { const k = f.name.split("#")[0] + " " + f.verdict + " " + f.detail.slice(0, 150); seen.set(k, (seen.get(k) ?? 0) + 1); if (seen.get(k) === 1) console.log(f.name, "|", f.where, "|", f.verdict, "|", f.detail.slice(0, 200)); }
