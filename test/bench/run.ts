/**
 * `npm run bench`: what the testbed costs as it is installed, which is compiled, each figure beside a floor measured in the
 * same run. Nothing here passes or fails: machines differ, ratios less so.
 */
import { parseArgs } from "node:util";
import { exanic } from "../../devices/exanic/index.ts";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { MEMORY_MODELS } from "../../emulator/explore/kinds.ts";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { AttachmentSpec } from "../../emulator/run/device-thread.ts";
import { createTables, loadDevice } from "../../emulator/run/machine.ts";
import { raceSampling, type SanitizeOptions } from "../../emulator/sanitize/rule.ts";
import { ThreadedTestbed } from "../../harness/threaded-testbed.ts";
import { benchModule } from "./bench-module.ts";
import { copyFloor } from "./copy-floor.ts";
import { echo } from "./echo-device.ts";
import type { ExanicFigures, ExanicJob } from "./exanic.driver.ts";
import { explorerFigures } from "./explorer.ts";
import { type FeedHandlerResult, feedHandlerRound } from "./feed-handler.ts";
import { feedFigures } from "./feeds.ts";
import { median } from "./figures.ts";
import type { HeapFigures } from "./heap-watch.ts";
import type { FrameFigures, FrameJob } from "./ixgbe.driver.ts";
import { nativeFigures } from "./native.ts";
import { pacingFigures, replayRates } from "./pacing.ts";
import { PING_PONG_BYTES } from "./ping-pong.ts";
import { registerReadFigures } from "./register-read.ts";
import { pageFigures } from "./report-page.ts";
import type { RoundTripFigures } from "./round-trip.driver.ts";
import { traceFigures } from "./traces.ts";
import { wasmFigures } from "./wasm.ts";

const FRAME_JOBS = [
  ["transmit", "accessors"],
  ["receive", "accessors"],
  ["transmit", "mapped"],
  ["receive", "mapped"],
] as const;

/** A few stocks, whose books stay in the cache, and as many as a group of a real feed has, whose books do not. */
const FEED_STOCKS = [32, 4096];

/** Frames of one replay: as many as the reader has in memory before the first one goes. */
const REPLAY_FRAMES = 1_200_000;

/** What data races are looked for in, in rates of frames: nothing, the windows of a test, all of it. */
const SAMPLINGS = [
  ["not looked for", false],
  ["in windows", true],
  ["in everything", { "data-race": { every: 1, transfers: 1 } }],
] as const;

const HELP = `npm run bench -- [--only round-trips|frames|races|wasm|native|vfio-user|exanic|feed-handler|explorer|feeds|pacing|replay|report|trace]
                 [--frames N] [--rounds N] [--capture FILE] [--json]

Compiles the package and prints each figure beside its floor, measured by turns in the same run. Two threads spin: on a machine that does something
else meanwhile the figures say little. --frames: frames of one round (10,000,000), --rounds: rounds of each (5), --capture: what is paced instead of made-up bursts.`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    frames: { type: "string", default: "10000000" },
    rounds: { type: "string", default: "5" },
    capture: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const frameCount = wholeNumber("--frames", values.frames);
const rounds = wholeNumber("--rounds", values.rounds);
const figures: Record<string, unknown> = {};

if (values.help) {
  console.log(HELP);
} else {
  const wants = (what: string): boolean => values.only === undefined || values.only === what;
  if (wants("round-trips")) await roundTrips();
  if (wants("frames")) for (const [direction, access] of FRAME_JOBS) await frameRate(direction, access);
  if (wants("races")) for (const direction of ["transmit", "receive"] as const) await sampledRates(direction);
  if (wants("wasm")) await wasmFrames();
  if (wants("native")) await nativeFrames();
  if (wants("vfio-user")) await registerReads();
  if (wants("exanic")) await exanicFrames();
  if (wants("feed-handler")) await feedHandlerMessages();
  if (wants("explorer")) await explorer();
  if (wants("feeds")) for (const stockCount of FEED_STOCKS) await feeds(stockCount);
  if (wants("pacing")) await pacing();
  if (wants("replay")) await replayRate();
  if (wants("report")) await reportInBrowser();
  if (wants("trace")) await traces();
  if (values.json) console.log(JSON.stringify(figures));
}

