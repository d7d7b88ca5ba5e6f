import fc from "fast-check";
import { expect, test } from "vitest";
import { DMA_READ } from "../../../emulator/memory/iommu.ts";
import { Endpoint } from "../../../emulator/pcie/endpoint.ts";
import { Iotlb } from "../../../emulator/pcie/iotlb.ts";
import type { CompletedReads } from "../../../emulator/pcie/read-burst.ts";
import { transferParts } from "../../../emulator/pcie/transfer-parts.ts";
import {
  BUS_MASTER,
  COMMAND,
  DECLARATION,
  EndpointBench,
  FUNCTION_INDEX,
  MEMORY_SPACE,
  RecordingDevice,
} from "./endpoint-bench.ts";

const BURST_TAG = 1;
const MAPPED_BYTES = 0x1000;
/** Where the window of addresses that a device can reach begins: the low word is 0. */
const WINDOW = 0x1_0000_0000;

/** What a script does to an endpoint: asks for memory, lets it answer, writes, or turns Bus Master Enable on or off. */
type Action =
  | { readonly read: number; readonly byteLength: number; readonly tag: number }
  | { readonly steps: number }
  | { readonly busMaster: boolean }
  | { readonly unmapped: true }
  | { readonly writtenBack: number };
const actions: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ read: fc.nat(0x1fff), byteLength: fc.integer({ min: 1, max: 64 }), tag: fc.nat(2) }),
  },
  {
    weight: 12,
    arbitrary: fc.record({ read: fc.nat(0xfbf), byteLength: fc.constant(64), tag: fc.constant(BURST_TAG) }),
  },
  { weight: 2, arbitrary: fc.record({ steps: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ busMaster: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ unmapped: fc.constant<true>(true) }) },
  { weight: 1, arbitrary: fc.record({ writtenBack: fc.nat(0xff) }) },
);

interface Outcome {
  readonly events: readonly unknown[][];
  readonly statistics: Record<string, number>;
  readonly findings: readonly unknown[];
  readonly longestBurst: number;
}

/** Runs a script with a device that takes bursts, or with one that does not. */
function run(script: readonly Action[], takesBursts: boolean, segments: 1 | 2): Outcome {
  const bench = new EndpointBench();
  const { endpoint, device, iommu, memory } = bench;
  const words = memory.segment(0)?.words;
  for (let word = 0; word < MAPPED_BYTES / 2; word++)
    if (words !== undefined) words[word] = Math.imul(word, 0x9e3779b1);
  let longestBurst = 0;
  if (takesBursts) {
    Object.assign(device, {
      burstTag: BURST_TAG,
      onDmaReads({ count, contexts, memory: from, offsets, byteLengths }: CompletedReads): void {
        longestBurst = Math.max(longestBurst, count);
        for (let nth = 0; nth < count; nth++) {
          const [context, offset, byteLength] = [contexts[nth] ?? -1, offsets[nth] ?? -1, byteLengths[nth] ?? -1];
          device.onDmaRead(BURST_TAG, context, from, offset, byteLength);
        }
      },
    });
    endpoint.attach(device);
  } else {
    endpoint.attach(device);
  }
  device.take();
  iommu.map(0, 0, MAPPED_BYTES, { iova: WINDOW });
  const second = segments === 1 ? 0 : memory.add(new SharedArrayBuffer(MAPPED_BYTES));
  memory.segment(second)?.bytes.fill(0x7a, 0, segments === 1 ? 0 : MAPPED_BYTES);
  iommu.map(second, segments === 1 ? MAPPED_BYTES : 0, MAPPED_BYTES, { iova: WINDOW + MAPPED_BYTES });
  let context = 0;
  const ask = (at: number, byteLength: number, tag: number): void =>
    endpoint.dmaRead(1, at, byteLength, tag, context++);
  // Every fifth completion asks for more, as a card does that has room again.
  let completions = 0;
  device.onCompletion = () => {
    completions++;
    if (completions % 5 === 0) ask((completions * 52) % 0xf00, 64, BURST_TAG);
  };
  const settle = (limit: number): void => {
    for (let answered = 0; answered < limit; ) {
      const count = endpoint.step();
      if (count === 0) return;
      answered += count;
    }
  };
  for (const action of script) {
    if ("read" in action) ask(action.read, action.byteLength, action.tag);
    else if ("steps" in action) settle(action.steps);
    else if ("busMaster" in action)
      endpoint.configWrite(COMMAND, 2, MEMORY_SPACE | (action.busMaster ? BUS_MASTER : 0));
    else if ("unmapped" in action) ask(0x7fff_0000, 64, BURST_TAG);
    else {
      bench.card.words[0] = action.writtenBack;
      endpoint.dmaWrite(1, 4 * action.writtenBack, bench.card, 0, 4, 0);
    }
  }
  device.onCompletion = () => {};
  settle(Number.POSITIVE_INFINITY);
  endpoint.landWrites();
  return {
    events: device.take(),
    statistics: endpoint.busStatistics(),
    findings: endpoint.findings.findings.map(({ rule, place, count }) => ({ rule, place, count })),
    longestBurst,
  };
}

test("a device that takes bursts is told the same, in the same order, as one that takes completions one by one", () => {
  // Everything is asked for before anything is answered: the two then meet the same memory.
  const scripts = fc
    .array(actions, { minLength: 1, maxLength: 120, size: "max" })
    .map((script) => script.filter((action) => !("steps" in action)));
  fc.assert(
    fc.property(scripts, fc.constantFrom<1 | 2>(1, 2), (script, segments) => {
      const { longestBurst, ...bursts } = run(script, true, segments);
      const { longestBurst: none, ...single } = run(script, false, segments);
      expect(bursts).toEqual(single);
      expect(longestBurst).toBeLessThanOrEqual(32);
      expect(none).toBe(0);
    }),
  );
});

