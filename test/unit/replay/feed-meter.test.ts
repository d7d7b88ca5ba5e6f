import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildUdpFrame, ipv4Address, type UdpFlow } from "../../../emulator/wire/build-frame.ts";
import { CaptureRecord } from "../../../emulator/wire/capture/capture-record.ts";
import { ItchSession } from "../../../emulator/wire/feeds/itch-session.ts";
import { FeedMeter } from "../../../harness/replay/feed-meter.ts";
import { cboeMessage, cboeUnit } from "../wire/feeds/cboe-packet.ts";
import { letterMessage, xdpMessage, xdpPacket } from "../wire/feeds/feed-packets.ts";
import { moldPacket } from "../wire/feeds/mold-packet.ts";

const flow: UdpFlow = {
  sourceMac: 0x0200_0000_0001,
  sourceIp: ipv4Address("192.0.2.1"),
  destinationIp: ipv4Address("224.0.31.1"),
  sourcePort: 30_000,
  destinationPort: 14_310,
  timeToLive: 8,
};

function countDatagram(meter: FeedMeter, payload: Uint8Array, destinationPort = flow.destinationPort): void {
  const frame = new Uint8Array(2048);
  meter.count(frame, 0, buildUdpFrame(frame, 0, { ...flow, destinationPort }, payload));
}

