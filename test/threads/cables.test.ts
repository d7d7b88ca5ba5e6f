import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { wireTimeNs } from "../../emulator/wire/line-rate.ts";
import { frames } from "../../harness/frames.ts";
import { plugIn } from "../../harness/plug-in.ts";
import type { PlugInOptions, Testbed } from "../../harness/testbed.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";
import { relayNic } from "../fixtures/relay-nic.ts";
import { BLOCK, registerBlock } from "./fixtures/register-block.ts";

/** Test → 0:0, 0:1 = 1:1, 1:0 = 2:0, 2:1 → test. */
const CABLES: PlugInOptions["cables"] = [
  [
    [0, 1],
    [1, 1],
  ],
  [
    [1, 0],
    [2, 0],
  ],
];
const chain = () => [relayNic("near"), relayNic("middle"), relayNic("far")];

/** Waits until the far end has sent as many frames as went in. */
async function sentBy(bed: Testbed, device: number, port: number, count: number): Promise<readonly Uint8Array[]> {
  for (let tries = 0; tries < 2000 && bed.wireOf(device, port).sent.length < count; tries++) await bed.quiesce();
  return bed.wireOf(device, port).sent;
}

describe.each<PlugInOptions>([{ run: "threaded" }, { run: "threaded", clock: "virtual" }, { run: "folded" }])(
  "devices cabled to each other, $run, clock $clock",
  (options) => {
    test("frames come out at the far end as they went in, both ways at once", async () => {
      await using bed = await plugIn(chain(), { ...options, cables: CABLES });
      const there = frames(300, { seed: 1 });
      const back = frames(300, { seed: 2 });
      for (let index = 0; index < 300; index++) {
        bed.wireOf(0, 0).send(there[index] as Uint8Array);
        bed.wireOf(2, 1).send(back[index] as Uint8Array);
      }
      expect(await sentBy(bed, 2, 1, 300)).toEqual(there);
      expect(await sentBy(bed, 0, 0, 300)).toEqual(back);
      const statistics = await bed.statistics();
      expect(statistics.map(({ device }) => device)).toEqual(["near", "middle", "far"]);
      expect(statistics.map(({ counters }) => counters.frames)).toEqual([600, 600, 600]);
      expect(statistics.map(({ sentFrameCount }) => sentFrameCount)).toEqual([300, 0, 300]);
    });

    test("the wires that cables take are nobody else's", async () => {
      await using bed = await plugIn(chain(), { ...options, cables: CABLES });
      expect(() => bed.wireOf(0, 1)).toThrow("device 0 has no wire port 1 that no cable takes");
      expect(() => bed.wireOf(1, 0)).toThrow(RangeError);
      expect(() => bed.wireOf(3, 0)).toThrow(RangeError);
      expect(() => bed.wireOf(0, 2)).toThrow(RangeError);
      expect(bed.wire).toBe(bed.wireOf(0, 0));
    });
  },
);

describe.each<PlugInOptions>([{ run: "threaded" }, { run: "threaded", clock: "virtual" }, { run: "folded" }])(
  "two network cards and a cable, $run, clock $clock",
  (options) => {
    test("what one driver sends the other one receives, both ways, in order", async () => {
      const cables: PlugInOptions["cables"] = [
        [
          [0, 0],
          [1, 0],
        ],
      ];
      await using bed = await plugIn([ixgbe(), ixgbe({ macAddress: "02:00:00:00:00:02" })], { ...options, cables });
      const drivers = bed.functions.map((pci) => IxgbeDriver.probe(pci, { ringSize: 64, promiscuous: true }));
      const [left, right] = drivers;
      if (left === undefined || right === undefined) return expect.fail("two cards");
      const [there, back] = [frames(200, { seed: 3 }), frames(200, { seed: 4 })];
      const received: Uint8Array[][] = [[], []];
      const take = (): void => {
        for (const [index, driver] of drivers.entries()) {
          for (let frame = driver.receive(); frame !== undefined; frame = driver.receive())
            received[index]?.push(frame);
        }
      };
      for (let index = 0; index < 200; index++) {
        for (let tries = 0; !left.transmit(there[index] as Uint8Array) && tries < 100_000; tries++) take();
        for (let tries = 0; !right.transmit(back[index] as Uint8Array) && tries < 100_000; tries++) take();
        take();
      }
      for (let polls = 0; polls < 200_000 && received.some((list) => list.length < 200); polls++) {
        bed.pci.cpu.relax();
        take();
      }
      expect(received[1]).toEqual(there);
      expect(received[0]).toEqual(back);
      for (const driver of drivers) driver.close();
      await bed.quiesce();
      expect(bed.violations).toEqual([]);
      expect(bed.functions.map(({ dma }) => dma.mappingCount)).toEqual([0, 0]);
    });
  },
);

