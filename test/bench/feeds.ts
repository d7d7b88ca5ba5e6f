/** The figures of the feeds: how fast one thread decodes MoldUDP64 with ITCH 5.0, and keeps the order books from it. */
import { ItchBook } from "../../emulator/wire/books/itch-book.ts";
import { CaptureRecord } from "../../emulator/wire/capture/capture-record.ts";
import { ItchSession } from "../../emulator/wire/feeds/itch-session.ts";
import * as itch from "../../emulator/wire/feeds/itch50-messages.ts";
import { ItchReader } from "../../emulator/wire/feeds/itch50-reader.ts";
import { MoldUdp64Packet } from "../../emulator/wire/feeds/mold-udp64.ts";
import { FrameHeaders } from "../../emulator/wire/frame.ts";
import { type HeapFigures, HeapWatch } from "./heap-watch.ts";

/** Bytes of UDP payload: more than any cache holds. */
const FEED_BYTES = 100_000_000;
/** Rounds that only warm up: what is compiled is what counts. */
const WARM_UP_ROUNDS = 3;

export interface FeedFigures {
  readonly what: string;
  /** By round, in seconds of the thread's processor time: it neither waits nor sleeps, and others' turns are not its cost. */
  readonly messagesPerSecond: readonly number[];
  readonly bytesPerSecond: readonly number[];
  readonly heap: HeapFigures;
  /** Of all that was read: the same in every round, and printed so that the work cannot be left out. */
  readonly checksum: number;
}

interface Feed {
  readonly bytes: Uint8Array;
  /** Where the packets begin, and behind them the end of the last one. */
  readonly starts: Int32Array;
  readonly messageCount: number;
}

type Job = (feed: Feed) => number;

/** Runs the walks by turns, so that a noisy machine is noisy for all of them; the first of them is the floor. */
export async function feedFigures(rounds: number, stockCount: number): Promise<FeedFigures[]> {
  const feed = makeFeed(stockCount);
  const jobs: readonly (readonly [string, Job])[] = [
    ["walk over the lengths (floor)", walk],
    ["decode", decode],
    ["decode and books", books],
  ];
  const rates: number[][] = jobs.map(() => []);
  const checksums: number[] = jobs.map(() => 0);
  for (let round = 0; round < WARM_UP_ROUNDS + rounds; round++) {
    for (const [index, [, job]] of jobs.entries()) {
      const start = process.threadCpuUsage();
      checksums[index] = job(feed);
      const { user, system } = process.threadCpuUsage(start);
      const seconds = (user + system) / 1e6;
      if (round >= WARM_UP_ROUNDS) rates[index]?.push(feed.messageCount / seconds);
    }
  }
  const figures: FeedFigures[] = [];
  for (const [index, [what, job]] of jobs.entries()) {
    const messagesPerSecond = rates[index] as number[];
    const bytesPerMessage = feed.bytes.length / feed.messageCount;
    figures.push({
      what,
      messagesPerSecond,
      bytesPerSecond: messagesPerSecond.map((rate) => rate * bytesPerMessage),
      heap: await heapOf(() => job(feed)),
      checksum: (checksums[index] as number) >>> 0,
    });
  }
  return figures;
}

/** A session's UDP payloads, one behind the other. */
function makeFeed(stockCount: number): Feed {
  const session = new ItchSession({ seed: 1, frameCount: 2_000_000, stockCount });
  const record = new CaptureRecord();
  const headers = new FrameHeaders();
  const bytes = new Uint8Array(FEED_BYTES);
  const starts: number[] = [];
  let end = 0;
  let messageCount = 0;
  while (session.next(record)) {
    headers.parse(record.bytes, record.offset, record.byteLength);
    const from = record.offset + headers.payloadOffset;
    if (end + headers.payloadByteLength > bytes.length) break;
    bytes.set(record.bytes.subarray(from, from + headers.payloadByteLength), end);
    starts.push(end);
    end += headers.payloadByteLength;
    messageCount = session.messagesWritten;
  }
  return { bytes: bytes.slice(0, end), starts: Int32Array.from([...starts, end]), messageCount };
}

