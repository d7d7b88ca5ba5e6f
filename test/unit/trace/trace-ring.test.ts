import fc from "fast-check";
import { expect, test } from "vitest";
import { MMIO_WRITE, NO_CAUSE, placeWord, TraceRing } from "../../../harness/trace/trace-ring.ts";

/** The smallest ring: 262,144 words. */
const RING_BYTES = 1 << 20;

test("events come out as they went in, with bytes and text, and those that did not fit are counted", () => {
  const event = fc.record({
    dataBytes: fc.oneof(fc.nat({ max: 64 }), fc.nat({ max: 16_384 })),
    text: fc.string({ maxLength: 60, unit: "grapheme" }),
  });
  const steps = fc.array(fc.record({ event, put: fc.nat({ max: 3000 }), take: fc.nat({ max: 3000 }) }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(steps, (bursts) => {
      const buffer = TraceRing.createBuffer(RING_BYTES);
      const [writer, reader] = [new TraceRing(buffer), new TraceRing(buffer)];
      const data = Uint8Array.from({ length: 16_384 }, (_, index) => index * 7);
      const now = new Float64Array(1);
      const expected: { number: number; dataBytes: number; text: string }[] = [];
      let [written, lost] = [0, 0];
      const takeAll = (limit: number): void => {
        for (let count = 0; count < limit && reader.peek(); count++) {
          const want = expected.shift();
          const from = (want?.number ?? 0) & 1023;
          const got = {
            number: reader.a,
            dataBytes: reader.dataBytes,
            text: reader.text(),
          };
          if (got.number !== want?.number || got.dataBytes !== want.dataBytes || got.text !== want.text)
            expect(got).toEqual(want);
          const bytes = reader.bytes.subarray(reader.dataAt, reader.dataAt + reader.dataBytes);
          if (Buffer.compare(bytes, data.subarray(from, from + (want?.dataBytes ?? 0))) !== 0)
            expect([...bytes]).toEqual([...data.subarray(from, from + (want?.dataBytes ?? 0))]);
          if (reader.b !== -reader.a || reader.time[0] !== reader.a || reader.device !== 3 || reader.cpu !== 9)
            expect([reader.b, reader.time[0], reader.device, reader.cpu]).toEqual([-reader.a, reader.a, 3, 9]);
          reader.release();
        }
      };
      for (const { event: shape, put, take } of bursts) {
        const dataBytes = Math.min(shape.dataBytes, 15_000);
        for (let index = 0; index < put; index++, written++) {
          now[0] = written;
          if (!writer.reserve(dataBytes, shape.text)) {
            lost++;
            continue;
          }
          const place = placeWord(3, 9, true);
          const from = written & 1023;
          const { text } = shape;
          writer.put(MMIO_WRITE, 0, now, place, 4, written, -written, 0, 0, NO_CAUSE, data, from, dataBytes, text);
          expected.push({ number: written, dataBytes, text });
        }
        takeAll(take);
      }
      takeAll(Number.POSITIVE_INFINITY);
      expect(expected).toEqual([]);
      expect(reader.takeLostCount()).toBe(lost);
      expect(reader.takeLostCount()).toBe(0);
    }),
    { numRuns: 30 },
  );
});

test("a ring that is full loses what is new, and takes on again when there is room", () => {
  const buffer = TraceRing.createBuffer(RING_BYTES);
  const [writer, reader] = [new TraceRing(buffer), new TraceRing(buffer)];
  const nothing = new Uint8Array(0);
  const put = (number: number): boolean => {
    if (!writer.reserve(0, "")) return false;
    writer.put(MMIO_WRITE, number, new Float64Array(1), 0, 4, 0, 0, 0, 0, NO_CAUSE, nothing, 0, 0, "");
    return true;
  };
  let count = 0;
  while (put(count)) count++;
  expect(count).toBeGreaterThan(20_000);
  expect(put(count)).toBe(false);
  expect(reader.takeLostCount()).toBe(2);
  expect(reader.peek()).toBe(true);
  expect(reader.ticket).toBe(0);
  reader.release();
  expect(put(count)).toBe(true);
  // A writer that is helped loses nothing.
  writer.relieve = () => {
    const had = reader.peek();
    if (had) reader.release();
    return had;
  };
  for (let more = 0; more < 1000; more++) expect(put(count + more)).toBe(true);
  expect(reader.takeLostCount()).toBe(0);
});
