import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { edu } from "../../../devices/index.ts";
import { MEMORY_MODELS } from "../../../emulator/explore/kinds.ts";
import { Schedule } from "../../../emulator/explore/schedule.ts";
import { VERDICT_NAMES } from "../../../emulator/explore/verdict.ts";
import { explore } from "../../../harness/explore/explore.ts";
import { picture, stepText } from "../../../harness/explore/picture.ts";
import type { RaceProgram } from "../../../harness/explore/race-program.ts";
import { Session } from "../../../harness/explore/session.ts";
import { recordsOfRun } from "../../../harness/explore/write-explored-trace.ts";
import { convertTrace } from "../../../harness/trace/convert-trace.ts";
import { isEvent, type TraceEvent, type TraceRecord } from "../../../harness/trace/trace-event.ts";
import { TextOutput } from "../../../harness/trace/trace-output.ts";
import { races } from "../../../scenarios/races/index.ts";
import { causeOf, checkOrder, checkSchema, eventsOf, schemaCheck } from "./trace-checks.ts";
import { readVcd } from "./vcd-reader.ts";

const validate = await schemaCheck();
const folder = mkdtempSync(join(tmpdir(), "softbar-trace-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The last run of a short search in each memory model, whether it fails or not, once more with its trace. */
function* runsOf(session: Session): Generator<TraceRecord[]> {
  for (const model of MEMORY_MODELS) {
    session.search(model, 12, 7);
    const schedule = new Schedule();
    schedule.copyFrom(session.execution.recorder.schedule);
    session.execution.trace.isOn = true;
    const verdict = VERDICT_NAMES[session.replay(model, schedule)] ?? "";
    session.execution.trace.isOn = false;
    const run = { program: session.program.name, model, strategy: "portfolio", seed: 7, token: "", verdict };
    yield recordsOfRun(session, { ...run, violation: session.machine.violation, failure: "" });
  }
}

/** What an actor of the trace is called in a picture. */
function columnOf(session: Session, actor: string): string | undefined {
  const { machine } = session;
  const number = Number(/\d+/.exec(actor)?.[0]);
  return actor.startsWith("cpu") ? machine.cpuNames[number] : machine.devices[number]?.name;
}

describe.each(races.map((program) => [program.name, program] as const))("%s", (_name, program) => {
  test("has an event for each step of the picture, of the same actor, with the same value", () => {
    const session = new Session(program);
    for (const records of runsOf(session)) {
      checkOrder(records);
      const { machine, execution } = session;
      const events = records.filter(isEvent);
      // Behind the steps stands how it ended.
      const steps = events.slice(0, execution.trace.count);
      expect(steps).toHaveLength(execution.trace.count);
      expect(events.slice(steps.length).every(({ kind }) => /^(?:step|wait|finding)$/.test(kind))).toBe(true);
      for (const [at, event] of steps.entries()) {
        const text = stepText(machine, execution.trace, at);
        if (columnOf(session, event.actor) !== text.split(": ", 1)[0]) expect(event).toBe(text);
        const value = "value" in event && event.value !== undefined ? Number(event.value) | 0 : undefined;
        const isShown = event.kind === "memory-read" || event.kind === "memory-write" || event.kind === "mmio-write";
        if (isShown && value !== undefined && value >= 0 && value < 4096 && !/poll|atomic/.test(text))
          expect(text).toMatch(new RegExp(`[→←] ${value}\\b`));
      }
      expect(picture(machine, execution.trace).length).toBeGreaterThan(0);
      checkReads(records);
      if (validate !== undefined) checkSchema(validate, JSON.parse(JSON.stringify(records)) as unknown[]);
    }
  });
});

/** A load that is said to have read from a landing has its value. */
function checkReads(records: readonly TraceRecord[]): void {
  for (const event of eventsOf(records, "memory-read")) {
    const from = causeOf(records, event, "reads");
    if (from === undefined || !hasValueOf(from, event.buffer ?? "", event.byteLength)) continue;
    if (from.value !== event.value) expect({ event, from }).toBe("a load with the value of what it reads from");
  }
  for (const event of eventsOf(records, "dma-data")) {
    const from = causeOf(records, event, "reads");
    if (from === undefined || !hasValueOf(from, event.buffer ?? "", event.byteLength)) continue;
    const bytes = (from.value.slice(2).match(/../g) ?? []).reverse().join("");
    if (bytes !== event.bytes) expect({ event, from }).toBe("a fetch of what it reads from");
  }
}

function hasValueOf(from: TraceEvent, place: string, byteLength: number): from is TraceEvent & { value: string } {
  const name = "what" in from ? from.what : "buffer" in from ? from.buffer : "";
  const isStore = from.kind === "visible" || from.kind === "dma-landing" || from.kind === "memory-write";
  return isStore && name === place && from.value?.length === 2 + 2 * byteLength;
}

test("stale loads name the older value that they have read", () => {
  const program = races.find(({ name }) => name === "message-passing");
  if (program === undefined) throw new Error("there is no such race");
  const session = new Session(program);
  expect(session.search("relaxed", 2000, 1).hasFailed).toBe(true);
  const schedule = new Schedule();
  schedule.copyFrom(session.execution.recorder.schedule);
  session.execution.trace.isOn = true;
  session.replay("relaxed", schedule);
  session.execution.trace.isOn = false;
  const run = { program: program.name, model: "relaxed", strategy: "portfolio", seed: 1, token: "t" } as const;
  const records = recordsOfRun(session, { ...run, verdict: "violation", violation: "v", failure: "v" });
  checkReads(records);
  expect(records.at(-1)).toMatchObject({ kind: "end", reason: "failed", message: "v" });
  expect(records[0]).toMatchObject({ kind: "header", run: "explored", explored: { token: "t", verdict: "violation" } });
});

test("a CPU that reads its own store before others see it reads from no landing", () => {
  const program: RaceProgram = {
    name: "own-store",
    protocol: "Two CPUs write a word, and read it.",
    source: "",
    fails: "never",
    build(m) {
      const x = m.word("x");
      for (const [name, value] of [
        ["P0", 1],
        ["P1", 2],
      ] as const)
        m.cpu(name, function* (cpu) {
          yield cpu.write32(x, value);
          yield cpu.read32(x);
        });
    },
  };
  const session = new Session(program);
  let [forwarded, landed] = [0, 0];
  for (let seed = 0; seed < 40; seed++) {
    session.search("tso", 1, seed);
    const schedule = new Schedule();
    schedule.copyFrom(session.execution.recorder.schedule);
    session.execution.trace.isOn = true;
    session.replay("tso", schedule);
    session.execution.trace.isOn = false;
    const run = {
      program: "own-store",
      model: "tso",
      strategy: "portfolio",
      seed,
      token: "",
      verdict: "passed",
    } as const;
    const records = recordsOfRun(session, { ...run, violation: "", failure: "" });
    checkReads(records);
    for (const load of eventsOf(records, "memory-read")) load.after === undefined ? forwarded++ : landed++;
  }
  // Fixed seeds: both come.
  expect(forwarded).toBeGreaterThan(0);
  expect(landed).toBeGreaterThan(0);
});

test("explore writes the trace of what it finds, and of a token that is replayed, with the lines of the driver", async () => {
  const body = (bed: Parameters<Parameters<typeof explore>[2]>[0]): void => {
    const bar = bed.pci.bar(0);
    bar.write32(0x08, 5);
    const value = bar.read32(0x08);
    if (value !== 120) throw new Error(`5! came out as ${value}`);
  };
  const found = join(folder, "found.jsonl");
  const error = (await explore(edu(), { trace: found, cure: false }, body).catch((thrown: unknown) => thrown)) as {
    token: string;
  };
  const records = readRecords(found);
  checkOrder(records);
  if (validate !== undefined) checkSchema(validate, records);
  expect(records[0]).toMatchObject({ explored: { token: error.token, verdict: "violation" } });
  expect(records.at(-1)).toMatchObject({ kind: "end", reason: "failed", message: "Error: 5! came out as 5" });
  const [write] = eventsOf(records, "register-write");
  expect(write).toMatchObject({ register: "FACTORIAL", value: "0x00000005", device: 0, bar: 0, offset: 8 });
  const posted = write === undefined ? undefined : causeOf(records, write, "post");
  expect(posted).toMatchObject({ kind: "mmio-write", register: "FACTORIAL" });
  expect(posted?.line).toMatch(/^explored-trace\.test\.ts:\d+$/);
  const [answer] = eventsOf(records, "mmio-answer");
  expect(answer && causeOf(records, answer, "completion")).toMatchObject({
    kind: "register-read",
    value: "0x00000005",
  });

  // Virtual time stands still meanwhile: as waveforms the events are apart, so that what follows on another is seen.
  const output = new TextOutput();
  await convertTrace(found, "vcd", output);
  const waves = readVcd(output.text);
  expect([...(waves.get("edu.FACTORIAL") ?? [])].filter(([, value]) => value !== "x")).toEqual([[write?.seq, "101"]]);
  expect(output.text).toContain("event n of the trace is at n ns");

  const again = join(folder, "again.jsonl");
  await explore(edu(), { trace: again, cure: false, replay: error.token }, body).catch(() => undefined);
  const [, ...steps] = records;
  expect(readRecords(again).slice(1)).toEqual(steps);
});

function readRecords(path: string): TraceRecord[] {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as TraceRecord);
}
