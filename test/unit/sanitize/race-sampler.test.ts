import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FoldedRaces } from "../../../emulator/explore/folded/folded-races.ts";
import { ordinalOfSite } from "../../../emulator/explore/races/access-marks.ts";
import type { Cpu, DmaBuffer, PciFunction } from "../../../emulator/pcie/driver-view.ts";
import { createTables, Machine } from "../../../emulator/run/machine.ts";
import * as t from "../../../emulator/sanitize/race-tables.ts";
import type { RaceSampling } from "../../../emulator/sanitize/rule.ts";
import { SMALL, sampledBed } from "./sampled-bed.ts";
import * as scribe from "./scribe.ts";

const DEVICE = { module: scribe, options: {} };
/** Every transfer is in a window. */
const ALL = { every: 1, transfers: 1 } as const;
const BUFFER_BYTES = 96;
/** Each run makes two machines. */
const LIMIT_MS = 60_000;
const SCRATCH = new Uint8Array(BUFFER_BYTES);

/** What a driver holds. */
interface Hands {
  readonly pci: PciFunction;
  readonly cpu: Cpu;
  readonly buffer: DmaBuffer;
}

function handsOn(pci: PciFunction): Hands {
  pci.config.setBusMaster(true);
  const buffer = pci.dma.alloc(BUFFER_BYTES, { label: "ring" });
  pci.bar(0).write32(scribe.ADDRESS_LOW, buffer.iovaLow >>> 0);
  pci.bar(0).write32(scribe.ADDRESS_HIGH, buffer.iovaHigh >>> 0);
  // What is known of the store before a window is nothing: here it is no barrier.
  buffer.write32(BUFFER_BYTES - 4, 0);
  buffer.read32(BUFFER_BYTES - 4);
  return { pci, cpu: pci.cpu, buffer };
}

type Step = { readonly name: string; readonly run: (hands: Hands) => void };

/** What waits for its CPU's next access gets it. */
const LAST_STEP: Step = { name: "the end", run: ({ buffer }) => void buffer.read32(BUFFER_BYTES - 4) };

/** Offsets and lengths in words, so that no mark hides another one; or in any bytes. */
function stepsBy(unit: 1 | 4): fc.Arbitrary<Step> {
  const last = BUFFER_BYTES - 4;
  const word = fc.integer({ min: 0, max: last / 4 - 1 }).map((at) => 4 * at);
  const place = unit === 4 ? word : fc.integer({ min: 0, max: last - 1 });
  const range = fc.tuple(place, fc.integer({ min: 1, max: 40 / unit })).map(([offset, count]) => {
    return { offset, byteLength: Math.min(count * unit, last - offset) };
  });
  const step = (name: string, run: Step["run"]): fc.Arbitrary<Step> => fc.constant({ name, run });
  // One word that comes alone is a flag here, and none to the detector of folded runs.
  const transfer = (kind: "write" | "read"): fc.Arbitrary<Step> =>
    range
      .filter(({ byteLength }) => unit === 1 || kind === "read" || byteLength > 4)
      .map(({ offset, byteLength }) => ({
        name: `DMA ${kind} ${offset}+${byteLength}`,
        run: ({ pci }) => scribe.tell(pci.bar(0), { kind, offset, byteLength, flagWord: 0 }),
      }));
  const writeBack = fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 3 })).map(([slot, flagWord]) => {
    return {
      name: `DMA write back ${slot} flag ${flagWord}`,
      run: ({ pci }: Hands) =>
        scribe.tell(pci.bar(0), { kind: "write back", offset: 16 * slot, byteLength: 16, flagWord }),
    };
  });
  const at = (name: string, places: fc.Arbitrary<number>, run: (buffer: DmaBuffer, offset: number) => void) =>
    places.map((offset): Step => ({ name: `${name} ${offset}`, run: ({ buffer }) => run(buffer, offset) }));
  const accesses = [
    at("read32", word, (buffer, offset) => buffer.read32(offset)),
    at("readAcquire32", word, (buffer, offset) => buffer.readAcquire32(offset)),
    at("write32", word, (buffer, offset) => buffer.write32(offset, 1)),
    at("writeRelease32", word, (buffer, offset) => buffer.writeRelease32(offset, 1)),
    range.map(({ offset, byteLength }) => ({
      name: `copyTo ${offset}+${byteLength}`,
      run: ({ buffer }: Hands) => buffer.copyTo(offset, SCRATCH, 0, byteLength),
    })),
    range.map(({ offset, byteLength }) => ({
      name: `copyFrom ${offset}+${byteLength}`,
      run: ({ buffer }: Hands) => buffer.copyFrom(offset, SCRATCH, 0, byteLength),
    })),
    ...(unit === 4
      ? []
      : [
          at("read8", place, (buffer, offset) => buffer.read8(offset)),
          at("write8", place, (buffer, offset) => buffer.write8(offset, 1)),
          at("read16", word, (buffer, offset) => buffer.read16(offset + 2)),
        ]),
  ];
  // Of an atomic access the detector of folded runs says it even if it is claimed.
  const atomic = at("compareExchange32", word, (buffer, offset) => buffer.compareExchange32(offset, 0, 1));
  const claimed = fc.oneof(...accesses).map(({ name, run }) => ({
    name: `racy ${name}`,
    run: (hands: Hands) => {
      hands.cpu.beginRacy("as a test does");
      run(hands);
      hands.cpu.endRacy(false);
    },
  }));
  return fc.oneof(
    { weight: 4, arbitrary: fc.oneof(transfer("write"), transfer("read"), writeBack) },
    { weight: 6, arbitrary: fc.oneof(...accesses, atomic) },
    { weight: 1, arbitrary: claimed },
    {
      weight: 3,
      arbitrary: fc.oneof(
        step("dmaRmb", ({ cpu }) => cpu.dmaRmb()),
        step("wmb", ({ cpu }) => cpu.wmb()),
        step("mb", ({ cpu }) => cpu.mb()),
        step("relax", ({ cpu }) => cpu.relax()),
        step("register read", ({ pci }) => void pci.bar(0).read32(0x80)),
      ),
    },
  );
}

