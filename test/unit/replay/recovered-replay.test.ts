import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { ItchBook } from "../../../emulator/wire/books/itch-book.ts";
import type { DamageRule } from "../../../emulator/wire/damage/damage-plan.ts";
import type { DamageLedger } from "../../../emulator/wire/damage/ledger.ts";
import type { SequenceRange } from "../../../emulator/wire/damage/sequence-set.ts";
import { captureFolder, readCaptureIndex } from "../wire/real-captures.ts";
import { LINES, runStreams, type StreamsRun, writeSession } from "./stream-bench.ts";

const folder = mkdtempSync(join(tmpdir(), "softbar-recovered-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "session.pcap");

const FRAME_COUNT = 120;

/** What the wire does to one line. A reordered frame comes before an answer would be given up. */
const rule = fc.record({
  loss: fc.constantFrom(0, 0.02, 0.2),
  burstLoss: fc.constantFrom(0, 0.03),
  burstLength: fc.constantFrom(2, 8),
  duplicate: fc.constantFrom(0, 0.1),
  reorder: fc.constantFrom(0, 0.1),
  reorderTimeNs: fc.constant(800_000),
  corrupt: fc.constantFrom(0, 0.1),
  delayNs: fc.constantFrom(0, 30_000),
});

const cases = fc.record({
  seed: fc.nat(2 ** 31),
  lineCount: fc.integer({ min: 1, max: 2 }),
  rules: fc.tuple(rule, rule),
  arbitrate: fc.constantFrom(undefined, { mode: "latency" as const }, { mode: "reliability" as const }),
  partial: fc.constantFrom(0, 0.5),
  jitterNs: fc.constantFrom(0, 300_000),
});
type Case = typeof cases extends fc.Arbitrary<infer Value> ? Value : never;

/** Run before the random cases, so that what is counted over a property is much by construction and not by luck. */
const HEAVY: Case = {
  seed: 1,
  lineCount: 1,
  rules: [heavyRule(), heavyRule()],
  arbitrate: undefined,
  partial: 0.5,
  jitterNs: 300_000,
};

function heavyRule(): Case["rules"][0] {
  return {
    loss: 0.2,
    burstLoss: 0.03,
    burstLength: 8,
    duplicate: 0.1,
    reorder: 0.1,
    reorderTimeNs: 800_000,
    corrupt: 0.1,
    delayNs: 30_000,
  };
}

/** Each line is damaged by itself. The end of the session comes through: what nobody can know of, nobody can ask for. */
function damageOf({ rules, lineCount, seed }: Case): { seed: number; rules: DamageRule[] } {
  const last = lineCount * (FRAME_COUNT - 3) - 1;
  const ofLines = rules.slice(0, lineCount).map((each, line) => ({ ...each, line: LINES[line] as string }));
  return { seed, rules: ofLines.map((each) => ({ ...each, frames: [[0, last]] as const })) };
}

/** Runs a session through the damage, with recovery and books; `messages` are all that were sent. */
async function recover(
  each: Case,
  server: { refuse: number; attempts: number },
): Promise<StreamsRun & { readonly messages: readonly Uint8Array[] }> {
  const { seed, lineCount, arbitrate, partial, jitterNs } = each;
  const messages = writeSession(path, seed, FRAME_COUNT, lineCount);
  const isArbitrated = lineCount === 2 && arbitrate !== undefined;
  const options = {
    recover: { ...server, partial, jitterNs, seed },
    books: true,
    ...(isArbitrated ? { arbitrate } : {}),
  };
  return { ...(await runStreams(path, options, damageOf(each))), messages };
}

/** What was sent and arrived on no line. The end of the session comes through, so the receiver can know of all of it. */
function missingOf(ledger: DamageLedger): Set<number> {
  const [first = new Set<number>(), ...others] = ledger.lines().map(({ lost }) => sequencesOf(lost));
  const missing = new Set([...first].filter((sequence) => others.every((lost) => lost.has(sequence))));
  const [known] = ledger.missingOnAll(LINES);
  for (const sequence of sequencesOf(known?.missing ?? [])) expect(missing).toContain(sequence);
  return missing;
}

function sequencesOf(ranges: readonly SequenceRange[]): Set<number> {
  return new Set(ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, index) => from + index)));
}

/** The book of these messages, without those that are left out: a second way to the same state. */
function hashWithout(messages: readonly Uint8Array[], lost: ReadonlySet<number>): string {
  const itch = new ItchBook();
  for (const [index, message] of messages.entries()) {
    if (!lost.has(index + 1)) itch.apply(message, 0, message.length);
  }
  return itch.book.stateHash().toString(16).padStart(8, "0");
}

