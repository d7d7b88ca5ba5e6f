import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MoldUdp64Packet } from "../../../../emulator/wire/feeds/mold-udp64.ts";
import { boundedBytes } from "../bounded-bytes.ts";
import { moldPacket } from "./mold-packet.ts";

const sequences = fc.maxSafeNat();
const messageLists = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 });

describe("a MoldUDP64 packet", () => {
  test("gives session, sequence and every message back, without a read outside", () => {
    fc.assert(
      fc.property(sequences, messageLists, fc.nat(7), fc.nat(9), (sequence, messages, offset, behind) => {
        const content = moldPacket("ABC0000001", sequence, messages);
        const bytes = new Uint8Array(offset + content.length + behind);
        bytes.set(content, offset);
        const packet = new MoldUdp64Packet();
        expect(packet.parse(boundedBytes(bytes, offset, content.length), offset, content.length)).toBe(true);
        expect(packet).toMatchObject({
          session: "ABC0000001",
          sequence,
          messageCount: messages.length,
          isHeartbeat: messages.length === 0,
          isEndOfSession: false,
        });
        const read: Uint8Array[] = [];
        while (packet.nextMessage()) {
          expect(packet.messageSequence).toBe(sequence + read.length);
          read.push(bytes.slice(packet.messageOffset, packet.messageOffset + packet.messageByteLength));
        }
        expect(read).toEqual(messages);
        expect(packet.nextMessage()).toBe(false);
      }),
    );
  });

  test("cut anywhere it is refused, and its messages are not given", () => {
    const content = moldPacket("S", 5, [new Uint8Array(3), new Uint8Array(0), new Uint8Array(9)]);
    for (let byteLength = 0; byteLength < content.length; byteLength++) {
      const packet = new MoldUdp64Packet();
      expect(packet.parse(boundedBytes(content, 0, byteLength), 0, byteLength)).toBe(false);
      expect(packet.nextMessage()).toBe(false);
    }
  });

  test("bytes behind the last message are allowed: Ethernet padding reaches receivers that ignore the UDP length", () => {
    const content = moldPacket("S", 5, [new Uint8Array(3)]);
    const padded = new Uint8Array(content.length + 11);
    padded.set(content);
    const packet = new MoldUdp64Packet();
    expect(packet.parse(padded, 0, padded.length)).toBe(true);
    expect(packet.messageCount).toBe(1);
  });

  test("count ffff is the end of the session: no messages, whatever follows", () => {
    const content = moldPacket("S", 77, [], 0xffff);
    const packet = new MoldUdp64Packet();
    expect(packet.parse(content, 0, content.length)).toBe(true);
    expect(packet).toMatchObject({ isEndOfSession: true, isHeartbeat: false, messageCount: 0, sequence: 77 });
    expect(packet.nextMessage()).toBe(false);
    packet.parse(moldPacket("S", 77, []), 0, 20);
    expect(packet).toMatchObject({ isEndOfSession: false, isHeartbeat: true });
  });

  test("a sequence of 2^53 or more is refused, one below is exact", () => {
    const content = moldPacket("S", Number.MAX_SAFE_INTEGER, []);
    const packet = new MoldUdp64Packet();
    expect(packet.parse(content, 0, content.length)).toBe(true);
    expect(packet.sequence).toBe(Number.MAX_SAFE_INTEGER);
    new DataView(content.buffer).setBigUint64(10, 2n ** 53n);
    expect(packet.parse(content, 0, content.length)).toBe(false);
    new DataView(content.buffer).setBigUint64(10, 2n ** 64n - 1n);
    expect(packet.parse(content, 0, content.length)).toBe(false);
  });
});
