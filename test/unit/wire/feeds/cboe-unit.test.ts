import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CboeUnitPacket, writeCboeUnitHeader } from "../../../../emulator/wire/feeds/cboe-unit.ts";
import { boundedBytes } from "../bounded-bytes.ts";
import { cboeMessage, cboeUnit } from "./cboe-packet.ts";

const units = fc.nat(255);
const sequences = fc.nat(2 ** 32 - 1);
const messageLists = fc.array(
  fc.tuple(fc.nat(255), fc.integer({ min: 2, max: 255 })).map(([type, byteLength]) => cboeMessage(type, byteLength)),
  { maxLength: 12 },
);

describe("a Cboe sequenced unit", () => {
  test("gives unit, sequence and every message back, without a read outside", () => {
    fc.assert(
      fc.property(units, sequences, messageLists, fc.nat(7), fc.nat(9), (unit, sequence, messages, offset, behind) => {
        const content = cboeUnit(unit, sequence, messages);
        const bytes = new Uint8Array(offset + content.length + behind).fill(0xee);
        bytes.set(content, offset);
        const packet = new CboeUnitPacket();
        expect(packet.parse(boundedBytes(bytes, offset, content.length), offset, content.length)).toBe(true);
        expect(packet).toMatchObject({
          unit,
          sequence,
          messageCount: messages.length,
          unitByteLength: content.length,
          isHeartbeat: messages.length === 0,
          isSequenced: sequence !== 0,
        });
        const read: Uint8Array[] = [];
        while (packet.nextMessage()) {
          expect(packet.messageSequence).toBe(sequence + read.length);
          expect(packet.messageType).toBe(bytes[packet.messageOffset + 1]);
          read.push(bytes.slice(packet.messageOffset, packet.messageOffset + packet.messageByteLength));
        }
        expect(read).toEqual(messages);
        expect(packet.nextMessage()).toBe(false);
        // What lies behind the unit is the next unit of a stream, or padding.
        expect(packet.parse(bytes, offset, content.length + behind)).toBe(true);
        expect(packet.unitByteLength).toBe(content.length);
      }),
    );
  });

  test("the writer writes what the reader reads", () => {
    fc.assert(
      fc.property(units, sequences, messageLists, (unit, sequence, messages) => {
        const content = cboeUnit(unit, sequence, messages);
        const header = new Uint8Array(8);
        expect(writeCboeUnitHeader(header, 0, content.length, messages.length, unit, sequence)).toBe(8);
        expect(header).toEqual(content.slice(0, 8));
      }),
    );
  });

  test("cut anywhere it is refused, and its messages are not given", () => {
    const content = cboeUnit(3, 5, [cboeMessage(0x20, 6), cboeMessage(0x29, 14)]);
    for (let byteLength = 0; byteLength < content.length; byteLength++) {
      const packet = new CboeUnitPacket();
      expect(packet.parse(boundedBytes(content, 0, byteLength), 0, byteLength)).toBe(false);
      expect(packet.nextMessage()).toBe(false);
    }
  });

  test("messages that end before or behind the unit's length, or have no room for their own header, are damage", () => {
    for (const [at, value] of [
      [0, 27], // length one less than header and messages
      [0, 7], // length less than the header
      [2, 1], // a message uncounted
      [2, 3], // a message too many
      [8, 0], // a message of no length: a walk that trusts it never ends
      [8, 1],
    ] as const) {
      const content = cboeUnit(3, 5, [cboeMessage(0x20, 6), cboeMessage(0x29, 14)]);
      const packet = new CboeUnitPacket();
      expect(packet.parse(content, 0, content.length)).toBe(true);
      content[at] = value;
      expect(packet.parse(content, 0, content.length)).toBe(false);
    }
  });

  test("a message shorter than its own header is damage, also where the lengths add up", () => {
    const content = cboeUnit(3, 5, [cboeMessage(0x20, 2), cboeMessage(0x20, 4)]);
    const packet = new CboeUnitPacket();
    expect(packet.parse(content, 0, content.length)).toBe(true);
    content.set([1, 5], 8);
    expect(packet.parse(content, 0, content.length)).toBe(false);
  });
});
