import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ItchBook } from "../../../../emulator/wire/books/itch-book.ts";
import { ASK, BID } from "../../../../emulator/wire/books/price-ladders.ts";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";
import { openCapture } from "../../../../emulator/wire/capture/open-capture.ts";
import { ItchSession } from "../../../../emulator/wire/feeds/itch-session.ts";
import { MoldUdp64Packet } from "../../../../emulator/wire/feeds/mold-udp64.ts";
import { FrameHeaders } from "../../../../emulator/wire/frame.ts";
import { encode, SHEET, sheetOf } from "../feeds/itch50-data-sheet.ts";
import { captureFolder, readCaptureIndex } from "../real-captures.ts";
import { levelsOf, ModelBook, type Outcome, outcomeOf, SIDES } from "./model-book.ts";

const INSTRUMENTS = 65_536;

/** Applies a message to the plain book, read by offsets typed here from the specification. */
function applyToModel(model: ModelBook, message: DataView): Outcome | "not of the book" {
  const reference = message.byteLength >= 19 ? message.getBigUint64(11) : 0n;
  switch (String.fromCharCode(message.getUint8(0))) {
    case "A":
    case "F": {
      const side = message.getUint8(19) === 0x42 ? BID : ASK;
      return model.add(message.getUint16(1), side, reference, message.getUint32(20), BigInt(message.getUint32(32)));
    }
    case "E":
    case "C":
      return model.take(reference, message.getUint32(19), "overExecuted");
    case "X":
      return model.take(reference, message.getUint32(19), "overCancelled");
    case "D":
      return model.delete(reference);
    case "U":
      return model.replace(reference, message.getBigUint64(19), message.getUint32(27), BigInt(message.getUint32(31)));
    default:
      return "not of the book";
  }
}

type Visit = (bytes: Uint8Array, offset: number, byteLength: number) => void;

function play(session: ItchSession, visit: Visit): void {
  const record = new CaptureRecord();
  const headers = new FrameHeaders();
  const packet = new MoldUdp64Packet();
  while (session.next(record)) {
    headers.parse(record.bytes, record.offset, record.byteLength);
    packet.parse(record.bytes, record.offset + headers.payloadOffset, headers.payloadByteLength);
    while (packet.nextMessage()) visit(record.bytes, packet.messageOffset, packet.messageByteLength);
  }
}

const viewOf = (bytes: Uint8Array, offset: number, byteLength: number): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset + offset, byteLength);

function expectEqual({ book }: ItchBook, model: ModelBook, stocks: Iterable<number>): void {
  for (const stock of stocks) {
    for (const side of SIDES) expect(levelsOf(book.levels, stock, side)).toEqual(model.levels(stock, side));
  }
  expect(book.orderCount).toBe(model.orders.size);
}

