import type { OfferedFrame } from "../../emulator/wire/damage/damage-events.ts";
import { FrameQueue } from "../../emulator/wire/frame-queue.ts";
import { FrameReader } from "./frame-reader.ts";
import type { FcsMode } from "./frame-source.ts";
import { openSource } from "./replay-source.ts";
import { checkWindow, type ReplayWindow } from "./replay-window.ts";

/** Which frames of a capture, and how they end. */
export interface RecordedFramesOptions {
  readonly window?: ReplayWindow;
  /** Frames after which it stops. Default 100,000. */
  readonly limit?: number;
  readonly fcs?: FcsMode;
}

const QUEUE_BYTES = 1 << 20;
const DEFAULT_LIMIT = 100_000;

/**
 * The frames of a capture, or of several merged by time, as they went over the wire: in order of time, padded, without FCS, with times in nanoseconds from the first
 * one that never go back.
 * @throws CaptureError when the file is no capture or damaged, RangeError when the window makes no sense.
 */
export async function recordedFrames(
  path: string | readonly string[],
  options: RecordedFramesOptions = {},
): Promise<OfferedFrame[]> {
  const { window = {}, limit = DEFAULT_LIMIT, fcs = "auto" } = options;
  checkWindow(window);
  const buffer = FrameQueue.createBuffer(QUEUE_BYTES);
  const source = await openSource({ file: path, fcs });
  const reader = new FrameReader(source.frames, new FrameQueue(buffer), { window, limit, speed: 1 });
  const queue = new FrameQueue(buffer);
  const frames: OfferedFrame[] = [];
  try {
    while (!reader.isDone) {
      await reader.fill();
      for (; queue.peek(); queue.release()) {
        const bytes = queue.memory.bytes.slice(queue.offset, queue.offset + queue.byteLength);
        frames.push({ bytes, timeNs: queue.seconds * 1e9 + queue.nanoseconds });
      }
      queue.acknowledge();
    }
  } finally {
    await reader.close();
  }
  return frames;
}
