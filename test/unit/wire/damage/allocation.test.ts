import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { expect, test } from "vitest";
import { MemoryView } from "../../../../emulator/memory/memory-view.ts";
import { Damage } from "../../../../emulator/wire/damage/damage.ts";
import type { DamageRule } from "../../../../emulator/wire/damage/damage-plan.ts";
import { FEED_PAYLOADS } from "../feeds/feed-payloads.ts";
import { LINE_A, LINE_B, udpFrame } from "./damage-bench.ts";

/** Collections of the young generation so far: 16 MiB of garbage make one. */
let scavenges = 0;
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if ((entry as PerformanceEntry & { detail?: { kind: number } }).detail?.kind === 1) scavenges++;
  }
});
observer.observe({ entryTypes: ["gc"] });

const FRAMES = 1_000_000;
/** No small integer, so that a sequence that travels as a Number would be boxed. */
const FIRST = 2 ** 31;

/** Where the payload of each feed has its sequence, as the low 32 bits of it: offset, and whether little-endian. */
const SEQUENCE_AT: Readonly<Record<string, readonly [offset: number, isLittleEndian: boolean]>> = {
  "MoldUDP64, ITCH 5.0": [14, false],
  "Cboe PITCH": [4, true],
  "IEX TOPS": [24, true],
  "IEX DEEP": [24, true],
  "IEX DEEP+": [24, true],
  "CME MDP 3.0": [0, true],
  "NYSE XDP": [4, true],
  "MIAX MACH": [0, true],
  "ICE iMpact": [2, false],
  "MEMX MEMOIR": [14, false],
  "Cboe CSM": [12, false],
};
const PAYLOAD_AT = 42;

/** Frames of every feed by turns on two lines each, whose sequences go on one by one, through one damaged wire. */
function damaged(rule: DamageRule): { readonly work: (count: number) => void; readonly damage: Damage } {
  const memory = MemoryView.ofSize(1 << 16);
  const frames = Object.entries(FEED_PAYLOADS).flatMap(([name, { payload }], feed) =>
    [LINE_A, LINE_B].map((line, index) => {
      const bytes = udpFrame(line.replace(/\d+$/, `${20_000 + feed}`), payload(FIRST, 1));
      const start = 2048 * feed + 1024 * index;
      memory.bytes.set(bytes, start);
      const [at, isLittleEndian] = SEQUENCE_AT[name] as (typeof SEQUENCE_AT)[string];
      return { start, sequenceAt: start + PAYLOAD_AT + at, isLittleEndian, byteLength: bytes.length };
    }),
  );
  const view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset, memory.bytes.length);
  const damage = new Damage({ seed: 7, rules: [rule] }, memory);
  let round = 0;
  const work = (count: number): void => {
    for (let sent = 0; sent < count; round++) {
      for (const frame of frames) {
        view.setInt32(frame.sequenceAt, (FIRST + round) | 0, frame.isLittleEndian);
        damage.timeNs[0] = (damage.timeNs[0] as number) + 1000;
        damage.push(memory, frame.start, frame.byteLength, 0);
        for (; damage.peek(); damage.release());
        sent++;
      }
    }
  };
  return { work, damage };
}

// What happens to a frame is booked for good, in one row: seldom, so that the book itself does not grow all the time.
const rules: Record<string, DamageRule> = {
  "that nothing happens to": { loss: 0 },
  "that is lost, doubled, or hit by an error": { loss: 1e-4, burstLoss: 1e-5, duplicate: 1e-4, corrupt: 1e-4 },
  "that is overtaken": { reorder: 1e-3 },
};

test.each(Object.keys(rules))(
  "a frame %s leaves no objects behind",
  async (name) => {
    const { work, damage } = damaged(rules[name] as DamageRule);
    for (let round = 0; round < 4; round++) work(FRAMES / 10);
    await new Promise((resolve) => setTimeout(resolve, 20));
    scavenges = 0;
    work(FRAMES);
    await new Promise((resolve) => setTimeout(resolve, 20));
    // An array a frame, or five boxed Numbers, would make nine: it is V8 that decides whether a sequence is boxed between
    // two functions, and it does for some of eleven feeds.
    expect(scavenges).toBeLessThan(8);
    damage.end();
    for (; damage.peek(); damage.release());
    const { offered, held, passed, lost, duplicated } = damage.ledger.counts();
    expect([held, passed]).toEqual([0, offered + duplicated - lost]);
  },
  30_000,
);
