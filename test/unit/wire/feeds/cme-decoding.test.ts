import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CmeBlock, compileLayout } from "../../../../emulator/wire/feeds/cme-block.ts";
import { CmePacket } from "../../../../emulator/wire/feeds/cme-packet.ts";
import { CME_TEMPLATES, type CmeLayout, cmeTemplate } from "../../../../emulator/wire/feeds/cme-templates.ts";
import { EpochTime } from "../../../../emulator/wire/feeds/epoch-time.ts";
import { SbeGroups } from "../../../../emulator/wire/feeds/sbe-groups.ts";
import { boundedBytes } from "../bounded-bytes.ts";
import { cmeBookEntry, cmeEventRoot, cmeMessage, cmePacket } from "./feed-packets.ts";

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** Reads the root block and all groups that the template names; the entries as plain objects. */
function decode(message: Uint8Array): { root: CmeBlock; groups: CmeBlock[][] } {
  const content = cmePacket(1, [message]);
  const bytes = boundedBytes(content, 0, content.length);
  const packet = new CmePacket();
  expect(packet.parse(bytes, 0, content.length)).toBe(true);
  expect(packet.nextMessage()).toBe(true);
  const template = cmeTemplate(packet.templateId);
  const root = new CmeBlock();
  root.read(bytes, packet.rootOffset, packet.blockLength, compileLayout(template?.root ?? {}));
  const cursor = new SbeGroups();
  cursor.begin(bytes, packet.rootOffset + packet.blockLength, packet.messageEnd);
  const groups: CmeBlock[][] = [];
  for (const { headerByteLength, layout } of template?.groups ?? []) {
    if (!cursor.nextGroup(headerByteLength)) break;
    const entries: CmeBlock[] = [];
    while (cursor.nextEntry()) {
      const entry = new CmeBlock();
      entry.read(bytes, cursor.entryOffset, cursor.blockLength, compileLayout(layout));
      entries.push(entry);
    }
    groups.push(entries);
  }
  return { root, groups };
}

