import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { edu } from "../../../devices/index.ts";
import { Schedule } from "../../../emulator/explore/schedule.ts";
import type { StepTrace } from "../../../emulator/explore/trace.ts";
import { PASSED } from "../../../emulator/explore/verdict.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import { AsyncSession } from "../../../harness/explore/async-session.ts";
import { explore } from "../../../harness/explore/explore.ts";
import { picture } from "../../../harness/explore/picture.ts";
import type { Exploration, PluggedSession } from "../../../harness/explore/plugged-session.ts";
import { recordRun } from "../../../harness/explore/recorded-run.ts";
import { inTime } from "../../../harness/explore/work.ts";
import { recordsOfRun } from "../../../harness/explore/write-explored-trace.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import { convertTrace } from "../../../harness/trace/convert-trace.ts";
import { ExploredTracing } from "../../../harness/trace/explored-tracing.ts";
import { type FrameEvent, isEvent, type TraceEvent, type TraceRecord } from "../../../harness/trace/trace-event.ts";
import { FileOutput } from "../../../harness/trace/trace-output.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";
import { relayNic } from "../../fixtures/relay-nic.ts";
import {
  CARD,
  DRIVER,
  EXCHANGE,
  exchangeSessions,
  FACTS,
  LIST,
  RESTORED,
  recorded,
  schedulesOf,
  sessionsOf,
} from "./explored-runs.ts";
import { causeOf, checkOrder, checkSchema, eventsOf, schemaCheck } from "./trace-checks.ts";

const validate = await schemaCheck();
const folder = mkdtempSync(join(tmpdir(), "softbar-detail-"));
afterAll(() => rmSync(folder, { recursive: true }));

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** One run with everything in it, for those who look at one thing of it. */
const [run, sent] = await (async () => {
  const { plain, traced } = await exchangeSessions();
  const [[model, schedule] = ["sc", undefined as never] as const] = [...schedulesOf(plain, 8, 3)];
  const records = recorded(traced, model, schedule);
  return [records, traced.wire.sent.map(hexOf)] as const;
})();

const COLUMNS = [
  "actor",
  "ordinal",
  "kind",
  "address",
  "byteLength",
  "value",
  "valueHigh",
  "result",
  "resultHigh",
  "versions",
  "thread",
  "operand",
  "cause",
  "timeNs",
] as const;

/** All that a run was, for comparison. */
function runOf({ execution, machine }: PluggedSession<IxgbeDriver>): object {
  const { trace, hash, verdict, stepCount } = execution;
  const columns = COLUMNS.map((name) => [name, [...(trace[name] as StepTrace["value"]).subarray(0, trace.count)]]);
  return { hash, verdict, stepCount, columns: Object.fromEntries(columns), picture: picture(machine, trace) };
}

describe.each([
  ["made each time", EXCHANGE],
  ["made once and restored", RESTORED],
])("a set-up that is %s", (_name, exploration) => {
  test("a run is the same to the step with nobody there, with a tracer, and with one that keeps no bytes", async () => {
    const { plain, traced } = await exchangeSessions(exploration);
    const bare = new ExploredTracing({ frameBytes: 0, dmaBytes: 0 });
    const { traced: short } = await exchangeSessions(exploration, bare);
    for (const [model, schedule] of schedulesOf(plain, 8, 11)) {
      plain.execution.trace.isOn = true;
      plain.replay(model, schedule);
      plain.execution.trace.isOn = false;
      const expected = runOf(plain);
      const whole = recorded(traced, model, schedule);
      expect(runOf(traced)).toEqual(expected);
      const without = recorded(short, model, schedule);
      expect(runOf(short)).toEqual(expected);
      // Nothing is left of it in the runs that follow.
      traced.execution.trace.isOn = true;
      traced.replay(model, schedule);
      traced.execution.trace.isOn = false;
      expect(runOf(traced)).toEqual(expected);
      expect(recorded(traced, model, schedule)).toEqual(whole);
      expect(without.filter(isEvent).map(withoutBytes)).toEqual(whole.filter(isEvent).map(withoutBytes));
      expect(without.some((record) => "bytes" in record)).toBe(false);
    }
  });
});

function withoutBytes(event: TraceEvent): object {
  const { bytes: _, records: __, ...rest } = event as TraceEvent & { bytes?: string; records?: unknown };
  return rest;
}

/** What only the tracer tells: no step of the explorer. */
const BESIDE =
  /^(?:dma-(?:read|write|map|unmap)|interrupt|interrupt-taken|frame-out|timer-st.*|ring|reset|finding|handler-exit)$/;

