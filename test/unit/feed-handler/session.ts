import { ItchBook } from "../../../emulator/wire/books/itch-book.ts";
import { ASK, BID, NO_LEVEL } from "../../../emulator/wire/books/price-ladders.ts";
import { CaptureRecord } from "../../../emulator/wire/capture/capture-record.ts";
import { ItchSession } from "../../../emulator/wire/feeds/itch-session.ts";
import { MoldUdp64Packet } from "../../../emulator/wire/feeds/mold-udp64.ts";
import { FrameHeaders } from "../../../emulator/wire/frame.ts";

/** One frame of a generated session, and what is in it. */
export interface SessionFrame {
  readonly bytes: Uint8Array;
  readonly messages: readonly Uint8Array[];
}

/** The frames of a generated trading session, in order. */
export function sessionFrames(seed: number, frameCount: number, stockCount: number): SessionFrame[] {
  const session = new ItchSession({ seed, frameCount, stockCount });
  const record = new CaptureRecord();
  const headers = new FrameHeaders();
  const packet = new MoldUdp64Packet();
  const frames: SessionFrame[] = [];
  while (session.next(record)) {
    const bytes = record.bytes.slice(record.offset, record.offset + record.byteLength);
    headers.parse(bytes, 0, bytes.length);
    packet.parse(bytes, headers.payloadOffset, headers.payloadByteLength);
    const messages: Uint8Array[] = [];
    while (packet.nextMessage())
      messages.push(bytes.slice(packet.messageOffset, packet.messageOffset + packet.messageByteLength));
    frames.push({ bytes, messages });
  }
  return frames;
}

/** Bid price and size, ask price and size of a stock, 0 where there is none. */
export function topOf({ book: { levels } }: ItchBook, locate: number): number[] {
  return [BID, ASK].flatMap((side) => {
    const level = levels.best(locate, side);
    return level === NO_LEVEL ? [0, 0] : [levels.priceOf(level), levels.sizeOf(level)];
  });
}

/** The stock that a message is about. */
export function locateOf(message: Uint8Array): number {
  return ((message[1] as number) << 8) | (message[2] as number);
}

export function softwareBook(): ItchBook {
  return new ItchBook({ instrumentCount: 256, orderCapacity: 4096, levelCapacity: 4096 });
}
