import fc from "fast-check";
import { expect, test } from "vitest";
import * as bits from "../../../devices/ixgbe/descriptors.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { Card, plainFrame } from "./card.ts";
import { ReceiveRing, TransmitRing } from "./rings.ts";

const QUEUES = [0, 1, 70] as const;
const SLOTS = 64;
/** So many descriptors go into a ring at most, all in all: it is never full. */
const FRAMES_MAX = 20;

type FrameKind = "plain" | "short" | "in pieces" | "tagged" | "lost";
type Action =
  | { readonly frame: FrameKind; readonly queue: number; readonly byteLength: number; readonly reports: boolean }
  | { readonly rings: number }
  | { readonly answers: number }
  | { readonly busMaster: boolean };

const kinds = fc.oneof(
  { weight: 12, arbitrary: fc.constant<FrameKind>("plain") },
  { weight: 4, arbitrary: fc.constantFrom<FrameKind>("short", "in pieces", "tagged") },
  { weight: 1, arbitrary: fc.constant<FrameKind>("lost") },
);
const queues = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(QUEUES.length - 1) });
const frames = fc.record({
  frame: kinds,
  queue: queues,
  byteLength: fc.integer({ min: 20, max: 200 }),
  reports: fc.boolean(),
});
const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 16, arbitrary: frames },
  { weight: 3, arbitrary: fc.record({ rings: queues }) },
  { weight: 2, arbitrary: fc.record({ answers: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ busMaster: fc.boolean() }) },
);
const scripts = fc.array(actions, { minLength: 1, maxLength: 3 * FRAMES_MAX, size: "max" });
const thresholds = fc.record({ prefetch: fc.nat(40), writeBack: fc.oneof(fc.constant(0), fc.nat(8)) });

interface Looped {
  /** Frames turn round in the card, and come back while the burst of their data is under way. */
  readonly isLoopedBack?: boolean;
}

/** What frames, descriptors, heads, counters and findings are like when all is over. */
function run(
  script: readonly Action[],
  txdctl: number,
  answersInBursts: boolean,
  { isLoopedBack = false }: Looped = {},
): unknown {
  const card = Card.running({}, 1 << 20);
  const { port } = card;
  port.answersInBursts = answersInBursts;
  const receive = new ReceiveRing(card, 0, 2 * SLOTS);
  receive.post(2 * SLOTS);
  if (isLoopedBack) card.set(reg.HLREG0, card.get(reg.HLREG0) | reg.HLREG0.fields.LPBK.mask);
  const rings = QUEUES.map((queue) => new TransmitRing(card, queue, SLOTS, txdctl, 1 << 14));
  const used = QUEUES.map(() => 0);
  const put = (
    { frame: kind, queue, byteLength, reports }: Extract<Action, { frame: FrameKind }>,
    number: number,
  ): void => {
    const ring = rings[queue] as TransmitRing;
    used[queue] = (used[queue] as number) + (kind === "in pieces" ? 2 : 1);
    if ((used[queue] as number) > SLOTS - 2) return;
    const bytes = plainFrame(kind === "short" ? 9 : byteLength, number);
    bytes[6] = queue;
    const flags = bits.TX_IFCS | (reports ? bits.TX_RS : 0) | (kind === "tagged" ? bits.TX_VLE : 0);
    const last = ring.put({ bytes, flags, ...(kind === "in pieces" ? { pieces: [8, byteLength - 8] } : {}) });
    if (kind === "lost") port.poisoned.add(card.word(ring.ring, last, 0));
  };
  const setBusMaster = (isOn: boolean): void => {
    port.busMasterEnabled = isOn;
    card.device.onConfigChanged?.();
  };
  for (const [number, action] of script.entries()) {
    if ("frame" in action) put(action, number);
    else if ("rings" in action) rings[action.rings]?.doorbell();
    else if ("answers" in action) {
      const before = port.sent.length;
      port.answer(action.answers);
      // A frame that cannot be reported is not sent.
      if (!port.busMasterEnabled) expect(port.sent.length).toBe(before);
    } else setBusMaster(action.busMaster);
  }
  for (const ring of rings) ring.doorbell();
  port.answer();
  setBusMaster(true);
  port.advance(1_000_000);
  const received = receive.take().map(({ bytes }) => bytes);
  return {
    received: QUEUES.map((_, queue) => received.filter((bytes) => bytes[6] === queue)),
    sent: QUEUES.map((_, queue) => port.sent.filter(({ bytes }) => bytes[6] === queue)),
    done: rings.map((ring) => Array.from({ length: SLOTS }, (_, slot) => ring.isDone(slot))),
    heads: QUEUES.map((queue) => card.get(reg.TDH, queue)),
    statistics: card.device.statistics(),
    findings: port.log.findings.map(({ rule, place, count }) => ({ rule, place, count })),
    isIdle: card.device.isIdle(),
  };
}

test("frames whose data comes in bursts leave the card as frames whose data comes piece by piece", () => {
  fc.assert(
    fc.property(scripts, thresholds, (script, { prefetch, writeBack }) => {
      const txdctl = prefetch | (writeBack << reg.TXDCTL.fields.WTHRESH.low);
      expect(run(script, txdctl, true)).toEqual(run(script, txdctl, false));
    }),
    { numRuns: 150 },
  );
});

test("so do frames that turn round in the card, and come back between those of their burst", () => {
  const loops = { isLoopedBack: true };
  fc.assert(
    fc.property(scripts, thresholds, (script, { prefetch, writeBack }) => {
      const txdctl = prefetch | (writeBack << reg.TXDCTL.fields.WTHRESH.low);
      expect(run(script, txdctl, true, loops)).toEqual(run(script, txdctl, false, loops));
    }),
    { numRuns: 50 },
  );
  const frame: Action = { frame: "plain", queue: 0, byteLength: 60, reports: true };
  const { received } = run(new Array(20).fill(frame), 0, true, loops) as { received: Uint8Array[][] };
  expect(received[0]).toHaveLength(20);
});

test("behind a burst goes what waited for it: a frame that breaks a rule and has no data to wait for", () => {
  const frame = (kind: FrameKind): Action => ({ frame: kind, queue: 0, byteLength: 60, reports: true });
  const script = [frame("plain"), frame("plain"), frame("short"), frame("plain"), frame("plain")];
  const outcome = run(script, 0, true) as { done: boolean[][]; heads: number[] };
  expect(outcome.done[0]?.slice(0, 6)).toEqual([true, true, true, true, true, false]);
  expect(outcome.heads[0]).toBe(5);
  expect(outcome).toEqual(run(script, 0, false));
  const endsShort = run(script.slice(0, 3), 0, true) as { done: boolean[][]; heads: number[] };
  expect(endsShort.done[0]?.slice(0, 4)).toEqual([true, true, true, false]);
  expect(endsShort.heads[0]).toBe(3);
});
