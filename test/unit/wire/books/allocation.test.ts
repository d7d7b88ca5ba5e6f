import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { expect, test } from "vitest";
import { ItchBook } from "../../../../emulator/wire/books/itch-book.ts";
import { LevelBook } from "../../../../emulator/wire/books/level-book.ts";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";
import { ItchSession } from "../../../../emulator/wire/feeds/itch-session.ts";
import { ADD_ORDER } from "../../../../emulator/wire/feeds/itch50-messages.ts";
import { ItchReader } from "../../../../emulator/wire/feeds/itch50-reader.ts";
import { MoldTracker } from "../../../../emulator/wire/feeds/mold-tracker.ts";
import { MoldUdp64Packet } from "../../../../emulator/wire/feeds/mold-udp64.ts";
import { SoupBinReader } from "../../../../emulator/wire/feeds/soup-bin-tcp.ts";
import { FrameHeaders } from "../../../../emulator/wire/frame.ts";
import { encode, sheetOf } from "../feeds/itch50-data-sheet.ts";
import { prefixed } from "../feeds/streams.ts";

/** Collections of the young generation so far: 16 MiB of garbage make one. */
let scavenges = 0;
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if ((entry as PerformanceEntry & { detail?: { kind: number } }).detail?.kind === 1) scavenges++;
  }
});
observer.observe({ entryTypes: ["gc"] });

const CALLS = 3_000_000;

/** Does its work so many times, and returns something of it. */
type Work = (count: number) => number;

const works: Record<string, () => Work> = {
  "a generated frame, its packet, its messages, and the book of them": () => {
    const record = new CaptureRecord();
    const headers = new FrameHeaders();
    const packet = new MoldUdp64Packet();
    const tracker = new MoldTracker();
    const itchBook = new ItchBook();
    const session = new ItchSession({ seed: 5, frameCount: 2 * CALLS });
    return (count) => {
      // Three messages a frame.
      for (let index = 0; index < count / 3 && session.next(record); index++) {
        headers.parse(record.bytes, record.offset, record.byteLength);
        packet.parse(record.bytes, record.offset + headers.payloadOffset, headers.payloadByteLength);
        tracker.track(packet);
        while (packet.nextMessage()) itchBook.apply(record.bytes, packet.messageOffset, packet.messageByteLength);
      }
      return itchBook.book.orderCount;
    };
  },
  "a message read, its words and its time": () => {
    const reader = new ItchReader();
    const { reference, price, stock } = ADD_ORDER.fields;
    const bytes = encode(sheetOf("A"), {
      timestamp: 34_200_000_000_000n,
      reference: 2n ** 63n,
      price: 2n ** 31n,
      side: "B",
    });
    const others = bytes.slice();
    return (count) => {
      let sum = 0;
      for (let index = 0; index < count; index++) {
        reader.moveTo((index & 1) === 0 ? bytes : others, 0, bytes.length);
        sum = (sum + reader.high(reference) + reader.low(reference) + reader.word(price) + reader.low(stock)) | 0;
        sum = (sum + reader.timestampNs) | 0;
      }
      return sum;
    };
  },
  "what a feed does wrong": () => {
    const { book } = new ItchBook({ instrumentCount: 4 });
    return (count) => {
      for (let index = 0; index < count; index++) {
        book.add(1, 0, index & 7, 5, 3, 0, -1);
        book.execute(index & 7, 5, -1);
        book.cancel(9, 9, 1);
        book.add(9, 0, 0, 0, 1, 0, 0);
      }
      return book.faults.total;
    };
  },
  "a level of a price above 2^32": () => {
    const book = new LevelBook({ instrumentCount: 4 });
    return (count) => {
      for (let index = 0; index < count; index++) book.set(index & 3, index & 1, 3, index & 63, (index >> 6) & 3, 1);
      return book.levels.levelCount;
    };
  },
  "packets of a stream that is cut inside of each": () => {
    const soup = new SoupBinReader();
    const login = prefixed([
      Uint8Array.from(`A${"S".padEnd(10)}${"9007199254".padStart(20)}`, (letter) => letter.charCodeAt(0)),
    ]);
    soup.push(login, 0, login.length);
    soup.next();
    const stream = prefixed([Uint8Array.from("Sabcdefg", (letter) => letter.charCodeAt(0))]);
    return (count) => {
      let sum = 0;
      for (let index = 0; index < count; index++) {
        soup.push(stream, 0, 1 + (index & 7));
        soup.next();
        soup.push(stream, 1 + (index & 7), stream.length - 1 - (index & 7));
        while (soup.next()) sum = (sum + soup.sequence + soup.dataByteLength) | 0;
      }
      return sum;
    };
  },
};

test.each(Object.keys(works))(
  "%s leaves no garbage",
  async (name) => {
    const work = works[name]?.();
    if (work === undefined) return expect.fail(`no ${name}`);
    // Compiled code is what counts: a Number that is boxed before that is not boxed afterwards.
    for (let round = 0; round < 10; round++) work(CALLS / 20);
    await new Promise((resolve) => setTimeout(resolve, 20));
    scavenges = 0;
    expect(work(CALLS)).not.toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    // Twelve bytes a call, the smallest object that there is, would make two.
    expect(scavenges).toBeLessThan(2);
  },
  30_000,
);