describe("a time of 64 bits of nanoseconds", () => {
  test("is split exactly, whatever it is", () => {
    const edges = fc.constantFrom(0n, 999_999_999n, 1_000_000_000n, 2n ** 63n - 1n, 2n ** 64n - 1n, 2n ** 53n + 1n);
    const aroundSeconds = fc
      .tuple(fc.bigInt({ min: 1n, max: 18_446_744_072n }), fc.bigInt({ min: -3n, max: 3n }))
      .map(([seconds, offset]) => seconds * 1_000_000_000n + offset);
    fc.assert(
      fc.property(fc.oneof(edges, aroundSeconds, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), (value) => {
        const time = new EpochTime();
        time.set(Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asIntN(32, value)));
        expect(time.seconds).toBe(Number(value / 1_000_000_000n));
        expect(time.nanoseconds).toBe(Number(value % 1_000_000_000n));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("templates of CME MDP 3.0", () => {
  test("a book update of version 9: entries, and the orders behind them under the aligned header", () => {
    const root = cmeEventRoot(0x84);
    const order = new DataView(new ArrayBuffer(24));
    order.setBigUint64(0, 0xdeadbeef12345678n, true);
    order.setBigUint64(8, 77n, true);
    order.setInt32(16, 25, true);
    order.setUint8(20, 1);
    order.setUint8(21, 2);
    const message = cmeMessage(46, root, [
      {
        blockLength: 32,
        entries: [
          cmeBookEntry({ price: -1_234_500_000_000n, size: 25, securityId: 42, rptSeq: 2 ** 32 - 1, orderCount: 3 }),
          cmeBookEntry({ price: 2n ** 63n - 1n, securityId: 43, rptSeq: 1, action: 2, entryType: "J", level: 10 }),
        ],
      },
      { aligned: true, blockLength: 24, entries: [new Uint8Array(order.buffer)] },
    ]);
    const { root: decoded, groups } = decode(message);
    expect(decoded).toMatchObject({ isEndOfEvent: true, matchEvent: 0x84 });
    expect(decoded.transactTime).toMatchObject({ seconds: 1_710_513_000, nanoseconds: 123_456_789 });
    const [first, second] = groups[0] ?? [];
    expect(first).toMatchObject({ price: -1_234_500_000_000, hasPrice: true, size: 25, securityId: 42, rptSeq: -1 });
    expect(first).toMatchObject({ orderCount: 3, level: 1, action: 0, entryType: "0".charCodeAt(0) });
    expect(second).toMatchObject({ hasPrice: false, action: 2, level: 10, entryType: "J".charCodeAt(0) });
    expect(groups[1]?.[0]).toMatchObject({
      orderIdHigh: 0xdeadbeef | 0,
      orderIdLow: 0x12345678,
      priorityLow: 77,
      size: 25,
      referenceId: 1,
      action: 2,
    });
  });

  // Bodies as they were seen on the wire, cut out of recorded packets of the incremental feeds.
  const seen = (templateId: number, root: string, blockLength: number, entry: string): Uint8Array =>
    cmeMessage(templateId, bytesOf(root), [{ blockLength, entries: [bytesOf(entry)] }]);

  test.each([
    [32, "fd4e4b783a53861404", 32, "e0c50ef00000000001000000e14806006f0000000100000005023000000000", 7],
    [42, "f75f096c7753861401", 32, "40c774e8ffffffff010000003f2701000500000001000000000000000000", 7],
    [46, "069375a990ab531504", 32, "00f05b9fc70b0000030000000a9a0200db4e0000020000000101300000000000", 9],
  ] as const)("template %i of recorded traffic", (templateId, root, blockLength, entry, priceDecimals) => {
    const { root: decoded, groups } = decode(seen(templateId, `${root}0000`, blockLength, entry));
    expect(cmeTemplate(templateId)?.priceDecimals).toBe(priceDecimals);
    expect(decoded.isEndOfEvent).toBe(false);
    const expected = {
      32: { price: 4_027_500_000, size: 1, securityId: 411_873, rptSeq: 111, orderCount: 1, level: 5, action: 2 },
      42: { price: -395_000_000, size: 1, securityId: 75_583, rptSeq: 5, orderCount: 1, aggressorSide: 0, action: 0 },
      46: {
        price: 12_952_000_000_000,
        size: 3,
        securityId: 170_506,
        rptSeq: 20_187,
        orderCount: 2,
        level: 1,
        action: 1,
      },
    }[templateId];
    expect(groups[0]?.[0]).toMatchObject(expected);
  });

  test("a security status says its own", () => {
    const view = new DataView(new ArrayBuffer(30));
    view.setInt32(20, 42, true);
    view.setUint16(24, 19_797, true);
    view.setUint8(26, 0x80);
    view.setUint8(27, 17);
    view.setUint8(28, 5);
    view.setUint8(29, 6);
    const { root } = decode(cmeMessage(30, new Uint8Array(view.buffer)));
    expect(root).toMatchObject({ securityId: 42, tradeDate: 19_797, status: 17, haltReason: 5, tradingEvent: 6 });
    expect(root.isEndOfEvent).toBe(true);
  });

  test("a snapshot says which packet it contains, and its entries levels", () => {
    const root = new DataView(new ArrayBuffer(59));
    root.setUint32(0, 1000, true);
    root.setUint32(4, 12, true);
    root.setInt32(8, 42, true);
    root.setUint32(12, 99, true);
    const entry = new DataView(new ArrayBuffer(22));
    entry.setBigInt64(0, 5n, true);
    entry.setInt32(8, 7, true);
    entry.setInt32(12, 2, true);
    entry.setInt8(16, 3);
    entry.setUint8(21, "1".charCodeAt(0));
    for (const templateId of [38, 52]) {
      const decoded = decode(
        cmeMessage(templateId, new Uint8Array(root.buffer), [
          { blockLength: 22, entries: [new Uint8Array(entry.buffer)] },
        ]),
      );
      expect(decoded.root).toMatchObject({ lastSequence: 1000, reportCount: 12, securityId: 42, rptSeq: 99 });
      expect(decoded.groups[0]?.[0]).toMatchObject({ price: 5, size: 7, orderCount: 2, level: 3, entryType: 0x31 });
    }
  });

  test("a field behind the block length of an older schema is 0, and nothing of its neighbour is taken for it", () => {
    const entry = cmeBookEntry({ price: 5n, size: 6, securityId: 7, rptSeq: 8, orderCount: 9, level: 3 });
    const short = cmeMessage(46, cmeEventRoot(0), [
      { blockLength: 20, entries: [entry.slice(0, 20), new Uint8Array(20).fill(0xff)] },
    ]);
    const { groups } = decode(short);
    expect(groups[0]?.[0]).toMatchObject({ price: 5, size: 6, securityId: 7, rptSeq: 8, orderCount: 0, level: 0 });
  });

  test("no two fields of a layout overlap", () => {
    const widths: Partial<Record<keyof CmeLayout, number>> = {
      transactTime: 8,
      price: 8,
      orderId: 8,
      priority: 8,
      tradeDate: 2,
      matchEvent: 1,
      level: 1,
      action: 1,
      entryType: 1,
      aggressorSide: 1,
      referenceId: 1,
      status: 1,
      haltReason: 1,
      tradingEvent: 1,
    };
    for (const { type, root, groups } of CME_TEMPLATES) {
      for (const layout of [root, ...groups.map((group) => group.layout)]) {
        const fields = Object.entries(layout).map(([field, at]) => [at, at + (widths[field as keyof CmeLayout] ?? 4)]);
        fields.sort(([a = 0], [b = 0]) => a - b);
        fields.reduce((end, [first = 0, behind = 0]) => {
          expect(first, `template ${type}`).toBeGreaterThanOrEqual(end);
          return behind;
        }, 0);
      }
    }
  });
});

describe("groups in SBE", () => {
  test("any groups come back in both forms of header, and a walk of any bytes stays inside and ends", () => {
    const group = fc.record({
      aligned: fc.boolean(),
      blockLength: fc.integer({ min: 0, max: 40 }),
      entryCount: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.array(group, { maxLength: 4 }), (shapes) => {
        const groups = shapes.map(({ aligned, blockLength, entryCount }, index) => ({
          aligned,
          blockLength,
          entries: Array.from({ length: entryCount }, (_, entry) =>
            new Uint8Array(blockLength).fill(16 * index + entry),
          ),
        }));
        const message = cmeMessage(46, new Uint8Array(3), groups);
        const cursor = new SbeGroups();
        cursor.begin(boundedBytes(message, 0, message.length), 13, message.length);
        for (const { aligned, blockLength, entries } of groups) {
          expect(cursor.nextGroup(aligned ? 8 : 3)).toBe(true);
          expect(cursor).toMatchObject({ blockLength, entryCount: entries.length });
          for (const entry of entries) {
            expect(cursor.nextEntry()).toBe(true);
            expect(message.slice(cursor.entryOffset, cursor.entryOffset + blockLength)).toEqual(entry);
          }
          expect(cursor.nextEntry()).toBe(false);
        }
        expect(cursor.nextGroup(3)).toBe(false);
      }),
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.array(fc.constantFrom(3, 8), { maxLength: 40 }),
        (bytes, headers) => {
          const cursor = new SbeGroups();
          cursor.begin(boundedBytes(bytes, 0, bytes.length), 0, bytes.length);
          for (const header of headers) {
            if (!cursor.nextGroup(header)) break;
            while (cursor.nextEntry())
              expect(cursor.entryOffset + cursor.blockLength).toBeLessThanOrEqual(bytes.length);
          }
        },
      ),
    );
  });
});
