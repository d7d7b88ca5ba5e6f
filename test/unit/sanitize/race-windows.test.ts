import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HostMemory } from "../../../emulator/memory/host-memory.ts";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { DevicePort } from "../../../emulator/pcie/device-model.ts";
import type { PciFunction } from "../../../emulator/pcie/driver-view.ts";
import type { CompletedReads } from "../../../emulator/pcie/read-burst.ts";
import { DmaMarks } from "../../../emulator/sanitize/dma-marks.ts";
import { RaceSampler } from "../../../emulator/sanitize/race-sampler.ts";
import * as t from "../../../emulator/sanitize/race-tables.ts";
import { noteSettled } from "../../../emulator/sanitize/race-tables.ts";
import { checkRuleNames, type RaceSampling, raceSampling } from "../../../emulator/sanitize/rule.ts";
import { allRules } from "../../../emulator/sanitize/rules.ts";
import { BareDevice } from "../../fixtures/bare-device.ts";
import { type SampledBed, sampledBed } from "./sampled-bed.ts";
import * as scribe from "./scribe.ts";

const DEVICE = { module: scribe, options: {} };
const ALL = { every: 1, transfers: 1 } as const;
const BYTES = 4096;

function bedWith(sampling: RaceSampling): SampledBed {
  return sampledBed(DEVICE, sampling, () => "driver.ts:1");
}

/** A card that transfers into and out of a buffer of this function. */
function bufferOf(pci: PciFunction, byteLength = BYTES): ReturnType<PciFunction["dma"]["alloc"]> {
  pci.config.setBusMaster(true);
  const buffer = pci.dma.alloc(byteLength);
  pci.bar(0).write32(scribe.ADDRESS_LOW, buffer.iovaLow >>> 0);
  pci.bar(0).write32(scribe.ADDRESS_HIGH, buffer.iovaHigh >>> 0);
  return buffer;
}

function write(pci: PciFunction, offset: number, byteLength = 4): void {
  scribe.tell(pci.bar(0), { kind: "write", offset, byteLength, flagWord: 0 });
}

/** A descriptor at `offset` whose last word is its flag. */
function writeBack(pci: PciFunction, offset: number): void {
  scribe.tell(pci.bar(0), { kind: "write back", offset, byteLength: 16, flagWord: 3 });
}

/** Ordinals of the transfers that a window has looked at. */
function lookedAt(sampling: RaceSampling, count: number): number[] {
  const { races, function: open } = bedWith(sampling);
  const pci = open(0);
  bufferOf(pci);
  const control = new Int32Array(races.control);
  const looked: number[] = [];
  for (let ordinal = 0; ordinal < count; ordinal++) {
    const before = control[t.TRANSFER] as number;
    write(pci, 4 * (ordinal % 64));
    if (control[t.TRANSFER] !== before) looked.push(ordinal);
  }
  return looked;
}

