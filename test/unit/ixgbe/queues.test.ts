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
