/** The feed handler's figures: a generated session through the card into its driver, beside a software book alone. */
import { performance } from "node:perf_hooks";
import { feedHandler } from "../../devices/feed-handler/index.ts";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { AttachmentSpec } from "../../emulator/run/device-thread.ts";
import { ItchBook } from "../../emulator/wire/books/itch-book.ts";
import { MoldUdp64Packet } from "../../emulator/wire/feeds/mold-udp64.ts";
import { FrameHeaders } from "../../emulator/wire/frame.ts";
import type { ThreadedTestbed } from "../../harness/threaded-testbed.ts";
import { benchModule } from "./bench-module.ts";
import { SessionFrames } from "./feed-blaster.ts";
import type { FeedHandlerFigures, FeedHandlerJob } from "./feed-handler.driver.ts";

const FRAME_COUNT = 600_000;
const WARM_UP_COUNT = 200_000;
const STOCK_COUNT = 32;
const SEED = 1;

export interface FeedHandlerResult extends FeedHandlerFigures {
  /** Messages a second of parser and book in one thread, with no card around them. */
  readonly floorMessagesPerSecond: number;
}

/** One round. `start` opens a threaded testbed with attachments. */
export async function feedHandlerRound(
  start: (spec: DeviceSpec, attachments: readonly AttachmentSpec[]) => Promise<ThreadedTestbed>,
): Promise<FeedHandlerResult> {
  const session = { seed: SEED, frameCount: FRAME_COUNT, stockCount: STOCK_COUNT };
  const floorMessagesPerSecond = bookAlone(new SessionFrames(session));
  const quota = new SharedArrayBuffer(4);
  const blaster = benchModule("feed-blaster").href;
  await using bed = await start(feedHandler(), [{ moduleUrl: blaster, options: { ...session, quota } }]);
  const job: FeedHandlerJob = { frameCount: FRAME_COUNT, warmUpCount: WARM_UP_COUNT, stockCount: STOCK_COUNT, quota };
  const driver = benchModule("feed-handler.driver");
  return { ...(await bed.cpu(1).run<FeedHandlerFigures>(driver, job)), floorMessagesPerSecond };
}

function bookAlone({ memory, offsets, byteLengths }: SessionFrames): number {
  const book = new ItchBook();
  const headers = new FrameHeaders();
  const packet = new MoldUdp64Packet();
  const { bytes } = memory;
  let [messages, startMs] = [0, 0];
  for (let frame = 0; frame < offsets.length; frame++) {
    if (frame === WARM_UP_COUNT) [messages, startMs] = [0, performance.now()];
    headers.parse(bytes, offsets[frame] as number, byteLengths[frame] as number);
    if (!packet.parse(bytes, (offsets[frame] as number) + headers.payloadOffset, headers.payloadByteLength)) continue;
    while (packet.nextMessage()) {
      book.apply(bytes, packet.messageOffset, packet.messageByteLength);
      messages++;
    }
  }
  return messages / ((performance.now() - startMs) / 1000);
}