describe("windows", () => {
  test("are one run of transfers in each stretch, the first at the beginning, where the seed says", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(1000),
        (every, transfers, seed) => {
          const looked = lookedAt({ every, transfers, seed }, 400);
          expect(lookedAt({ every, transfers, seed }, 400)).toEqual(looked);
          const wanted = Math.min(transfers, every);
          for (let stretch = 0; (stretch + 1) * every <= 400; stretch++) {
            const inside = looked.filter((ordinal) => Math.floor(ordinal / every) === stretch);
            expect(inside).toHaveLength(wanted);
            expect((inside.at(-1) as number) - (inside[0] as number)).toBe(wanted - 1);
            if (stretch === 0) expect(inside[0]).toBe(0);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test("lie elsewhere with another seed", () => {
    const places = [1, 2, 3].map((seed) => lookedAt({ every: 100, transfers: 5, seed }, 400).join());
    expect(new Set(places).size).toBe(3);
  });

  test("say nothing of transfers outside of them, nor of the first ones inside, and all of the others", () => {
    const bed = bedWith({ every: 1000, transfers: 200, seed: 5 });
    const pci = bed.function(0);
    const buffer = bufferOf(pci);
    const control = new Int32Array(bed.races.control);
    let judged = 0;
    for (let ordinal = 0; ordinal < 3000; ordinal++) {
      // What came before is known; then one write that nobody knows of.
      pci.bar(0).read32(0);
      write(pci, 0, 8);
      const isJudged = control[t.WINDOW] !== 0 && (control[t.TRANSFER] as number) > (control[t.START] as number);
      const before = bed.messages.length;
      buffer.copyTo(0, new Uint8Array(16), 0, 16);
      // A stack is taken for 64 in a window.
      if (isJudged) judged++;
      else expect(bed.messages).toHaveLength(before);
    }
    expect(judged).toBe(200 + 136 + 136);
    expect(bed.messages).toHaveLength(3 * 64);
  });

  test("begin anew, with everything forgotten, when numbers are used up", () => {
    const sampling = raceSampling({ "data-race": ALL });
    if (sampling === undefined) throw new Error("no sampling");
    const tables = t.createRaceTables(BYTES, sampling);
    const memory = new HostMemory(HostMemory.tablesFor(new SharedArrayBuffer(BYTES)));
    const arena = memory.segment(0) as MemoryView;
    const marks = new DmaMarks(tables, memory, 500);
    let found = 0;
    const findings = { record: () => void found++ };
    const place = { base: 0, byteLength: BYTES, iova: 0, label: "all", findings };
    const finder = { cpuIndex: 0, deviceNames: [""], log: new Int32Array(tables.log), lineOf: () => "", line: "" };
    const sampler = new RaceSampler(tables, 0, finder);
    const control = new Int32Array(tables.control);
    let judged = 0;
    for (let transfer = 0; transfer < 2000; transfer++) {
      sampler.answered();
      marks.writes(0, arena, 16 * (transfer % 200), 16, 16 * (transfer % 200));
      if ((control[t.TRANSFER] as number) > (control[t.START] as number)) judged++;
      const before = found;
      sampler.loaded(place, 16 * (transfer % 200) + 4, 4, false);
      expect(found - before).toBeLessThanOrEqual(1);
      // Known long since, whatever number it had.
      sampler.loaded(place, 16 * ((transfer + 100) % 200) + 4, 4, false);
      expect(found - before).toBeLessThanOrEqual(1);
      expect(control[t.TRANSFER]).toBeLessThan(500);
    }
    expect(control[t.WINDOW]).toBe(5);
    expect(judged).toBeGreaterThan(1500);
    // 64 lines of each window; in the fifth, which has just begun, nothing is judged yet.
    expect(found).toBe(4 * 64);
  });
});

describe("what a CPU is behind", () => {
  /** Two CPUs: one looks at the flag, the other reads the descriptor. */
  function twoCpus(look: (first: PciFunction, iova: number, bed: SampledBed) => void): readonly string[] {
    const bed = bedWith(ALL);
    const [first, second] = [bed.function(1), bed.function(2)];
    const { iova } = bufferOf(first);
    const buffer = second.dma.open(iova);
    buffer.read32(64);
    writeBack(first, 0);
    look(first, iova, bed);
    buffer.read32(0);
    return bed.messages;
  }

  test("is what another one may have told it: that cannot be seen, so it is believed", () => {
    expect(twoCpus(() => {})).toHaveLength(1);
    expect(twoCpus((first, iova) => void first.dma.open(iova).readAcquire32(12))).toEqual([]);
    expect(twoCpus((first, iova) => void first.dma.open(iova).read32(12))).toEqual([]);
    expect(twoCpus((first) => void first.bar(0).read32(0))).toEqual([]);
    expect(twoCpus((_first, _iova, { races }) => noteSettled(races))).toEqual([]);
  });

  test("includes what it could have read past the accessors, and memory that is new", () => {
    const bed = bedWith(ALL);
    const pci = bed.function(0);
    const raw = bufferOf(pci);
    const buffer = pci.dma.alloc(BYTES);
    const tellAbout = (which: typeof raw): void => pci.bar(0).write32(scribe.ADDRESS_LOW, which.iovaLow >>> 0);
    const judgedRead = (): number => {
      const before = bed.messages.length;
      tellAbout(buffer);
      writeBack(pci, 0);
      tellAbout(raw);
      write(pci, 0);
      buffer.read32(0);
      return bed.messages.length - before;
    };
    expect(judgedRead()).toBe(1);
    pci.bar(0).read32(0);
    // From here on the write into the raw buffer may have been seen, and the write-back was before it.
    expect(raw.bytes).toHaveLength(BYTES);
    for (let warmUp = 0; warmUp < 70; warmUp++) judgedRead();
    expect(bed.messages).toHaveLength(1);
    tellAbout(buffer);
    writeBack(pci, 0);
    buffer.read32(0);
    expect(bed.messages).toHaveLength(2);
    // An allocation waits for the mapping; and what was written to the memory before was for somebody else.
    writeBack(pci, 16);
    pci.dma.alloc(64);
    buffer.read32(16);
    expect(bed.messages).toHaveLength(2);
    // A mapped BAR may show anything, for good.
    writeBack(pci, 32);
    expect(() => pci.bar(0).map()).toThrow();
    buffer.read32(32);
    expect(bed.messages).toHaveLength(2);
  });
});

test("a sampling that cannot be is refused, and one for another rule", () => {
  const check = (sanitize: Parameters<typeof checkRuleNames>[0]) => () => checkRuleNames(sanitize, allRules([]));
  expect(check({ "data-race": { every: 0 } })).toThrow('every of "data-race" is 0');
  expect(check({ "data-race": { transfers: 2 ** 21 } })).toThrow("want a whole number, 1 to 1048576");
  expect(check({ "double-free": {} })).toThrow('"double-free" takes true or false');
  expect(check({ "data-race": { evry: 1 } as RaceSampling })).toThrow(
    'no option "evry"; there are every, seed, transfers',
  );
  expect(check({ "data-race": { every: 10 } })).not.toThrow();
  expect(raceSampling({ "data-race": false })).toBeUndefined();
  expect(raceSampling(false)).toBeUndefined();
  expect(raceSampling({ "data-race": { seed: 7 } })).toEqual({ every: 65_536, transfers: 2048, seed: 7 });
});

describe("reads that a card takes in bursts", () => {
  const DONE_AT = 0x800;
  const FRAME_BYTES = 64;
  const FRAME_COUNT = 4;

  /** Fetches frames, and writes a descriptor back for each that has come. */
  class Fetcher extends BareDevice {
    readonly burstTag = 0;
    readonly #done = MemoryView.ofSize(16);
    #low = 0;
    #high = 0;

    override onWrite(_bar: number, register: number, _byteLength: number, value: number): void {
      if (register === scribe.ADDRESS_LOW) this.#low = value;
      else if (register === scribe.ADDRESS_HIGH) this.#high = value;
      else
        for (let nth = 0; nth < FRAME_COUNT; nth++)
          this.port.dmaRead(this.#high, this.#low + FRAME_BYTES * nth, FRAME_BYTES, this.burstTag, nth);
    }

    override onDmaRead(_tag: number, nth: number): void {
      this.#done.words[3] = 1;
      this.port.dmaWrite(this.#high, this.#low + DONE_AT + 16 * nth, this.#done, 0, 16, 12);
    }

    onDmaReads({ count, contexts }: CompletedReads): void {
      for (let nth = 0; nth < count; nth++) this.onDmaRead(this.burstTag, contexts[nth] as number);
    }
  }

  test("are told apart in a window: of a buffer that is filled anew before its own descriptor was looked at", () => {
    const filled = (frame: number, looksAt: number): readonly string[] => {
      const module = { declaration: scribe.declaration, create: (port: DevicePort) => new Fetcher(port) };
      const bed = sampledBed({ module, options: {} }, ALL, () => "driver.ts:1");
      const pci = bed.function(0);
      const buffer = bufferOf(pci);
      pci.bar(0).write32(0, 1);
      expect(buffer.readAcquire32(DONE_AT + 16 * looksAt + 12)).toBe(1);
      // The first store behind a barrier may be one that hands over.
      buffer.write32(0xc00, 0);
      buffer.write32(FRAME_BYTES * frame, 0);
      pci.bar(0).write32(scribe.ADDRESS_LOW, 0);
      return bed.messages;
    };
    for (let frame = 0; frame < FRAME_COUNT; frame++) {
      for (let looksAt = 0; looksAt < FRAME_COUNT; looksAt++)
        expect(filled(frame, looksAt)).toHaveLength(frame > looksAt ? 1 : 0);
    }
  });
});
