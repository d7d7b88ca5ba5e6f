import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { afterAll, expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/clock/clock.ts";
import { recordedFrames } from "../../../harness/replay/recorded-frames.ts";
import { planStreams } from "../../../harness/replay/streams/plan-streams.ts";
import { StreamDesk } from "../../../harness/replay/streams/stream-desk.ts";
import type { StreamOptions } from "../../../harness/replay/streams/stream-plan.ts";
import { surveyStreams } from "../../../harness/replay/streams/stream-survey.ts";
import { ixgbeTarget } from "../../../scenarios/index.ts";
import { LINES, writeSession } from "./stream-bench.ts";

/** Collections of the young generation so far: 16 MiB of garbage make one. */
let scavenges = 0;
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if ((entry as PerformanceEntry & { detail?: { kind: number } }).detail?.kind === 1) scavenges++;
  }
});
observer.observe({ entryTypes: ["gc"] });

const folder = mkdtempSync(join(tmpdir(), "softbar-desk-"));
const path = join(folder, "ab.pcap");
afterAll(() => rmSync(folder, { recursive: true }));

const target = ixgbeTarget();
const COPIES = 2000;
/** In a frame: Ethernet, IPv4 and UDP header, ten bytes of session, high word of the sequence. */
const SEQUENCE_LOW_AT = 14 + 20 + 8 + 10 + 4;

/** A desk for both lines of a session, and the session's frames. */
async function deskFor(options: StreamOptions) {
  const messages = writeSession(path, 3, 200, 2);
  const survey = await surveyStreams({ target, file: path, ...options }, options.recover !== undefined);
  const { plan } = planStreams(survey, options, "ab.pcap");
  const clock = new VirtualClock();
  const desk = new StreamDesk(plan, clock, { transmit: () => true }, undefined);
  return { desk, clock, plan, messages, frames: await recordedFrames(path) };
}

test.each<[string, StreamOptions]>([
  ["an arbiter and books", { arbitrate: {}, books: true }],
  ["an arbiter, a recovery and books", { arbitrate: {}, recover: {}, books: true }],
  ["a recovery alone", { recover: {} }],
])("a frame through %s leaves no garbage", { timeout: 60_000 }, async (_what, options) => {
  const { desk, frames, messages } = await deskFor(options);
  const arrivedNs = new Float64Array(1);
  const views = frames.map(({ bytes }) => new DataView(bytes.buffer, bytes.byteOffset));
  // The session again and again, each time with the sequences behind those of the last one: every message is a new one.
  const pass = (passCount: number): void => {
    for (let left = passCount; left > 0; left--) {
      for (let index = 0; index < frames.length; index++) {
        const { bytes } = frames[index] as (typeof frames)[number];
        const view = views[index] as DataView;
        arrivedNs[0] = (arrivedNs[0] as number) + 1000;
        desk.frame(bytes, 0, bytes.length, arrivedNs);
        desk.pump();
        view.setUint32(SEQUENCE_LOW_AT, view.getUint32(SEQUENCE_LOW_AT) + messages.length);
      }
    }
  };
  pass(COPIES / 4);
  await new Promise((resolve) => setImmediate(resolve));
  const before = scavenges;
  pass(COPIES);
  await new Promise((resolve) => setImmediate(resolve));
  // Eight hundred thousand frames: a byte for each would not show, a Number on the heap would.
  expect(scavenges - before).toBeLessThanOrEqual(1);
  const { arbitration, recovery } = desk.report();
  const passed = arbitration?.[0]?.passed ?? recovery?.[0]?.client.delivered;
  expect(passed).toBe(1.25 * COPIES * messages.length);
});

test("lines that carry the same are found, the lower address first; what is named is taken as named", async () => {
  const found = await deskFor({ arbitrate: {} });
  expect(found.plan.groups.map(({ lines }) => lines.map(({ name }) => name))).toEqual([[...LINES]]);
  const named = await deskFor({ arbitrate: { lines: [[LINES[1], LINES[0]]] } });
  expect(named.plan.groups.map(({ lines }) => lines.map(({ name }) => name))).toEqual([[LINES[1], LINES[0]]]);
});

test("each message is passed once, and each line has what it brought", async () => {
  const { desk, frames, messages } = await deskFor({ arbitrate: {}, books: true });
  const arrivedNs = new Float64Array(1);
  for (const { bytes, timeNs } of frames) {
    arrivedNs[0] = timeNs;
    desk.frame(bytes, 0, bytes.length, arrivedNs);
    desk.pump();
  }
  expect(desk.isSettled()).toBe(true);
  const [stream] = desk.report().arbitration ?? [];
  expect(stream).toMatchObject({ stream: "SOFTBAR001", passed: messages.length, lost: 0, mode: "reliability" });
  expect(stream?.lines[0]?.lead).toMatchObject({ minNs: 700, maxNs: 700 });
});