test("it has an event for each step, in their order, and between them what happened within", async () => {
  const { plain, traced } = await exchangeSessions();
  for (const [model, schedule] of schedulesOf(plain, 8, 5)) {
    const records = recorded(traced, model, schedule);
    checkOrder(records);
    if (validate !== undefined) checkSchema(validate, JSON.parse(JSON.stringify(records)) as unknown[]);
    const told = records.filter(isEvent).filter(({ setUp }) => setUp === undefined);
    const steps = recorded(plain, model, schedule).filter(isEvent);
    let at = 0;
    for (const step of steps) {
      while (told[at]?.kind !== step.kind && BESIDE.test(told[at]?.kind ?? "")) at++;
      const event = told[at++] as TraceEvent;
      expect({ actor: event.actor, line: event.line }).toEqual({ actor: step.actor, line: step.line });
      if (step.kind === "step") expect(event.kind).toMatch(/^(?:frame-in|timer|step)$/);
      else expect(event).toMatchObject(plainPartOf(step));
    }
    expect(told.slice(at).every(({ kind }) => BESIDE.test(kind))).toBe(true);
  }
});

/** What the explorer itself says of a step. */
function plainPartOf(step: TraceEvent): object {
  const { seq: _, timeNs: __, after: ___, ...rest } = step;
  const ownNames = new Set([
    // An address in the memory of the run, and a vector of the explorer's.
    ...(rest.kind === "dma-data" ? ["iova"] : []),
    ...(rest.kind === "handler-enter" ? ["vector"] : []),
  ]);
  return Object.fromEntries(Object.entries(rest).filter(([name]) => !ownNames.has(name)));
}

test("the set-up comes first, marked, and is what the same driver does in a folded run", async () => {
  const events = run.filter(isEvent);
  const decided = events.findIndex(({ setUp }) => setUp === undefined);
  expect(decided).toBeGreaterThan(300);
  expect(events.slice(decided).some(({ setUp }) => setUp === true)).toBe(false);
  const bed = await plugIn(CARD, { run: "folded", trace: true });
  IxgbeDriver.probe(bed.pci, DRIVER);
  // Its trace begins when the card is plugged in, which an explored machine does once.
  const all = bed.trace().events;
  const shift = all.findIndex(({ actor }) => actor === "cpu0");
  const folded = all.slice(shift, shift + decided).map((event) => shifted(event, shift));
  await bed.close();
  expect(events.slice(0, decided).map(({ setUp: _, ...event }) => event)).toEqual(folded);
});

/** An event of a trace of which the first `count` are left out. */
function shifted(event: TraceEvent, count: number): TraceEvent {
  const { after, ...rest } = event;
  const edges = (after ?? []).filter(({ from }) => from >= count).map(({ from, why }) => ({ from: from - count, why }));
  return { ...rest, seq: event.seq - count, ...(edges.length === 0 ? {} : { after: edges }) } as TraceEvent;
}

test("frames have their bytes: those that the wire brought, and those that it got", () => {
  expect(eventsOf(run, "frame-in").map(({ bytes }) => bytes)).toEqual(LIST.map(hexOf));
  expect(sent).toHaveLength(LIST.length);
  expect(eventsOf(run, "frame-out").map(({ bytes }) => bytes)).toEqual(sent);
});

test("a fetch brings the descriptor that the driver has written, decoded, and the frame that it points to", () => {
  const fetched = eventsOf(run, "dma-data").filter(({ setUp }) => setUp === undefined);
  const descriptors = fetched
    .flatMap(({ records = [] }) => records)
    .filter(({ layout }) => layout === "transmit data descriptor");
  expect(descriptors.map(({ fields }) => fields.LENGTH)).toEqual(LIST.map(({ length }) => length));
  const data = fetched.filter(({ purpose }) => purpose?.startsWith("the data of the frame") === true);
  expect(data.map(({ bytes }) => bytes)).toEqual(LIST.map((frame) => hexOf(frame.subarray(0, 64))));
  expect(data.map(({ iova }) => `0x${iova.toString(16).padStart(16, "0")}`)).toEqual(
    descriptors.map(({ fields }) => fields.ADDRESS),
  );
  for (const event of fetched) expect(causeOf(run, event, "completion")?.kind).toBe("dma-read");
  const back = eventsOf(run, "dma-write").flatMap(({ records = [] }) => records);
  expect(back.filter(({ layout }) => layout === "receive write-back").map(({ fields }) => fields.LENGTH)).toEqual(
    LIST.map(({ length }) => length),
  );
});