describe("a damaged replay through card and driver, with recovery", { timeout: 60_000 }, () => {
  test("every gap of the ledger is filled where the server answers, and the book is that of the undamaged run", async () => {
    let filledCount = 0;
    await fc.assert(
      fc.asyncProperty(cases, fc.constantFrom(0, 0.3), async (each, refuse) => {
        const { streams, ledger, messages } = await recover(each, { refuse, attempts: 60 });
        const [session] = streams.recovery ?? [];
        const missing = missingOf(ledger);
        expect(session?.client).toMatchObject({ delivered: messages.length, lost: 0, lostRanges: [], unreadable: 0 });
        expect(session?.client.recovered).toBe(session?.client.missing);
        expect(session?.client.missing).toBeGreaterThanOrEqual(missing.size);
        expect(session?.server.messagesSent).toBeGreaterThanOrEqual(missing.size);
        filledCount += missing.size;
        const undamaged = await runStreams(path, { books: true }, {});
        expect(streams.books).toEqual(undamaged.streams.books);
        expect(streams.books?.[0]?.stateHash).toBe(hashWithout(messages, new Set()));
        expect(streams.books?.[0]?.faults.unknownReference).toBeUndefined();
      }),
      { numRuns: 30, examples: [[HEAVY, 0.3]] },
    );
    // 116 of them are those of the example.
    expect(filledCount).toBeGreaterThan(100);
  });

  test("where the server refuses for ever, exactly the gaps of the ledger are reported, to the sequence", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (each) => {
        const { streams, ledger, messages } = await recover(each, { refuse: 1, attempts: 2 });
        const [session] = streams.recovery ?? [];
        const missing = missingOf(ledger);
        expect(sequencesOf(session?.client.lostRanges ?? [])).toEqual(missing);
        expect(session?.client.delivered).toBe(messages.length - missing.size);
        expect(session?.server).toMatchObject({ answered: 0, messagesSent: 0 });
        expect(streams.books?.[0]?.stateHash).toBe(hashWithout(messages, missing));
      }),
      { numRuns: 25, examples: [[HEAVY]] },
    );
  });

  test("where it refuses now and then, and is asked once, what is lost is missing in the ledger and was refused", async () => {
    let lostCount = 0;
    await fc.assert(
      fc.asyncProperty(cases, async (each) => {
        const { streams, ledger, messages } = await recover(each, { refuse: 0.4, attempts: 1 });
        const [session] = streams.recovery ?? [];
        const refused = sequencesOf(session?.server.refusedRanges ?? []);
        const lost = new Set([...missingOf(ledger)].filter((sequence) => refused.has(sequence)));
        expect(sequencesOf(session?.client.lostRanges ?? [])).toEqual(lost);
        expect(session?.client).toMatchObject({ delivered: messages.length - lost.size, lost: lost.size });
        expect(streams.books?.[0]?.stateHash).toBe(hashWithout(messages, lost));
        lostCount += lost.size;
      }),
      { numRuns: 30, examples: [[HEAVY]] },
    );
    // 57 of them are those of the example.
    expect(lostCount).toBeGreaterThan(50);
  });

  test("an arbiter of two lines alone loses exactly what no line brought, and says of each what it missed", async () => {
    const two = cases.map((each) => ({ ...each, lineCount: 2 }));
    await fc.assert(
      fc.asyncProperty(two, async (each) => {
        const messages = writeSession(path, each.seed, FRAME_COUNT, 2);
        // The stream begins where the first line does: the first frames of both come through.
        const { seed, rules } = damageOf(each);
        const plan = {
          seed,
          rules: rules.map((one) => ({ ...one, frames: [[4, 2 * (FRAME_COUNT - 3) - 1]] as const })),
        };
        const arbitrate = { mode: each.arbitrate?.mode ?? "latency", gapLimitNs: 2_000_000 } as const;
        const { streams, ledger } = await runStreams(path, { arbitrate }, plan);
        const [stream] = streams.arbitration ?? [];
        const missing = missingOf(ledger);
        const late = (stream?.lines ?? []).reduce((sum, { lateMessages }) => sum + lateMessages, 0);
        // A line out of order may bring what was declared lost after all: one that is reordered, or whose end, which is not
        // delayed, overtakes what is. The rest is exact.
        if (each.rules.every(({ reorder, delayNs }) => reorder === 0 && delayNs === 0)) {
          expect(late).toBe(0);
          expect(sequencesOf(stream?.lostRanges ?? [])).toEqual(missing);
          expect(stream?.passed).toBe(messages.length - missing.size);
        }
        expect((stream?.passed ?? 0) + (stream?.lost ?? 0)).toBe(messages.length);
        const missed = ledger.lines().map(({ line, missing: ranges }) => [line, sequencesOf(ranges).size]);
        expect(stream?.lines.map(({ line, missed: count }) => [line, count])).toEqual(missed);
      }),
      { numRuns: 25 },
    );
  });
});

const captures = readCaptureIndex();
const ritch = "ritch-artificial-itch50.mold64.nsec.pcap";

describe.skipIf(captures.length === 0)(`recorded traffic (in ${captureFolder})`, { timeout: 60_000 }, () => {
  test("a damaged replay of it with recovery ends in the book of the undamaged one", async () => {
    const file = join(captureFolder, ritch);
    const damage = {
      seed: 7,
      rules: [{ loss: 0.05, burstLoss: 0.005, reorder: 0.02, corrupt: 0.01, frames: [[0, 2700]] as const }],
    };
    const undamaged = await runStreams(file, { books: true }, {});
    const recovered = await runStreams(
      file,
      { books: true, recover: { partial: 0.3, refuse: 0.1, attempts: 20 } },
      damage,
    );
    expect(recovered.streams.books).toEqual(undamaged.streams.books);
    expect(recovered.streams.recovery?.[0]?.client).toMatchObject({ delivered: 12_012, lost: 0 });
    expect(missingOf(recovered.ledger).size).toBeGreaterThan(500);
    const lossy = await runStreams(file, { books: true }, damage);
    expect(lossy.streams.books?.[0]?.stateHash).not.toBe(undamaged.streams.books?.[0]?.stateHash);
  });
});

test("recorded traffic is there, or its absence is said", (context) => {
  context.skip(captures.length === 0, `no index.json in ${captureFolder}; SOFTBAR_CAPTURES can name another folder`);
  expect(captures.map(({ file }) => file)).toContain(ritch);
});
