import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { edu, exanic, ixgbe } from "../../../devices/index.ts";
import { MEMORY_MODELS } from "../../../emulator/explore/kinds.ts";
import { Schedule } from "../../../emulator/explore/schedule.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import { recordRun } from "../../../harness/explore/recorded-run.ts";
import { Session } from "../../../harness/explore/session.ts";
import { atOnce } from "../../../harness/explore/work.ts";
import { recordsOfRun } from "../../../harness/explore/write-explored-trace.ts";
import { frames } from "../../../harness/frames.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import { PerfettoWriter } from "../../../harness/trace/perfetto-writer.ts";
import { isEvent, type TraceEvent, type TraceRecord } from "../../../harness/trace/trace-event.ts";
import { TraceFilter } from "../../../harness/trace/trace-filter.ts";
import { TextOutput } from "../../../harness/trace/trace-output.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";
import { races } from "../../../scenarios/races/index.ts";
import { SyntheticTrace } from "../../page/synthetic-trace.ts";
import { exchangeSessions, FACTS, recorded, schedulesOf, sessionsOf } from "./explored-runs.ts";
import { type PerfettoModel, readPerfetto, type Slice } from "./perfetto-reader.ts";
import { eventsOf, schemaCheck } from "./trace-checks.ts";

const validate = await schemaCheck(join(import.meta.dirname, "perfetto.schema.json"));

function exported(records: readonly TraceRecord[]): string {
  const output = new TextOutput();
  const writer = new PerfettoWriter(output);
  for (const record of records) writer.write(record);
  writer.end();
  return output.text;
}

/** Everything that a reader must find in the export of a trace. */
function check(records: readonly TraceRecord[]): PerfettoModel {
  const text = exported(records);
  const file = JSON.parse(text) as { readonly otherData: object };
  if (validate !== undefined && !validate(file)) expect(validate.errors?.slice(0, 3)).toEqual([]);
  const model = readPerfetto(text, "round");
  // Readers that cut the time off see the same.
  expect(readPerfetto(text, "cut")).toEqual(model);
  expect(model.problems).toEqual([]);
  const events = records.filter(isEvent);
  const shown = events.filter(({ kind }) => kind !== "ring");
  const sliceOf = new Map<number, Slice>();
  const own = model.slices.filter(({ track }) => !track.includes("/"));
  expect(own.map(({ args }) => args.seq)).toEqual(shown.map(({ seq }) => seq));
  for (const slice of own) sliceOf.set(slice.args.seq as number, slice);
  for (const [at, { startNs, args, track, cat }] of own.entries()) {
    const event = shown[at] as TraceEvent;
    expect([cat, args.timeNs]).toEqual([event.kind, event.timeNs]);
    if (at > 0 && startNs <= (own[at - 1] as Slice).startNs) expect(event).toBe("later than the one before");
    const [pid = ""] = track.split(".");
    expect(model.names.has(pid) && model.names.has(track)).toBe(true);
  }
  checkArrows(model, shown);
  expect(file.otherData).toMatchObject({ arrows: model.arrows.length, arrowsTooLong: 0, lostEvents: 0 });
  checkSpans(sliceOf, shown);
  checkReads(model, sliceOf, shown);
  const counters = new Map<string, number[]>();
  for (const { device, ring, occupied } of eventsOf(records, "ring")) {
    const key = `${device + 2} ${ring} occupied`;
    counters.set(key, [...(counters.get(key) ?? []), occupied]);
  }
  expect(model.counters).toEqual(counters);
  return model;
}

/** Each edge is an arrow from the slice of its cause to that of its effect, and there are no others. */
function checkArrows({ arrows }: PerfettoModel, shown: readonly TraceEvent[]): void {
  const there = new Set(shown.map(({ seq }) => seq));
  const edges = shown.flatMap(({ seq, after = [] }) => after.map(({ from, why }) => `${from} ${why} ${seq}`));
  expect(arrows.map(({ name, from, to }) => `${from.args.seq} ${name} ${to.args.seq}`).sort()).toEqual(
    edges.filter((edge) => there.has(Number.parseInt(edge, 10))).sort(),
  );
}

const SPANS: Readonly<Record<string, string>> = {
  "mmio-answer": "mmio-read",
  "handler-exit": "handler-enter",
  wake: "wait",
};

/** What is asked, waited for or handled lasts up to its answer, and no longer. */
function checkSpans(sliceOf: ReadonlyMap<number, Slice>, shown: readonly TraceEvent[]): void {
  const open = new Map<string, TraceEvent[]>();
  const ends = new Map<number, number>();
  for (const event of shown) {
    const stack = open.get(event.actor) ?? [];
    open.set(event.actor, stack);
    if (Object.values(SPANS).includes(event.kind)) {
      const isToldToEnd = event.kind !== "handler-enter" || event.device !== undefined;
      if (isToldToEnd) stack.push(event);
      ends.set(event.seq, isToldToEnd ? -1 : (sliceOf.get(event.seq)?.startNs ?? 0) + 1);
    } else if (stack.at(-1)?.kind === SPANS[event.kind] && stack.length > 0)
      ends.set((stack.pop() as TraceEvent).seq, endOf(sliceOf, event.seq));
  }
  for (const [seq, endNs] of ends) expect([seq, sliceOf.get(seq)?.endNs]).toEqual([seq, endNs]);
}

