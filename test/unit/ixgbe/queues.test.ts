import fc from "fast-check";
import { expect, test } from "vitest";
import { Rings } from "../../../devices/ixgbe/queues.ts";
import { ReadyQueues } from "../../../devices/ixgbe/ready-queues.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import { RegisterFile } from "../../../emulator/registers/register-file.ts";
import { anyBytes } from "./card.ts";
import { TestPort } from "./test-port.ts";

test("descriptors are taken in from any byte of memory, round the end of the card's own store", () => {
  const file = new RegisterFile(reg.IXGBE_REGISTER_MAP, { registerFinding: () => {} });
  const rings = new Rings(new TestPort(4096, 8), file, reg.RDH, { cacheSlots: 8, tag: 0, timer: 0 });
  const memory = MemoryView.ofSize(4096);
  memory.bytes.set(anyBytes(4096, 1));
  fc.assert(
    fc.property(fc.nat(127), fc.nat(7), fc.integer({ min: 1, max: 8 }), fc.nat(3900), (queue, start, count, offset) => {
      rings.reset();
      rings.cacheStart[queue] = start;
      expect(rings.store(queue, memory, offset, count * 16)).toBe(count);
      expect(rings.cached[queue]).toBe(count);
      const view = new DataView(memory.bytes.buffer);
      for (let word = 0; word < count * 4; word++) {
        const at = rings.cacheAt(queue, word >> 2) + (word & 3);
        expect(rings.cache[at]).toBe(view.getInt32(offset + 4 * word, true));
      }
    }),
  );
});

test("a snapshot has the descriptors on the card, of whatever queues have any, and replaces those of another card", () => {
  const file = new RegisterFile(reg.IXGBE_REGISTER_MAP, { registerFinding: () => {} });
  const newRings = (): Rings => new Rings(new TestPort(4096, 8), file, reg.RDH, { cacheSlots: 8, tag: 0, timer: 0 });
  const memory = MemoryView.ofSize(4096);
  memory.bytes.set(anyBytes(4096, 2));
  const aQueue = fc.record({
    queue: fc.nat(127),
    start: fc.nat(7),
    count: fc.integer({ min: 1, max: 8 }),
    slot: fc.nat(200),
  });
  const queues = fc.uniqueArray(aQueue, { selector: ({ queue }) => queue, maxLength: 6 });
  const [rings, other] = [newRings(), newRings()];
  fc.assert(
    fc.property(queues, queues, (here, there) => {
      for (const [each, filled] of [
        [rings, here],
        [other, there],
      ] as const) {
        each.reset();
        for (const { queue, start, count, slot } of filled) {
          each.cacheStart[queue] = start;
          each.store(queue, memory, 16 * slot, 16 * count);
        }
      }
      const taken = rings.snapshot();
      other.restore(structuredClone(taken));
      expect(other.snapshot()).toEqual(taken);
      for (const { queue, count } of here) {
        for (let nth = 0; nth < count; nth++) {
          const [from, to] = [rings.cacheAt(queue, nth), other.cacheAt(queue, nth)];
          expect(to).toBe(from);
          expect(other.cache.slice(to, to + 4)).toEqual(rings.cache.slice(from, from + 4));
        }
      }
      expect([...other.cached]).toEqual([...rings.cached]);
    }),
  );
});

test("the address of a descriptor carries into the high word", () => {
  const file = new RegisterFile(reg.IXGBE_REGISTER_MAP, { registerFinding: () => {} });
  const rings = new Rings(new TestPort(4096, 8), file, reg.RDH, { cacheSlots: 8, tag: 0, timer: 0 });
  fc.assert(
    fc.property(fc.nat(0xffff), fc.integer({ min: 0, max: 0x1ff_ffff }), fc.nat(0xfff7), (high, block, index) => {
      rings.baseHigh[5] = high;
      rings.baseLow[5] = block * 128;
      const address = BigInt(high) * 2n ** 32n + BigInt(block * 128) + BigInt(index * 16);
      expect(rings.addressLow(5, index) >>> 0).toBe(Number(address % 2n ** 32n));
      expect(rings.addressHigh(5, index)).toBe(Number(address / 2n ** 32n));
    }),
  );
});

test("ready queues take turns: whoever was served last waits for all others", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(127), fc.constantFrom("add", "remove", "serve")), { maxLength: 300, size: "max" }),
      (script) => {
        const ready = new ReadyQueues();
        const model = new Set<number>();
        let last = 0;
        for (const [queue, what] of script) {
          if (what === "add") {
            ready.add(queue);
            model.add(queue);
          } else if (what === "remove") {
            ready.remove(queue);
            model.delete(queue);
          } else {
            const order = Array.from({ length: 128 }, (_, step) => (last + 1 + step) % 128);
            const expected = order.find((candidate) => model.has(candidate)) ?? -1;
            expect(ready.next()).toBe(expected);
            if (expected >= 0) {
              ready.tookTurn(expected);
              last = expected;
            }
          }
          expect(ready.isAtMostOne).toBe(model.size <= 1);
        }
        const restored = new ReadyQueues();
        restored.restore(ready.snapshot());
        expect([restored.next(), restored.isAtMostOne]).toEqual([ready.next(), ready.isAtMostOne]);
      },
    ),
  );
});
