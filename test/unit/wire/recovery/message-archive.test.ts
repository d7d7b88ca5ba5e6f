import fc from "fast-check";
import { expect, test } from "vitest";
import { ArchiveBuilder, MessageArchive } from "../../../../emulator/wire/recovery/message-archive.ts";

test("an archive holds what it was given, in any order, each sequence once, and knows its holes", () => {
  const given = fc.array(
    fc.record({ sequence: fc.integer({ min: 2 ** 40, max: 2 ** 40 + 60 }), bytes: fc.uint8Array({ maxLength: 40 }) }),
    { minLength: 1, maxLength: 120 },
  );
  fc.assert(
    fc.property(given, (messages) => {
      const builder = new ArchiveBuilder();
      const model = new Map<number, number[]>();
      let conflictCount = 0;
      let longest = 0;
      for (const { sequence, bytes } of messages) {
        builder.add(sequence, bytes, 0, bytes.length);
        const known = model.get(sequence);
        if (known === undefined) model.set(sequence, [...bytes]);
        else if (known.join() !== [...bytes].join()) conflictCount++;
        longest = Math.max(longest, bytes.length);
      }
      expect(builder).toMatchObject({ count: model.size, conflictCount });
      const tables = structuredClone(builder.tables());
      const archive = new MessageArchive(tables);
      const sequences = [...model.keys()];
      expect([archive.firstSequence, archive.nextSequence]).toEqual([
        Math.min(...sequences),
        Math.max(...sequences) + 1,
      ]);
      expect(tables.longestByteLength).toBe(longest);
      expect(builder.missingCount).toBe(archive.nextSequence - archive.firstSequence - model.size);
      for (let sequence = 2 ** 40 - 2; sequence < 2 ** 40 + 63; sequence++) {
        const wanted = model.get(sequence);
        expect(archive.holds(sequence)).toBe(wanted !== undefined);
        if (wanted === undefined) continue;
        const offset = archive.offsetOf(sequence);
        expect([...archive.bytes.subarray(offset, offset + archive.byteLengthOf(sequence))]).toEqual(wanted);
      }
    }),
  );
});

test("sequences that are too far apart to be of one session are no archive", () => {
  const builder = new ArchiveBuilder();
  expect(() => builder.tables()).toThrow(/no messages/);
  for (const sequence of [1, 2 ** 50]) builder.add(sequence, new Uint8Array(1), 0, 1);
  expect(() => builder.tables()).toThrow(/span/);
});
