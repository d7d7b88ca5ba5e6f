import { FrameQueue } from "../../emulator/wire/frame-queue.ts";
import { FrameReader } from "../replay/frame-reader.ts";
import { REPLAY_FINISHED, REPLAY_WAITS_FOR_TIME, ReplayChannel } from "../replay/replay-channel.ts";
import { openSource } from "../replay/replay-source.ts";
import type { ReplaySpeed } from "../replay/replay-speed.ts";
import type { ReplayerReport } from "../replay/replayer-options.ts";
import type { LinuxGuest } from "./linux-guest.ts";
import { GuestError, GuestStuckError } from "./vm-error.ts";

/** A capture that arrived at the guest's wire, and what a packet socket in the guest saw of it. */
export interface GuestReplayReport {
  readonly file: string;
  /** Frames that arrived at the card, and their bytes. */
  readonly sentCount: number;
  readonly sentBytes: number;
  /** Frames that the guest's tcpdump wrote, and their bytes. */
  readonly capturedCount: number;
  readonly capturedBytes: number;
  /** Frames that its kernel dropped because tcpdump was slower. */
  readonly kernelDropCount: number;
  /** From the first frame to the last, in nanoseconds. */
  readonly durationNs: number;
  /** How late frames were against the times of the capture; undefined at speed max. */
  readonly lateness: ReplayerReport["lateness"];
}

export interface GuestReplayOptions {
  readonly speed: ReplaySpeed;
  /** Frames after which it stops. Default: all. */
  readonly limit?: number;
  readonly networkDevice: string;
  readonly dropCounters: readonly string[];
  readonly onProgress?: (sentCount: number) => void;
}

const QUEUE_BYTES = 16 << 20;
const TURN_MS = 10;
/** How long nothing may move. */
const MOVE_LIMIT_MS = 30_000;
/** A capture with silence in it moves when its next frame is due. */
const DRAIN_MS = 500;
const SETTLE_TRIES = 40;
const PCAP_HEADER_BYTES = 24;
const PCAP_RECORD_BYTES = 16;
const DUMP = "/tmp/arrived.pcap";

/**
 * Replays a capture into the guest's wire at the times of the capture, while tcpdump in the guest writes down, by a
 * packet socket, all that its driver hands up. What the guest itself sends is left out.
 * @throws CaptureError when the file is no capture, GuestError when tcpdump does not start, GuestStuckError when nothing moves.
 */
export async function replayIntoGuest(
  guest: LinuxGuest,
  file: string,
  options: GuestReplayOptions,
): Promise<GuestReplayReport> {
  const { speed, limit = Number.POSITIVE_INFINITY, networkDevice, dropCounters } = options;
  const buffer = FrameQueue.createBuffer(QUEUE_BYTES);
  const channel = new ReplayChannel(ReplayChannel.createTables());
  const source = await openSource({ file });
  const reader = new FrameReader(source.frames, new FrameQueue(buffer), { limit, speed });
  try {
    while (!reader.isDone && (await reader.fill())) {
      // Ahead of the start, as far as the queue goes.
    }
    await startDump(guest, networkDevice);
    await guest.control.replay({
      channel: channel.tables,
      queue: buffer,
      device: 0,
      port: 0,
      isPaced: speed !== "max",
      lossless: speed === "max",
      inFlightLimit: 0,
      dropCounters,
    });
    channel.ready();
    channel.start();
    await feed(reader, channel, options);
  } finally {
    await reader.close();
  }
  await sleepMs(DRAIN_MS);
  const sent = await guest.control.replayReport();
  return { file, ...sentOf(sent), ...(await stopDump(guest)) };
}

/** Keeps the queue full until the last frame has arrived. */
async function feed(reader: FrameReader, channel: ReplayChannel, options: GuestReplayOptions): Promise<void> {
  let movedAtMs = performance.now();
  let seenCount = -1;
  while (channel.state !== REPLAY_FINISHED) {
    if (!reader.isDone) await reader.fill();
    await sleepMs(TURN_MS);
    const { sentCount } = channel;
    options.onProgress?.(sentCount);
    const isMoving = sentCount !== seenCount || channel.state === REPLAY_WAITS_FOR_TIME;
    if (isMoving) movedAtMs = performance.now();
    else if (performance.now() - movedAtMs > MOVE_LIMIT_MS) {
      throw new GuestStuckError(`after ${sentCount} frames nothing arrived at the guest for ${MOVE_LIMIT_MS / 1000} s`);
    }
    seenCount = sentCount;
  }
}

function sentOf(
  report: ReplayerReport,
): Pick<GuestReplayReport, "sentCount" | "sentBytes" | "durationNs" | "lateness"> {
  const { sentCount, sentBytes, firstNs, lastNs, lateness } = report;
  return { sentCount, sentBytes, durationNs: lastNs - firstNs, lateness };
}

async function startDump(guest: LinuxGuest, networkDevice: string): Promise<void> {
  // A buffer of the kernel's for all that arrives while tcpdump is put aside.
  const command = `tcpdump -Z root -i ${networkDevice} -Q in -nn -s 0 -U -B 32768 -w ${DUMP} 2>/tmp/tcpdump.log & echo $! >/tmp/tcpdump.pid`;
  await guest.mustRun(command);
  const waiting = `for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do grep -q listening /tmp/tcpdump.log && exit 0; sleep 0.5; done; exit 1`;
  const { code } = await guest.run(`(${waiting})`);
  if (code !== 0)
    throw new GuestError(`tcpdump did not start in the guest: ${(await guest.run("cat /tmp/tcpdump.log")).output}`);
}

async function stopDump(
  guest: LinuxGuest,
): Promise<Pick<GuestReplayReport, "capturedCount" | "capturedBytes" | "kernelDropCount">> {
  // Killed, tcpdump leaves behind what it has not read yet: it is given the time to write as long as it does.
  let [before, bytes] = [-1, await dumpBytes(guest)];
  for (let tries = 0; bytes !== before && tries < SETTLE_TRIES; tries++) {
    await sleepMs(DRAIN_MS);
    [before, bytes] = [bytes, await dumpBytes(guest)];
  }
  await guest.mustRun("kill -INT $(cat /tmp/tcpdump.pid); wait; sync");
  const log = await guest.mustRun("cat /tmp/tcpdump.log");
  const capturedCount = numberBefore(log, "packets? captured");
  const fileBytes = await dumpBytes(guest);
  await guest.mustRun(`rm ${DUMP}`);
  return {
    capturedCount,
    capturedBytes: fileBytes - PCAP_HEADER_BYTES - capturedCount * PCAP_RECORD_BYTES,
    kernelDropCount: numberBefore(log, "packets? dropped by kernel"),
  };
}

async function dumpBytes(guest: LinuxGuest): Promise<number> {
  return Number(await guest.mustRun(`stat -c %s ${DUMP}`));
}

function numberBefore(text: string, words: string): number {
  const [, digits] = new RegExp(`(\\d+) ${words}`).exec(text) ?? [];
  if (digits === undefined)
    throw new GuestError(`the guest's tcpdump said nothing of "${words.replace("?", "")}": ${text}`);
  return Number(digits);
}

function sleepMs(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