/** Steps in which the detector of folded runs sees the second access of a race. */
function foldedRaces(steps: readonly Step[]): Set<string> {
  const folded = new FoldedRaces(new Machine([DEVICE], createTables([DEVICE], SMALL)));
  const [pci] = folded.functions;
  if (pci === undefined) throw new Error("no function");
  const hands = handsOn(pci);
  const { state } = folded.cpu.port;
  // Steps of the CPU behind each step of the program.
  const ends = [state.steps[0] as number];
  for (const step of [...steps, LAST_STEP]) {
    step.run(hands);
    ends.push(state.steps[0] as number);
  }
  const { races } = folded.detector;
  // Of more it keeps no sites.
  fc.pre(races.overflowCount === 0);
  const found = new Set<string>();
  for (let at = 0; at < races.count; at++) {
    const ordinal = ordinalOfSite(races.secondSite[at] as number);
    found.add(`${ends.findIndex((end) => ordinal < end) - 1}`);
  }
  return found;
}

/** Steps that the sampler finds when the program runs so many times. */
function sampledRaces(steps: readonly Step[], laps = 1, sampling: RaceSampling = ALL): Set<string> {
  let current = -1;
  const bed = sampledBed(DEVICE, sampling, () => `${current}`);
  const hands = handsOn(bed.function(0));
  for (let lap = 0; lap < laps; lap++) {
    for (const [index, step] of [...steps, LAST_STEP].entries()) {
      current = index;
      step.run(hands);
    }
  }
  return new Set(bed.lines);
}

/**
 * The same of one run, and the first step at which the driver stores over what it does not know of. The number of the
 * transfer stays there for other CPUs, which may have seen it; whoever looks there then counts as behind it.
 */
function sampledUntilCovered(steps: readonly Step[]): { readonly found: Set<string>; readonly coveredAt: number } {
  let current = -1;
  let coveredAt = Number.POSITIVE_INFINITY;
  const bed = sampledBed(DEVICE, ALL, () => `${current}`);
  const hands = handsOn(bed.function(0));
  const marks = [bed.races.written, bed.races.fetched].map((buffer) => new Int32Array(buffer, 0, BUFFER_BYTES / 4));
  for (const [index, step] of [...steps, LAST_STEP].entries()) {
    current = index;
    step.run(hands);
    if (marks.some((each) => each.some((mark) => mark !== 0 && (mark & t.ALL_BYTES) === 0)))
      coveredAt = Math.min(coveredAt, index);
  }
  return { found: new Set(bed.lines), coveredAt };
}

const sorted = (found: Set<string>, last: number): string[] => [...found].filter((each) => Number(each) <= last).sort();
const named = (steps: readonly Step[]): string => steps.map(({ name }, index) => `${index}: ${name}`).join("\n");

describe("what is found is what the detector of folded runs finds", () => {
  test(
    "in programs of whole words, all of it",
    () => {
      fc.assert(
        fc.property(fc.array(stepsBy(4), { maxLength: 14 }), (steps) => {
          const { found, coveredAt } = sampledUntilCovered(steps);
          expect(sorted(found, coveredAt), named(steps)).toEqual(sorted(foldedRaces(steps), coveredAt));
        }),
        { numRuns: 120 },
      );
    },
    LIMIT_MS,
  );

  test(
    "in programs of any bytes, nothing else",
    () => {
      fc.assert(
        fc.property(fc.array(stepsBy(1), { maxLength: 14 }), (steps) => {
          const known = foldedRaces(steps);
          for (const each of sampledRaces(steps)) expect([...known], named(steps)).toContain(each);
        }),
        { numRuns: 120 },
      );
    },
    LIMIT_MS,
  );

  test(
    "in windows, wherever they lie, nothing else",
    () => {
      const program = fc.array(stepsBy(1), { maxLength: 10 });
      fc.assert(
        fc.property(program, fc.integer({ min: 66, max: 110 }), fc.nat(), (steps, transfers, seed) => {
          // The third time is as all others.
          const known = sampledRaces(steps, 3);
          const windows = { every: transfers + 7, transfers, seed };
          for (const each of sampledRaces(steps, 60, windows)) expect([...known], named(steps)).toContain(each);
        }),
        { numRuns: 60 },
      );
    },
    LIMIT_MS,
  );
});
