import fc from "fast-check";
import { expect, test } from "vitest";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { FIRST_THROTTLE_TIMER } from "../../../devices/ixgbe/timers.ts";
import { msixCard, plainFrame } from "./card.ts";
import { TransmitRing } from "./rings.ts";

// Interrupt moderation (7.3.2.1, EITR), and what EICS does to it with GPIE.EIMEN.

const { GPIE } = reg;

test("moderation keeps messages of a vector its interval apart, and loses none", () => {
  const events = fc.array(fc.tuple(fc.integer({ min: 1, max: 30_000 }), fc.boolean()), {
    minLength: 1,
    maxLength: 60,
    size: "max",
  });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 20 }), events, (units, script) => {
      const card = msixCard();
      card.set(reg.EIAC, 0xffff);
      card.set(reg.EIMS_EX, 1 << 7, 0);
      card.set(reg.EITR, units << 3, 7);
      const intervalNs = units * 2000;
      // The model: a cause is pending or not, and the vector may be busy until some time.
      let pending = false;
      let busyUntil = 0;
      let now = 0;
      const sentAt: number[] = [];
      const observed: number[] = [];
      const send = (time: number): void => {
        sentAt.push(time);
        pending = false;
        busyUntil = time + intervalNs;
      };
      for (const [delay, raises] of script) {
        for (let step = 0; step < delay; ) {
          const next = pending && busyUntil > now ? Math.min(busyUntil - now, delay - step) : delay - step;
          const before = card.port.raised.length;
          card.port.advance(next);
          now += next;
          step += next;
          if (card.port.raised.length > before) observed.push(now);
          if (pending && now >= busyUntil) send(now);
        }
        if (!raises) continue;
        const before = card.port.raised.length;
        card.set(reg.EICS_EX, 1 << 7, 0);
        if (card.port.raised.length > before) observed.push(now);
        pending = true;
        if (now >= busyUntil) send(now);
      }
      expect(observed).toEqual(sentAt);
      expect(card.port.raised).toEqual(sentAt.map(() => 7));
    }),
    { numRuns: 60 },
  );
});

// 8.2.3.5.12: a write of EITR loads ITR_COUNTER and LLI_CREDIT unless it has CNT_WDIS. The counter is bits 8–2 of the
// time left in units of 2 µs; at 0 an interrupt that waits goes out.
test("a write of EITR loads the counter or keeps it, as CNT_WDIS says, and a read gives the time left", () => {
  const operation = fc.oneof(
    fc.record({ kind: fc.constant("pass" as const), ns: fc.integer({ min: 1, max: 40_000 }) }),
    fc.record({ kind: fc.constant("raise" as const) }),
    fc.record({
      kind: fc.constant("write" as const),
      interval: fc.nat(30),
      counter: fc.oneof(fc.constant(0), fc.nat(6)),
      credit: fc.nat(31),
      keeps: fc.boolean(),
    }),
  );
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 50, size: "max" }), (script) => {
      const card = msixCard();
      card.set(reg.EIAC, 0xffff);
      card.set(reg.EIMS_EX, 1 << 7, 0);
      const observed: number[] = [];
      const start = card.port.clock.now[0] as number;
      const nowNs = (): number => (card.port.clock.now[0] as number) - start;
      card.port.raise = () => observed.push(nowNs());
      let interval = 0;
      let credit = 0;
      let isPending = false;
      let endsAt = 0;
      const expected: number[] = [];
      const sendAt = (time: number): void => {
        expected.push(time);
        isPending = false;
        endsAt = time + interval * 2000;
      };
      for (const step of script) {
        if (step.kind === "pass") {
          const end = nowNs() + step.ns;
          if (isPending && endsAt <= end) sendAt(endsAt);
          card.port.advance(step.ns);
        } else if (step.kind === "raise") {
          isPending = true;
          if (nowNs() >= endsAt) sendAt(nowNs());
          card.set(reg.EICS_EX, 1 << 7, 0);
        } else {
          interval = step.interval;
          if (!step.keeps) {
            credit = step.credit;
            endsAt = nowNs() + step.counter * 8000;
          }
          // Without an interval nothing is moderated.
          if (interval === 0) endsAt = nowNs();
          if (isPending && nowNs() >= endsAt) sendAt(nowNs());
          const counters = (step.counter << 21) | (step.credit << 16);
          card.set(reg.EITR, (step.interval << 3) | counters | (step.keeps ? 1 << 31 : 0), 7);
        }
        const left = Math.ceil(Math.max(0, endsAt - nowNs()) / 2000) >> 2;
        expect(card.get(reg.EITR, 7)).toBe((interval << 3) | (credit << 16) | (left << 21));
      }
      expect(observed).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});

