/**
 * `npm run bench`: what the testbed costs, each figure beside a floor measured in the same run. Nothing here passes or
 * fails: machines differ, ratios less so.
 */
import { parseArgs } from "node:util";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { AttachmentSpec } from "../../emulator/run/device-thread.ts";
import { createTables, loadDevice } from "../../emulator/run/machine.ts";
import { ThreadedTestbed } from "../../harness/threaded-testbed.ts";
import { copyFloor } from "./copy-floor.ts";
import { echo } from "./echo-device.ts";
import { median } from "./figures.ts";
import type { HeapFigures } from "./heap-watch.ts";
import type { FrameFigures, FrameJob } from "./ixgbe.driver.ts";
import type { RoundTripFigures } from "./round-trip.driver.ts";

const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "10000000" },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
  },
});
const frameCount = Number(values.frames);
const rounds = Number(values.rounds);
const figures: Record<string, unknown> = {};

await roundTrips();
for (const access of ["accessors", "mapped"] as const) {
  for (const direction of ["transmit", "receive"] as const) await frameRate(direction, access);
}
if (values.json) console.log(JSON.stringify(figures));

async function roundTrips(): Promise<void> {
  const results: RoundTripFigures[] = [];
  for (let round = 0; round < rounds; round++) {
    await using bed = await start(echo(), []);
    results.push(await bed.cpu(1).run<RoundTripFigures>(new URL("./round-trip.driver.ts", import.meta.url)));
  }
  const pingPongNs = median(results.map((result) => result.pingPongNs));
  const doorbellNs = median(results.map((result) => result.doorbellNs));
  const readNs = median(results.map((result) => result.readNs));
  figures.roundTrip = { pingPongNs, doorbellNs, readNs };
  say("bare two-thread ping-pong (floor)", `${pingPongNs.toFixed(0)} ns`);
  say(
    "doorbell → completion → driver",
    `${doorbellNs.toFixed(0)} ns`,
    `${(doorbellNs / pingPongNs).toFixed(2)} × floor`,
  );
  say("register read", `${readNs.toFixed(0)} ns`, `${(readNs / pingPongNs).toFixed(2)} × floor`);
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
  const [rate, floor] = [median(rates), median(floors)];
  figures[`${direction} ${access}`] = { framesPerSecond: rate, floorFramesPerSecond: floor, driverHeaps, deviceHeaps };
  say(`${direction}, ${access}`, `${(rate / 1e6).toFixed(2)} M frames/s`, `floor ${(floor / 1e6).toFixed(1)} M`);
  say("  heap of the driver thread", ...driverHeaps.map(heapText));
  say("  heap of the device thread", ...deviceHeaps.map(heapText));
}

async function oneFrameRun(
  direction: FrameJob["direction"],
  access: FrameJob["access"],
): Promise<{ driver: FrameFigures; device: HeapFigures }> {
  const quota = new SharedArrayBuffer(8);
  const phase = new SharedArrayBuffer(4);
  const byteLength = 60;
  const attachments = [attachment("heap-watch.ts", {}), attachment("frame-blaster.ts", { byteLength, quota })];
  await using bed = await start(ixgbe(), attachments);
  const job: FrameJob = { direction, access, frameCount, warmUpCount: 2_000_000, byteLength, quota, phase };
  const done = bed.cpu(1).run<FrameFigures>(new URL("./ixgbe.driver.ts", import.meta.url), job);
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

function attachment(file: string, options: unknown): AttachmentSpec {
  return { moduleUrl: new URL(`./${file}`, import.meta.url).href, options };
}

async function start(spec: DeviceSpec, attachments: readonly AttachmentSpec[]): Promise<ThreadedTestbed> {
  const options = { sentFrames: "count" } as const;
  const tables = createTables([await loadDevice(spec)], options);
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
