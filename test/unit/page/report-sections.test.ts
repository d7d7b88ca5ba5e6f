import { describe, expect, test } from "vitest";
import { edu } from "../../../devices/index.ts";
import { declarationOf, loadDevice } from "../../../emulator/run/machine.ts";
import type { Html } from "../../../harness/page/html.ts";
import { findingsSection } from "../../../harness/page/report/findings-section.ts";
import { latencySection } from "../../../harness/page/report/latency-section.ts";
import { registersSection } from "../../../harness/page/report/registers-section.ts";
import type { ReportContents } from "../../../harness/page/report/report-contents.ts";
import { ringsSection } from "../../../harness/page/report/rings-section.ts";
import type { TimelineEntry } from "../../../harness/page/report/timeline-entry.ts";
import type { TraceContents } from "../../../harness/page/report/trace-contents.ts";
import { SyntheticTrace } from "../../page/synthetic-trace.ts";

const { header } = new SyntheticTrace(1, 1);

function contentsOf(entries: readonly object[], more: Partial<ReportContents> = {}): ReportContents {
  const numbered = entries.map(
    (entry, seq) => ({ seq, timeNs: 10 * seq, actor: "device0", device: 0, ...entry }) as TimelineEntry,
  );
  const findings = numbered.filter((entry) => entry.kind === "finding");
  const counts = { leftOutCount: 0, lostCount: 0 };
  const trace = { header, actors: header.actors, entries: numbered, findings, ...counts, end: undefined };
  return { title: "t", trace, declarations: new Map(), ...more };
}

/** The cells of the rows of all tables. */
function cellsOf(body: Html | undefined): string[][] {
  const rows = [...(body?.markup ?? "").matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row = ""]) => row);
  return rows.map((row) =>
    [...row.matchAll(/<t[dh][^>]*>(.*?)<\/t[dh]>/gs)].map(([, cell = ""]) => cell.replace(/<[^>]*>/g, "")),
  );
}

describe("findings", () => {
  const event = { kind: "finding", severity: "violation", rule: "tail", message: "Too far.", line: "driver.ts:7" };
  const finding = {
    kind: "violation",
    rule: "tail",
    device: "ixgbe",
    place: "TDT(0)",
    message: "Too far.",
    count: 1234,
    atNs: 5000,
  };

  test("of a replay and of its trace are told once, with count, line and event", () => {
    const replay = {
      violations: [finding],
      notes: [{ ...finding, kind: "note", rule: "unmodelled", message: "Led." }],
    };
    const section = findingsSection(contentsOf([{ kind: "reset" }, event], { replay: replay as never }));
    const [, first, second] = cellsOf(section?.body);
    expect(first).toEqual(["✗ violation Too far.", "tail", "ixgbeTDT(0)", "driver.ts:7", "1,234", "5.00 µs", "1"]);
    expect(second).toEqual(["note Led.", "unmodelled", "ixgbeTDT(0)", "", "1,234", "5.00 µs", ""]);
  });

  test("of a trace alone have no counts; the line of a replay's finding is told without a trace too", () => {
    expect(cellsOf(findingsSection(contentsOf([event]))?.body)[1]).toEqual([
      "✗ violation Too far.",
      "tail",
      "ixgbe",
      "driver.ts:7",
      "0 ns",
      "0",
    ]);
    const replay = { violations: [{ ...finding, line: "my.ts:9" }], notes: [] };
    const section = findingsSection({ title: "t", replay: replay as never, declarations: new Map() });
    expect(cellsOf(section?.body)[1]).toContain("my.ts:9");
  });

  test("that are none have no section without a replay, and say so with one", () => {
    expect(findingsSection(contentsOf([]))).toBeUndefined();
    const replay = { violations: [], notes: [] };
    expect(findingsSection(contentsOf([], { replay: replay as never }))?.body.markup).toContain("No rule was broken");
  });
});