test("whatever lands was sent by the write or the message of those bytes", () => {
  const landings = eventsOf(run, "dma-landing");
  expect(landings.length).toBeGreaterThan(8);
  for (const landing of landings) {
    const write = causeOf(run, landing, "land");
    if (write?.kind !== "dma-write") throw new Error(`${landing.what} landed after ${JSON.stringify(write)}`);
    const [, buffer, offset] = /^(.*)\+0x([0-9a-f]+)$/.exec(landing.what) ?? [];
    const within = Number.parseInt(offset ?? "", 16) - (write.bufferOffset ?? 0);
    expect(buffer).toBe(write.buffer);
    expect(within >= 0 && within < write.byteLength).toBe(true);
    if (landing.value === undefined) continue;
    const digits = (landing.value.slice(2).match(/../g) ?? []).reverse().join("");
    expect(write.bytes?.slice(2 * within, 2 * within + digits.length)).toBe(digits);
  }
});

test("a timer is told by its number and name, with when it is due, and runs out then", () => {
  const records = run.filter(isEvent);
  const started = eventsOf(run, "timer-start");
  expect(started.length).toBeGreaterThan(2);
  for (const { timeNs, delayNs = -1, dueNs } of started) expect(dueNs).toBe(timeNs + delayNs);
  expect(started.map(({ what }) => what)).toContain("the end of the reset");
  const ran = eventsOf(run, "timer");
  expect(ran.length).toBeGreaterThan(0);
  for (const timer of ran) {
    const start = causeOf(records, timer, "timer");
    expect(start).toMatchObject({ kind: "timer-start", timer: timer.timer, dueNs: timer.timeNs });
    expect(start && "what" in start ? start.what : "").toBe(timer.what);
  }
});

test("a handler is told by the vector of its card, and how far it reaches", async () => {
  const { plain, traced } = sessionsOf([await loadDevice(edu())], {
    setup: (bed) => {
      bed.pci.config.setBusMaster(true);
      return bed.pci.interrupts("msi", 1);
    },
    body: (bed, interrupts) => {
      const bar = bed.pci.bar(0);
      let isDone = false;
      interrupts[0]?.handle(() => {
        bar.write32(0x64, bar.read32(0x24));
        isDone = true;
      });
      bar.write32(0x20, 0x80);
      bar.write32(0x08, 5);
      while (!isDone) bed.pci.cpu.relax();
    },
  });
  for (const [model, schedule] of schedulesOf(plain, 4, 9)) {
    const records = recorded(traced, model, schedule);
    checkOrder(records);
    const [enter] = eventsOf(records, "handler-enter");
    const [exit] = eventsOf(records, "handler-exit");
    expect(enter).toMatchObject({ actor: "cpu0.handler", device: 0, vector: 0 });
    expect(exit).toMatchObject({ actor: "cpu0.handler", device: 0, vector: 0 });
    const inside = records.filter(isEvent).filter(({ actor }) => actor === "cpu0.handler");
    expect([inside[0], inside.at(-1)]).toEqual([enter, exit]);
    const landing = enter && causeOf(records, enter, "raise");
    expect(landing?.kind).toBe("interrupt-landing");
    expect(landing && causeOf(records, landing, "land")).toMatchObject({ kind: "interrupt", mode: "msi" });
    const timer = eventsOf(records, "timer")[0];
    expect(timer && causeOf(records, timer, "timer")).toMatchObject({ kind: "timer-start", delayNs: 10_000 });
  }
});

test("a frame on a cable arrives after the card at the other end has sent it", async () => {
  const cables = [
    [
      [0, 1],
      [1, 0],
    ],
  ] as const;
  const cards = [relayNic("near", {}), relayNic("far", {})];
  const { plain, traced } = sessionsOf(
    await Promise.all(cards.map(loadDevice)),
    {
      setup: () => undefined,
      body: (bed) => {
        for (const name of [1, 2, 3]) bed.wireOf(0, 0).send(new Uint8Array(60).fill(name));
        bed.quiesce();
      },
    },
    { cables },
  );
  for (const [model, schedule] of schedulesOf(plain, 6, 2)) {
    const records = recorded(traced, model, schedule);
    const carried = eventsOf(records, "frame-in").filter(({ device }) => device === 1);
    expect(carried.map(({ bytes }) => bytes?.slice(0, 2))).toEqual(["01", "02", "03"]);
    for (const frame of carried) {
      const { bytes } = frame;
      expect(causeOf(records, frame, "wire")).toMatchObject({ kind: "frame-out", device: 0, port: 1, bytes });
    }
    // Those from outside were sent by nobody in here.
    for (const frame of eventsOf(records, "frame-in").filter(({ device }) => device === 0))
      expect(frame.after).toBeUndefined();
  }
});

