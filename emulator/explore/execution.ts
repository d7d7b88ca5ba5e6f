import { deriveSeed, Rng } from "../run/rng.ts";
import type { AccessPort } from "./access-port.ts";
import { EnabledSteps } from "./enabled.ts";
import { stepEntry } from "./entry-step.ts";
import { Insertion } from "./insertion.ts";
import * as k from "./kinds.ts";
import { ABORT, type Machine } from "./machine.ts";
import { PassingTime } from "./passing-time.ts";
import { Recorder } from "./recorder.ts";
import type { ExplorerState, Steps } from "./state.ts";
import type { Strategy } from "./strategy.ts";
import { stepThread } from "./thread-step.ts";
import { StepTrace } from "./trace.ts";
import * as verdicts from "./verdict.ts";

const DICE_STREAM = 1;
/** Steps after which a run is given up, unless told otherwise. */
const STEP_LIMIT = 10_000;
/** A run that is followed by a fair one ends at this many times the step limit. */
const FAIR_SUFFIX = 6;

/** Whoever wants to hear what the actors do, in the moment in which it has happened. */
export interface OperationWatch {
  /** The operation that a thread has published has this answer. */
  ended(thread: number, answer: number): void;
  /** The thread has run on from there, and has published its next operation or come to its end. */
  wentOn(thread: number): void;
  /** A CPU takes an interrupt. */
  interrupted(cpu: number): void;
}

/**
 * One program, run again and again under one schedule after the other. Nothing is made anew for a run but the generators
 * of its actors. An actor publishes its next operation; the strategy chooses among those that are possible; the chosen
 * one is carried out and its actor goes on to publish the next.
 */
export class Execution implements AccessPort {
  readonly machine: Machine;
  readonly state: ExplorerState;
  readonly enabled: EnabledSteps;
  readonly recorder: Recorder;
  /** Every step with what it did. Off unless somebody wants to look. */
  readonly trace: StepTrace = new StepTrace();
  /** A barrier that is tried out in places where the program has none. */
  readonly insertion: Insertion = new Insertion();
  operationWatch: OperationWatch | undefined;
  stepLimit: number = STEP_LIMIT;
  /**
   * Whether a program that is still not at its end after the step limit is given turns fairly for five times as many
   * steps more, and is then called starving. Otherwise nothing is said about it.
   */
  mustEnd = false;
  /** While a driver is being set up: the ordinary run, in which nothing is chosen. */
  isSettingUp = false;
  verdict: number = verdicts.PASSED;
  /** Steps of the last run. */
  stepCount = 0;
  /** A fingerprint of everything that happened: equal runs have equal ones. */
  hash = 0;
  #strategy: Strategy | undefined;
  #seesAll = false;
  /** A strategy sets it to leave a run that it need not see to its end. */
  isRedundant = false;
  readonly #actors: (Steps | undefined)[] = new Array(k.THREAD_LIMIT).fill(undefined);
  readonly #time: PassingTime;
  readonly #dice = new Rng(0);
  /** Answers for plain functions. */
  readonly #answers = new Int32Array(k.THREAD_LIMIT);

  constructor(machine: Machine) {
    this.machine = machine;
    this.state = machine.state;
    this.enabled = new EnabledSteps(this.state);
    this.recorder = new Recorder(this.state, this.enabled);
    this.#time = new PassingTime(machine);
    const { state } = this;
    const { latitude } = state;
    state.honoursRelaxedOrdering = (device, ordinal) =>
      this.#chance(latitude.relaxedOrderingProbability[device] as number, k.UP + device, ordinal);
    state.comesPromptly = (device, ordinal) =>
      this.#chance(latitude.promptEventProbability, k.EVENTS + device, ordinal);
  }

  /** One run from the beginning to its verdict. */
  run(strategy: Strategy, model: number, seed: number): number {
    this.begin(strategy, model, seed);
    while (this.turn()) {
      // One step at a time, up to the verdict or the step limit.
    }
    return this.verdict;
  }

