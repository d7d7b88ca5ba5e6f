import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OrderBook } from "../../../../emulator/wire/books/order-book.ts";
import { ASK, BID } from "../../../../emulator/wire/books/price-ladders.ts";
import { PitchMessage, pitchMessageKind } from "../../../../emulator/wire/feeds/cboe-pitch.ts";
import { PitchBook } from "../../../../emulator/wire/feeds/pitch-book.ts";

interface Order {
  readonly symbol: string;
  readonly side: "B" | "S";
  readonly quantity: number;
  /** In units of 10⁻⁴. */
  readonly price: number;
}

type Form = "long" | "short" | "expanded";

/** The book as a list of orders: what the messages say, and nothing else. */
class PlainBook {
  readonly orders = new Map<number, Order>();

  take(id: number, quantity: number): void {
    const order = this.orders.get(id);
    if (order === undefined) return;
    if (quantity >= order.quantity) this.orders.delete(id);
    else this.orders.set(id, { ...order, quantity: order.quantity - quantity });
  }

  resize(id: number, quantity: number): void {
    const order = this.orders.get(id);
    if (order === undefined) return;
    if (quantity === 0) this.orders.delete(id);
    else this.orders.set(id, { ...order, quantity });
  }

  /** "A B 2500" → [quantity, orders] */
  levels(): Record<string, [number, number]> {
    const levels: Record<string, [number, number]> = {};
    for (const { symbol, side, quantity, price } of this.orders.values()) {
      const key = `${symbol} ${side} ${price}`;
      const [sum, count] = levels[key] ?? [0, 0];
      levels[key] = [sum + quantity, count + 1];
    }
    return levels;
  }
}

/** A message with the given fields, whose names are those of the table. */
function message(type: number, fields: Readonly<Record<string, number | string>>): Uint8Array {
  const kind = pitchMessageKind(type);
  if (kind === undefined) throw new Error(`no PITCH message 0x${type.toString(16)}`);
  const bytes = new Uint8Array(kind.byteLength);
  const view = new DataView(bytes.buffer);
  bytes.set([kind.byteLength, type]);
  for (const [name, value] of Object.entries(fields)) {
    const at = kind.at[name as keyof typeof kind.at];
    if (at === undefined) throw new Error(`${kind.name} has no ${name}`);
    if (typeof value === "string") bytes.set(new TextEncoder().encode(value), at);
    else if (name.endsWith("2")) view.setUint16(at, value, true);
    else if (name.endsWith("4")) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
  }
  return bytes;
}

const symbols = fc.constantFrom("A", "ZVZZT", "BRK.AB");
const ids = fc.nat(12);
/** As many as a short form can say, and more. */
const quantities = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 70_000 }));
/** Whole cents and not, below and above what a short form can say. */
const prices = fc.oneof(
  fc.integer({ min: 20, max: 25 }).map((cents) => cents * 100),
  fc.integer({ min: 1, max: 2 ** 40 }),
);
const sides = fc.constantFrom("B" as const, "S" as const);
const forms = fc.constantFrom<Form>("long", "short", "expanded");

const isShort = (quantity: number, price: number): boolean =>
  quantity <= 65_535 && price % 100 === 0 && price / 100 <= 65_535;

type Step = (book: PlainBook) => Uint8Array | undefined;

const add = fc
  .tuple(ids, symbols, sides, quantities, prices, forms)
  .map(([id, symbol, side, quantity, price, form]): Step => {
    return (book) => {
      if (book.orders.has(id)) return undefined;
      book.orders.set(id, { symbol, side, quantity, price });
      if (form === "expanded") {
        return message(0x2f, { orderId: id, side, quantity4: quantity, symbol8: symbol.padEnd(8), price8: price });
      }
      const symbol6 = symbol.padEnd(6);
      if (form === "short" && isShort(quantity, price)) {
        return message(0x22, { orderId: id, side, quantity2: quantity, symbol6, price2: price / 100 });
      }
      return message(0x21, { orderId: id, side, quantity4: quantity, symbol6, price8: price });
    };
  });

const execute = fc.tuple(ids, quantities).map(([id, quantity]): Step => {
  return (book) => {
    book.take(id, quantity);
    return message(0x23, { orderId: id, quantity4: quantity });
  };
});

