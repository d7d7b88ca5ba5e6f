import fc from "fast-check";
import { expect, test } from "vitest";
import { TraceRing } from "../../../harness/trace/trace-ring.ts";

test("events come out as they went in, and those that did not fit are counted", () => {
  const bursts = fc.array(fc.record({ put: fc.nat({ max: 50_000 }), take: fc.nat({ max: 50_000 }) }), { maxLength: 6 });
  fc.assert(
    fc.property(bursts, (steps) => {
      const buffer = TraceRing.createBuffer();
      const [writer, reader] = [new TraceRing(buffer), new TraceRing(buffer)];
      const now = new Float64Array(1);
      let written = 0;
      let lost = 0;
      let taken = 0;
      const expected: number[] = [];
      for (const { put, take } of steps) {
        for (let index = 0; index < put; index++) {
          const fits = expected.length - taken < 65_536;
          now[0] = written;
          writer.put(1, 2, 4, written, -written, 3, 4, now);
          if (fits) expected.push(written);
          else lost++;
          written++;
        }
        for (let index = 0; index < take && reader.take(); index++) {
          const number = expected[taken++] as number;
          if (reader.a !== number || reader.b !== -number || reader.time[0] !== number) {
            expect([reader.a, reader.b, reader.time[0]]).toEqual([number, -number, number]);
          }
        }
      }
      expect(expected.length + lost).toBe(written);
      expect(reader.takeLostCount()).toBe(lost);
      expect(reader.takeLostCount()).toBe(0);
    }),
    { numRuns: 20 },
  );
});