test("the counter's time goes on in another card that takes over a snapshot", () => {
  const card = msixCard();
  card.set(reg.EITR, (100 << 3) | (5 << 21), 3);
  const other = msixCard();
  other.device.restore(structuredClone(card.device.snapshot()));
  other.port.startTimer(FIRST_THROTTLE_TIMER + 3, 40_000);
  expect(other.get(reg.EITR, 3)).toBe((100 << 3) | (5 << 21));
});

test("EIMEN lets software's causes through moderation, and those of no other vector", () => {
  const vectors = fc.uniqueArray(fc.nat(63), { minLength: 1, maxLength: 8, size: "max" });
  fc.assert(
    fc.property(vectors, vectors, fc.boolean(), (moderated, raised, isEnabled) => {
      const card = msixCard(GPIE.fields.MULTIPLE_MSIX.mask | GPIE.fields.EIMEN.mask);
      card.set(reg.EIAC, 0xffff);
      const bitsOf = (numbers: readonly number[], word: number): number =>
        numbers.reduce((all, vector) => (vector >> 5 === word ? all | (1 << (vector & 31)) : all), 0);
      for (const word of [0, 1]) card.set(reg.EIMS_EX, -1, word);
      for (const vector of moderated) card.set(reg.EITR, 100 << 3, vector);
      for (const word of [0, 1]) card.set(reg.EICS_EX, bitsOf(moderated, word), word);
      expect(card.port.raised.toSorted()).toEqual(moderated.toSorted());
      card.port.raised.length = 0;
      if (!isEnabled) for (const word of [0, 1]) card.set(reg.EIMC_EX, bitsOf(raised, word), word);
      for (const word of [0, 1]) card.set(reg.EICS_EX, bitsOf(raised, word), word);
      expect(card.port.raised.toSorted()).toEqual(isEnabled ? raised.toSorted() : []);
      // Each vector is moderated as before.
      const running = moderated.filter(
        (vector) => (card.get(reg.EITR, vector) & reg.EITR.fields.ITR_COUNTER.mask) !== 0,
      );
      expect(running).toEqual(moderated);
    }),
    { numRuns: 50 },
  );
});

test.for([
  ["another vector", true],
  ["its own vector", true],
  ["the one interrupt", false],
] as const)(
  "EIMEN with descriptors that wait for write-back: %s is raised, they are not forgotten",
  ([which, multiple]) => {
    const card = msixCard(GPIE.fields.EIMEN.mask | (multiple ? GPIE.fields.MULTIPLE_MSIX.mask : 0));
    card.set(reg.IVAR, (0x80 | 5) << 8);
    card.set(reg.EITR, 50 << 3, multiple ? 5 : 0);
    card.set(reg.EIMS, 0xffff);
    const ring = new TransmitRing(card, 0, 8, 4 << 16);
    const slot = ring.put({ bytes: plainFrame(60, 1) });
    ring.doorbell();
    card.port.answer();
    expect(ring.isDone(slot)).toBe(false);
    card.set(reg.EICS, which === "its own vector" ? 1 << 5 : 1 << 2);
    card.port.advance(100_000);
    expect(ring.isDone(slot)).toBe(true);
  },
);

test("EIMEN lets software's causes through moderation each time", () => {
  const card = msixCard(GPIE.fields.MULTIPLE_MSIX.mask | GPIE.fields.EIMEN.mask);
  card.set(reg.EIAC, 0xffff);
  card.set(reg.EIMS_EX, 1, 0);
  card.set(reg.EITR, 100 << 3);
  card.set(reg.EICS_EX, 1, 0);
  card.set(reg.EICS_EX, 1, 0);
  expect(card.port.raised).toEqual([0, 0]);
});