const executeAtPrice = fc.tuple(ids, quantities, prices, fc.nat(500)).map(([id, quantity, price, remaining]): Step => {
  return (book) => {
    book.resize(id, remaining);
    return message(0x24, { orderId: id, quantity4: quantity, remaining4: remaining, price8: price });
  };
});

const reduce = fc.tuple(ids, quantities, forms).map(([id, quantity, form]): Step => {
  return (book) => {
    book.take(id, quantity);
    if (form === "short" && quantity <= 65_535) return message(0x26, { orderId: id, quantity2: quantity });
    return message(0x25, { orderId: id, quantity4: quantity });
  };
});

const modify = fc.tuple(ids, quantities, prices, forms).map(([id, quantity, price, form]): Step => {
  return (book) => {
    const order = book.orders.get(id);
    if (order !== undefined) book.orders.set(id, { ...order, quantity, price });
    if (form === "short" && isShort(quantity, price)) {
      return message(0x28, { orderId: id, quantity2: quantity, price2: price / 100 });
    }
    return message(0x27, { orderId: id, quantity4: quantity, price8: price });
  };
});

const remove = ids.map((id): Step => {
  return (book) => {
    book.orders.delete(id);
    return message(0x29, { orderId: id });
  };
});

/** What says nothing of orders: time, trade, end of session, status. */
const other = fc.constantFrom(0x20, 0x2a, 0x2b, 0x2d, 0x31).map(
  (type): Step =>
    () =>
      message(type, {}),
);

const clear = fc.constant<Step>((book) => {
  book.orders.clear();
  return message(0x97, {});
});

const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: add },
    { weight: 2, arbitrary: execute },
    { weight: 2, arbitrary: executeAtPrice },
    { weight: 2, arbitrary: reduce },
    { weight: 3, arbitrary: modify },
    { weight: 2, arbitrary: remove },
    { weight: 1, arbitrary: other },
    { weight: 1, arbitrary: clear },
  ),
  { maxLength: 80 },
);

function levelsOf({ book, instruments }: PitchBook): Record<string, [number, number]> {
  const levels: Record<string, [number, number]> = {};
  for (let instrument = 0; instrument < instruments.count; instrument++) {
    const words = new DataView(new ArrayBuffer(8));
    words.setInt32(0, instruments.word0(instrument));
    words.setInt32(4, instruments.word1(instrument));
    const symbol = new TextDecoder().decode(words).trimEnd();
    for (const side of [BID, ASK]) {
      for (let rank = 0; rank < book.levels.depth(instrument, side); rank++) {
        const level = book.levels.at(instrument, side, rank);
        const key = `${symbol} ${side === BID ? "B" : "S"} ${book.levels.priceOf(level)}`;
        levels[key] = [book.levels.sizeOf(level), book.levels.orderCountOf(level)];
      }
    }
  }
  return levels;
}

describe("an order book kept from PITCH", () => {
  test("has the levels of a plain list of orders after any messages, in whatever form they come", () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const plain = new PlainBook();
        const adapter = new PitchBook(new OrderBook({ instrumentCount: 8 }));
        const decoded = new PitchMessage();
        for (const step of sequence) {
          const bytes = step(plain);
          if (bytes === undefined) continue;
          expect(decoded.parse(bytes, 0, bytes.length)).toBe(true);
          adapter.apply(decoded);
          expect(levelsOf(adapter)).toEqual(plain.levels());
        }
      }),
      { numRuns: 300 },
    );
  });

  test("an execution at another price is told at that price, and more than an order has is a fault", () => {
    const adapter = new PitchBook(new OrderBook({ instrumentCount: 2 }));
    const decoded = new PitchMessage();
    const apply = (bytes: Uint8Array): number => {
      decoded.parse(bytes, 0, bytes.length);
      return adapter.apply(decoded);
    };
    apply(message(0x21, { orderId: 7, side: "S", quantity4: 100, symbol6: "A     ", price8: 50_000 }));
    expect(apply(message(0x24, { orderId: 7, quantity4: 40, remaining4: 60, price8: 49_900 }))).toBe(0);
    expect(adapter.book).toMatchObject({ executedPrice: 49_900, executedSize: 40 });
    expect(apply(message(0x24, { orderId: 7, quantity4: 90, remaining4: 0, price8: 49_900 }))).not.toBe(0);
    expect(adapter.book.orderCount).toBe(0);
  });
});
