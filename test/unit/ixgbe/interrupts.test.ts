import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { Card, plainFrame } from "./card.ts";
import { ReceiveRing, TransmitRing } from "./rings.ts";

const { GPIE, EICR } = reg;
const LSC = EICR.fields.LSC.mask;

/** MSI-X with a vector for each queue. */
function msixCard(gpie: number = GPIE.fields.MULTIPLE_MSIX.mask | GPIE.fields.EIAME.mask | GPIE.fields.OCD.mask): Card {
  const card = Card.running();
  card.get(EICR);
  card.port.mode = "msix";
  card.set(GPIE, gpie);
  card.device.onConfigChanged?.();
  card.port.raised.length = 0;
  return card;
}

function restartLink(card: Card): void {
  card.set(reg.AUTOC, card.get(reg.AUTOC) | reg.AUTOC.fields.RESTART_AN.mask);
}

describe("INTx", () => {
  test("asserted while cause and mask meet; reading EICR clears and masks what EIAM names", () => {
    const card = Card.running();
    expect(card.get(EICR)).toBe(LSC | EICR.fields.OTHER.mask);
    expect(card.get(EICR)).toBe(0);
    card.set(reg.IVAR, 0x81, 0);
    card.set(reg.EIAM, 0xffff);
    card.set(reg.EIMS, 0xffff);
    const ring = new ReceiveRing(card, 0, 8);
    ring.post(7);
    card.port.answer();
    card.receive(plainFrame(60, 1));
    expect(card.port.level).toBe(true);
    expect(card.get(EICR)).toBe(1 << 1);
    expect(card.port.level).toBe(false);
    expect(card.get(reg.EIMS)).toBe(0);
    card.receive(plainFrame(60, 2));
    expect(card.port.level).toBe(false);
    card.set(reg.EIMS, 0xffff);
    expect(card.port.level).toBe(true);
    expect(card.port.risingEdges).toBe(2);
    card.set(EICR, 1 << 1);
    expect(card.port.level).toBe(false);
  });

  test("EIMS and EIMC set and clear, and zeros do nothing", () => {
    const card = Card.running();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(0x7fff_ffff)), { maxLength: 20, size: "max" }), (writes) => {
        card.set(reg.EIMC, 0x7fff_ffff);
        let mask = 0;
        for (const [sets, value] of writes) {
          card.set(sets ? reg.EIMS : reg.EIMC, value);
          mask = sets ? mask | value : mask & ~value;
          expect(card.get(reg.EIMS)).toBe(mask);
          expect(card.get(reg.EIMC)).toBe(0);
        }
      }),
    );
  });

  test("EICS raises causes, and a read of it gives the causes without clearing them", () => {
    const card = Card.running();
    card.get(EICR);
    card.set(reg.EIMS, 1 << 5);
    card.set(reg.EICS, (1 << 5) | (1 << 19));
    expect(card.port.level).toBe(true);
    const causes = (1 << 5) | (1 << 19) | EICR.fields.OTHER.mask;
    expect([card.get(reg.EICS), card.get(reg.EICS), card.get(EICR), card.get(EICR)]).toEqual([
      causes,
      causes,
      causes,
      0,
    ]);
  });

  test("EITR(0) holds the next assertion back", () => {
    const card = Card.running();
    card.get(EICR);
    card.set(reg.EITR, 10 << 3);
    card.set(reg.EIMS, 1);
    card.set(reg.EICS, 1);
    expect(card.port.level).toBe(true);
    card.get(EICR);
    card.port.advance(5_000);
    card.set(reg.EICS, 1);
    expect(card.port.level).toBe(false);
    card.port.advance(14_999);
    expect(card.port.level).toBe(false);
    card.port.advance(1);
    expect(card.port.level).toBe(true);
  });

  test("with OCD a read clears causes 16 to 29 and leaves the queues", () => {
    const card = Card.running();
    card.set(GPIE, GPIE.fields.OCD.mask);
    card.get(EICR);
    card.set(reg.EICS, 0x4011_0003);
    expect(card.get(EICR) & 0x7fff_ffff).toBe(0x4011_0003);
    expect(card.get(EICR) & 0x7fff_ffff).toBe(0x4000_0003);
  });
});

// 8.2.3.5.6: in this mode a write of EICS enables what EIAM names, as a read of EICR disables it.
test("EIAM acts on EICS with one interrupt, and not with multiple MSI-X", () => {
  const causes = fc.nat(0x7fff_ffff);
  fc.assert(
    fc.property(causes, causes, causes, fc.boolean(), (mask, autoMask, raised, multiple) => {
      const card = msixCard(multiple ? GPIE.fields.MULTIPLE_MSIX.mask : 0);
      card.set(reg.EIMC, 0x7fff_ffff);
      card.set(reg.EIMS, mask);
      card.set(reg.EIAM, autoMask);
      card.set(reg.EICS, raised);
      const enabled = multiple ? mask : mask | autoMask;
      expect(card.get(reg.EIMS)).toBe(enabled);
      if (!multiple) expect(card.port.raised).toEqual((raised & enabled) === 0 ? [] : [0]);
    }),
  );
});