async function reportInBrowser(): Promise<void> {
  const result = await pageFigures(rounds);
  if (result === undefined) {
    say("report in a browser", "no chromium here");
    return;
  }
  const { readyMs, firstPaintMs, floorMs, megabytes } = result;
  figures.report = result;
  const ms = (samples: readonly number[]): string => `${median(samples).toFixed(0)} ms`;
  say(
    "report of 100,000 events, until it can be used",
    `${ms(readyMs)} (${readyMs.map((sample) => sample.toFixed(0)).join(", ")})`,
    `first paint ${ms(firstPaintMs)}, ${megabytes.toFixed(1)} MB`,
    `one event ${ms(floorMs)}`,
  );
}

async function roundTrips(): Promise<void> {
  const results: RoundTripFigures[] = [];
  for (let round = 0; round < rounds; round++) {
    const words = new SharedArrayBuffer(PING_PONG_BYTES);
    await using bed = await start(echo(), [attachment("ping-pong", { words })]);
    results.push(await bed.cpu(1).run<RoundTripFigures>(benchModule("round-trip.driver"), words));
  }
  const of = (name: keyof RoundTripFigures): number => median(results.map((result) => result[name]));
  const ratios = (name: "doorbellRatio" | "readRatio"): string =>
    `${of(name).toFixed(2)} × floor (${results.map((result) => result[name].toFixed(2)).join(", ")})`;
  figures.roundTrip = results;
  say("bare two-thread ping-pong (floor)", `${of("pingPongNs").toFixed(0)} ns`);
  say("doorbell → completion → driver", `${of("doorbellNs").toFixed(0)} ns`, ratios("doorbellRatio"));
  say("register read", `${of("readNs").toFixed(0)} ns`, ratios("readRatio"));
}

async function frameRate(direction: FrameJob["direction"], access: FrameJob["access"]): Promise<void> {
  const rates: number[] = [];
  const floors: number[] = [];
  const driverHeaps: HeapFigures[] = [];
  const deviceHeaps: HeapFigures[] = [];
  for (let round = 0; round < rounds; round++) {
    floors.push(await copyFloor(frameCount));
    const { driver, device } = await oneFrameRun(direction, access);
    rates.push(driver.framesPerSecond);
    driverHeaps.push(driver.heap);
    deviceHeaps.push(device);
  }
  figures[`${direction} ${access}`] = {
    framesPerSecond: rates,
    floorFramesPerSecond: floors,
    driverHeaps,
    deviceHeaps,
  };
  say(
    `${direction}, ${access}`,
    `${millions(median(rates))} M frames/s (${rates.map(millions).join(", ")})`,
    `bare copy ${millions(median(floors))} M`,
  );
  say("  heap of the driver thread", ...driverHeaps.map(heapText));
  say("  heap of the device thread", ...deviceHeaps.map(heapText));
}

/** By turns, so that a noisy machine is noisy for all of them; the first is the floor. */
async function sampledRates(direction: FrameJob["direction"]): Promise<void> {
  const rates = SAMPLINGS.map((): number[] => []);
  const ratios = SAMPLINGS.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, [, sanitize]] of SAMPLINGS.entries()) {
      const { driver } = await oneFrameRun(direction, "accessors", sanitize);
      rates[index]?.push(driver.framesPerSecond);
      ratios[index]?.push(driver.framesPerSecond / (rates[0]?.at(-1) ?? 0));
    }
  }
  figures[`races ${direction}`] = { framesPerSecond: rates };
  for (const [index, [what]] of SAMPLINGS.entries()) {
    const each = rates[index] ?? [];
    const ratio = `${median(ratios[index] ?? []).toFixed(2)} of the first`;
    say(
      `${direction}, data races ${what}`,
      `${millions(median(each))} M frames/s (${each.map(millions).join(", ")})`,
      ratio,
    );
  }
}

async function nativeFrames(): Promise<void> {
  const { framesPerSecond, floorFramesPerSecond } = await nativeFigures(rounds, frameCount);
  figures.native = { framesPerSecond, floorFramesPerSecond };
  say(
    "transmit, C in a process of its own",
    `${millions(median(framesPerSecond))} M frames/s (${framesPerSecond.map(millions).join(", ")})`,
    `bare copy ${millions(median(floorFramesPerSecond))} M`,
  );
}

async function registerReads(): Promise<void> {
  const results = await registerReadFigures(rounds);
  figures.registerReads = results;
  for (const { form, readNs, bareNs } of results) {
    const micros = (ns: number): string => `${(ns / 1000).toFixed(1)} µs`;
    say(`vfio-user register read, ${form}`, micros(readNs), `bare socket there and back ${micros(bareNs)}`);
  }
}