describe("virtual time on the wire", () => {
  test.each<PlugInOptions>([{ run: "folded" }, { run: "threaded", clock: "virtual" }])(
    "back-to-back frames arrive one wire time apart, $run",
    async (options) => {
      await using bed = await plugIn(chain(), { ...options, cables: CABLES });
      const lengths = [60, 1514, 60, 700, 61, 1514, 64, 64, 64, 900];
      for (const byteLength of lengths) bed.wireOf(0, 0).send(new Uint8Array(byteLength));
      await sentBy(bed, 2, 1, lengths.length);
      const statistics = await bed.statistics();
      const [near = 0, middle = 0, far = 0] = statistics.map(({ counters }) => counters.lastArrivalNs);
      const total = lengths.reduce((sum, byteLength) => sum + wireTimeNs(byteLength, 10), 0);
      const last = wireTimeNs(lengths.at(-1) ?? 0, 10);
      if (options.run === "folded") expect(near).toBeCloseTo(total, 3);
      else expect(near).toBeGreaterThanOrEqual(total - 0.001);
      // Store and forward: each hop adds at least the time of the last frame, at most what queued up before it.
      expect(middle - near).toBeGreaterThanOrEqual(last - 0.001);
      expect(far - middle).toBeGreaterThanOrEqual(last - 0.001);
      expect(far - near).toBeLessThan(total);
    },
  );

  test("a driver that reads registers meanwhile does not slow the wire down", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.nat(6), { minLength: 1, maxLength: 20 }), async (readsBetween) => {
        await using bed = await plugIn([relayNic("nic"), registerBlock()], { run: "folded" });
        const count = 50;
        for (let sent = 0; sent < count; sent++) bed.wire.send(new Uint8Array(60));
        for (const reads of readsBetween) {
          for (let read = 0; read < reads; read++) bed.functions[1]?.bar(0).read32(BLOCK.MIXED.at());
        }
        await bed.quiesce();
        const { lastArrivalNs } = (await bed.statistics())[0]?.counters ?? {};
        expect(lastArrivalNs).toBeCloseTo(count * 67.2, 3);
      }),
      { numRuns: 20 },
    ));
});

describe("cables that cannot be laid", () => {
  test.each<[string, PlugInOptions["cables"], RegExp]>([
    [
      "to a device that is not there",
      [
        [
          [0, 0],
          [5, 0],
        ],
      ],
      /port 0 of device 5, which is not there/,
    ],
    [
      "to a port that is not there",
      [
        [
          [0, 2],
          [1, 0],
        ],
      ],
      /port 2 of device 0, which is not there/,
    ],
    [
      "two in one port",
      [
        [
          [0, 0],
          [1, 0],
        ],
        [
          [0, 0],
          [2, 0],
        ],
      ],
      /two cables lead to port 0 of device 0/,
    ],
  ])("%s", async (_, cables, message) => {
    for (const run of ["folded", "threaded"] as const) {
      await expect(plugIn(chain(), { run, cables: cables ?? [] })).rejects.toThrow(message);
    }
  });
});

describe("the wire to the test", () => {
  test("takes frames from one byte (padded) to the limit, and refuses more", async () => {
    await using bed = await plugIn(relayNic("nic"), { run: "folded" });
    bed.wireOf(0, 0).send(Uint8Array.of(7));
    bed.wireOf(0, 0).send(Uint8Array.of(7), { pad: false });
    bed.wireOf(0, 0).send(new Uint8Array(16384).fill(9));
    await bed.quiesce();
    expect(bed.wireOf(0, 1).sent.map((frame) => frame.length)).toEqual([60, 1, 16384]);
    expect([...(bed.wireOf(0, 1).sent[0] ?? [])].slice(0, 3)).toEqual([7, 0, 0]);
    expect(() => bed.wire.send(new Uint8Array(16385))).toThrow(/frame of 16385 bytes: the wire takes 16384/);
    expect(bed.wireOf(0, 1).takeSent()).toHaveLength(3);
    expect(bed.wireOf(0, 1).takeSent()).toEqual([]);
  });

  test("with a small queue refuses what could never fit, at once", async () => {
    await using bed = await plugIn(relayNic("nic"), { run: "folded", wireQueueBytes: 4096 });
    expect(() => bed.wire.send(new Uint8Array(3000))).toThrow(/frame of 3000 bytes: the wire takes 2032/);
    for (let sent = 0; sent < 50; sent++) bed.wireOf(0, 0).send(new Uint8Array(2032));
    await bed.quiesce();
    // With its header a frame of 2,032 bytes is half of the queue.
    expect(() => bed.wireOf(0, 1).sent).toThrow(
      /^48 frames that the device sent were not kept for the test: the testbed's own queue of 4096 bytes \(wireQueueBytes\) .* was full\. Device and driver lost nothing\. Read `wire\.sent`/,
    );
    expect((await bed.statistics())[0]).toMatchObject({ sentFrameCount: 50, bus: { wireFramesLost: 0 } });
  });

  test("a frame that its wire has no room for is in the statistics: a relay does not ask before it sends", async () => {
    const chain = [relayNic("fast", { gigabitsPerSecond: 100 }), relayNic("slow", { gigabitsPerSecond: 1 })];
    const cables: PlugInOptions["cables"] = [
      [
        [0, 1],
        [1, 0],
      ],
    ];
    await using bed = await plugIn(chain, { run: "folded", cables });
    for (let sent = 0; sent < 2000; sent++) bed.wireOf(0, 0).send(new Uint8Array(1514));
    await bed.quiesce();
    const [fast, slow] = await bed.statistics();
    const { wireFramesLost = 0 } = slow?.bus ?? {};
    expect(fast?.bus.wireFramesLost).toBe(0);
    expect(slow?.counters.frames).toBe(2000);
    expect(wireFramesLost).toBeGreaterThan(1000);
    expect(slow?.sentFrameCount).toBe(2000 - wireFramesLost);
  });

  test("that only counts says so", async () => {
    await using bed = await plugIn(relayNic("nic"), { run: "folded", sentFrames: "count" });
    for (let sent = 0; sent < 5; sent++) bed.wire.send(new Uint8Array(60));
    await bed.quiesce();
    expect(() => bed.wireOf(0, 1).sent).toThrow(/only counts sent frames/);
    expect((await bed.statistics())[0]?.sentFrameCount).toBe(5);
  });

  test("a testbed without a wire says so", async () => {
    for (const run of ["folded", "threaded"] as const) {
      await using bed = await plugIn(registerBlock(), { run });
      expect(() => bed.wire).toThrow(/no device of this testbed has a wire/);
    }
  });
});