function endOf(sliceOf: ReadonlyMap<number, Slice>, seq: number): number {
  return (sliceOf.get(seq) as Slice).endNs;
}

/** A DMA read lasts from its request to its data, on a track of its own. */
function checkReads(
  { slices }: PerfettoModel,
  sliceOf: ReadonlyMap<number, Slice>,
  shown: readonly TraceEvent[],
): void {
  const spans = shown
    .filter(({ kind }) => kind === "dma-read")
    .map(({ seq }) => {
      const answer = shown.find(
        ({ kind, after = [] }) =>
          (kind === "dma-data" || kind === "dma-error") &&
          after.some(({ from, why }) => from === seq && why === "completion"),
      );
      return [sliceOf.get(seq)?.startNs, answer === undefined ? -1 : sliceOf.get(answer.seq)?.startNs];
    });
  const told = slices.filter(({ track }) => track.includes("/dma/"));
  expect(told.map(({ startNs, endNs }) => [startNs, endNs])).toEqual(spans);
}

describe("a reader that goes through the file as Perfetto does finds each event, span, arrow and counter", () => {
  test("of a folded run with three cards, a wrong address and a line", async () => {
    const cables = [
      [
        [0, 0],
        [1, 0],
      ],
    ] as const;
    const bed = await plugIn([ixgbe(), exanic(), edu()], { run: "folded", cables, trace: true });
    const driver = IxgbeDriver.probe(bed.pci);
    for (const frame of frames(4)) while (!driver.transmit(frame)) bed.pci.cpu.relax();
    await bed.quiesce();
    const card = bed.functions[2];
    const bar = card?.bar(0);
    const [line] = card?.interrupts("intx", 1) ?? [];
    line?.handle(() => bar?.write32(0x64, 2));
    bar?.write32(0x60, 2);
    bed.pci.cpu.relax();
    card?.config.setBusMaster(true);
    bar?.write64(0x80, 0x1234_5678_9abcn);
    bar?.write64(0x88, 0x40000n);
    bar?.write32(0x90, 4);
    bar?.write32(0x98, 1);
    await bed.quiesce();
    await bed.close();
    const { records } = bed.trace();
    expect(eventsOf(records, "dma-error")).toHaveLength(1);
    expect(eventsOf(records, "handler-exit")).toHaveLength(1);
    const model = check(records);
    expect([...model.names.values()]).toEqual(
      expect.arrayContaining(["driver", "ixgbe", "exanic", "CPU 0", "wire at port 0 of ixgbe"]),
    );
  });

  test("of explored runs of a driver, with their set-up", async () => {
    const { plain, traced } = await exchangeSessions();
    for (const [model, schedule] of schedulesOf(plain, 5, 21)) check(recorded(traced, model, schedule));
  });

  test("of explored runs with handlers", async () => {
    const { plain, traced } = sessionsOf([await loadDevice(edu())], {
      setup: (bed) => {
        bed.pci.config.setBusMaster(true);
        return bed.pci.interrupts("msi", 1);
      },
      body: (bed, interrupts) => {
        const bar = bed.pci.bar(0);
        let count = 0;
        interrupts[0]?.handle(() => {
          bar.write32(0x64, bar.read32(0x24));
          count++;
        });
        bar.write32(0x20, 0x80);
        for (const n of [4, 5]) {
          bar.write32(0x08, n);
          for (const before = count; count === before; ) bed.pci.cpu.relax();
        }
      },
    });
    for (const [model, schedule] of schedulesOf(plain, 5, 4)) check(recorded(traced, model, schedule));
  });

  test("of any small program, in any order of events", () => {
    const sessions = races.map((program) => new Session(program));
    fc.assert(
      fc.property(
        fc.constantFrom(...sessions),
        fc.constantFrom(...MEMORY_MODELS),
        fc.integer({ min: 1, max: 1 << 20 }),
        (session, model, seed) => {
          session.search(model, 1, seed);
          const schedule = new Schedule();
          schedule.copyFrom(session.execution.recorder.schedule);
          atOnce(recordRun(session, model, schedule));
          check(recordsOfRun(session, { ...FACTS, model }));
        },
      ),
      { numRuns: 60 },
    );
  });

  test("of any run at any times, and of what a filter leaves of it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1 << 20 }),
        fc.integer({ min: 1, max: 400 }),
        fc.array(fc.integer({ min: 0, max: 3_000_017 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(undefined, ["dma-*", "mmio-*"], ["handler-*", "interrupt", "wa*"], ["*-read", "ring"]),
        (seed, eventCount, gaps, kinds) => {
          const trace = new SyntheticTrace(eventCount, seed);
          let timeNs = 0;
          const filter = new TraceFilter(kinds === undefined ? {} : { kinds });
          const records = trace.records().flatMap((record, at) => {
            if (isEvent(record)) timeNs += gaps[at % gaps.length] as number;
            return filter.filtered(isEvent(record) ? { ...record, timeNs } : record) ?? [];
          });
          check(records);
        },
      ),
      { numRuns: 60 },
    );
  });
});
