import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as reg from "../../../devices/exanic/registers.ts";
import { Card, frameOf } from "./card.ts";

const SLOT = 2048;

describe("a chunk is sent", () => {
  test("as the frame that it holds, padded to 60 bytes, and its id goes into its feedback slot", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ byteLength: fc.integer({ min: 14, max: 1514 }), slot: fc.nat(255), id: fc.nat(0xffff) }), {
          minLength: 1,
          maxLength: 30,
        }),
        (list) => {
          const card = Card.running();
          for (const [index, { byteLength, slot, id }] of list.entries()) {
            card.putChunk(index * SLOT, frameOf(byteLength, index), id, slot);
            card.set(reg.PORT_TX_COMMAND, index * SLOT);
            card.port.advance(2000);
            expect(card.feedbackOf(slot)).toBe(id);
          }
          for (const [index, { byteLength }] of list.entries()) {
            const expected = new Uint8Array(Math.max(60, byteLength));
            expected.set(frameOf(byteLength, index));
            expect(Buffer.compare(card.port.sent[index]?.bytes ?? new Uint8Array(0), expected)).toBe(0);
          }
          expect(card.get(reg.STAT_TX)).toBe(list.length);
          expect(card.violations()).toEqual([]);
        },
      ),
      { numRuns: 30 },
    );
  });

  test("unpadded when that is asked for, without feedback when none is", () => {
    const card = Card.running();
    card.set(reg.PORT_FLAGS, reg.PORT_FLAGS.fields.DISABLE_TX_PADDING.mask);
    card.putChunk(0, frameOf(20, 1), 7, 0x8003);
    card.set(reg.PORT_TX_COMMAND, 0);
    expect(card.port.sent[0]?.bytes.length).toBe(20);
    expect(card.feedbackOf(3)).toBe(0xffff);
  });

  test("when the wire is free, and its feedback comes when it has left: until then the chunk is the card's", () => {
    const card = Card.running();
    card.port.backlogNs = 500;
    card.putChunk(0, frameOf(60, 1), 1, 0);
    card.set(reg.PORT_TX_COMMAND, 0);
    expect(card.port.sentCount).toBe(0);
    card.port.backlogNs = 0;
    card.port.advance(499);
    expect(card.port.sentCount).toBe(0);
    card.port.advance(1);
    expect(card.port.sentCount).toBe(1);
  });

  test("from port 1 out of its own part", () => {
    const card = Card.running({}, 1);
    const at = card.get(reg.PORT_TX_REGION_OFFSET, 1);
    expect([at, card.get(reg.PORT_TX_REGION_SIZE, 1)]).toEqual([0x2_0000, 0x2_0000]);
    card.putChunk(at, frameOf(60, 1), 5, 9);
    card.set(reg.PORT_TX_COMMAND, at, 1);
    expect(card.port.sentCount).toBe(1);
    expect(card.feedbackOf(9)).toBe(5);
    card.port.advance(1_000_000);
    card.set(reg.PORT_TX_COMMAND, at, 1);
    expect(card.get(reg.PORT_TX_LAST_TIME, 1)).toBe(Math.floor(1e6 * (reg.CLOCK_HZ / 1e9)));
  });

  test("into the port's own receiver in loopback", () => {
    const card = Card.running();
    card.set(reg.PORT_FLAGS, reg.PORT_FLAGS.fields.LOOPBACK.mask | reg.PORT_FLAGS.fields.PROMISCUOUS.mask);
    card.putChunk(0, frameOf(64, 3), 1, 0);
    card.set(reg.PORT_TX_COMMAND, 0);
    expect(card.port.sentCount).toBe(0);
    expect(card.chunk(0).length).toBe(68);
  });

  test("and is read back from the TX region, in any width", () => {
    const card = new Card();
    card.device.onWrite(2, 8, 8, 0x0403_0201, 0x0807_0605);
    card.device.onWrite(2, 12, 2, 0xbbaa, 0);
    card.device.onWrite(2, 15, 1, 0xcc, 0);
    expect(card.device.onRead(2, 8, 8)).toBe(0x0403_0201);
    expect(card.device.readHigh >>> 0).toBe(0xcc07_bbaa);
    expect(card.device.onRead(2, 12, 2)).toBe(0xbbaa);
    expect(card.device.onRead(2, 15, 1)).toBe(0xcc);
  });
});