  /**
   * Sets everything back and lets every actor publish its first operation. `prepare` is called in between: what it changes
   * in the state is there when the actors begin.
   */
  begin(strategy: Strategy, model: number, seed: number, prepare?: () => void): void {
    const { machine, state } = this;
    machine.reset();
    state.model = model;
    this.recorder.reset();
    this.trace.clear();
    this.insertion.reset();
    this.enabled.threadCount = machine.threads.length;
    this.enabled.mayBeEarly = state.latitude.allowsEarly;
    this.#strategy = strategy;
    this.#seesAll = strategy.seesAll === true;
    this.verdict = -1;
    this.isRedundant = false;
    this.isSettingUp = false;
    this.stepCount = 0;
    this.#time.reset();
    this.hash = 0;
    // A stream of its own: what a strategy draws is not shifted by it.
    if (state.latitude.hasChances) this.#dice.seed(deriveSeed(seed, DICE_STREAM));
    strategy.begin(this, seed);
    prepare?.();
    for (let thread = 0; thread < machine.threads.length; thread++) {
      if (this.#isHandler(thread) || machine.threads[thread]?.body === undefined) continue;
      this.#start(thread);
    }
  }

  /** Takes one step; false when the run has come to its verdict. */
  turn(): boolean {
    if (this.verdict >= 0) return false;
    const { enabled } = this;
    enabled.compute();
    if (enabled.count === 0) return this.#time.letPass() || this.#time.lookInVain() || this.#conclude();
    if (this.stepCount >= this.stepLimit && !this.mustEnd) return this.#end(verdicts.UNKNOWN);
    if (this.stepCount >= FAIR_SUFFIX * this.stepLimit) return this.#end(verdicts.STARVATION);
    const slot = enabled.count > 1 || this.#seesAll ? this.#choose() : (enabled.slots[0] as number);
    if (this.isRedundant) return this.#end(verdicts.REDUNDANT);
    try {
      this.#step(slot);
    } catch (error) {
      if (!this.state.flight.isExceeded) throw error;
    }
    if (this.state.flight.isExceeded) return this.#end(verdicts.UNKNOWN);
    return this.verdict < 0;
  }

  /**
   * For a plain function: its operation is published; everybody else goes on until it is chosen. Returns its answer.
   * Throws {@link ABORT} when the run ends before that, and at every further call.
   */
  schedulingPoint(thread: number): number {
    const { state } = this;
    state.status[thread] = k.READY;
    this.insertion.apply(state, thread);
    while (state.status[thread] !== k.RETURNING) if (!this.turn()) throw ABORT;
    state.status[thread] = k.DORMANT;
    return this.#answers[thread] as number;
  }

  /** For a plain function: its operation is published and carried out before anybody else has a turn. */
  atOnce(thread: number): number {
    const { state } = this;
    state.status[thread] = k.READY;
    // A step of its own as far as a schedule goes: which version each word of a copy reads is written down apart.
    state.steps[thread] = (state.steps[thread] as number) + 1;
    stepThread(this, thread);
    state.status[thread] = k.DORMANT;
    return this.#answers[thread] as number;
  }

  /** The plain function has returned. */
  finishPlain(thread: number): void {
    this.state.status[thread] = k.DONE;
  }

  /** The plain function threw. Anything but {@link ABORT} is a violation. */
  failPlain(error: unknown): void {
    this.#fail(error);
  }

  // ---- what steps and strategies ask for ----------------------------------------------------------------------------

  /** The actor that takes the step of a slot. */
  actorOf(slot: number): number {
    return slot < k.FIRST_ENTRY_SLOT ? slot : (this.state.flight.queue[slot - k.FIRST_ENTRY_SLOT] as number);
  }

  /** The number of that step among the actor's own. */
  ordinalOf(slot: number): number {
    return slot < k.FIRST_ENTRY_SLOT
      ? (this.state.steps[slot] as number)
      : (this.state.flight.ordinal[slot - k.FIRST_ENTRY_SLOT] as number);
  }

  chooseVersion(thread: number, count: number): number {
    if (this.isSettingUp) return 0;
    const version = (this.#strategy as Strategy).chooseVersion(this, thread, count);
    this.recorder.version(thread, version);
    this.trace.version(version);
    return version;
  }

  /** The operation of a thread has ended: it runs on to its next one. */
  resume(thread: number, answer: number): void {
    this.hash = Math.imul(this.hash ^ answer, 0x0100_0193) + thread;
    const { state } = this;
    this.trace.answer(thread, answer, state.answerHigh[thread] as number);
    if (this.insertion.restore(state, thread)) return;
    this.operationWatch?.ended(thread, answer);
    const actor = this.#actors[thread];
    if (actor === undefined) {
      this.#answers[thread] = answer;
      state.status[thread] = k.RETURNING;
      return;
    }
    this.#advance(thread, actor, answer);
  }

  fetched(word: number): void {
    this.trace.fetched(word);
  }

  startHandler(vector: number): void {
    const { state } = this;
    const thread = state.handlerOf[vector] as number;
    const cpu = state.cpuOf[thread] as number;
    state.handlerOn[cpu] = thread;
    // A handler is not executed before its interrupt is taken.
    state.floors.raise(cpu, state.timeline.tick);
    state.races?.handlerStarted(thread, vector);
    this.operationWatch?.interrupted(cpu);
    this.recorder.current = thread;
    const plain = this.machine.threads[thread]?.plain;
    if (plain === undefined) {
      this.#start(thread);
      return;
    }
    try {
      plain();
      this.#ended(thread);
    } catch (error) {
      this.#fail(error);
    }
  }

  // ---- inside -------------------------------------------------------------------------------------------------------

  /** Up to the limit the strategy; beyond it, everything on its way and then everybody in turn. */
  #choose(): number {
    if (this.stepCount < this.stepLimit && !this.isSettingUp) return (this.#strategy as Strategy).choose(this);
    const { enabled, recorder } = this;
    return enabled.entryCount > 0
      ? (enabled.slots[0] as number)
      : enabled.threadAfter(recorder.current + (this.isSettingUp ? 0 : 1));
  }

  #step(slot: number): void {
    const { state, recorder } = this;
    const actor = this.actorOf(slot);
    const ordinal = this.ordinalOf(slot);
    recorder.chosen(slot);
    // Set before the step: a plain handler takes further steps within it.
    recorder.lastActor = actor;
    recorder.lastOrdinal = ordinal;
    if (!this.isSettingUp) this.#strategy?.onStep(this, slot, actor, ordinal);
    this.stepCount++;
    this.hash = Math.imul(this.hash ^ ((actor << 20) | ordinal), 0x0100_0193);
    this.trace.step(state, slot, actor, ordinal);
    if (slot < k.FIRST_ENTRY_SLOT) {
      const isYield = state.kind[slot] === k.RELAX;
      recorder.current = slot;
      // Counted when it begins: while a read of a device is on its way, its CPU is past it as far as a schedule goes.
      state.steps[slot] = ordinal + 1;
      if (this.enabled.mayBeEarly && this.enabled.isEarly(slot)) this.#stepEarly(slot);
      else stepThread(this, slot);
      if (isYield) this.#strategy?.onYield(this, slot);
    } else stepEntry(this, slot - k.FIRST_ENTRY_SLOT);
  }

  /** The limit of a wait is over before the others have gone on, or a sleeper wakes of itself. */
  #stepEarly(thread: number): void {
    const { state } = this;
    const { latitude } = state;
    const isSleeping = state.status[thread] === k.SLEEPING;
    const hasLimit = (state.limitNs[thread] as number) < Number.POSITIVE_INFINITY && latitude.earlyTimeoutsLeft > 0;
    const mayWake = isSleeping && latitude.spuriousWakesLeft > 0;
    if (mayWake && (!hasLimit || this.chooseVersion(thread, 2) === 1)) {
      latitude.spuriousWakesLeft--;
      state.status[thread] = k.READY;
      state.timedOut[thread] = 0;
      this.resume(thread, 0);
      return;
    }
    latitude.earlyTimeoutsLeft--;
    state.nowNs = Math.max(state.nowNs, state.limitNs[thread] as number);
    stepThread(this, thread);
  }

