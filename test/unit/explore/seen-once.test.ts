import { expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { Execution } from "../../../emulator/explore/execution.ts";
import { RELAXED } from "../../../emulator/explore/kinds.ts";
import { Machine } from "../../../emulator/explore/machine.ts";
import { Portfolio } from "../../../emulator/explore/strategies/portfolio.ts";
import { PASSED } from "../../../emulator/explore/verdict.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import { explore } from "../../../harness/explore/explore.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";
import { PluggedSession } from "../../../harness/explore/plugged-session.ts";
import { failureOf } from "./failure-of.ts";

const DMA_SOURCE = 0x80;
const DMA_DESTINATION = 0x88;
const DMA_COUNT = 0x90;
const DMA_COMMAND = 0x98;
const CARD_BUFFER = 0x4_0000;

test("bytes beside one's own store are not seen older again, and dmaRmb holds behind them", () => {
  const machine = new Machine();
  const pair = machine.word64("pair");
  const data = machine.word("data");
  machine.cpu("writer", function* (cpu) {
    yield cpu.write32(data, 5);
    yield cpu.wmb();
    yield cpu.write32(pair + 4, 7);
  });
  machine.cpu("reader", function* (cpu) {
    yield cpu.write32(pair, 1);
    // Half of it comes from the store buffer, half from memory.
    yield cpu.read64(pair);
    const { high } = cpu;
    const again = yield cpu.read32(pair + 4);
    machine.assert(high === 0 || again === 7, "the flag went back");
    yield cpu.dmaRmb();
    const seen = yield cpu.read32(data);
    machine.assert(high === 0 || seen === 5, "the data is older than the flag");
  });
  const execution = new Execution(machine);
  const strategy = new Portfolio();
  for (let run = 0; run < 3000; run++)
    expect([execution.run(strategy, RELAXED, run), machine.violation]).toEqual([PASSED, ""]);
});

test("unlock of a lock that nobody holds is the driver's mistake here too", async () => {
  const body = (bed: ExploredBed): void => bed.pci.dma.alloc(64).unlock(0);
  const failure = await failureOf(explore(edu(), { runs: 5 }, body));
  expect(failure.message).toContain("unlock of a lock that is not taken");
});

test("a DMA write that arrives after its buffer was unmapped breaks a rule; a read before the unmapping drives it out", async () => {
  const body = (waits: boolean) => (bed: ExploredBed) => {
    const { pci } = bed;
    pci.config.setBusMaster(true);
    const buffer = pci.dma.alloc(64, { label: "target" });
    const bar = pci.bar(0);
    bar.write32(DMA_SOURCE, CARD_BUFFER);
    bar.write32(DMA_DESTINATION, buffer.iovaLow);
    bar.write32(DMA_DESTINATION + 4, buffer.iovaHigh);
    bar.write32(DMA_COUNT, 4);
    bar.write32(DMA_COMMAND, 3);
    // Each read pushes what the card has written before it.
    if (waits) while ((bar.read32(DMA_COMMAND) & 1) !== 0) pci.cpu.relax();
    else for (let look = 0; look < 3; look++) buffer.read32(0);
    buffer.free();
    bed.quiesce();
  };
  const broken = new Set<string>();
  const session = new PluggedSession([await loadDevice(edu({ dmaNs: 0 }))], {
    setup: () => undefined,
    body: body(false),
  });
  for (let run = 0; run < 600; run++) {
    session.run(new Portfolio(), 0, run);
    for (const { rule } of session.violations) broken.add(rule);
  }
  expect([...broken]).toContain("dma-after-unmap");
  expect(await explore(edu({ dmaNs: 0 }), { runs: 600 }, body(true))).toEqual({ runs: 1800, unknown: 0 });
});

test("a set-up that is restored has sent what it has sent, and broken what it has broken", async () => {
  const { ixgbe } = await import("../../../devices/ixgbe/index.ts");
  const { IxgbeDriver } = await import("../../../scenarios/drivers/ixgbe.ts");
  const counts: number[] = [];
  const session = new PluggedSession([await loadDevice(ixgbe({ linkUpNs: 0 }))], {
    setup: (bed) => {
      const driver = IxgbeDriver.probe(bed.pci, { ringSize: 8, bufferCount: 24 });
      driver.transmit(new Uint8Array(60));
      bed.pci.cpu.delay(1_000_000);
      return driver;
    },
    save: (driver) => driver.save(),
    restore: (driver, state) => driver.restore(state),
    body: (bed) => void counts.push(bed.wire.sent.length),
  });
  for (let run = 0; run < 3; run++) expect(session.run(new Portfolio(), 0, run)).toBe(PASSED);
  expect(counts).toEqual([1, 1, 1]);
});
