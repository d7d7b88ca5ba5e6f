import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";
import { checkL4Checksum, isIpv4HeaderChecksumValid } from "../../../../emulator/wire/checksum.ts";
import { ItchSession, type ItchSessionOptions } from "../../../../emulator/wire/feeds/itch-session.ts";
import { ItchCounters } from "../../../../emulator/wire/feeds/itch50.ts";
import { MoldTracker } from "../../../../emulator/wire/feeds/mold-tracker.ts";
import { MoldUdp64Packet } from "../../../../emulator/wire/feeds/mold-udp64.ts";
import { FrameHeaders } from "../../../../emulator/wire/frame.ts";
import { wireTimeNs } from "../../../../emulator/wire/line-rate.ts";

/** Calls `visit` with every message: a view of it, and the frame it came in. */
function play(session: ItchSession, visit: (message: DataView, frame: number) => void): void {
  const record = new CaptureRecord();
  const headers = new FrameHeaders();
  const packet = new MoldUdp64Packet();
  for (let frame = 0; session.next(record); frame++) {
    headers.parse(record.bytes, record.offset, record.byteLength);
    packet.parse(record.bytes, record.offset + headers.payloadOffset, headers.payloadByteLength);
    while (packet.nextMessage()) {
      const { buffer, byteOffset } = record.bytes;
      visit(new DataView(buffer, byteOffset + packet.messageOffset, packet.messageByteLength), frame);
    }
  }
}

function hashOf(options: ItchSessionOptions): string {
  const session = new ItchSession(options);
  const record = new CaptureRecord();
  const hash = createHash("sha256");
  while (session.next(record)) {
    hash.update(`${record.seconds}.${record.nanoseconds} ${record.byteLength} `);
    hash.update(record.bytes.subarray(record.offset, record.offset + record.byteLength));
  }
  return hash.digest("hex");
}