describe("books kept from ITCH 5.0", () => {
  test("of a made-up session are those of the plain book, without a fault of the feed", () => {
    const stockCounts = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(fc.nat(), stockCounts, fc.integer({ min: 6, max: 1500 }), (seed, stockCount, frameCount) => {
        const itchBook = new ItchBook();
        const model = new ModelBook(INSTRUMENTS);
        const session = new ItchSession({ seed, stockCount, frameCount });
        let orderMessages = 0;
        play(session, (bytes, offset, byteLength) => {
          const code = itchBook.apply(bytes, offset, byteLength);
          const wanted = applyToModel(model, viewOf(bytes, offset, byteLength));
          const outcome = code < 0 ? "not of the book" : outcomeOf(code);
          if (outcome !== wanted) expect.fail(`${outcome} where the plain book says ${wanted}`);
          if (code >= 0) orderMessages++;
        });
        expect(itchBook).toMatchObject({
          orderMessages,
          otherMessages: session.messagesWritten - orderMessages,
          malformed: 0,
        });
        expect(itchBook.book.faults.toObject()).toEqual({});
        expectEqual(
          itchBook,
          model,
          Array.from({ length: stockCount + 2 }, (_, stock) => stock),
        );
      }),
      { numRuns: 15 },
    );
  });

  test("at every message the best bid is below the best offer, and nothing at a level is zero", () => {
    const itchBook = new ItchBook();
    const { levels } = itchBook.book;
    let bothSides = 0;
    play(new ItchSession({ seed: 77, frameCount: 12_000, stockCount: 8 }), (bytes, offset, byteLength) => {
      if (itchBook.apply(bytes, offset, byteLength) < 0) return;
      const { touchedInstrument } = itchBook.book;
      const [bid, ask] = [levels.best(touchedInstrument, BID), levels.best(touchedInstrument, ASK)];
      for (const level of [bid, ask]) {
        if (level < 0) continue;
        if (levels.sizeOf(level) < levels.orderCountOf(level)) expect.fail("an order at the best has no size");
        if (levels.orderCountOf(level) < 1) expect.fail("a level without an order");
      }
      if (bid < 0 || ask < 0) return;
      bothSides++;
      if (levels.priceOf(bid) >= levels.priceOf(ask)) expect.fail("locked or crossed");
    });
    expect(bothSides).toBeGreaterThan(20_000);
    let [size, orders] = [0, 0];
    for (let stock = 1; stock <= 8; stock++) {
      for (const side of SIDES) {
        for (const [, levelSize, orderCount] of levelsOf(levels, stock, side)) {
          size += levelSize;
          orders += orderCount;
        }
      }
    }
    expect(orders).toBe(itchBook.book.orderCount);
    expect(size).toBeGreaterThan(orders);
  });

  test("any messages of any content are applied as the plain book does, and what the feed does wrong is counted", () => {
    const small = (max: number) => fc.nat(max).map(BigInt);
    const message = fc.oneof(
      ...[..."AFECXDUPSQ"].map((letter) =>
        fc
          .record({
            stockLocate: small(2),
            reference: small(12),
            newReference: small(12),
            shares: small(5),
            price: fc.constantFrom(1n, 2n, 3n, 2n ** 31n, 2n ** 32n - 1n),
            side: fc.constantFrom("B", "S"),
          })
          .map((values) => encode(sheetOf(letter), values)),
      ),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 100 }), (messages) => {
        const itchBook = new ItchBook();
        const model = new ModelBook(INSTRUMENTS);
        let wrongInstrument = 0;
        for (const bytes of messages) {
          const view = viewOf(bytes, 0, bytes.length);
          const isAboutOrder = "ECXDU".includes(String.fromCharCode(view.getUint8(0)));
          const order = isAboutOrder ? model.orders.get(view.getBigUint64(11)) : undefined;
          if (order !== undefined && order.instrument !== view.getUint16(1)) wrongInstrument++;
          const code = itchBook.apply(bytes, 0, bytes.length);
          expect(code < 0 ? "not of the book" : outcomeOf(code)).toBe(applyToModel(model, view));
        }
        const faults = wrongInstrument > 0 ? { ...model.faults, wrongInstrument } : model.faults;
        expect(itchBook.book.faults.toObject()).toEqual(faults);
        expectEqual(itchBook, model, [0, 1, 2]);
      }),
      { numRuns: 300 },
    );
  });

  test("bytes that are no message, and adds to neither side, are counted and change nothing", () => {
    const itchBook = new ItchBook();
    const add = encode(sheetOf("A"), { side: "B", shares: 1n, price: 1n });
    expect(itchBook.apply(add, 0, add.length)).toBe(0);
    const hash = itchBook.book.stateHash();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(...SHEET), (bytes, { letter, byteLength }) => {
        if (bytes.length > 0) bytes[0] = letter.charCodeAt(0);
        if (bytes.length === byteLength && !"AF".includes(letter)) return;
        if (bytes.length > 19) bytes[19] = 0x58;
        const before = itchBook.malformed;
        expect(itchBook.apply(bytes, 0, bytes.length)).toBe(-2);
        expect(itchBook.malformed).toBe(before + 1);
      }),
    );
    expect(itchBook.book.stateHash()).toBe(hash);
    expect(itchBook.orderMessages).toBe(1);
  });
});

const captures = readCaptureIndex().filter(({ file }) => /^(nasdaq|ritch)/.test(file));

describe.skipIf(captures.length === 0)(`recorded ITCH (in ${captureFolder})`, () => {
  test.each(captures)(
    "$file: the types of the reference, and the books of the plain way",
    async ({ file, ground_truth }) => {
      const headers = new FrameHeaders();
      const packet = new MoldUdp64Packet();
      const itchBook = new ItchBook();
      const model = new ModelBook(INSTRUMENTS);
      const types: Record<string, number> = {};
      const stocks = new Set<number>();
      for await (const { bytes, offset, byteLength } of await openCapture(join(captureFolder, file))) {
        headers.parse(bytes, offset, byteLength);
        packet.parse(bytes, offset + headers.payloadOffset, headers.payloadByteLength);
        while (packet.nextMessage()) {
          const code = itchBook.apply(bytes, packet.messageOffset, packet.messageByteLength);
          const letter = String.fromCharCode(itchBook.reader.type);
          types[letter] = (types[letter] ?? 0) + 1;
          stocks.add(itchBook.reader.stockLocate);
          const wanted = applyToModel(model, viewOf(bytes, packet.messageOffset, packet.messageByteLength));
          expect(code < 0 ? "not of the book" : outcomeOf(code)).toBe(wanted);
        }
      }
      const [truth] = Object.values(ground_truth ?? {});
      expect(types).toEqual(truth?.types);
      expect(itchBook.malformed).toBe(0);
      expect(itchBook.book.faults.toObject()).toEqual(model.faults);
      expectEqual(itchBook, model, stocks);
    },
  );
});

test("recorded ITCH is there, or its absence is said", (context) => {
  context.skip(captures.length === 0, `no index.json in ${captureFolder}; SOFTBAR_CAPTURES can name another folder`);
  expect(captures).toHaveLength(3);
});