test("a driver that awaits goes through the same run with a tracer around it", async () => {
  const device = await loadDevice(edu());
  const exploration: Exploration<undefined> = {
    setup: async (bed) => {
      bed.pci.config.setBusMaster(true);
      await bed.sleep(1000);
    },
    body: async (bed) => {
      const bar = bed.pci.bar(0);
      const [interrupt] = bed.pci.interrupts("msi", 1);
      bar.write32(0x20, 0x80);
      bar.write32(0x08, 6);
      await Promise.all([bed.sleep(5000), interrupt && bed.until(interrupt)]);
      if (bar.read32(0x08) !== 720) throw new Error("6! came out wrong");
    },
  };
  const plain = new AsyncSession([device], exploration);
  const traced = new AsyncSession([device], exploration, {}, [], new ExploredTracing());
  for (let seed = 1; seed <= 4; seed++) {
    await plain.search("tso", 1, seed);
    const schedule = new Schedule();
    schedule.copyFrom(plain.execution.recorder.schedule);
    await plain.replay("tso", schedule);
    await inTime(recordRun(traced, "tso", schedule));
    const { hash, verdict, stepCount } = traced.execution;
    expect({ hash, verdict, stepCount }).toEqual({
      hash: plain.execution.hash,
      verdict: PASSED,
      stepCount: plain.execution.stepCount,
    });
    const records = recordsOfRun(traced, { ...FACTS, model: "tso" });
    checkOrder(records);
    expect(eventsOf(records, "timer-start")).toHaveLength(1);
    expect(eventsOf(records, "config-write")[0]).toMatchObject({ register: "COMMAND", setUp: true });
  }
  for (const session of [plain, traced]) await session.close();
});

const hasTshark = (process.env.PATH ?? "").split(delimiter).some((place) => existsSync(join(place, "tshark")));

test.skipIf(!hasTshark)("Wireshark sees the frames of an explored run (skipped without tshark)", async () => {
  const [trace, capture] = [join(folder, "run.jsonl"), join(folder, "run.pcapng")];
  writeFileSync(trace, run.map((record) => `${JSON.stringify(record)}\n`).join(""));
  const output = new FileOutput(capture);
  await convertTrace(trace, "pcapng", output, {});
  await output.close();
  const words = ["-r", capture, "-T", "json", "-x", "-j", "frame"];
  const text = execFileSync("tshark", words, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 20_000,
  });
  const told = JSON.parse(text) as { _source: { layers: { frame: Record<string, string>; frame_raw: unknown[] } } }[];
  const seen = told.map(({ _source: { layers } }) => [layers.frame["frame.packet_flags"], layers.frame_raw[0]]);
  const frames = run.filter((each): each is FrameEvent => each.kind === "frame-in" || each.kind === "frame-out");
  expect(seen).toEqual(frames.map(({ kind, bytes }) => [kind === "frame-in" ? "0x00000001" : "0x00000002", bytes]));
});

test("the trace of a test that fails has them too, and is the same for its token", async () => {
  const options = { setup: EXCHANGE.setup, cure: false, runs: 400, models: ["sc"] } as const;
  const body = (bed: Parameters<typeof EXCHANGE.body>[0], driver: IxgbeDriver): void => {
    for (const frame of LIST) bed.wire.send(frame);
    for (const frame of LIST) driver.transmit(frame);
    // None is there unless the card was quicker.
    if (driver.receive() !== undefined) throw new Error("a frame has overtaken the driver");
  };
  const [first, again] = [join(folder, "first.jsonl"), join(folder, "again.jsonl")];
  const found = (await explore(CARD, { ...options, trace: first }, body).catch((error: unknown) => error)) as {
    readonly token: string;
  };
  const records = readFileSync(first, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as TraceRecord);
  checkOrder(records);
  expect(records.at(-1)).toMatchObject({ kind: "end", reason: "failed" });
  expect(eventsOf(records, "frame-in").map(({ bytes }) => bytes)).toContain(hexOf(LIST[0] as Uint8Array));
  expect(eventsOf(records, "register-write").some(({ setUp }) => setUp === true)).toBe(true);
  await explore(CARD, { ...options, trace: again, replay: found.token }, body).catch(() => undefined);
  expect(readFileSync(again, "utf8")).toBe(readFileSync(first, "utf8"));
});
