import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CaptureError } from "../../../../emulator/wire/capture/capture-error.ts";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";
import { MergedRecords } from "../../../../emulator/wire/capture/merged-records.ts";
import { type RecordPlan, readStream, streamOf } from "./record-streams.ts";

interface Plan extends RecordPlan {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly timed: boolean;
}

/** Few different times, so that there are ties; out of order, too. */
const plan: fc.Arbitrary<Plan> = fc
  .record({
    seconds: fc.oneof(fc.integer({ min: -1, max: 2 }), fc.constantFrom(2 ** 31, 2 ** 40)),
    nanoseconds: fc.constantFrom(0, 1, 999_999_999),
    timed: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
    bytes: fc.uint8Array({ maxLength: 12 }),
    interfaceIndex: fc.nat(3),
  })
  .map((each) => (each.timed ? each : { ...each, seconds: 0, nanoseconds: 0 }));
const source = fc.record({
  plans: fc.array(plan, { maxLength: 12 }),
  partLength: fc.integer({ min: 1, max: 5 }),
  isDamaged: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
});

/** By the description alone: the earliest of the heads, again and again, each as early as the timed one before it. */
function expectedOrder(sources: readonly (readonly Plan[])[]): Plan[] {
  const rests = sources.map((plans) => {
    let key: readonly [number, number] = [Number.NEGATIVE_INFINITY, 0];
    return plans.map((each) => {
      if (each.timed) key = [each.seconds, each.nanoseconds];
      return { key, each };
    });
  });
  const given: Plan[] = [];
  for (;;) {
    const heads = rests.flatMap((rest) => (rest[0] === undefined ? [] : [{ rest, ...rest[0] }]));
    const [first] = heads.sort(({ key: [ls, ln] }, { key: [rs, rn] }) => (ls === rs ? ln - rn : ls < rs ? -1 : 1));
    if (first === undefined) return given;
    given.push(first.each);
    first.rest.shift();
  }
}

describe("several captures as one", () => {
  test("are merged by time, whatever parts they are read in; what is damaged ends, and is told when all have ended", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(source, { minLength: 1, maxLength: 4 }), async (sources) => {
        const merged = new MergedRecords(
          sources.map(({ plans, partLength, isDamaged }, index) =>
            streamOf(plans, partLength, isDamaged ? new CaptureError(`${index}`) : undefined),
          ),
        );
        const { records, error } = await readStream(merged);
        const wanted = expectedOrder(sources.map(({ plans }) => plans));
        expect(records.map(({ bytes, seconds, interfaceIndex }) => [bytes, seconds, interfaceIndex])).toEqual(
          wanted.map(({ bytes, seconds, interfaceIndex }) => [[...bytes], seconds, interfaceIndex]),
        );
        const isDamaged = sources.some((each) => each.isDamaged);
        if (isDamaged) expect(error).toBeInstanceOf(CaptureError);
        else expect([error, merged.end?.recordCount]).toEqual([undefined, wanted.length]);
      }),
    );
  });

  test("a file that is cut is told for all of them, and both where both are", async () => {
    const cutAt = (name: string) => ({
      recordNumber: 1,
      fileOffset: 24,
      missingByteCount: 5,
      message: `${name} is cut.`,
    });
    const ended = (name: string) => ({
      end: { format: "pcap" as const, recordCount: 0, fileByteLength: 24, cut: name === "" ? null : cutAt(name) },
      next: () => false,
      more: async () => false,
      close: async () => {},
    });
    for (const [names, message] of [
      [["", ""], undefined],
      [["", "b"], "b is cut."],
      [["a", "b"], "a is cut. b is cut."],
    ] as const) {
      const merged = new MergedRecords(names.map(ended));
      expect(merged.next(new CaptureRecord())).toBe(false);
      expect(merged.end).toBeNull();
      expect(await merged.more()).toBe(false);
      expect([merged.end?.cut?.message, merged.end?.fileByteLength]).toEqual([message, 48]);
    }
  });
});
