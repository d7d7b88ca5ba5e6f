import { describe, expect, test, vi } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { ixgbe } from "../../../devices/ixgbe/index.ts";
import type { Finding } from "../../../emulator/run/findings.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import { explore } from "../../../harness/explore/explore.ts";
import { FaultNotStruckError } from "../../../harness/faults/bed-faults.ts";
import { FAULT_KINDS, type FaultKind } from "../../../harness/faults/fault-kinds.ts";
import { type FaultRule, parseFaults } from "../../../harness/faults/fault-rules.ts";
import { faulty } from "../../../harness/faults/faulty.ts";
import { FoldedTestbed } from "../../../harness/folded-testbed.ts";
import { frames } from "../../../harness/frames.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import type { Testbed } from "../../../harness/testbed.ts";
import ixgbeTraffic from "../../../scenarios/explorations/ixgbe-traffic.ts";
import { countersOf, openFaulted as open, probe, through } from "./faulted-card.ts";

/** Of the edu: its data sheet, "Registers". */
const [FACTORIAL, STATUS, INTERRUPTS] = [0x08, 0x20, 0x80];

describe("rules", () => {
  const FRAMES = frames(40, { maxByteLength: 64 });
  const lost = async (rules: readonly FaultRule[], seed = 1): Promise<number[]> => {
    await using bed = await open(rules, seed);
    through(bed, probe(bed), FRAMES);
    return (await bed.faults.report()).struck.map(({ nth }) => nth);
  };

  test("chance is the seed's, 0 is never and 1 is always", async () => {
    const rule: FaultRule = { kind: "frame-lost", probability: 0.3 };
    const first = await lost([rule]);
    expect(await lost([rule])).toEqual(first);
    expect(await lost([rule], 2)).not.toEqual(first);
    expect(first.length).toBeGreaterThan(0);
    expect(await lost([{ ...rule, probability: 0 }])).toEqual([]);
    expect(await lost([{ ...rule, probability: 1 }])).toHaveLength(FRAMES.length);
    // Another rule does not shift its chance.
    expect(await lost([rule, { kind: "interrupt-lost", probability: 0.5 }])).toEqual(first);
  });

  test("limits, places and several occurrences", async () => {
    expect(await lost([{ kind: "frame-lost", nth: [3, 7] }])).toEqual([3, 7]);
    expect(await lost([{ kind: "frame-lost", probability: 1, limit: 2 }])).toEqual([1, 2]);
    expect(await lost([{ kind: "frame-lost", probability: 1, where: "port 1" }])).toEqual([]);
    expect(await lost([{ kind: "frame-lost", nth: 2, where: "into port 0" }])).toEqual([2]);
  });

  test("armed and taken back while it runs", async () => {
    await using bed = await open();
    const driver = probe(bed);
    const some = FRAMES.slice(0, 4);
    expect(through(bed, driver, some)).toHaveLength(4);
    await bed.faults.arm({ kind: "frame-lost", probability: 1 });
    expect(through(bed, driver, some)).toHaveLength(0);
    await bed.faults.disarm("frame-lost");
    expect(through(bed, driver, some)).toHaveLength(4);
    expect((await bed.faults.report()).counts["frame-lost"]).toEqual({ met: 12, struck: 4 });
  });

  test("the n-th is counted from when it was armed: the next one is the first, whatever went before", async () => {
    await using bed = await open([{ kind: "frame-lost", nth: 1 }]);
    const driver = probe(bed);
    const some = FRAMES.slice(0, 4);
    expect(through(bed, driver, some)).toEqual(some.slice(1));
    await bed.faults.arm([
      { kind: "frame-lost", nth: 2 },
      { kind: "frame-lost", nth: 4, where: "into port 0" },
    ]);
    expect(through(bed, driver, some)).toEqual([some[0], some[2]]);
    // Sites keep the numbers that they have since the testbed was plugged in.
    expect((await bed.faults.report()).struck.map(({ nth }) => nth)).toEqual([1, 6, 8]);
    await bed.faults.mustHaveStruck();
    // The same for what a kernel refuses.
    await bed.faults.arm({ kind: "dma-alloc-failed", nth: 1 });
    expect(() => bed.pci.dma.alloc(64)).toThrow("fault dma-alloc-failed");
  });

  test("one that has not struck is told: when it is asked for, and when the testbed is closed", async () => {
    const warned: string[] = [];
    const warn = vi.spyOn(console, "warn").mockImplementation((text: string) => warned.push(text));
    try {
      for (const run of ["folded", "threaded"] as const) {
        await using bed = await plugIn([ixgbe({ linkUpNs: 0 }), edu()], { run, faults: [] });
        const driver = probe(bed);
        const rules: readonly FaultRule[] = [
          { kind: "frame-lost", nth: [2, 9] },
          { kind: "frame-bad-fcs", nth: 1, where: "port 1" },
          { kind: "dma-alloc-failed", nth: 3 },
          { kind: "read-error", probability: 0.5, device: 1 },
          { kind: "removal", probability: 0, device: 1 },
          { kind: "frame-runt", nth: 1, limit: 1 },
        ];
        await bed.faults.arm(rules);
        for (const frame of FRAMES.slice(0, 4)) bed.wire.send(frame);
        await bed.quiesce();
        const lines = [
          "fault frame-lost#2,9 of device 0 struck once only: since it was armed the run came to 4 places for frame-lost",
          'fault frame-bad-fcs#1 at "port 1" of device 0 never struck: since it was armed the run came to 4 places for frame-bad-fcs',
          "fault dma-alloc-failed#3 of device 0 never struck: since it was armed the run came to no place for dma-alloc-failed",
          "fault read-error=0.5 of device 1 never struck: since it was armed the run came to no place for read-error",
        ];
        const { waiting } = await bed.faults.report();
        expect(waiting).toEqual([
          { rule: rules[0], met: 4, struck: 1 },
          { rule: rules[1], met: 4, struck: 0 },
          { rule: rules[2], met: 0, struck: 0 },
        ]);
        await expect(bed.faults.mustHaveStruck()).rejects.toThrow(
          new FaultNotStruckError(
            `${lines.join("\n")}\nNothing of it was tested: let the run come to such a place, or take back by disarm() what need not strike.`,
          ),
        );
        await bed.faults.disarm("dma-alloc-failed");
        expect(warned).toEqual([]);
        driver.close();
        await bed.close();
        expect(warned.splice(0).join("\n").split("\n")).toEqual(
          lines.filter((line) => !line.includes("alloc")).map((line) => `softbar: ${line}`),
        );
      }
    } finally {
      warn.mockRestore();
    }
  });

  test.each(["folded", "threaded"] as const)(
    "one that has not struck yet is waited for, as far as anything is under way: %s",
    async (run) => {
      await using bed = await plugIn(edu(), { run, faults: [] });
      const bar = bed.pci.bar(0);
      bed.pci.config.setBusMaster(true);
      bed.pci.interrupts("msi", 1);
      bar.write32(STATUS, INTERRUPTS);
      await bed.faults.arm({ kind: "interrupt-lost", nth: 1 });
      bar.write32(FACTORIAL, 5);
      await bed.faults.mustHaveStruck();
    },
  );

  test("of several rules one that makes no sense arms none", async () => {
    await using bed = await open();
    const rules: readonly FaultRule[] = [
      { kind: "read-error", nth: 1 },
      { kind: "read-error", nth: 1, device: 3 },
    ];
    await expect(bed.faults.arm(rules)).rejects.toThrow("fault read-error: there is no device 3");
    expect((await bed.faults.report()).waiting).toEqual([]);
    await expect(open(rules)).rejects.toThrow("fault read-error: there is no device 3");
  });

  test("wrappers stack, and each counts what comes through to it", async () => {
    const [inner, outer] = [[{ kind: "frame-lost", nth: 2 }], [{ kind: "frame-lost", nth: 1 }]] as const;
    const stack = faulty(faulty(ixgbe(), inner), outer);
    const bed = new FoldedTestbed([await loadDevice(stack)]);
    // The outer one takes the first frame; of what is left the inner one takes the second.
    expect(through(bed, probe(bed), FRAMES.slice(0, 4))).toEqual([FRAMES[1], FRAMES[3]]);
  });

  test("are the same as text", () => {
    expect(parseFaults("dma-read-error#7; interrupt-lost=0.01,limit=3,where=vector 0,durationNs=5e6")).toEqual([
      { kind: "dma-read-error", nth: 7 },
      { kind: "interrupt-lost", probability: 0.01, limit: 3, where: "vector 0", durationNs: 5e6 },
    ]);
    for (const [text, reason] of [
      ["frame-lost", "want KIND#N or KIND=PROBABILITY"],
      ["frames-lost#1", 'fault "frames-lost#1": want'],
      ["frame-lost=2", "probability is 2; want 0 to 1"],
      ["frame-lost#0", "occurrences are counted from 1"],
      ["frame-lost#1,how=badly", 'fault setting "how=badly"'],
    ] as const)
      expect(() => parseFaults(text)).toThrow(reason);
  });

  test("that make no sense are refused, and leave nothing armed", async () => {
    await expect(open([{ kind: "frame-lost" }])).rejects.toThrow("say when: either nth or probability");
    await expect(open([{ kind: "frame-lost", nth: [] }])).rejects.toThrow("nth names no occurrence");
    await expect(open([{ kind: "frame-lost", nth: 1, device: 1 }])).rejects.toThrow("there is no device 1");
    await expect(open([{ kind: "meteor" as FaultKind, nth: 1 }])).rejects.toThrow('there is no fault "meteor"');
    // Around one card there is neither a kernel nor a second card.
    expect(() => faulty(ixgbe(), [{ kind: "frame-lost", nth: 1, device: 7 }])).toThrow("there is no device 7");
    expect(() => faulty(ixgbe(), [{ kind: "dma-alloc-failed", nth: 1 }])).toThrow("it is the kernel's");
    expect(() => faulty(ixgbe(), [{ kind: "frame-lost" }])).toThrow("say when");
    await using plain = await plugIn(ixgbe(), { run: "folded" });
    expect(() => plain.faults).toThrow("this testbed has no faults to arm: plug it in with them");
  });
});