async function wasmFrames(): Promise<void> {
  const results = await wasmFigures(rounds, frameCount);
  figures.wasm = results;
  for (const { what, framesPerSecond, floorFramesPerSecond, frameCount: arrived, errorCount } of results) {
    say(
      what,
      `${millions(median(framesPerSecond))} M frames/s (${framesPerSecond.map(millions).join(", ")})`,
      `bare copy ${millions(median(floorFramesPerSecond))} M`,
      `${errorCount} sequence errors in ${millions(arrived)} M frames`,
    );
  }
}

/** With a card that waits for its reader, with one that gets what a wire brings, and with one that gets all it can write. */
async function exanicFrames(): Promise<void> {
  const endless = Number.POSITIVE_INFINITY;
  for (const [what, window, pace] of [
    ["exanic receive, kept up with", 8192, {}],
    ["exanic receive, 3.5 M frames/s sent", endless, { framesPerSecond: 3.5e6 }],
    ["exanic receive, flat out", endless, {}],
  ] as const) {
    const floors: number[] = [];
    const results: ExanicFigures[] = [];
    for (let round = 0; round < rounds; round++) {
      floors.push(await copyFloor(frameCount));
      const quota = new SharedArrayBuffer(8);
      await using bed = await start(exanic(), [attachment("frame-blaster", { byteLength: 60, quota, ...pace })]);
      const job: ExanicJob = { frameCount, warmUpCount: 2_000_000, window, quota };
      results.push(await bed.cpu(1).run<ExanicFigures>(benchModule("exanic.driver"), job));
    }
    figures[what] = { results, floorFramesPerSecond: floors };
    const rates = results.map(({ framesPerSecond }) => framesPerSecond);
    const lapped = results.map(({ lappedCount, lostCount }) => `${lappedCount} (${lostCount})`);
    const floor = `bare copy ${millions(median(floors))} M`;
    say(what, `${millions(median(rates))} M frames/s (${rates.map(millions).join(", ")})`, floor);
    say("  times lapped (frames lost)", lapped.join(", "));
    say("  heap of the driver thread", ...results.map(({ heap }) => heapText(heap)));
  }
}

async function feedHandlerMessages(): Promise<void> {
  const results: FeedHandlerResult[] = [];
  for (let round = 0; round < rounds; round++) results.push(await feedHandlerRound(start));
  figures.feedHandler = results;
  const rates = results.map(({ messagesPerSecond }) => messagesPerSecond);
  const of = (name: "floorMessagesPerSecond" | "eventsPerSecond"): string =>
    millions(median(results.map((result) => result[name])));
  const text = `${millions(median(rates))} M messages/s (${rates.map(millions).join(", ")})`;
  say("feed-handler", text, `parser and book alone ${of("floorMessagesPerSecond")} M`);
  say("  events into the driver", `${of("eventsPerSecond")} M/s`);
  say("  heap of the driver thread", ...results.map(({ heap }) => heapText(heap)));
}

async function explorer(): Promise<void> {
  const results = await explorerFigures(rounds);
  figures.explorer = results;
  say("schedules a second", MEMORY_MODELS.map((model) => model.padStart(9)).join(""), "  steps a second");
  for (const { what, runsPerSecond, stepsPerSecond } of results) {
    const rates = runsPerSecond.map((rate) => rate.toFixed(0).padStart(9)).join("");
    say(`  ${what}`.padEnd(48), rates, `  ${stepsPerSecond.map(millions).join(", ")} M`);
  }
}

async function feeds(stockCount: number): Promise<void> {
  const results = await feedFigures(rounds, stockCount);
  figures[`feeds ${stockCount}`] = results;
  console.log(`100 MB of MoldUDP64 with ITCH 5.0, ${stockCount} stocks; per second of one thread's processor time`);
  for (const { what, messagesPerSecond, bytesPerSecond, heap, checksum } of results) {
    const each = messagesPerSecond.map(millions).join(", ");
    const gigabytes = (median(bytesPerSecond) / 1e9).toFixed(2);
    say(`  ${what}`, `${millions(median(messagesPerSecond))} M messages/s (${each})`, `${gigabytes} GB/s`);
    say("    heap", heapText(heap), `checksum ${checksum}`);
  }
}

