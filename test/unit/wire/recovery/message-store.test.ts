import fc from "fast-check";
import { expect, test } from "vitest";
import { MessageStore } from "../../../../emulator/wire/recovery/message-store.ts";

test("it keeps the youngest messages, whole, as many as its limits let it", () => {
  const lengths = fc.array(fc.oneof(fc.nat(3), fc.nat(30)), { maxLength: 120, size: "max" });
  fc.assert(
    fc.property(
      lengths,
      fc.constantFrom(1, 12, 60),
      fc.integer({ min: 30, max: 120 }),
      fc.constantFrom(1, 2 ** 40),
      (added, messageLimit, byteLimit, first) => {
        const store = new MessageStore(messageLimit, byteLimit, first);
        const sent: Uint8Array[] = [];
        for (const [index, byteLength] of added.entries()) {
          const bytes = new Uint8Array(byteLength + 4).fill(index + 1);
          store.add(bytes, 2, byteLength);
          sent.push(bytes.slice(2, 2 + byteLength));
          expect(store.nextSequence).toBe(first + sent.length);
          expect(store.firstSequence).toBeLessThan(store.nextSequence);
          const keptCount = store.nextSequence - store.firstSequence;
          for (let sequence = store.firstSequence; sequence < store.nextSequence; sequence++) {
            const start = store.offsetOf(sequence);
            const kept = store.bytes.slice(start, start + store.byteLengthOf(sequence));
            expect(kept).toEqual(sent[sequence - first]);
          }
          // It forgets no more than it must: the next older one would not fit, but for what is wasted at the ends.
          const older = sent.slice(-keptCount - 1).reduce((sum, { length }) => sum + Math.max(length, 1), 0);
          const isForced = keptCount === messageLimit || keptCount === sent.length || older > byteLimit - 2 * 30;
          expect(isForced).toBe(true);
        }
      },
    ),
  );
});

test("what cannot be is refused", () => {
  expect(() => new MessageStore(0, 10)).toThrow("a store of 0 messages and 10 bytes");
  expect(() => new MessageStore(10, 1.5)).toThrow("a store of 10 messages and 1.5 bytes");
  expect(() => new MessageStore(10, 10).add(new Uint8Array(11), 0, 11)).toThrow(
    "a message of 11 bytes; the store has 10",
  );
});