test("a testbed with faults of which none is armed does what one without them does", async () => {
  const FRAMES = frames(5);
  const run = async (bed: Testbed): Promise<unknown> => {
    const driver = probe(bed, { interrupts: "msix" });
    const got = through(bed, driver, FRAMES);
    for (const frame of FRAMES) driver.transmit(frame);
    await bed.quiesce();
    driver.close();
    const { faultFramesLost, ...counters } = await countersOf(bed);
    const findings: readonly Finding[] = [...bed.violations, ...bed.notes];
    return { got, sent: bed.wire.sent, counters, findings, nowNs: bed.pci.cpu.nowNs() };
  };
  await using plain = await plugIn(ixgbe(), { run: "folded" });
  await using wrapped = await open();
  expect(await run(wrapped)).toEqual(await run(plain));
});

test("every kind has a description and a nature of its own", () => {
  expect(new Set(FAULT_KINDS).size).toBe(FAULT_KINDS.length);
});

test("in an explored run each schedule meets the same faults anew", async () => {
  const card = faulty(edu(), [{ kind: "read-error", nth: 3, where: "FACTORIAL" }]);
  let runs = 0;
  await explore(card, { runs: 20, setup: (bed) => bed.pci.bar(0) }, (_bed, bar) => {
    runs++;
    const seen = [1, 2, 3, 4].map(() => bar.read32(0x08));
    if (seen[2] !== 0xffff_ffff || seen.filter((word) => word === 0xffff_ffff).length !== 1)
      throw new Error(`read ${seen}`);
  });
  expect(runs).toBeGreaterThan(20);
});

test.for([
  { kind: "write-back-torn", nth: 2, durationNs: 2000 },
  { kind: "fetch-stall", nth: 3, durationNs: 2000 },
  { kind: "operation-slow", probability: 1 },
] satisfies FaultRule[])("a driver in explored orders minds nothing that is only late: $kind", async (rule) => {
  const { setup, body } = ixgbeTraffic;
  const card = faulty(ixgbe({ linkUpNs: 0 }), [rule]);
  const { runs } = await explore(card, { runs: 40, models: ["sc", "tso"], setup }, body);
  expect(runs).toBe(80);
});

test("and one that cannot do without a frame is found waiting for it", async () => {
  const card = faulty(ixgbe({ linkUpNs: 0 }), [{ kind: "frame-lost", nth: 2 }]);
  const { setup, body } = ixgbeTraffic;
  await expect(explore(card, { runs: 5, models: ["sc"], setup, cure: false }, body)).rejects.toThrow(
    /arrived damaged|deadlock/,
  );
});