  /** Whether a thing of chance happens, which the ordinary run is without. */
  #chance(probability: number, actor: number, ordinal: number): boolean {
    if (probability === 0 || probability === 1) return probability === 1;
    if (this.isSettingUp) return false;
    const happens = this.#strategy?.chooseChance?.(this, actor, ordinal) ?? this.#dice.chance(probability);
    if (happens) this.recorder.chance(actor, ordinal);
    return happens;
  }

  #start(thread: number): void {
    const body = this.machine.threads[thread]?.body;
    if (body === undefined) throw new Error(`actor ${thread} has no program`);
    const actor = body();
    this.#actors[thread] = actor;
    this.state.watchCount[thread] = 0;
    this.#advance(thread, actor, 0);
  }

  #advance(thread: number, actor: Steps, answer: number): void {
    const { state } = this;
    try {
      const isOver = actor.next(answer).done === true;
      this.operationWatch?.wentOn(thread);
      if (!isOver) {
        state.status[thread] = k.READY;
        this.insertion.apply(state, thread);
        return;
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#ended(thread);
  }

  #ended(thread: number): void {
    const { state } = this;
    if (!this.#isHandler(thread)) {
      state.status[thread] = k.DONE;
      return;
    }
    state.status[thread] = k.DORMANT;
    state.races?.handlerEnded(thread);
    const cpu = state.cpuOf[thread] as number;
    state.handlerOn[cpu] = -1;
    // Whoever it interrupted may wait for what it has left in a variable.
    if ((state.mainOf[cpu] as number) >= 0) state.mustLook[state.mainOf[cpu] as number] = 1;
    if (this.recorder.current === thread && (state.mainOf[cpu] as number) >= 0)
      this.recorder.current = state.mainOf[cpu] as number;
    const vector = state.handlerOf.indexOf(thread);
    // A level interrupts again until the handler has made the device take it back.
    if (state.lineUp[vector] === 1) state.arrive(vector);
  }

  #isHandler(thread: number): boolean {
    const cpu = this.state.cpuOf[thread] as number;
    return cpu >= 0 && this.state.mainOf[cpu] !== thread;
  }

  /** Nobody can go on any more. */
  #conclude(): boolean {
    const { state, machine } = this;
    let isStuck = false;
    let isLivelock = true;
    for (let thread = 0; thread < machine.threads.length; thread++) {
      const status = state.status[thread];
      if (status === k.DONE || status === k.DORMANT || machine.threads[thread]?.isDaemon === true) continue;
      isStuck = true;
      const kind = state.kind[thread];
      if (kind !== k.POLL && kind !== k.MMIO_POLL && kind !== k.RELAX) isLivelock = false;
    }
    if (isStuck) return this.#end(isLivelock ? verdicts.LIVELOCK : verdicts.DEADLOCK);
    try {
      machine.check();
    } catch (error) {
      this.#fail(error);
      return false;
    }
    return this.#end(verdicts.PASSED);
  }

  #fail(error: unknown): void {
    // What a driver makes of the end of its run is no verdict on it.
    if (this.verdict > verdicts.PASSED || (error === ABORT && this.verdict >= 0)) return;
    if (error !== ABORT && !this.state.flight.isExceeded)
      this.machine.violation = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.#end(verdicts.VIOLATION);
  }

  #end(verdict: number): false {
    this.verdict = this.state.flight.isExceeded ? verdicts.UNKNOWN : verdict;
    return false;
  }
}