test("reads that are asked for while others are answered come behind them, each once", () => {
  fc.assert(
    fc.property(fc.array(actions, { minLength: 1, maxLength: 120, size: "max" }), (script) => {
      const contexts = run(script, true, 1)
        .events.filter(([kind]) => kind === "dmaRead" || kind === "dmaReadError")
        .map(([, , context]) => context);
      expect(contexts).toEqual(Array.from(contexts, (_, index) => index));
    }),
  );
});

test("reads with the tag come together, up to 32, as far as nothing lies between them", () => {
  const read = (at: number, tag = BURST_TAG): { read: number; byteLength: number; tag: number } => ({
    read: at,
    byteLength: 64,
    tag,
  });
  const many = Array.from({ length: 40 }, (_, index) => read(index * 64));
  expect(run(many, true, 1).longestBurst).toBe(32);
  expect(run([...many.slice(0, 7), read(0, 0), ...many.slice(0, 5)], true, 1).longestBurst).toBe(7);
  expect(run([...many.slice(0, 6), { unmapped: true }, ...many.slice(0, 9)], true, 1).longestBurst).toBe(9);
  // A burst lies in one memory; several mappings of it do not matter.
  expect(run([...many.slice(0, 6), read(0x1000), read(0x1040)], true, 2).longestBurst).toBe(6);
  expect(run([...many.slice(0, 6), read(0x1000), read(0x1040)], true, 1).longestBurst).toBe(8);
});

test("a model that takes bursts by halves is refused: nobody would answer its reads", () => {
  const { endpoint } = new EndpointBench();
  const half = { burstTag: BURST_TAG };
  const otherHalf = { onDmaReads: () => {} };
  expect(() => endpoint.attach(Object.assign(new RecordingDevice(), half))).toThrow(
    /^probe: .* no onDmaReads; .* both$/,
  );
  expect(() => endpoint.attach(Object.assign(new RecordingDevice(), otherHalf))).toThrow(/ no burstTag; /);
  expect(() => endpoint.attach(Object.assign(new RecordingDevice(), half, otherHalf))).not.toThrow();
});

test("a reset forgets what has not been answered", () => {
  const bench = new EndpointBench();
  const { endpoint, device } = bench;
  const [high, low] = bench.mapText("x".repeat(128));
  const seen: number[] = [];
  Object.assign(device, { burstTag: 0, onDmaReads: ({ count }: CompletedReads) => seen.push(count) });
  endpoint.attach(device);
  for (let nth = 0; nth < 3; nth++) endpoint.dmaRead(high, low, 8, 0, nth);
  bench.functionLevelReset();
  endpoint.configWrite(COMMAND, 2, MEMORY_SPACE | BUS_MASTER);
  expect(endpoint.step()).toBe(0);
  expect(endpoint.outstandingReads).toBe(0);
  for (let nth = 0; nth < 2; nth++) endpoint.dmaRead(high, low, 8, 0, nth);
  expect(endpoint.step()).toBe(2);
  expect(seen).toEqual([2]);
});

test("what was written back before a burst is in memory when it is answered", () => {
  const bench = new EndpointBench();
  const { endpoint, device, card } = bench;
  const [high, low] = bench.mapText("................");
  const seen: number[] = [];
  Object.assign(device, {
    burstTag: 0,
    onDmaReads({ count, memory, offsets }: CompletedReads) {
      for (let nth = 0; nth < count; nth++) seen.push(memory.words[(offsets[nth] ?? 0) >> 2] ?? -1);
    },
  });
  endpoint.attach(device);
  card.words[0] = 77;
  endpoint.dmaWrite(high, low + 8, card, 0, 4, 0);
  endpoint.dmaRead(high, low + 8, 4, 0, 1);
  endpoint.dmaRead(high, low + 8, 4, 0, 2);
  expect(endpoint.step()).toBe(2);
  expect(seen).toEqual([77, 77]);
});

test("an endpoint that is set back trusts no mapping of before, nor does what looks whether reads can come together", () => {
  const { clock, iommu, memory, interrupts } = new EndpointBench();
  const slot = { clock, iommu, memory, interrupts, functionIndex: FUNCTION_INDEX };
  const parts = { ...transferParts(slot), reads: new Iotlb(iommu, memory, DMA_READ) };
  const endpoint = new Endpoint(DECLARATION, { ...slot, parts });
  const seen: number[][] = [];
  const onDmaReads = ({ count, offsets }: CompletedReads): void => void seen.push([...offsets.subarray(0, count)]);
  endpoint.attach(Object.assign(new RecordingDevice(), { burstTag: BURST_TAG, onDmaReads }));
  endpoint.configWrite(COMMAND, 2, MEMORY_SPACE | BUS_MASTER);
  const [noMappings, state] = [iommu.save(), endpoint.snapshot()];
  for (const at of [0, 0x2000]) {
    iommu.restore(noMappings);
    endpoint.restore(state);
    iommu.map(0, at, MAPPED_BYTES, { iova: WINDOW });
    for (const low of [64, 128]) endpoint.dmaRead(1, low, 64, BURST_TAG, low);
    expect(endpoint.step()).toBe(2);
  }
  expect(seen).toEqual([
    [64, 128],
    [0x2040, 0x2080],
  ]);
});