/** Nothing but the count of each packet and the length of each message: what any reader has to touch. */
function walk({ bytes, starts }: Feed): number {
  let sum = 0;
  for (let index = 0; index < starts.length - 1; index++) {
    let at = (starts[index] as number) + 20;
    const count = ((bytes[at - 2] as number) << 8) | (bytes[at - 1] as number);
    if (count === 0xffff) continue;
    for (let message = 0; message < count; message++) {
      const byteLength = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      sum = (sum + byteLength) | 0;
      at += 2 + byteLength;
    }
  }
  return sum;
}

const packet = new MoldUdp64Packet();
const reader = new ItchReader();
const add = itch.ADD_ORDER.fields;
const executed = itch.ORDER_EXECUTED_WITH_PRICE.fields;
const replaced = itch.ORDER_REPLACE.fields;

const ADD = itch.ADD_ORDER.type;
const ADD_MPID = itch.ADD_ORDER_WITH_MPID.type;
const EXECUTED = itch.ORDER_EXECUTED.type;
const EXECUTED_WITH_PRICE = itch.ORDER_EXECUTED_WITH_PRICE.type;
const CANCEL = itch.ORDER_CANCEL.type;
const DELETE = itch.ORDER_DELETE.type;
const REPLACE = itch.ORDER_REPLACE.type;

/** Every field that a book needs of every message that a book needs; type, stock and time of the others. */
function decode({ bytes, starts }: Feed): number {
  let sum = 0;
  for (let index = 0; index < starts.length - 1; index++) {
    const start = starts[index] as number;
    if (!packet.parse(bytes, start, (starts[index + 1] as number) - start)) throw new Error("a packet is none");
    while (packet.nextMessage()) {
      const type = reader.moveTo(bytes, packet.messageOffset, packet.messageByteLength);
      sum = (Math.imul(sum, 31) + type + reader.stockLocate + reader.timestampHigh + reader.timestampLow) | 0;
      sum = (sum + fieldsOf(type)) | 0;
    }
  }
  return sum;
}

/** What the reader's message says of orders, in one word. A function of its own: what is inlined has a budget each. */
function fieldsOf(type: number): number {
  switch (type) {
    case ADD:
    case ADD_MPID: {
      const order = reader.high(add.reference) ^ reader.low(add.reference) ^ reader.letter(add.side);
      return (
        order ^ (reader.word(add.shares) + reader.word(add.price) + reader.high(add.stock) + reader.low(add.stock))
      );
    }
    case EXECUTED:
    case CANCEL:
      return reader.high(executed.reference) ^ reader.low(executed.reference) ^ reader.word(executed.shares);
    case EXECUTED_WITH_PRICE: {
      const order = reader.high(executed.reference) ^ reader.low(executed.reference) ^ reader.word(executed.shares);
      return order ^ (reader.word(executed.price) + reader.letter(executed.printable));
    }
    case DELETE:
      return reader.high(executed.reference) ^ reader.low(executed.reference);
    case REPLACE: {
      const order = reader.high(replaced.reference) ^ reader.low(replaced.reference) ^ reader.word(replaced.shares);
      return (
        order ^ (reader.high(replaced.newReference) + reader.low(replaced.newReference) + reader.word(replaced.price))
      );
    }
    default:
      return 0;
  }
}

const itchBook = new ItchBook({ orderCapacity: 1 << 18, levelCapacity: 1 << 18 });

/** Decodes and keeps the books of all stocks; the checksum is their state at the end. */
function books({ bytes, starts }: Feed): number {
  itchBook.book.clearAll();
  for (let index = 0; index < starts.length - 1; index++) {
    const start = starts[index] as number;
    if (!packet.parse(bytes, start, (starts[index + 1] as number) - start)) throw new Error("a packet is none");
    while (packet.nextMessage()) itchBook.apply(bytes, packet.messageOffset, packet.messageByteLength);
  }
  if (itchBook.book.faults.total > 0) throw new Error(JSON.stringify(itchBook.book.faults.toObject()));
  return itchBook.book.stateHash();
}

async function heapOf(work: () => void): Promise<HeapFigures> {
  const watch = new HeapWatch();
  work();
  watch.start();
  work();
  watch.stop();
  // Collections are told of by the event loop.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const figures = watch.figures();
  watch.close();
  return figures;
}
