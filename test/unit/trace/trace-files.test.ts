import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { edu } from "../../../devices/index.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import { convertTrace, TRACE_FORMATS } from "../../../harness/trace/convert-trace.ts";
import { isEvent, type TraceEvent, type TraceRecord } from "../../../harness/trace/trace-event.ts";
import { TraceFilter, type TraceFilterOptions } from "../../../harness/trace/trace-filter.ts";
import { parseTraceFilter } from "../../../harness/trace/trace-filter-text.ts";
import { traceInfo } from "../../../harness/trace/trace-info.ts";
import { TextOutput } from "../../../harness/trace/trace-output.ts";
import { TraceFormatError, TraceReader } from "../../../harness/trace/trace-reader.ts";
import { checkOrder } from "./trace-checks.ts";

const folder = mkdtempSync(join(tmpdir(), "softbar-files-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "trace.jsonl");

/** A short run of a small card, as it is written while it happens. */
async function shortRun(): Promise<Buffer> {
  const bed = await plugIn(edu(), { run: "folded", trace: { file: path, title: "ein kurzer Läufer" } });
  const bar = bed.pci.bar(0);
  const buffer = bed.pci.dma.alloc(64, { label: "µ" });
  buffer.write32(0, 7);
  bar.write32(0x04, 1);
  bar.read32(0x04);
  bar.write32(0x08, 4);
  await bed.quiesce();
  bar.read32(0x08);
  expect(() => bed.trace().events).toThrow(/is not kept in memory/);
  await bed.close();
  return readFileSync(path);
}

const whole = await shortRun();
const lines = whole.toString().trimEnd().split("\n");

async function readAll(content: string | Buffer): Promise<{ records: TraceRecord[]; reader: TraceReader }> {
  writeFileSync(path, content);
  const reader = new TraceReader(path);
  const records: TraceRecord[] = [];
  for await (const record of reader.records()) records.push(record);
  return { records, reader };
}

describe("a reader", () => {
  test("gives back what was written", async () => {
    const { records, reader } = await readAll(whole);
    expect(records.map((record) => JSON.stringify(record))).toEqual(lines);
    expect(reader.cut).toBeUndefined();
    expect(reader.end).toMatchObject({ reason: "complete", lostCount: 0 });
    checkOrder(records);
  });

  test("of a file that was cut, anywhere, gives what is whole and says that it is cut", async () => {
    const places = fc.integer({ min: 0, max: whole.length - 1 });
    await fc.assert(
      fc.asyncProperty(places, async (length) => {
        const text = whole.subarray(0, length);
        const isHeaderWhole = length >= Buffer.byteLength(lines[0] as string);
        if (!isHeaderWhole) {
          await expect(readAll(text)).rejects.toThrow(TraceFormatError);
          return;
        }
        const { records, reader } = await readAll(text);
        const wanted = lines.slice(0, records.length);
        expect(records.map((record) => JSON.stringify(record))).toEqual(wanted);
        const isEndThere = records.at(-1)?.kind === "end";
        expect(reader.cut === undefined).toBe(isEndThere);
        const complete = text.toString().split("\n").length - 1;
        expect(records.length).toBeGreaterThanOrEqual(complete);
      }),
      { numRuns: 60 },
    );
  });

  const header = lines[0] as string;
  const event = lines[1] as string;
  test.each([
    ["an empty file", "", /is empty: a trace begins with a header/],
    ["no JSON", "hello\n", /line 1 is no JSON: "hello"/],
    ["something else", '{"a":1}\n', /line 1 has no kind/],
    ["an event first", `${event}\n`, /line 1 is no header: this is no softbar trace/],
    [
      "another version",
      `${header.replace('"softbarTrace":1', '"softbarTrace":2')}\n`,
      /line 1 says version 2; this softbar reads version 1/,
    ],
    ["a bad line", `${header}\n${event}\nrubbish\n${event}\n`, /line 3 is no JSON: "rubbish"/],
    ["two headers", `${header}\n${header}\n`, /line 2 is a second header/],
    ["a number twice", `${header}\n${event}\n${event}\n`, /line 3 has the number 0 behind 0: numbers rise/],
    [
      "time that goes back",
      `${header}\n${event.replace('"timeNs":0', '"timeNs":-1')}\n`,
      /line 2 has the time -1 behind 0/,
    ],
    [
      "an unknown actor",
      `${header}\n${event.replace("device0", "device9")}\n`,
      /line 2 is of an actor that nobody has named: "device9"/,
    ],
    [
      "a circle",
      `${header}\n${event.replace("}", ',"after":[{"from":0,"why":"post"}]}')}\n`,
      /line 2 comes after 0, which is no event before it/,
    ],
    [
      "an end for no known reason",
      `${header}\n${(lines.at(-1) as string).replace('"complete"', '"hang"')}\n`,
      /line 2 ends for the reason "hang": want complete, failed, interrupted, limit/,
    ],
    ["something behind the end", `${header}\n${lines.at(-1)}\n${event}\n`, /line 3 comes behind the end/],
    ["a line that never ends", `${header}\n${"x".repeat(1_200_000)}`, /line 2 does not end: this is no trace/],
  ])("tells %s by its line", async (_what, content, message) => {
    await expect(readAll(content)).rejects.toThrow(message);
    await expect(readAll(content)).rejects.toThrow(TraceFormatError);
  });

  test("tells a file that is not there", async () => {
    await expect(traceInfo(new TraceReader(join(folder, "none")), "none")).rejects.toThrow(
      /none cannot be read \(ENOENT\)/,
    );
  });

  test("accepts kinds and members that it does not know, and every form passes them by", async () => {
    const strange = '{"kind":"teleport","seq":1,"timeNs":0,"actor":"device0","whither":[1,2]}';
    const { records } = await readAll(`${header}\n${event}\n${strange}\n`);
    expect(records.at(-1)).toMatchObject({ kind: "teleport" });
    for (const format of TRACE_FORMATS) {
      const report = await convertTrace(path, format, new TextOutput());
      expect(report).toMatchObject({ readCount: 2, writtenCount: 2 });
      expect(report.damage).toMatch(/ends behind line 3 without an end/);
    }
  });

  test("of a trace without events is content, in every form", async () => {
    writeFileSync(
      path,
      `${header}\n${JSON.stringify({ kind: "end", eventCount: 0, lostCount: 0, reason: "complete", message: "" })}\n`,
    );
    for (const format of TRACE_FORMATS)
      expect(await convertTrace(path, format, new TextOutput())).toEqual({
        format,
        readCount: 0,
        writtenCount: 0,
        lostCount: 0,
      });
    expect(await traceInfo(new TraceReader(path), "x")).toMatchObject({ eventCount: 0, firstNs: undefined, kinds: {} });
  });

  test("what was lost is told in every form that people read", async () => {
    writeFileSync(path, `${header}\n${event}\n{"kind":"lost","count":17,"timeNs":0}\n`);
    const told = async (format: (typeof TRACE_FORMATS)[number]): Promise<string> => {
      const output = new TextOutput();
      expect(await convertTrace(path, format, output)).toMatchObject({ lostCount: 17 });
      return output.text;
    };
    expect(await told("text")).toContain("17 events left out");
    expect(await told("vcd")).toContain("$comment 17 events are missing before here $end");
    expect(JSON.parse(await told("perfetto"))).toMatchObject({ otherData: { lostEvents: 17 } });
    expect(await told("jsonl")).toContain('{"kind":"lost","count":17,"timeNs":0}');
    await told("pcapng");
  });
});

describe("a filter", () => {
  const devices = ["alpha", "beta"];
  const events: fc.Arbitrary<TraceEvent[]> = fc
    .array(
      fc.record({
        timeNs: fc.nat({ max: 50 }),
        actor: fc.constantFrom("cpu0", "cpu0.handler", "device0", "device1"),
        kind: fc.constantFrom("register-write", "dma-read", "barrier", "frame-in"),
        device: fc.nat({ max: 1 }),
        register: fc.constantFrom("RDT(0)", "RDT(12)", "CTRL"),
        from: fc.nat({ max: 30 }),
        setUp: fc.boolean(),
      }),
      { maxLength: 30 },
    )
    .map((list) =>
      [...list]
        .sort((a, b) => a.timeNs - b.timeNs)
        .map(({ timeNs, actor, kind, device, register, from, setUp }, seq) => {
          const after = from < seq ? { after: [{ from, why: "effect" }] } : {};
          const place = kind === "barrier" ? {} : { device };
          const named = kind === "register-write" ? { register } : {};
          const part = setUp ? { setUp } : {};
          return { kind, seq, timeNs, actor, ...after, ...place, ...named, ...part } as unknown as TraceEvent;
        }),
    );
  const options = fc.record(
    {
      devices: fc.constantFrom(["alpha"], ["1"], ["*"], ["gamma"]),
      registers: fc.constantFrom(["rdt*"], ["CTRL", "RDT(0)"], ["RDT(?)"]),
      kinds: fc.constantFrom(["dma-*"], ["barrier", "frame-in"], ["*"]),
      actors: fc.constantFrom(["cpu*"], ["device1"], ["the second"]),
      fromNs: fc.nat({ max: 40 }),
      toNs: fc.nat({ max: 60 }),
      part: fc.constantFrom("set-up", "run"),
    },
    { requiredKeys: [] },
  );

  /** By the letter, from the outside. */
  function wanted(event: TraceEvent, filter: TraceFilterOptions): boolean {
    const like = (pattern: string, text: string): boolean => {
      const [head = "", ...rest] = pattern.toLowerCase();
      const subject = text.toLowerCase();
      if (pattern === "") return subject === "";
      if (head === "*") return [...subject, ""].some((_, index) => like(rest.join(""), subject.slice(index)));
      return subject !== "" && (head === "?" || head === subject[0]) && like(rest.join(""), subject.slice(1));
    };
    const any = (patterns: readonly string[] | undefined, ...texts: string[]): boolean =>
      patterns === undefined || patterns.some((pattern) => texts.some((text) => like(pattern, text)));
    const device = "device" in event ? event.device : undefined;
    const register = "register" in event ? event.register : undefined;
    return (
      event.timeNs >= (filter.fromNs ?? 0) &&
      event.timeNs < (filter.toNs ?? Number.POSITIVE_INFINITY) &&
      (filter.part === undefined || filter.part === (event.setUp === true ? "set-up" : "run")) &&
      any(filter.kinds, event.kind) &&
      any(filter.actors, event.actor, event.actor === "device1" ? "the second" : "") &&
      (filter.registers === undefined || (register !== undefined && any(filter.registers, register))) &&
      (filter.devices === undefined ||
        (device !== undefined && any(filter.devices, devices[device] as string, String(device))))
    );
  }

  test("leaves what its words say, and edges between what it leaves", () => {
    const header = {
      kind: "header",
      devices: devices.map((name) => ({ name })),
      actors: ["cpu0", "cpu0.handler", "device0"].map((id) => ({ id, name: id })),
    } as unknown as TraceRecord;
    const late: TraceRecord = { kind: "actor", actor: { id: "device1", kind: "device", name: "the second" } };
    fc.assert(
      fc.property(events, options, (list, filterOptions) => {
        const filter = new TraceFilter(filterOptions as TraceFilterOptions);
        const left = [header, late, ...list].flatMap((record) => filter.filtered(record) ?? []).filter(isEvent);
        const expected = list.filter((event) => wanted(event, filterOptions as TraceFilterOptions));
        expect(left.map(({ seq }) => seq)).toEqual(expected.map(({ seq }) => seq));
        const kept = new Set(left.map(({ seq }) => seq));
        for (const event of left) {
          const before = list[event.seq]?.after?.filter(({ from }) => kept.has(from)) ?? [];
          expect(event.after ?? []).toEqual(before);
        }
      }),
    );
  });

  test("keeps what begins at its beginning, and not what begins at its end", () => {
    const filter = new TraceFilter({ fromNs: 10, toNs: 20 });
    const at = (timeNs: number): TraceEvent => ({ kind: "step", seq: 0, timeNs, actor: "cpu0", text: "" });
    expect([9, 10, 19, 20].map((timeNs) => filter.wants(at(timeNs)))).toEqual([false, true, true, false]);
  });

  test("is read from words", () => {
    expect(parseTraceFilter("register=RDT*+TDT*,kind=dma-*, time=1.5ms..2ms,device=ixgbe,actor=cpu0")).toEqual({
      registers: ["RDT*", "TDT*"],
      kinds: ["dma-*"],
      fromNs: 1.5e6,
      toNs: 2e6,
      devices: ["ixgbe"],
      actors: ["cpu0"],
    });
    expect(parseTraceFilter("time=..10us")).toEqual({ toNs: 10_000 });
    expect(parseTraceFilter("time=3s..,part=run")).toEqual({ fromNs: 3e9, part: "run" });
  });

  test.each([
    ["", /no word=value/],
    ["register", /no word=value/],
    ["colour=red", /there is no "colour"; want device, register, kind, actor, part or time/],
    ["part=body", /there is no part "body"; want set-up or run/],
    ["kind=a,kind=b", /kind is given twice; a \+ separates/],
    ["time=5ms", /no window of time/],
    ["time=..", /no window of time/],
    ["time=2ms..1ms", /ends before it begins/],
    ["time=1..2", /is no duration/],
  ])("refuses %j", (text, message) => {
    expect(() => parseTraceFilter(text)).toThrow(message);
    expect(() => parseTraceFilter(text)).toThrow(RangeError);
  });
});