test("registers are shown with what was last written and last read, and their fields by the device's own table", async () => {
  const place = { bar: 0, byteLength: 4 };
  const declaration = declarationOf(await loadDevice(edu()));
  const contents = contentsOf(
    [
      { kind: "register-write", ...place, register: "STATUS", offset: 0x20, value: "0x00000080" },
      { kind: "register-read", ...place, register: "STATUS", offset: 0x20, value: "0x00000001" },
      { kind: "register-write", ...place, register: "FACTORIAL", offset: 0x08, value: "0x00000005" },
      { kind: "register-write", ...place, register: "FACTORIAL", offset: 0x08, value: "0x00000006" },
    ],
    { declarations: new Map([["ixgbe", declaration]]) },
  );
  const section = registersSection(contents);
  const rows = cellsOf(section?.body);
  expect(rows).toContainEqual(["STATUS", "0x00020", "1", "0x00000080", "1", "0x00000001", "1"]);
  expect(rows).toContainEqual(["FACTORIAL", "0x00008", "2", "0x00000006", "0", "", "3"]);
  // What was read counts, not what was written before.
  expect(rows.find(([name]) => name === "COMPUTING")?.slice(1, 3)).toEqual(["0", "1"]);
});

test("the occupancy of a ring is weighted by time", () => {
  const ring = { kind: "ring", ring: "transmit queue 0", head: 0, size: 8 };
  const section = ringsSection(
    contentsOf([
      { ...ring, tail: 0, occupied: 0, timeNs: 0 },
      { ...ring, tail: 4, occupied: 4, timeNs: 100 },
      { ...ring, tail: 7, occupied: 7, timeNs: 300 },
      { kind: "reset", timeNs: 400 },
    ]),
  );
  expect(cellsOf(section?.body)[1]).toEqual(["transmit queue 0", "8", "0", "3.8", "7", "100 ns", "100 ns"]);
});

describe("latency", () => {
  const edges = [
    { kind: "mmio-write", register: "TDT(0)" },
    { kind: "register-write", register: "TDT(0)", after: [{ from: 0, why: "post" }] },
  ];

  test("is of runs in which time passes as it would, and not of explored ones", () => {
    const contents = contentsOf(edges);
    expect(latencySection(contents)?.body.markup).toContain("Posted write");
    const { trace } = contents as { trace: TraceContents };
    const explored = { ...trace, header: { ...header, run: "explored" } as const };
    expect(latencySection({ ...contents, trace: explored })).toBeUndefined();
  });

  test("that is the same for all frames leaves no room for a picture", () => {
    const times = { minNs: 5, p50Ns: 5, p90Ns: 5, p99Ns: 5, p999Ns: 5, maxNs: 5, meanNs: 5 };
    const markupOf = (buckets: readonly object[]): string => {
      const latency = { sampleCount: 9, skippedCount: 0, ...times, buckets };
      const replay = { latency, speed: "max" } as never;
      return latencySection({ title: "t", replay, declarations: new Map() })?.body.markup ?? "";
    };
    const bucket = { fromNs: 4, toNs: 8, count: 3 };
    expect(markupOf([bucket])).not.toContain('class="beside"');
    expect(markupOf([bucket])).toContain("there is no picture");
    expect(markupOf([bucket, bucket, bucket])).toContain('class="beside"');
  });
});

test("an event is called as it is in the interleaving: by its line of the text where there is one", () => {
  const finding = { kind: "finding", severity: "violation", rule: "r", message: "m" };
  const contents = contentsOf([{ kind: "reset" }, finding, { ...finding, rule: "other" }]);
  const { trace } = contents as { trace: TraceContents };
  const explored = { ...trace, header: { ...header, picture: { rows: [0, 1], marks: [] } } };
  const cells = cellsOf(findingsSection({ ...contents, trace: explored })?.body);
  expect(cells.slice(1).map((row) => row.at(-1))).toEqual(["line 2", "show event 2"]);
});
