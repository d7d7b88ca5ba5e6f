import { MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import { HOLD, PREEMPT, Schedule, STALE } from "../../emulator/explore/schedule.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { VERDICT_NAMES, VIOLATION } from "../../emulator/explore/verdict.ts";
import { deriveSeed } from "../../emulator/run/rng.ts";
import { isDataRace } from "./race-text.ts";
import type { AnySession } from "./search-session.ts";
import { settled, type Work } from "./work.ts";

/** Runs made in a stronger model to see whether the program fails there too. */
const MODEL_RUNS = 2048;
/** The same for a data race, which is found in nearly every run in which it is one. */
const MODEL_RUNS_OF_RACE = 64;
/** Replays that one shrinking may cost. */
const REPLAY_LIMIT = 4000;
/** Schedules up to this length are also tried without any two of their deviations. */
const PAIRS_MAX = 12;

/** The smallest schedule that was found, and the strongest model in which the program fails. */
export interface Shrunk {
  readonly model: MemoryModel;
  readonly schedule: Schedule;
  readonly replays: number;
}

/** How a run fails. Another failure of the same program is not the one that is made small. */
class Failure {
  readonly modelRuns: number;
  readonly #verdict: number;
  readonly #violation: string;

  constructor(session: AnySession) {
    this.#verdict = session.execution.verdict;
    this.#violation = violationOf(session);
    this.modelRuns = isDataRace(this.#violation) ? MODEL_RUNS_OF_RACE : MODEL_RUNS;
  }

  /** True when the last run failed so. */
  isOf(session: AnySession): boolean {
    return session.execution.verdict === this.#verdict && violationOf(session) === this.#violation;
  }
}

/** Numbers, and lists of them, depend on how far the run had come; so does where the driver was when a card found something. */
function violationOf({ execution, machine }: AnySession): string {
  if (execution.verdict !== VIOLATION) return "";
  return machine.violation
    .replace(/ At \S+:\d+\./g, "")
    .replace(/\[[^\]]*\]/g, "[]")
    .replace(/-?(?:0x[\da-f]+|\d+)/gi, "#");
}

/** A run that departs from the ordinary order too often for its schedule, and does not fail without the rest. */
export class ScheduleTooLong extends Error {
  override readonly name = "ScheduleTooLong";

  constructor({ execution, machine }: AnySession, count: number) {
    const verdict = VERDICT_NAMES[execution.verdict] ?? "";
    const what = execution.verdict === VIOLATION ? `${verdict} (${machine.violation})` : verdict;
    super(
      `A run ended with ${what}, but after more than ${count} deviations from the ordinary order, too many to replay it: ` +
        "search again with a shorter body.",
    );
  }
}

/**
 * Makes the schedule of the last run, which failed, small: takes deviations out (delta debugging), moves those that are
 * left to earlier moments, then tries the stronger memory models. Every candidate is judged by a replay. Throws
 * {@link ScheduleTooLong}.
 */
export function* shrink(session: AnySession, model: MemoryModel, failing: Schedule): Work<Shrunk> {
  const failure = new Failure(session);
  const start = new Schedule();
  start.copyFrom(failing);
  if (failing.isIncomplete) {
    const tooLong = new ScheduleTooLong(session, failing.count);
    yield* settled(session.replay(model, failing));
    if (!failure.isOf(session)) throw tooLong;
    start.isIncomplete = false;
  }
  // Does the ordinary run fail already? Then nothing has to be shrunk.
  const ordinary = new Schedule();
  for (const stronger of MEMORY_MODELS.slice(0, MEMORY_MODELS.indexOf(model) + 1)) {
    yield* settled(session.replay(stronger, ordinary));
    if (failure.isOf(session)) return { model: stronger, schedule: ordinary, replays: 1 };
  }
  let shrunk = yield* shrinkIn(session, model, start, failure);
  for (const stronger of MEMORY_MODELS.slice(0, MEMORY_MODELS.indexOf(model))) {
    const candidate = yield* failIn(session, stronger, shrunk.schedule, failure);
    if (candidate === undefined) continue;
    shrunk = { ...candidate, replays: candidate.replays + shrunk.replays };
    break;
  }
  return shrunk;
}

function* failIn(
  session: AnySession,
  model: MemoryModel,
  schedule: Schedule,
  failure: Failure,
): Work<Shrunk | undefined> {
  yield* settled(session.replay(model, schedule));
  const strategy = new Portfolio();
  for (let run = 0; !failure.isOf(session); run++) {
    if (run === failure.modelRuns) return undefined;
    yield* settled(session.run(strategy, MEMORY_MODELS.indexOf(model), deriveSeed(0, run)));
  }
  const { recorder } = session.execution;
  const failing = new Schedule();
  failing.copyFrom(recorder.schedule);
  if (failing.isIncomplete) return undefined;
  return yield* shrinkIn(session, model, failing, failure);
}

function* shrinkIn(session: AnySession, model: MemoryModel, failing: Schedule, failure: Failure): Work<Shrunk> {
  const shrinker = new Shrinker(session, model, failing, failure);
  // Each round makes the schedule smaller or ends: a handful are enough.
  for (let round = 0; round < 8; round++) {
    const before = shrinker.best.count;
    yield* shrinker.removeChunks();
    yield* shrinker.removePairs();
    const hasMoved = yield* shrinker.moveEarlier();
    if (shrinker.best.count === before && !hasMoved) break;
  }
  return { model, schedule: shrinker.best, replays: shrinker.replays };
}

class Shrinker {
  readonly best: Schedule = new Schedule();
  replays = 0;
  readonly #session: AnySession;
  readonly #model: MemoryModel;
  readonly #failure: Failure;
  readonly #candidate = new Schedule();

  constructor(session: AnySession, model: MemoryModel, failing: Schedule, failure: Failure) {
    this.#session = session;
    this.#model = model;
    this.#failure = failure;
    this.best.copyFrom(failing);
  }

  /** Takes out halves, quarters, … single deviations, as long as the run fails the same way without them. */
  *removeChunks(): Work<void> {
    for (let size = this.best.count; size >= 1; size = Math.floor(size / 2)) {
      for (let start = 0; start < this.best.count; ) {
        this.#candidate.clear();
        for (let at = 0; at < this.best.count; at++)
          if (at < start || at >= start + size) this.#candidate.addFrom(this.best, at);
        if (!(yield* this.#fails())) start += size;
      }
    }
  }

  /** Takes out two that stand apart: a switch away and the one back need each other, and neither can go alone. */
  *removePairs(): Work<void> {
    for (let first = 0; first < this.best.count && this.best.count <= PAIRS_MAX; first++) {
      for (let second = first + 1; second < this.best.count; second++) {
        this.#candidate.clear();
        for (let at = 0; at < this.best.count; at++)
          if (at !== first && at !== second) this.#candidate.addFrom(this.best, at);
        if (!(yield* this.#fails())) continue;
        first = -1;
        break;
      }
    }
  }

  /** Lets each deviation happen as early as it may, and each kept-back step come as soon or as late as is simplest. */
  *moveEarlier(): Work<boolean> {
    let hasMoved = false;
    for (let at = 0; at < this.best.count; at++) {
      const kind = this.best.kind[at];
      if (kind === HOLD && this.best.other[at] !== -1) hasMoved = (yield* this.#change(at, "other", -1)) || hasMoved;
      if (kind === STALE && (this.best.other[at] as number) > 1)
        hasMoved = (yield* this.#change(at, "other", 1)) || hasMoved;
      if (kind !== PREEMPT) continue;
      for (let ordinal = 0; ordinal < (this.best.ordinal[at] as number); ordinal++) {
        if (!(yield* this.#change(at, "ordinal", ordinal))) continue;
        hasMoved = true;
        break;
      }
    }
    return hasMoved;
  }

  *#change(at: number, field: "other" | "ordinal", value: number): Work<boolean> {
    if (at >= this.best.count) return false;
    this.#candidate.copyFrom(this.best);
    this.#candidate[field][at] = value;
    return yield* this.#fails();
  }

  /** True when the candidate fails the same way and is no longer than the best, which it then becomes. */
  *#fails(): Work<boolean> {
    if (this.replays === REPLAY_LIMIT) return false;
    this.replays++;
    yield* settled(this.#session.replay(this.#model, this.#candidate));
    if (!this.#failure.isOf(this.#session)) return false;
    // What the replay has recorded leaves out deviations that changed nothing.
    const { schedule } = this.#session.execution.recorder;
    if (schedule.count > this.best.count) return false;
    this.best.copyFrom(schedule.count <= this.#candidate.count ? schedule : this.#candidate);
    return true;
  }
}
