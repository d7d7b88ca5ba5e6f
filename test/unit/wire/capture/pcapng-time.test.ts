import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PcapngClock } from "../../../../emulator/wire/capture/pcapng-time.ts";

const NS = 1_000_000_000n;

function ticksPerSecond(resolution: number): bigint {
  return (resolution & 0x80 ? 2n : 10n) ** BigInt(resolution & 0x7f);
}

const decimals = fc.integer({ min: 4, max: 19 });
const binaries = fc.integer({ min: 12, max: 64 }).map((exponent) => 0x80 | exponent);

/** Counts of ticks around the border between two nanoseconds, where a rounded step would show, below 2^64. */
const cases = fc
  .tuple(fc.oneof(decimals, binaries), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: -1, max: 1 }))
  .map(([resolution, rough, step]) => {
    const perSecond = ticksPerSecond(resolution);
    const wholeNs = (rough * NS) / perSecond;
    const ticks = (wholeNs * perSecond + NS - 1n) / NS + BigInt(step);
    return { resolution, ticks: BigInt.asUintN(64, ticks < 0n ? 0n : ticks) };
  });

describe("the clock of an interface", () => {
  test("is exact for all 64 bits at every resolution, and cuts off what is finer than a nanosecond", () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), ({ resolution, ticks }, offset) => {
        const clock = new PcapngClock(resolution, offset);
        clock.convert(Number(ticks >> 32n) | 0, Number(ticks & 0xffff_ffffn) | 0);
        const ns = (ticks * NS) / ticksPerSecond(resolution);
        expect([clock.seconds, clock.nanoseconds]).toEqual([Number(ns / NS) + offset, Number(ns % NS)]);
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    { resolution: 6, ticks: 1_700_000_000_123_456n, nanoseconds: 123_456_000 },
    { resolution: 9, ticks: 1_700_000_000_123_456_789n, nanoseconds: 123_456_789 },
    { resolution: 0, ticks: 1_700_000_000n, nanoseconds: 0 },
    { resolution: 0x80 | 20, ticks: (1_700_000_000n << 20n) | 0xf_ffffn, nanoseconds: 999_999_046 },
    { resolution: 0x80 | 32, ticks: (1_700_000_000n << 32n) | 0x8000_0000n, nanoseconds: 500_000_000 },
  ])("resolution byte $resolution: $ticks ticks", ({ resolution, ticks, nanoseconds }) => {
    const clock = new PcapngClock(resolution, 0);
    clock.convert(Number(ticks >> 32n), Number(ticks & 0xffff_ffffn));
    expect([clock.seconds, clock.nanoseconds]).toEqual([1_700_000_000, nanoseconds]);
  });
});
