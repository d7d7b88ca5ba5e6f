import { expect, test } from "vitest";
import { exanic } from "../../../devices/exanic/index.ts";
import { MEMORY_MODELS } from "../../../emulator/explore/kinds.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";
import { PluggedSession } from "../../../harness/explore/plugged-session.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import { ExanicDriver } from "../../../scenarios/drivers/exanic.ts";
import { frameOf } from "../exanic/card.ts";

// Both ports of a card at the same time, each with a driver of its own: they share the feedback page and the link.

const CHUNK_COUNT = 8;
const PORTS = [0, 1];
/** A frame for each port, in and out. */
const framesOf = (port: number): Uint8Array[] => [frameOf(60, 10 + port), frameOf(60, 20 + port)];

async function openSession(): Promise<PluggedSession> {
  const device = await loadDevice(exanic({ chunkCount: CHUNK_COUNT, startupNs: 0, linkUpNs: 0 }));
  return new PluggedSession<ExanicDriver[]>([device], {
    setup: ({ pci }) => {
      const options = { chunkCount: CHUNK_COUNT, promiscuous: true };
      const first = ExanicDriver.probe(pci, options);
      return [first, ExanicDriver.probe(pci, { ...options, port: 1, beside: first })];
    },
    body: exchange,
  }) as PluggedSession;
}

function exchange(bed: ExploredBed, drivers: ExanicDriver[]): void {
  for (const port of PORTS) for (const frame of framesOf(port)) bed.wireOf(0, port).send(frame);
  for (const driver of drivers)
    for (const frame of framesOf(driver.port)) while (!driver.transmit(frame)) bed.pci.cpu.relax();
  const target = new Uint8Array(256);
  for (const { reader, port } of drivers) {
    for (const frame of framesOf(port)) {
      let length = reader.receive(target);
      for (; length === 0; length = reader.receive(target)) bed.pci.cpu.relax();
      if (length !== 64 || Buffer.compare(target.subarray(0, 60), frame) !== 0)
        throw new Error(`port ${port} got another frame than came in`);
    }
  }
  bed.quiesce();
  for (const { port } of drivers)
    if (Buffer.compare(Buffer.concat(framesOf(port)), Buffer.concat(bed.wireOf(0, port).sent)) !== 0)
      throw new Error(`port ${port} sent other frames than it was given`);
  for (const driver of drivers.toReversed()) driver.close();
  if (bed.pci.dma.mappingCount !== 0) throw new Error("close has left mappings");
}

test("two ports receive and send whatever the order of their events", { timeout: 60_000 }, async () => {
  const session = await openSession();
  for (const model of MEMORY_MODELS) {
    const result = session.search(model, 150, 1);
    expect(result, `${model}: ${session.machine.violation}`).toMatchObject({ hasFailed: false, unknown: 0 });
  }
});

test("both ports send more frames than the card has room for at a time", async () => {
  await using bed = await plugIn(exanic(), { run: "folded" });
  const first = ExanicDriver.probe(bed.pci);
  const drivers = [first, ExanicDriver.probe(bed.pci, { port: 1, beside: first })];
  for (let number = 0; number < 150; number++)
    for (const driver of drivers) {
      for (let tries = 0; !driver.transmit(frameOf(60, number)); tries++) {
        if (tries === 100_000) throw new Error(`port ${driver.port} has no room after ${number} frames`);
        bed.pci.cpu.relax();
      }
    }
  await bed.quiesce();
  for (const port of PORTS) expect(bed.wireOf(0, port).sent).toHaveLength(150);
  for (const driver of drivers.toReversed()) driver.close();
  expect(bed.violations).toEqual([]);
});