/** A tenth of the frames: one thread sends them in virtual time. */
async function traces(): Promise<void> {
  const results = await traceFigures(rounds, Math.ceil(frameCount / 10));
  figures.trace = results;
  console.log("traces, one thread");
  const floor = median(results[0]?.perSecond ?? []);
  for (const { what, unit, perSecond } of results) {
    const each = perSecond.map(millions).join(", ");
    const ratio = unit === "frames" ? `${(median(perSecond) / floor).toFixed(3)} of the floor` : "";
    say(`  ${what}`, `${millions(median(perSecond))} M ${unit}/s (${each})`, ratio);
  }
}

/** Late against the deadline, frame by frame; the last one is how much longer the whole took. */
async function pacing(): Promise<void> {
  const results = await pacingFigures(values.capture);
  figures.pacing = results;
  const micro = (ns: number): string => `${(ns / 1000).toFixed(1)} µs`;
  say("recorded speed, on the wall clock", `${((results[0]?.durationNs ?? 0) / 1e9).toFixed(2)} s`);
  for (const { what, lateness } of results) {
    const { p50Ns, p99Ns, maxNs, endNs } = lateness;
    say(
      `  ${what}`.padEnd(44),
      `late p50 ${micro(p50Ns)}, p99 ${micro(p99Ns)}, max ${micro(maxNs)}, at the end ${micro(endNs)}`,
    );
  }
}

async function replayRate(): Promise<void> {
  const rates = await replayRates(REPLAY_FRAMES, rounds);
  const floor = await copyFloor(frameCount);
  figures.replay = { framesPerSecond: rates, floorFramesPerSecond: floor };
  say(
    "capture → NIC → driver → decoder",
    `${millions(median(rates))} M frames/s (${rates.map(millions).join(", ")})`,
    `bare copy ${millions(floor)} M`,
  );
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`${name} ${text}: want a whole number above 0`);
  process.exit(2);
}

function millions(rate: number): string {
  return (rate / 1e6).toFixed(2);
}

async function oneFrameRun(
  direction: FrameJob["direction"],
  access: FrameJob["access"],
  sanitize: SanitizeOptions = false,
): Promise<{ driver: FrameFigures; device: HeapFigures }> {
  const quota = new SharedArrayBuffer(8);
  const phase = new SharedArrayBuffer(4);
  const byteLength = 60;
  const attachments = [attachment("heap-watch", {}), attachment("frame-blaster", { byteLength, quota })];
  await using bed = await start(ixgbe(), attachments, sanitize);
  const job: FrameJob = { direction, access, frameCount, warmUpCount: 2_000_000, byteLength, quota, phase };
  const done = bed.cpu(1).run<FrameFigures>(benchModule("ixgbe.driver"), job);
  const words = new Int32Array(phase);
  await Promise.race([reached(words, 1), done]);
  await bed.reports();
  Atomics.store(words, 0, 2);
  Atomics.notify(words, 0);
  await Promise.race([reached(words, 3), done]);
  const [device] = (await bed.reports()) as [HeapFigures];
  Atomics.store(words, 0, 4);
  Atomics.notify(words, 0);
  return { driver: await done, device };
}

async function reached(words: Int32Array, point: number): Promise<void> {
  for (let before = Atomics.load(words, 0); before !== point; before = Atomics.load(words, 0)) {
    const outcome = Atomics.waitAsync(words, 0, before, 60_000);
    if (outcome.async && (await outcome.value) === "timed-out") throw new Error("the driver thread is stuck");
  }
}

function attachment(name: string, options: unknown): AttachmentSpec {
  return { moduleUrl: benchModule(name).href, options };
}

async function start(
  spec: DeviceSpec,
  attachments: readonly AttachmentSpec[],
  sanitize: SanitizeOptions = false,
): Promise<ThreadedTestbed> {
  const options = { sentFrames: "count" } as const;
  const tables = createTables([await loadDevice(spec)], options, raceSampling(sanitize));
  return ThreadedTestbed.start([spec], tables, options, {
    attachments,
    openedAt: "in the benchmark",
    notice: () => {},
  });
}

function say(what: string, ...texts: string[]): void {
  console.log(`${what.padEnd(36)} ${texts.join("   ")}`);
}

function heapText({ scavengeCount, otherCollectionCount, growthBytes }: HeapFigures): string {
  const others = otherCollectionCount > 0 ? ` + ${otherCollectionCount} other` : "";
  return `${scavengeCount}${others} collections, ${(growthBytes / 1024).toFixed(0)} KiB`;
}
