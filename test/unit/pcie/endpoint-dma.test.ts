import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BUS_MASTER, COMMAND, EndpointBench, MEMORY_SPACE, MSIX_CONTROL, MSIX_TABLE_AT } from "./endpoint-bench.ts";

describe("DMA", () => {
  test("reads complete later, in order, one a step, with their tags", () => {
    const bench = new EndpointBench();
    const { endpoint, device } = bench;
    const [high, low] = bench.mapText("hello, wire");
    endpoint.dmaRead(high, low, 5, 1, 100);
    endpoint.dmaRead(high, low + 7, 4, 2, 200);
    expect(device.take()).toEqual([]);
    expect(endpoint.outstandingReads).toBe(2);
    expect(endpoint.isIdle()).toBe(false);
    // Configuration space says so too: DeviceStatus.TransactionsPending (PCIe 7.8.5).
    expect(endpoint.configRead(0xaa, 2) & 0x20).toBe(0x20);
    expect(endpoint.step()).toBe(1);
    expect(device.take()).toEqual([["dmaRead", 1, 100, "hello"]]);
    expect(endpoint.step()).toBe(1);
    expect(device.take()).toEqual([["dmaRead", 2, 200, "wire"]]);
    expect(endpoint.step()).toBe(0);
    expect(endpoint.isIdle()).toBe(true);
    expect(endpoint.configRead(0xaa, 2) & 0x20).toBe(0);
  });

  test("a read asked for within a completion completes in a later step", () => {
    const bench = new EndpointBench();
    const [high, low] = bench.mapText("abc");
    bench.device.onCompletion = () => bench.endpoint.dmaRead(high, low, 3, 9, 9);
    bench.endpoint.dmaRead(high, low, 3, 1, 1);
    bench.endpoint.step();
    expect(bench.device.take()).toHaveLength(1);
    expect(bench.endpoint.outstandingReads).toBe(1);
  });

  test("plain writes land at once, write-backs at the end of the turn", () => {
    const bench = new EndpointBench();
    const [high, low] = bench.mapText("................................", 64);
    bench.card.bytes.set(Buffer.from("0123456789abcdef"));
    bench.endpoint.dmaWrite(high, low, bench.card, 0, 16, 8);
    bench.endpoint.dmaWrite(high, low + 17, bench.card, 3, 5, -1);
    expect(bench.hostText(64, 32)).toBe(".................34567..........");
    bench.endpoint.landWrites();
    expect(bench.hostText(64, 32)).toBe("0123456789abcdef.34567..........");
    expect(bench.endpoint.busStatistics()).toMatchObject({ dmaReads: 0, dmaWrites: 2 });
  });

  test("a write-back at an odd address lands at once, behind those before it", () => {
    const bench = new EndpointBench();
    const [high, low] = bench.mapText("................", 64);
    bench.card.bytes.set(Buffer.from("0123456789abcdef"));
    bench.endpoint.dmaWrite(high, low, bench.card, 0, 4, 0);
    bench.endpoint.dmaWrite(high, low + 7, bench.card, 2, 4, 0);
    expect(bench.hostText(64, 16)).toBe("0123...2345.....");
  });

  test("write-backs and plain writes that overlap leave what the last one wrote; no flag is seen before its payload", () => {
    const writes = fc.array(
      fc.record({ at: fc.nat(20), wordCount: fc.integer({ min: 1, max: 6 }), flag: fc.integer({ min: -1, max: 5 }) }),
      { minLength: 1, maxLength: 60, size: "max" },
    );
    fc.assert(
      fc.property(writes, (list) => {
        const bench = new EndpointBench();
        const [high, low] = bench.mapText(".".repeat(128));
        const host = bench.memory.segment(0)?.words ?? new Int32Array();
        const expected = host.subarray(0, 32).fill(0).slice();
        const flags: { readonly at: number; readonly value: number; readonly payload: [number, number][] }[] = [];
        let value = 1;
        for (const { at, wordCount, flag } of list) {
          const flagWord = flag >= wordCount ? -1 : flag;
          const payload: [number, number][] = [];
          for (let word = 0; word < wordCount; word++) {
            bench.card.words[word] = value;
            expected[at + word] = value;
            payload.push([at + word, value++]);
          }
          bench.endpoint.dmaWrite(high, low + 4 * at, bench.card, 0, 4 * wordCount, 4 * flagWord);
          if (flagWord >= 0)
            flags.push({ at: at + flagWord, value: (payload[flagWord] as [number, number])[1], payload });
          // Values only grow: a smaller one would be a word that was there before this write.
          for (const seen of flags) {
            if (host[seen.at] === seen.value)
              for (const [word, written] of seen.payload) expect(host[word]).toBeGreaterThanOrEqual(written);
          }
        }
        bench.endpoint.landWrites();
        expect([...host.subarray(0, 32)]).toEqual([...expected]);
      }),
    );
  });

  test("more flags than are kept back land in their order, and none twice", () => {
    const bench = new EndpointBench();
    const [high, low] = bench.mapText(".".repeat(4000));
    for (let index = 0; index < 900; index++) {
      bench.card.words[0] = index;
      // The same word again and again, and one of its own.
      bench.endpoint.dmaWrite(high, low, bench.card, 0, 4, 0);
      bench.endpoint.dmaWrite(high, low + 4 + 4 * index, bench.card, 0, 4, 0);
    }
    bench.endpoint.landWrites();
    const words = bench.memory.segment(0)?.words;
    expect(words?.[0]).toBe(899);
    expect([...(words?.slice(1, 901) ?? [])]).toEqual(Array.from({ length: 900 }, (_, index) => index));
  });

  const prepareNothing = (): void => {};
  const prepareMsi = (bench: EndpointBench): void => bench.enableMsi(20);
  const prepareMsix = (bench: EndpointBench): void => {
    bench.endpoint.configWrite(MSIX_CONTROL, 2, 0x8000);
    bench.aimVector(0, 20);
  };
  test.each<[string, (bench: EndpointBench) => void, (bench: EndpointBench) => void]>([
    ["the completion of a BAR read", prepareNothing, ({ endpoint }) => endpoint.read(0, 0, 4)],
    [
      "the completion of a read of the MSI-X table",
      prepareNothing,
      ({ endpoint }) => endpoint.read(0, MSIX_TABLE_AT, 4),
    ],
    ["the completion of a configuration read", prepareNothing, ({ endpoint }) => endpoint.configRead(0, 4)],
    ["the completion of a configuration write", prepareNothing, ({ endpoint }) => endpoint.configWrite(0x3c, 1, 5)],
    ["a rising line", prepareNothing, ({ endpoint }) => endpoint.setLegacyInterrupt(true)],
    ["an MSI", prepareMsi, ({ endpoint }) => endpoint.setLegacyInterrupt(true)],
    ["an MSI-X message", prepareMsix, ({ endpoint }) => endpoint.raise(0)],
    [
      "a DMA read of the same word",
      prepareNothing,
      ({ endpoint, device }) => {
        endpoint.dmaRead(1, 8, 4, 0, 0);
        endpoint.step();
        expect(device.take()).toEqual([["dmaRead", 0, 0, "flag"]]);
      },
    ],
  ])("%s pushes the writes before it, flags and all", (_, prepare, push) => {
    const bench = new EndpointBench();
    expect(bench.mapText("................")).toEqual([1, 0]);
    bench.card.bytes.set(Buffer.from("payload.flag...."));
    prepare(bench);
    bench.device.take();
    bench.endpoint.dmaWrite(1, 0, bench.card, 0, 16, 8);
    push(bench);
    expect(bench.hostText(8, 4)).toBe("flag");
  });

  test("without bus master nothing moves, the device is told, and the driver hears of it once", () => {
    const bench = new EndpointBench(MEMORY_SPACE);
    const [high, low] = bench.mapText("secret");
    bench.endpoint.dmaRead(high, low, 6, 4, 5);
    bench.endpoint.step();
    bench.endpoint.dmaWrite(high, low, bench.card, 0, 6, -1);
    expect(bench.device.take()).toEqual([["dmaReadError", 4, 5], ["dmaWriteError"]]);
    expect(bench.hostText(0, 6)).toBe("secret");
    expect(bench.rules).toEqual(["bus-master-off"]);
    expect(bench.endpoint.findings.findings[0]?.count).toBe(2);
    expect(bench.messages[0]).toMatch(/Bus Master Enable \(bit 2 of the command register, 0x0004\) is off/);
  });

  test("bus master gates requests, not completions: what was asked for with it is answered without it", () => {
    const bench = new EndpointBench();
    const { endpoint, device } = bench;
    const [high, low] = bench.mapText("late");
    endpoint.dmaRead(high, low, 4, 1, 1);
    endpoint.configWrite(COMMAND, 2, MEMORY_SPACE);
    endpoint.dmaRead(high, low, 4, 2, 2);
    endpoint.configWrite(COMMAND, 2, MEMORY_SPACE | BUS_MASTER);
    endpoint.dmaRead(high, low, 4, 3, 3);
    device.take();
    while (endpoint.step()) {
      // Until all are answered.
    }
    expect(device.take()).toEqual([
      ["dmaRead", 1, 1, "late"],
      ["dmaReadError", 2, 2],
      ["dmaRead", 3, 3, "late"],
    ]);
    expect(bench.rules).toEqual(["bus-master-off"]);
    expect(bench.messages[0]).toContain("DMA read of 4 bytes at IOVA 0x1_0000_0000 by probe while Bus Master Enable");
  });

  test("a fault says what the DMA was for and what comes of it, if the device knows", () => {
    const bench = new EndpointBench();
    const asked: unknown[] = [];
    Object.assign(bench.device, {
      describeRead(...of: number[]) {
        asked.push(of);
        return { purpose: "descriptor 3", outcome: "the queue is halted" };
      },
      describeWrite(...of: number[]) {
        asked.push(of);
        return undefined;
      },
    });
    for (let times = 0; times < 3; times++) bench.endpoint.dmaRead(0, 0x40, 16, 7, 8);
    while (bench.endpoint.step()) {
      // Until all are answered.
    }
    bench.endpoint.dmaWrite(1, 0x80, bench.card, 0, 4, -1);
    expect(bench.messages).toEqual([
      "DMA read of 16 bytes at IOVA 0x0000_0040 by probe, for descriptor 3, hits no mapping (nothing is mapped). The card got Unsupported Request and no data; the queue is halted. Map the buffer, and write its whole address, before the doorbell.",
      "DMA write of 4 bytes at IOVA 0x1_0000_0080 by probe hits no mapping (nothing is mapped). The card wrote nothing. Map the buffer, and write its whole address, before the doorbell.",
    ]);
    expect(asked).toEqual([
      [7, 8],
      [1, 0x80],
    ]);
  });

  test("outside the map, or against its permission, is a violation with the nearest mapping", () => {
    const bench = new EndpointBench();
    const [high, low] = bench.mapText("readable", 0, 1);
    bench.endpoint.dmaWrite(high, low, bench.card, 0, 4, -1);
    bench.endpoint.dmaRead(high, low + 4, 8, 1, 1);
    bench.endpoint.step();
    bench.endpoint.dmaRead(0xdeadbeef | 0, 0, 64, 1, 1);
    bench.endpoint.step();
    expect(bench.rules).toEqual(["dma-outside-map", "dma-outside-map", "dma-outside-map"]);
    expect(bench.messages).toEqual([
      "DMA write of 4 bytes at IOVA 0x1_0000_0000 by probe hits text 0x1_0000_0000–0x1_0000_0007, which the device may only read. The card wrote nothing. Map the buffer, and write its whole address, before the doorbell.",
      "DMA read of 8 bytes at IOVA 0x1_0000_0004 by probe runs 4 bytes past the end of text 0x1_0000_0000–0x1_0000_0007. The card got Unsupported Request and no data. Map the buffer, and write its whole address, before the doorbell.",
      "DMA read of 64 bytes at IOVA 0xdead_beef_0000_0000 by probe hits no mapping (nearest: text 0x1_0000_0000–0x1_0000_0007). The card got Unsupported Request and no data. Map the buffer, and write its whole address, before the doorbell.",
    ]);
    expect(bench.endpoint.findings.findings.map(({ place }) => place)).toEqual([
      "IOVA 0x1_0000_0000",
      "IOVA 0x1_0000_0004",
      "IOVA 0xdead_beef_0000_0000",
    ]);
    expect(bench.device.take()).toEqual([["dmaWriteError"], ["dmaReadError", 1, 1], ["dmaReadError", 1, 1]]);
  });

  test("memory that no thread has announced is missed once more, then refused", () => {
    const bench = new EndpointBench();
    const buffer = new SharedArrayBuffer(64);
    const iova = bench.iommu.map(5, 0, 64);
    bench.endpoint.dmaWrite(1, iova % 2 ** 32, bench.card, 0, 4, -1);
    expect(bench.device.take()).toEqual([["dmaWriteError"]]);
    bench.memory.onMissing = (segment) => bench.memory.install(segment, buffer);
    bench.card.words[0] = 77;
    bench.endpoint.dmaWrite(1, iova % 2 ** 32, bench.card, 0, 4, -1);
    expect(new Int32Array(buffer)[0]).toBe(77);
  });
});
