import fc from "fast-check";
import { MemoryView } from "../../emulator/memory/memory-view.ts";
import { FRAME_BAD_FCS } from "../../emulator/pcie/device-model.ts";
import { Damage } from "../../emulator/wire/damage/damage.ts";
import { damageEvents, type OfferedFrame } from "../../emulator/wire/damage/damage-events.ts";
import type { DamageEvent, DamagePlan } from "../../emulator/wire/damage/damage-plan.ts";
import type { DamageLedger } from "../../emulator/wire/damage/ledger.ts";

/** A frame that arrives. */
export interface ArrivingFrame {
  /** Without FCS. */
  readonly bytes: Uint8Array;
  /** From the first frame of the window on. */
  readonly timeNs: number;
  /** A bit has flipped: a card counts it and throws it away. */
  readonly hasBadFcs: boolean;
}

/** A piece of recorded traffic that has gone through a damaged wire. */
export interface RecordedTraffic {
  /** The window: indices in the capture, the second one behind the last frame. */
  readonly first: number;
  readonly end: number;
  /** What was done to which frame of the capture. */
  readonly events: readonly DamageEvent[];
  /** What arrives, in order. */
  readonly frames: readonly ArrivingFrame[];
  /** What a correct receiver of it must report. */
  readonly ledger: DamageLedger;
}

export interface RecordedTrafficOptions {
  /** The longest window. Default 100. */
  readonly maxFrames?: number;
  /** Its rules are drawn anew for every value; the seed is fast-check's. None: the frames as they are. */
  readonly damage?: Omit<DamagePlan, "seed">;
}

const DEFAULT_MAX_FRAMES = 100;

/**
 * Recorded traffic as a value of fast-check: a window of the frames, damaged. What fails is shrunk to the shortest window
 * that still does, from both ends, and to as little damage, one event after the other.
 *
 * ```ts
 * const frames = await recordedFrames("session.pcap");
 * const damage = { rules: [{ loss: 0.05, duplicate: 0.05, reorder: 0.05 }] };
 *
 * test("whatever is lost is asked for again", () => {
 *   fc.assert(fc.property(recordedTraffic(frames, { maxFrames: 50, damage }), ({ frames, ledger }) => {
 *     const receiver = new MyReceiver();
 *     for (const { bytes, hasBadFcs } of frames) if (!hasBadFcs) receiver.take(bytes);
 *     expect(receiver.gaps).toEqual(ledger.lines().flatMap(({ missing }) => missing));
 *   }));
 * });
 * ```
 *
 * @throws RangeError when there are no frames, or options make no sense.
 */
export function recordedTraffic(
  frames: readonly OfferedFrame[],
  options: RecordedTrafficOptions = {},
): fc.Arbitrary<RecordedTraffic> {
  const { maxFrames = DEFAULT_MAX_FRAMES, damage = {} } = options;
  if (frames.length === 0) throw new RangeError("recordedTraffic was given no frames: is the window empty?");
  if (!Number.isInteger(maxFrames) || maxFrames < 1) {
    throw new RangeError(`recordedTraffic: maxFrames is a whole number from 1 on, not ${maxFrames}.`);
  }
  // Tells a rule that makes no sense before the first run.
  damageEvents(damage, []);
  return new RecordedTrafficArbitrary(frames, maxFrames, damage);
}

/** What a value is made of, and shrinks by. */
interface Part {
  readonly first: number;
  readonly end: number;
  readonly events: readonly DamageEvent[];
}

class RecordedTrafficArbitrary extends fc.Arbitrary<RecordedTraffic> {
  readonly #frames: readonly OfferedFrame[];
  readonly #maxFrames: number;
  readonly #damage: DamagePlan;

  constructor(frames: readonly OfferedFrame[], maxFrames: number, damage: DamagePlan) {
    super();
    this.#frames = frames;
    this.#maxFrames = Math.min(maxFrames, frames.length);
    this.#damage = damage;
  }

  override generate(mrng: fc.Random): fc.Value<RecordedTraffic> {
    const count = mrng.nextInt(1, this.#maxFrames);
    const first = mrng.nextInt(0, this.#frames.length - count);
    const window = this.#frames.slice(first, first + count);
    const events = damageEvents({ ...this.#damage, seed: mrng.nextInt(0, 0x7fff_ffff) }, window, first);
    return this.#value({ first, end: first + count, events });
  }

  override canShrinkWithoutContext(_value: unknown): _value is RecordedTraffic {
    return false;
  }

  override shrink(_value: RecordedTraffic, context: unknown): fc.Stream<fc.Value<RecordedTraffic>> {
    const values = (parts: Iterable<Part>): Generator<fc.Value<RecordedTraffic>, void, void> => this.#values(parts);
    return fc.stream(values(smaller(context as Part)));
  }

  *#values(parts: Iterable<Part>): Generator<fc.Value<RecordedTraffic>, void, void> {
    for (const part of parts) yield this.#value(part);
  }

  #value(part: Part): fc.Value<RecordedTraffic> {
    return new fc.Value(this.#traffic(part), part);
  }

  #traffic({ first, end, events }: Part): RecordedTraffic {
    const window = this.#frames.slice(first, end);
    const { protocol } = this.#damage;
    const memory = MemoryView.ofSize(Math.max(...window.map(({ bytes }) => bytes.length)));
    const wire = new Damage({ events, ...(protocol === undefined ? {} : { protocol }) }, memory);
    wire.frameIndex = first;
    const arriving: ArrivingFrame[] = [];
    const startNs = window[0]?.timeNs ?? 0;
    for (const { bytes, timeNs } of window) {
      memory.bytes.set(bytes);
      wire.timeNs[0] = timeNs - startNs;
      wire.push(memory, 0, bytes.length, 0);
      drain(wire, arriving);
    }
    wire.end();
    drain(wire, arriving);
    const { ledger } = wire;
    const traffic = { first, end, events, frames: arriving, ledger };
    // A counterexample is read by people: what it is made of, not a thousand bytes.
    return Object.assign(traffic, { [fc.toStringMethod]: () => partText({ first, end, events }) });
  }
}

function drain(wire: Damage, arriving: ArrivingFrame[]): void {
  for (; wire.peek(); wire.release()) {
    const bytes = wire.memory.bytes.slice(wire.offset, wire.offset + wire.byteLength);
    arriving.push({ bytes, timeNs: wire.outNs[0] as number, hasBadFcs: (wire.flags & FRAME_BAD_FCS) !== 0 });
  }
}

/** What is tried instead of a part that fails: shorter windows from either end, then fewer events; large steps first. */
function* smaller({ first, end, events }: Part): Generator<Part, void, void> {
  const within = (from: number, to: number): Part => ({
    first: from,
    end: to,
    events: events.filter(({ frame }) => frame >= from && frame < to),
  });
  for (let cut = (end - first) >> 1; cut >= 1; cut >>= 1) {
    yield within(first + cut, end);
    yield within(first, end - cut);
  }
  for (let length = events.length; length >= 1; length >>= 1) {
    for (let at = 0; at < events.length; at += length) {
      yield { first, end, events: [...events.slice(0, at), ...events.slice(at + length)] };
    }
  }
}

function partText({ first, end, events }: Part): string {
  return `recordedTraffic(frames ${first}–${end - 1}, damage ${JSON.stringify(events)})`;
}