// PCI 3.0, 6.8.3.5: what a masked vector had to say and is over is not said when it is unmasked.
test("a message that is pending behind the vector's mask goes with its cause, and by PBACL", () => {
  const bits = fc.nat(15);
  const operation = fc.oneof(
    fc.record({ kind: fc.constantFrom("raise" as const, "write EICR" as const, "PBACL" as const), bits }),
    fc.record({ kind: fc.constantFrom("mask" as const, "unmask" as const, "read EICR" as const), bits }),
  );
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 60, size: "max" }), (script) => {
      const card = msixCard(GPIE.fields.MULTIPLE_MSIX.mask);
      card.set(reg.EIMS, 0xf);
      let told = 0;
      let pending = 0;
      let masked = 0;
      const expected: number[] = [];
      const send = (vectors: number): void => {
        for (let vector = 0; vector < 4; vector++) {
          const bit = 1 << vector;
          if ((vectors & bit) === 0) continue;
          if ((masked & bit) !== 0) pending |= bit;
          else expected.push(vector);
        }
      };
      for (const { kind, bits: chosen } of script) {
        const clear = kind === "write EICR" ? chosen : kind === "read EICR" ? -1 : 0;
        if (kind === "raise") {
          send(chosen & ~told);
          told |= chosen;
          card.set(reg.EICS, chosen);
        } else if (kind === "write EICR") card.set(EICR, chosen);
        else if (kind === "read EICR") card.get(EICR);
        else if (kind === "PBACL") {
          pending &= ~chosen;
          card.set(reg.PBACL, chosen);
        } else {
          for (let vector = 0; vector < 4; vector++) {
            if ((chosen & (1 << vector)) !== 0) card.port.maskVector(vector, kind === "mask");
          }
          masked = kind === "mask" ? masked | chosen : masked & ~chosen;
          const due = pending & ~masked;
          pending &= masked;
          send(due);
        }
        told &= ~clear;
        pending &= ~clear;
        expect(card.port.raised).toEqual(expected);
        expect(card.get(reg.PBACL)).toBe(0);
      }
    }),
  );
});

test("a pending message of the other causes goes with the last of them", () => {
  const card = msixCard(GPIE.fields.MULTIPLE_MSIX.mask);
  card.set(reg.IVAR_MISC, (0x80 | 9) << 8);
  const { MAILBOX } = EICR.fields;
  card.set(reg.EIMS, LSC | MAILBOX.mask);
  card.port.maskVector(9, true);
  card.set(reg.EICS, LSC | MAILBOX.mask);
  card.set(EICR, LSC);
  expect(card.port.pending).toEqual(new Set([9]));
  card.set(EICR, MAILBOX.mask);
  expect(card.port.pending).toEqual(new Set());
  card.port.maskVector(9, false);
  expect(card.port.raised).toEqual([]);
});

test.each(["one vector", "a software reset"])("a pending message does not outlive what it stands for: %s", (which) => {
  const isReset = which === "a software reset";
  const card = msixCard(isReset ? GPIE.fields.MULTIPLE_MSIX.mask : 0);
  const vector = isReset ? 40 : 0;
  card.port.maskVector(vector, true);
  if (isReset) {
    card.set(reg.EIMS_EX, 1 << 8, 1);
    card.set(reg.EICS_EX, 1 << 8, 1);
  } else {
    card.set(reg.EIMS, 1);
    card.set(reg.EICS, 1);
  }
  expect(card.port.pending).toEqual(new Set([vector]));
  if (isReset) card.set(reg.CTRL, reg.CTRL.fields.RST.mask);
  else card.get(EICR);
  card.port.maskVector(vector, false);
  expect(card.port.raised).toEqual([]);
});

test("MSI-X with one vector: everything arrives as message 0, once for each time that something becomes pending", () => {
  const card = msixCard(0);
  card.set(reg.EIMS, 0x7fff_ffff);
  card.set(reg.EICS, 1);
  card.set(reg.EICS, 2);
  expect(card.port.raised).toEqual([0]);
  card.get(EICR);
  restartLink(card);
  expect(card.port.raised).toEqual([0, 0]);
});

