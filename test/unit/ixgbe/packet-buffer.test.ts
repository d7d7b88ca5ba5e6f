import fc from "fast-check";
import { expect, test } from "vitest";
import { PACKET_BUFFER_BYTES, PacketBuffer, RECORD_WORDS } from "../../../devices/ixgbe/packet-buffer.ts";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import { Rng } from "../../../emulator/run/rng.ts";

test("a packet buffer that is half full always has room, for ever", () => {
  const buffer = new PacketBuffer();
  const wire = MemoryView.ofSize(0x4000);
  const record = new Int32Array(RECORD_WORDS);
  const rng = new Rng(1);
  const waiting: number[] = [];
  for (let number = 0, used = 0; number < 5000; number++) {
    const byteLength = rng.between(60, 0x3f00);
    expect(buffer.push(record, wire, 0, byteLength, false, false, 0)).toBe(true);
    waiting.push(byteLength);
    for (used += byteLength; used > PACKET_BUFFER_BYTES / 2; ) {
      expect(buffer.memory.words[buffer.headWord]).toBe(waiting[0]);
      used -= waiting.shift() as number;
      buffer.pop();
    }
  }
});

test("the packet buffer is a queue of frames that wraps without losing any, and never runs short of room", () => {
  const wire = MemoryView.ofSize(0x4000);
  const record = new Int32Array(RECORD_WORDS);
  const lengths = fc.oneof(fc.integer({ min: 60, max: 1514 }), fc.integer({ min: 60, max: 0x3f00 }));
  const script = fc.array(fc.tuple(fc.nat(9), lengths), { maxLength: 400, size: "max" });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), script, (bias, steps) => {
      const buffer = new PacketBuffer();
      const waiting: { seed: number; byteLength: number; size: number }[] = [];
      for (const [dice, byteLength] of steps) {
        if (dice < bias || waiting.length === 0) {
          const seed = byteLength & 0xff;
          wire.bytes.fill(seed, 0, byteLength);
          record[2] = seed;
          const size = (32 + byteLength + 4 + 31) & ~31;
          const used = waiting.reduce((sum, frame) => sum + frame.size, 0);
          const hadRoom = buffer.hasRoom(byteLength);
          expect(buffer.push(record, wire, 0, byteLength, false, false, 0)).toBe(hadRoom);
          // A frame lies in one piece. One such piece may be lost at the end of the memory, and one be too small.
          if (hadRoom) expect(used + size).toBeLessThanOrEqual(PACKET_BUFFER_BYTES);
          else expect(used + 2 * 0x4000).toBeGreaterThan(PACKET_BUFFER_BYTES);
          if (hadRoom) waiting.push({ seed, byteLength, size });
        } else {
          const oldest = waiting.shift() as { seed: number; byteLength: number };
          const words = buffer.memory.words;
          expect([words[buffer.headWord], words[buffer.headWord + 2]]).toEqual([oldest.byteLength, oldest.seed]);
          const data = buffer.headData;
          const bytes = buffer.memory.bytes.subarray(data, data + oldest.byteLength);
          expect(Buffer.compare(bytes, new Uint8Array(oldest.byteLength).fill(oldest.seed))).toBe(0);
          buffer.pop();
        }
        expect(buffer.frameCount).toBe(waiting.length);
      }
    }),
    { numRuns: 40 },
  );
});