/** The same to an IPv6 address. */
function countOverIpv6(meter: FeedMeter, payload: Uint8Array, groups: readonly number[], port: number): void {
  const bytes = new Uint8Array(62 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(12, 0x86dd);
  view.setUint8(14, 0x60);
  view.setUint16(18, 8 + payload.length);
  view.setUint8(20, 17);
  for (const [index, group] of groups.entries()) view.setUint16(38 + 2 * index, group);
  view.setUint16(56, port);
  view.setUint16(58, 8 + payload.length);
  bytes.set(payload, 62);
  meter.count(bytes, 0, bytes.length);
}

describe("the feed meter", () => {
  test("tells IPv6 destinations apart by every bit, and from IPv4", () => {
    const meter = new FeedMeter();
    const message = letterMessage("D", 19);
    const groups = [0xff02, 0, 0, 0, 0, 0, 0, 1];
    const destinations = groups.map((_, at) => groups.map((group, index) => (index === at ? group ^ 0x0100 : group)));
    for (let sequence = 1; sequence <= 6; sequence += 2) {
      for (const [index, destination] of destinations.entries()) {
        const packet = moldPacket(`SESSION${index}`, sequence, [message, message]);
        countOverIpv6(meter, packet, destination, 5000);
        countOverIpv6(meter, packet, destination, 5001);
      }
      countDatagram(meter, moldPacket("SESSION9", sequence, [message, message]), 5000);
    }
    const { lines } = meter.report();
    expect(lines.map(({ line }) => line)).toContain("[ff02::101]:5001");
    expect(new Set(lines.map(({ line }) => line)).size).toBe(17);
    for (const { streams } of lines) expect(streams).toMatchObject([{ packets: 3, messages: 6, gaps: 0 }]);
  });

  test("counts a session as the session counted itself, beside other traffic", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 6, max: 400 }),
        fc.array(fc.uint8Array({ maxLength: 100 })),
        (seed, frameCount, noise) => {
          const session = new ItchSession({ seed, frameCount });
          const record = new CaptureRecord();
          const meter = new FeedMeter();
          for (let index = 0; session.next(record); index++) {
            meter.count(record.bytes, record.offset, record.byteLength);
            const payload = noise[index];
            if (payload !== undefined) countDatagram(meter, payload);
          }
          const report = meter.report();
          expect(report.sessions).toHaveLength(1);
          expect(report.sessions[0]).toMatchObject({
            line: "233.54.12.111:26477",
            session: "SOFTBAR001",
            packets: frameCount,
            messages: session.messagesWritten,
            heartbeats: session.heartbeatsWritten,
            endOfSession: session.endOfSessionsWritten,
            gaps: 0,
          });
          expect(report.itchMessageCount).toBe(session.messagesWritten);
          for (const [letter, count] of Object.entries(report.itchMessages)) {
            expect(count).toBe(session.messagesByType[letter.charCodeAt(0)]);
          }
        },
      ),
    );
  });

  test("follows several feeds beside each other, each on its own line, and keeps ITCH apart in what it always told", () => {
    const meter = new FeedMeter();
    const itchMessage = letterMessage("D", 19);
    for (let packet = 0; packet < 5; packet++) {
      countDatagram(meter, moldPacket("000010059B", 1 + packet, [itchMessage]), 1);
      countDatagram(meter, cboeUnit(1, 1 + 2 * packet, [cboeMessage(0x29, 14)]), 2);
      countDatagram(meter, xdpPacket(11, 1 + packet, [xdpMessage(100, 39)]), 3);
      countDatagram(meter, new Uint8Array(30), 4);
      countDatagram(meter, moldPacket("000010059C", 1 + packet, [itchMessage, itchMessage]), 5);
    }
    countDatagram(meter, new Uint8Array(5), 2);
    const report = meter.report();
    expect(report.lines.map(({ line, format }) => [line, format])).toEqual([
      ["224.0.31.1:1", "MoldUDP64, ITCH 5.0"],
      ["224.0.31.1:2", "Cboe PITCH"],
      ["224.0.31.1:3", "NYSE XDP"],
      ["224.0.31.1:5", "MoldUDP64, ITCH 5.0"],
    ]);
    expect(report.lines[1]).toMatchObject({ unreadablePackets: 1, numbers: "messages" });
    expect(report.lines[1]?.streams).toMatchObject([{ stream: "unit 1", packets: 5, gaps: 4, missing: 4 }]);
    expect(report).toMatchObject({ lineCount: 5, udpFrames: 26, unreadablePackets: 1 });
    expect(report.sessions.map(({ line, session, messages, gaps }) => [line, session, messages, gaps])).toEqual([
      ["224.0.31.1:1", "000010059B", 5, 0],
      ["224.0.31.1:5", "000010059C", 10, 0],
    ]);
    expect(report.itchMessages).toEqual({ D: 15 });
    expect(report.itchMessageCount).toBe(15);
  });

  test("a sender that begins its session again is a restart, not a day of old packets", () => {
    const meter = new FeedMeter();
    const record = new CaptureRecord();
    const sessions = [1, 2].map((seed) => new ItchSession({ seed, frameCount: 300 }));
    for (const session of sessions) {
      while (session.next(record)) meter.count(record.bytes, record.offset, record.byteLength);
    }
    const messages = sessions.reduce((sum, { messagesWritten }) => sum + messagesWritten, 0);
    const whole = { packets: 600, messages, gaps: 0, outOfOrder: 0, duplicates: 0, restarts: 1 };
    expect(meter.report().sessions).toMatchObject([{ ...whole, nextSequence: sessions[1]?.nextSequence }]);
  });

  test("takes nothing for MoldUDP64 that only looks like a heartbeat", () => {
    const meter = new FeedMeter();
    countDatagram(meter, new Uint8Array(20));
    expect(meter.report()).toMatchObject({ udpFrames: 1, lineCount: 1, sessions: [], unreadablePackets: 0 });
  });

  test("tells lines apart by address and port, up to the size of its table", () => {
    const meter = new FeedMeter();
    for (let round = 0; round < 2; round++) {
      for (let port = 1; port <= 300; port++) countDatagram(meter, new Uint8Array(30), port);
    }
    expect(meter.report()).toMatchObject({ udpFrames: 600, lineCount: 256 });
  });

  test("reads nothing outside a frame, whatever it holds", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const meter = new FeedMeter();
        meter.count(bytes, 0, bytes.length);
        const { udpFrames, otherFrames } = meter.report();
        expect(udpFrames + otherFrames).toBe(1);
      }),
    );
  });
});
