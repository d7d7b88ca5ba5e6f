import { getHeapStatistics } from "node:v8";
import { describe, expect, test } from "vitest";
import { OrderBook } from "../../../../emulator/wire/books/order-book.ts";
import { PitchMessage } from "../../../../emulator/wire/feeds/cboe-pitch.ts";
import { CboeUnitPacket } from "../../../../emulator/wire/feeds/cboe-unit.ts";
import { CmeBlock, compileLayout } from "../../../../emulator/wire/feeds/cme-block.ts";
import { CmePacket } from "../../../../emulator/wire/feeds/cme-packet.ts";
import { cmeTemplate } from "../../../../emulator/wire/feeds/cme-templates.ts";
import { FeedLine } from "../../../../emulator/wire/feeds/feed-recogniser.ts";
import { IexMessage } from "../../../../emulator/wire/feeds/iex-messages.ts";
import { IexTpPacket } from "../../../../emulator/wire/feeds/iex-tp.ts";
import { PitchBook } from "../../../../emulator/wire/feeds/pitch-book.ts";
import { SbeGroups } from "../../../../emulator/wire/feeds/sbe-groups.ts";
import { cboeMessage, cboeUnit } from "./cboe-packet.ts";
import {
  cmeBookEntry,
  cmeEventRoot,
  cmeMessage,
  cmePacket,
  iexPacket,
  letterMessage,
  machDatagram,
  xdpMessage,
  xdpPacket,
} from "./feed-packets.ts";
import { moldPacket } from "./mold-packet.ts";

const PACKETS_PER_ROUND = 10_000;
const WARM_UP_ROUNDS = 20;
/** At most; the first one without growth ends it. */
const ROUNDS = 30;

/** The smallest thing that can be allocated is a heap number: 12 bytes and more. */
const NOTHING = 2;

/**
 * Bytes that the heap grew by per packet. The smallest of several rounds: the compiler, the test runner and a collection may
 * come between, while a decoder that allocates does so in each of them.
 */
function growthPerPacket(handlePackets: () => void): number {
  for (let round = 0; round < WARM_UP_ROUNDS; round++) handlePackets();
  let smallest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS && smallest / PACKETS_PER_ROUND >= NOTHING; round++) {
    const before = getHeapStatistics().used_heap_size;
    handlePackets();
    const growth = getHeapStatistics().used_heap_size - before;
    // Less than before: a collection came between.
    if (growth >= 0) smallest = Math.min(smallest, growth);
  }
  return smallest / PACKETS_PER_ROUND;
}

const four = <Item>(item: Item): Item[] => [item, item, item, item];
/** Numbers above 2^31, which are heap numbers where they are not kept in typed arrays. */
const SEQUENCE = 3_000_000_000;

const book = cmeMessage(46, cmeEventRoot(0x80), [
  { blockLength: 32, entries: four(cmeBookEntry({ securityId: 1, rptSeq: 5, price: 2n ** 40n })) },
]);
const payloads: readonly (readonly [name: string, payload: Uint8Array])[] = [
  ["MoldUDP64, ITCH 5.0", moldPacket("S", SEQUENCE, four(letterMessage("D", 19)))],
  ["Cboe PITCH", cboeUnit(1, SEQUENCE, four(cboeMessage(0x29, 14)))],
  ["IEX TOPS", iexPacket({ sequence: SEQUENCE, streamOffset: 2 ** 40 }, four(letterMessage("Q", 42)))],
  ["CME MDP 3.0", cmePacket(SEQUENCE, four(book))],
  ["NYSE XDP", xdpPacket(11, SEQUENCE, four(xdpMessage(100, 39)))],
  ["MIAX MACH", machDatagram(four({ sequence: SEQUENCE, message: letterMessage("B", 16) }))],
];

test("the measurement sees one object per packet", () => {
  const keeper: unknown[] = [];
  const growth = growthPerPacket(() => {
    for (let packet = 0; packet < PACKETS_PER_ROUND; packet++) keeper[0] = { packet };
  });
  expect(growth).toBeGreaterThan(NOTHING);
});

describe("nothing is allocated per packet", () => {
  test.each(payloads)("by a line that carries %s", (name, payload) => {
    const line = new FeedLine();
    const growth = growthPerPacket(() => {
      for (let packet = 0; packet < PACKETS_PER_ROUND; packet++) line.count(payload, 0, payload.length);
    });
    expect(line.tracker?.format).toBe(name);
    expect(growth).toBeLessThan(NOTHING);
  });

  test("by a line that waits for evidence", () => {
    const line = new FeedLine();
    const heartbeat = moldPacket("S", SEQUENCE, []);
    const growth = growthPerPacket(() => {
      for (let packet = 0; packet < PACKETS_PER_ROUND; packet++) line.count(heartbeat, 0, heartbeat.length);
    });
    expect(line.tracker).toBeUndefined();
    expect(growth).toBeLessThan(NOTHING);
  });

  test("by the decoders of PITCH, IEX and CME, and by the book that PITCH keeps", () => {
    const add = cboeMessage(0x21, 34);
    new DataView(add.buffer).setUint32(15, 3_000_000_000, true);
    new DataView(add.buffer).setBigUint64(25, 2n ** 40n, true);
    const pitchUnit = cboeUnit(1, SEQUENCE, [add, cboeMessage(0x29, 14)]);
    const iexSegment = iexPacket({ sequence: SEQUENCE }, four(letterMessage("Q", 42)));
    const cmeContent = cmePacket(SEQUENCE, four(book));
    const unit = new CboeUnitPacket();
    const pitch = new PitchMessage();
    const adapter = new PitchBook(new OrderBook({ instrumentCount: 4 }));
    const segment = new IexTpPacket();
    const iex = new IexMessage();
    const packet = new CmePacket();
    const groups = new SbeGroups();
    const block = new CmeBlock();
    const layout = compileLayout(cmeTemplate(46)?.groups[0]?.layout ?? {});
    let decoded = 0;
    const growth = growthPerPacket(() => {
      for (let round = 0; round < PACKETS_PER_ROUND; round++) {
        unit.parse(pitchUnit, 0, pitchUnit.length);
        while (unit.nextMessage()) {
          if (pitch.parse(pitchUnit, unit.messageOffset, unit.messageByteLength)) decoded += adapter.apply(pitch) + 1;
        }
        segment.parse(iexSegment, 0, iexSegment.length);
        while (segment.nextMessage()) {
          if (iex.parse(iexSegment, segment.messageOffset, segment.messageByteLength)) decoded++;
        }
        packet.parse(cmeContent, 0, cmeContent.length);
        while (packet.nextMessage()) {
          groups.begin(cmeContent, packet.rootOffset + packet.blockLength, packet.messageEnd);
          groups.nextGroup(3);
          while (groups.nextEntry()) {
            block.read(cmeContent, groups.entryOffset, groups.blockLength, layout);
            decoded++;
          }
        }
      }
    });
    expect(decoded % (PACKETS_PER_ROUND * (2 + 4 + 16))).toBe(0);
    expect(decoded).toBeGreaterThan(0);
    expect(growth).toBeLessThan(NOTHING);
  });
});