describe("multiple MSI-X", () => {
  test("each queue's vector, receive and transmit apart, vectors above 15 too", () => {
    const card = msixCard();
    card.set(reg.EIAC, 0xffff);
    card.set(reg.IVAR, 0x80 | 2 | ((0x80 | 63) << 8) | ((0x80 | 33) << 16), 0);
    card.set(reg.EIMS_EX, -1, 0);
    card.set(reg.EIMS_EX, -1, 1);
    const receive = new ReceiveRing(card, 0, 8);
    receive.post(7);
    const transmit = new TransmitRing(card, 0, 8);
    card.port.answer();
    card.receive(plainFrame(60, 1));
    expect(card.port.raised).toEqual([2]);
    transmit.put({ bytes: plainFrame(60, 1) });
    transmit.doorbell();
    card.port.answer();
    expect(card.port.raised).toEqual([2, 63]);
    // Queue 1 transmits without a valid allocation.
    const silent = new TransmitRing(card, 1, 8);
    silent.put({ bytes: plainFrame(60, 1) });
    silent.doorbell();
    card.port.answer();
    expect(card.port.raised).toEqual([2, 63]);
  });

  test("link status change goes to the vector of IVAR_MISC, enabled by its bit of EIMS", () => {
    const card = msixCard();
    card.set(reg.IVAR_MISC, (0x80 | 9) << 8);
    restartLink(card);
    expect(card.port.raised).toEqual([]);
    card.set(reg.EIMS, LSC);
    expect(card.port.raised).toEqual([9]);
    // Still the same cause: nobody has cleared it.
    card.port.advance(10_000_000);
    expect(card.port.raised).toEqual([9]);
    card.set(EICR, LSC);
    restartLink(card);
    expect(card.port.raised).toEqual([9, 9]);
  });

  test("a message masks its vector when EIAM says so, and only then", () => {
    const card = msixCard();
    card.set(reg.EIAC, 0xffff);
    card.set(reg.EIAM_EX, 1 << 4, 0);
    card.set(reg.EIAM_EX, 1 << 4, 1);
    for (const [index, vector, masks] of [
      [0, 4, true],
      [0, 5, false],
      [1, 36, true],
      [1, 37, false],
    ] as const) {
      card.port.raised.length = 0;
      const bit = 1 << (vector & 31);
      card.set(reg.EIMS_EX, bit, index);
      card.set(reg.EICS_EX, bit, index);
      card.set(reg.EICS_EX, bit, index);
      expect(card.port.raised).toEqual(masks ? [vector] : [vector, vector]);
      expect(card.get(reg.EIMS_EX, index) & bit).toBe(masks ? 0 : bit);
      // The second cause still waits where the first message masked the vector; elsewhere it has been told of already.
      card.port.raised.length = 0;
      card.set(reg.EIMS_EX, bit, index);
      expect(card.port.raised).toEqual(masks ? [vector] : []);
      card.set(reg.EIMC_EX, -1, index);
    }
  });

  test("without auto-clear a cause stays in EICR and sends no second message until it is cleared", () => {
    const card = msixCard(GPIE.fields.MULTIPLE_MSIX.mask | GPIE.fields.OCD.mask);
    card.set(reg.EIMS, 1 << 3);
    card.set(reg.EICS, 1 << 3);
    card.set(reg.EICS, 1 << 3);
    expect(card.port.raised).toEqual([3]);
    expect(card.get(EICR)).toBe(1 << 3);
    card.set(EICR, 1 << 3);
    card.set(reg.EICS, 1 << 3);
    expect(card.port.raised).toEqual([3, 3]);
    card.set(reg.EIAC, 1 << 3);
    card.set(EICR, 1 << 3);
    card.set(reg.EICS, 1 << 3);
    expect(card.get(EICR)).toBe(0);
    expect(card.port.raised).toEqual([3, 3, 3]);
  });

  test("masking and unmasking a cause that is still there sends its message again", () => {
    const card = msixCard(GPIE.fields.MULTIPLE_MSIX.mask | GPIE.fields.OCD.mask);
    card.set(reg.EIMS, 1 << 3);
    card.set(reg.EICS, 1 << 3);
    card.set(reg.EIMC, 1 << 3);
    card.set(reg.EIMS, 1 << 3);
    expect(card.port.raised).toEqual([3, 3]);
    // Writing the mask bit that is set already is not an event.
    card.set(reg.EIMS, 1 << 3);
    expect(card.port.raised).toEqual([3, 3]);
  });

  test("EIAM acts on messages only with EIAME, and never on writes of EICR", () => {
    const card = msixCard(GPIE.fields.MULTIPLE_MSIX.mask | GPIE.fields.OCD.mask);
    card.set(reg.EIAC, 0xffff);
    card.set(reg.EIAM_EX, -1, 0);
    card.set(reg.EIMS_EX, 0xff, 0);
    card.set(reg.EICS_EX, 1, 0);
    expect(card.port.raised).toEqual([0]);
    card.set(EICR, 0xffff);
    expect(card.get(EICR)).toBe(0);
    expect(card.get(reg.EIMS_EX, 0)).toBe(0xff);
  });

  test("EICR shows the cause of a vector below 16 that is masked", () => {
    const card = msixCard();
    card.set(reg.IVAR, 0x80 | 6);
    const ring = new ReceiveRing(card, 0, 8);
    ring.post(7);
    card.port.answer();
    card.receive(plainFrame(60, 1));
    expect(card.port.raised).toEqual([]);
    expect(card.get(EICR)).toBe(1 << 6);
  });

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
    other.port.startTimer(8 + 3, 40_000);
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
});
