import { expect, test } from "vitest";
import { exanic } from "../../../devices/exanic/index.ts";
import { MEMORY_MODELS } from "../../../emulator/explore/kinds.ts";
import type { Cpu, PciFunction } from "../../../emulator/pcie/driver-view.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import { PluggedSession } from "../../../harness/explore/plugged-session.ts";
import { ExanicDriver } from "../../../scenarios/drivers/exanic.ts";
import { frameOf } from "../exanic/card.ts";

// The TX region is write-combining memory: what a driver stores there leaves the CPU when it likes, and the doorbell may be
// at the card before it.

const CHUNK_COUNT = 4;
const FRAMES = [frameOf(60, 1), frameOf(60, 2)];

async function sessionOf(handed: (pci: PciFunction) => PciFunction): Promise<PluggedSession> {
  const device = await loadDevice(exanic({ chunkCount: CHUNK_COUNT, startupNs: 0, linkUpNs: 0 }));
  return new PluggedSession<ExanicDriver>([device], {
    setup: (bed) => ExanicDriver.probe(handed(bed.pci), { chunkCount: CHUNK_COUNT }),
    body(bed, driver) {
      for (const frame of FRAMES) driver.transmit(frame);
      bed.quiesce();
      const isWhole = FRAMES.every(
        (frame, index) => Buffer.compare(frame, bed.wire.sent[index] ?? frame.slice(1)) === 0,
      );
      if (!isWhole || bed.wire.sent.length !== FRAMES.length)
        throw new Error("what was sent is not what was handed over");
    },
  }) as PluggedSession;
}

/** A CPU whose store barrier does nothing. */
function withoutWmb(pci: PciFunction): PciFunction {
  const cpu = new Proxy(pci.cpu, {
    get(target, name): unknown {
      if (name === "wmb") return () => {};
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  }) as Cpu;
  return { ...pci, cpu };
}

test("the driver's frames go out whole in every order of its stores", { timeout: 60_000 }, async () => {
  const session = await sessionOf((pci) => pci);
  for (const model of MEMORY_MODELS) {
    const result = session.search(model, 300, 1);
    expect(result, `${model}: ${session.machine.violation}`).toMatchObject({ hasFailed: false, unknown: 0 });
  }
});

test("and without the barrier before the doorbell they do not, in any model", { timeout: 60_000 }, async () => {
  const session = await sessionOf(withoutWmb);
  for (const model of MEMORY_MODELS) expect(session.search(model, 1000, 1).hasFailed, model).toBe(true);
});