describe("a driver that breaks a rule of sending is told, and nothing is sent", () => {
  const cases: readonly (readonly [rule: string, (card: Card) => void])[] = [
    ["transmit-outside-region", (card) => card.set(reg.PORT_TX_COMMAND, 0x2_0000)],
    ["transmit-misaligned", (card) => card.set(reg.PORT_TX_COMMAND, 4)],
    ["transmit-on-disabled-port", (card) => card.set(reg.PORT_TX_COMMAND, 0x2_0000, 1)],
    [
      "transmit-type",
      (card) => {
        card.putChunk(0, frameOf(60, 1), 1, 0, { type: 2 });
        card.set(reg.PORT_TX_COMMAND, 0);
      },
    ],
    [
      "transmit-length",
      (card) => {
        card.putChunk(0, frameOf(60, 1), 1, 0, { length: 10 });
        card.set(reg.PORT_TX_COMMAND, 0);
      },
    ],
    [
      "transmit-length",
      (card) => {
        card.putChunk(0x1_ff00, frameOf(60, 1), 1, 0, { length: 400 });
        card.set(reg.PORT_TX_COMMAND, 0x1_ff00);
      },
    ],
  ];
  test.for(cases)("%s", ([rule, act]) => {
    const card = Card.running();
    act(card);
    card.port.advance(100_000);
    expect(card.violations()).toEqual([rule]);
    expect(card.port.sentCount).toBe(0);
    expect(card.device.statistics()).toMatchObject({ txRejected: 1, txSent: 0 });
  });

  test("but for a feedback slot beyond the page: the frame goes out, and nobody is told", () => {
    const card = Card.running();
    card.putChunk(0, frameOf(60, 1), 1, 256);
    card.set(reg.PORT_TX_COMMAND, 0);
    expect(card.violations()).toEqual(["transmit-feedback-slot"]);
    expect(card.port.sentCount).toBe(1);
  });

  test("a queue that is full takes no more", () => {
    const card = Card.running();
    card.port.backlogNs = 1e9;
    card.putChunk(0, frameOf(60, 1), 1, 0x8000);
    for (let command = 0; command < 257; command++) card.set(reg.PORT_TX_COMMAND, 0);
    expect(card.violations()).toEqual(["transmit-queue-full"]);
  });

  test("a chunk that waits may not be written, and may be once its feedback is there", () => {
    const card = Card.running();
    card.port.backlogNs = 100;
    card.putChunk(0, frameOf(60, 1), 1, 0);
    card.putChunk(SLOT, frameOf(60, 2), 2, 0);
    card.set(reg.PORT_TX_COMMAND, 0);
    card.device.onWrite(2, SLOT, 4, 0, 0);
    expect(card.violations()).toEqual([]);
    card.device.onWrite(2, 10 + 58, 4, 0, 0);
    expect(card.violations()).toEqual(["transmit-chunk-changed"]);
    card.port.backlogNs = 0;
    card.port.advance(1000);
    expect(card.feedbackOf(0)).toBe(1);
    card.putChunk(0, frameOf(60, 3), 3, 0);
    expect(card.port.log.findings[0]?.count).toBe(1);
  });
});

describe("a driver that is wrong about regions is told", () => {
  test("of pages, of address formats, of a port without a region, of a region that is changed under it", () => {
    const card = new Card();
    card.set(reg.PORT_ENABLED, 1);
    expect(card.violations()).toEqual(["port-without-region"]);
    card.set(reg.PORT_ENABLED, 0);
    card.set(reg.PORT_RX_DMA_BASE_LO, 0x1200);
    card.set(reg.PORT_RX_DMA_BASE_HI, 1);
    expect(card.violations()).toEqual(["port-without-region", "region-misaligned"]);
    card.set(reg.PORT_ENABLED, 1);
    expect(card.violations()).toHaveLength(2);
    card.set(reg.PORT_RX_DMA_BASE_HI, 2);
    expect(card.violations()).toHaveLength(3);
    expect(card.violations()[2]).toBe("region-changed-while-enabled");
  });

  test.for([
    [0x1001, 1, ["address-format"]],
    [0x1000, 0, ["address-format"]],
    [0x1001, 0, []],
    [0x1000, 1, []],
  ] as const)("low %i, high %i", ([low, high, rules]) => {
    const card = new Card();
    card.set(reg.PORT_RX_DMA_BASE_LO, low);
    card.set(reg.PORT_RX_DMA_BASE_HI, high);
    card.set(reg.PORT_ENABLED, 1);
    expect(card.violations()).toEqual(rules);
  });

  test("each violation says what was written where, what the card did, and what to do", () => {
    const card = Card.running();
    card.set(reg.PORT_TX_COMMAND, 4);
    card.set(reg.PORT_RX_DMA_BASE_LO, 0x5678);
    for (const { text } of card.port.log.findings.map(({ message }) => ({ text: message }))) {
      expect(text).toMatch(/0x[0-9a-f]+/);
      expect(text).toMatch(/The card /);
      expect(text.split(". ").length).toBeGreaterThanOrEqual(3);
    }
  });
});
