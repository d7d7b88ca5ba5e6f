/** The figures of traces: what tracing costs while it is off, and how many events a second it takes while it is on. */
import { devNull } from "node:os";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { WallClock } from "../../emulator/clock/wall-clock.ts";
import { declarationOf, type LoadedDevice, loadDevice } from "../../emulator/run/machine.ts";
import { FoldedTestbed } from "../../harness/folded-testbed.ts";
import { frames } from "../../harness/frames.ts";
import { EventAssembler } from "../../harness/trace/event-assembler.ts";
import { TraceLog } from "../../harness/trace/trace-log.ts";
import type { TraceOptions } from "../../harness/trace/trace-options.ts";
import { placeWord, REGISTER_WRITE, TraceRing } from "../../harness/trace/trace-ring.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";

const WARM_UP_FRAMES = 3_000;
const TDT_OFFSET = 0x6018;

export interface TraceFigures {
  readonly what: string;
  /** By round. */
  readonly perSecond: readonly number[];
  readonly unit: string;
}

/** Rates by turns, so that a noisy machine is noisy for all of them; the first is the floor. */
export async function traceFigures(rounds: number, frameCount: number): Promise<TraceFigures[]> {
  const device = await loadDevice(ixgbe());
  const jobs: readonly (readonly [string, string, () => number])[] = [
    ["no tracer (floor)", "frames", () => frameRate(device, frameCount, undefined)],
    ["trace: false", "frames", () => frameRate(device, frameCount, false)],
    ["events recorded into a ring", "events", () => recordedRate(frameCount)],
    ["recorded, taken and put into words", "events", () => wordedRate(device, frameCount)],
    ["a driver, traced into JSON lines", "events", () => writtenRate(device, Math.ceil(frameCount / 20))],
  ];
  const rates = jobs.map((): number[] => []);
  for (const [, , job] of jobs) job();
  for (let round = 0; round < rounds; round++)
    for (const [index, [, , job]] of jobs.entries()) rates[index]?.push(job());
  return jobs.map(([what, unit], index) => ({ what, unit, perSecond: rates[index] ?? [] }));
}

/** Frames a second that a folded driver sends. */
function frameRate(device: LoadedDevice, frameCount: number, trace: false | undefined): number {
  const bed = new FoldedTestbed([device], { sentFrames: "count", ...(trace === undefined ? {} : { trace }) });
  const send = sender(bed);
  send(WARM_UP_FRAMES);
  const seconds = secondsOf(() => send(frameCount));
  return frameCount / seconds;
}

function sender(bed: FoldedTestbed): (count: number) => void {
  const driver = IxgbeDriver.probe(bed.pci);
  const [frame = new Uint8Array(60)] = frames(1);
  return (count) => {
    for (let sent = 0; sent < count; sent++) while (!driver.transmit(frame)) bed.pci.cpu.relax();
  };
}

/** Events a second that a thread can write down, with somebody who takes them away and does nothing with them. */
function recordedRate(eventCount: number): number {
  const { log, reader } = recorder();
  const place = placeWord(0, 0, false);
  log.ring.relieve = () => {
    for (let count = 0; count < 1000 && reader.peek(); count++) reader.release();
    return true;
  };
  const seconds = secondsOf(() => {
    for (let count = 0; count < eventCount; count++) log.note(REGISTER_WRITE, place, 4, 0, TDT_OFFSET, count, 0);
  });
  return eventCount / seconds;
}

function wordedRate(device: LoadedDevice, eventCount: number): number {
  const { log, reader } = recorder();
  const assembler = new EventAssembler([declarationOf(device)], 0, undefined);
  const place = placeWord(0, 0xff, false);
  log.ring.relieve = () => {
    for (let count = 0; count < 1000 && reader.peek(); count++) {
      assembler.event(reader);
      reader.release();
    }
    return true;
  };
  const seconds = secondsOf(() => {
    for (let count = 0; count < eventCount; count++) log.note(REGISTER_WRITE, place, 4, 0, TDT_OFFSET, count & 511, 0);
    while (reader.peek()) {
      assembler.event(reader);
      reader.release();
    }
  });
  return eventCount / seconds;
}

function recorder(): { readonly log: TraceLog; readonly reader: TraceRing } {
  const ring = TraceRing.createBuffer();
  const detail = { frameBytes: 0, dmaBytes: 64, memory: true };
  const log = new TraceLog({ ring, tickets: new SharedArrayBuffer(4), detail, waits: false }, new WallClock());
  return { log, reader: new TraceRing(ring) };
}

/** All of it in one thread: card, driver, recording, words and lines. */
function writtenRate(device: LoadedDevice, frameCount: number): number {
  const trace: TraceOptions = { file: devNull, frameBytes: 0 };
  const bed = new FoldedTestbed([device], { sentFrames: "count", trace });
  const send = sender(bed);
  send(100);
  const before = bed.trace().eventCount;
  let count = 0;
  const seconds = secondsOf(() => {
    send(frameCount);
    count = bed.trace().eventCount - before;
  });
  void bed.close();
  return count / seconds;
}

function secondsOf(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}