describe("a made-up ITCH session", () => {
  test("a receiver counts exactly what the session says it sent, in valid frames, in one gapless sequence", () => {
    const options = fc.record(
      { seed: fc.nat(), frameCount: fc.integer({ min: 6, max: 3000 }), stockCount: fc.integer({ min: 1, max: 100 }) },
      { requiredKeys: ["seed", "frameCount"] },
    );
    const flow = {
      sourceMac: 1,
      sourceIp: 2,
      destinationIp: 0xe000_0001,
      sourcePort: 3,
      destinationPort: 4,
      vlanTci: 905,
    };
    fc.assert(
      fc.property(options, fc.boolean(), (anyOptions, isTagged) => {
        const session = new ItchSession(isTagged ? { ...anyOptions, flow } : anyOptions);
        const record = new CaptureRecord();
        const headers = new FrameHeaders();
        const packet = new MoldUdp64Packet();
        const tracker = new MoldTracker();
        const counters = new ItchCounters();
        let bytes = 0;
        while (session.next(record)) {
          headers.parse(record.bytes, record.offset, record.byteLength);
          expect(isIpv4HeaderChecksumValid(record.bytes, record.offset + headers.l3Offset, 20)).toBe(true);
          expect(checkL4Checksum(headers, record.bytes, record.offset)).toBe("right");
          expect(headers.vlanTci).toBe(isTagged ? 905 : -1);
          expect(packet.parse(record.bytes, record.offset + headers.payloadOffset, headers.payloadByteLength)).toBe(
            true,
          );
          expect(packet.messageCount).toBeLessThanOrEqual(8);
          tracker.track(packet);
          while (packet.nextMessage()) counters.count(record.bytes, packet.messageOffset, packet.messageByteLength);
          bytes += record.byteLength;
        }
        expect([counters.malformed, counters.unknown]).toEqual([0, 0]);
        expect(counters.byType).toEqual(session.messagesByType);
        expect(tracker.sessions).toHaveLength(1);
        expect(tracker.current).toMatchObject({
          name: "SOFTBAR001",
          packets: anyOptions.frameCount,
          messages: session.messagesWritten,
          heartbeats: session.heartbeatsWritten,
          endOfSession: 3,
          firstSequence: 1,
          nextSequence: session.nextSequence,
          gaps: 0,
          missing: 0,
          outOfOrder: 0,
        });
        expect(session).toMatchObject({ framesWritten: anyOptions.frameCount, bytesWritten: bytes });
      }),
      { numRuns: 25 },
    );
  });

  test("orders live and die as on an exchange: nothing happens to an order that is not open, or beyond its shares", () => {
    const open = new Map<bigint, { shares: number; stock: number }>();
    const directory = new Set<number>();
    let lastStamp = 0n;
    let lastReference = 0n;
    play(new ItchSession({ seed: 21, frameCount: 10_000 }), (message) => {
      const type = String.fromCharCode(message.getUint8(0));
      const stock = message.getUint16(1);
      const stamp = (BigInt(message.getUint16(5)) << 32n) | BigInt(message.getUint32(7));
      expect(stamp).toBeGreaterThanOrEqual(lastStamp);
      lastStamp = stamp;
      if (type === "R") directory.add(stock);
      if (!"AFECXDUP".includes(type)) return;
      expect(directory).toContain(stock);
      const reference = message.getBigUint64(11);
      if (type === "P") {
        expect(reference).toBe(0n);
        return;
      }
      const order = open.get(reference);
      if (type === "A" || type === "F") {
        expect(reference).toBeGreaterThan(lastReference);
        lastReference = reference;
        expect(message.getUint32(32)).toBeGreaterThan(0);
        open.set(reference, { shares: message.getUint32(20), stock });
        return;
      }
      if (order === undefined) throw new Error(`${type} names order ${reference}, which is not open`);
      expect(order.stock).toBe(stock);
      if (type === "D") open.delete(reference);
      else if (type === "U") {
        open.delete(reference);
        lastReference = message.getBigUint64(19);
        open.set(lastReference, { shares: message.getUint32(27), stock });
      } else {
        const taken = message.getUint32(19);
        expect(taken).toBeGreaterThan(0);
        expect(taken).toBeLessThanOrEqual(type === "X" ? order.shares - 1 : order.shares);
        order.shares -= taken;
        if (order.shares === 0) open.delete(reference);
      }
    });
    expect(open.size).toBeGreaterThan(100);
  });

  test("has every kind of message that trading has, and the six system events in their order", () => {
    const session = new ItchSession({ seed: 4, frameCount: 20_000 });
    let events = "";
    play(session, (message) => {
      if (message.getUint8(0) === 0x53) events += String.fromCharCode(message.getUint8(11));
    });
    expect(events).toBe("OSQMEC");
    const countOf = (letter: string): number => session.messagesByType[letter.charCodeAt(0)] as number;
    expect([..."SRHYLIQ"].map(countOf)).toEqual([6, 32, 32, 32, 32, 32, 32]);
    // Per thousand, once the books have filled: near nine of ten add or delete.
    const share = (letters: string): number =>
      (1000 * [...letters].reduce((sum, letter) => sum + countOf(letter), 0)) / session.messagesWritten;
    expect(share("AF") + share("D")).toBeGreaterThan(780);
    expect(share("AF")).toBeGreaterThan(share("D"));
    for (const [letter, least, most] of [
      ["F", 4, 14],
      ["U", 60, 110],
      ["E", 30, 120],
      ["X", 8, 25],
      ["C", 2, 10],
      ["P", 8, 20],
      ["B", 0.2, 3],
    ] as const) {
      expect(share(letter), letter).toBeGreaterThan(least);
      expect(share(letter), letter).toBeLessThan(most);
    }
  });

  test("time runs: no frame begins before the one before has left a 10 Gb/s link; bursts and silences occur", () => {
    const session = new ItchSession({ seed: 8, frameCount: 60_000 });
    const record = new CaptureRecord();
    let last = -1;
    let lastByteLength = 0;
    let short = 0;
    let silent = 0;
    while (session.next(record)) {
      expect(record.nanoseconds).toBeLessThan(1_000_000_000);
      const ns = (record.seconds - 1_700_000_000) * 1e9 + record.nanoseconds;
      if (last >= 0) {
        const gap = ns - last;
        expect(gap).toBeGreaterThanOrEqual(Math.floor(wireTimeNs(lastByteLength, 10)));
        if (gap < 1000) short++;
        if (gap === 1e9) silent++;
      }
      last = ns;
      lastByteLength = record.byteLength;
    }
    expect(short).toBeGreaterThan(20_000);
    // Whole silent seconds end in heartbeats, and the end of the session is repeated at that pace.
    expect(silent).toBe(session.heartbeatsWritten + 2);
    expect(session.heartbeatsWritten).toBeGreaterThan(3);
  });

  test("the same seed gives the same bytes and times, another seed others", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const options = { seed, frameCount: 300 };
        expect(hashOf(options)).toBe(hashOf(options));
        expect(hashOf(options)).not.toBe(hashOf({ ...options, seed: seed + 1 }));
      }),
      { numRuns: 10 },
    );
  });

  test("what a seed means does not change unnoticed", () => {
    expect(hashOf({ seed: 1, frameCount: 5000 })).toMatchInlineSnapshot(
      `"0bc61931c5cdab32549ff63ea410dc279a19aa26be164f0efd88e7cf6bfa16c3"`,
    );
  });

  test("200000 frames unless asked otherwise; fewer than six, no stocks or too many, or a long session name, are refused", () => {
    expect(new ItchSession({ seed: 1 }).frameCount).toBe(200_000);
    expect(() => new ItchSession({ seed: 1, frameCount: 5 })).toThrow(/at least 6 frames/);
    expect(() => new ItchSession({ seed: 1, stockCount: 17_577 })).toThrow(/1 to 17576 stocks/);
    expect(() => new ItchSession({ seed: 1, stockCount: 0 })).toThrow(/not 0/);
    expect(() => new ItchSession({ seed: 1, session: "ELEVENCHARS" })).toThrow(/at most 10 characters/);
  });
});
