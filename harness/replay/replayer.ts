import type { Clock } from "../../emulator/clock/clock.ts";
import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DeviceModel } from "../../emulator/pcie/device-model.ts";
import type { EventSource } from "../../emulator/run/device-host.ts";
import type { AttachedPart } from "../../emulator/run/device-thread.ts";
import type { Machine } from "../../emulator/run/machine.ts";
import { FrameQueue } from "../../emulator/wire/frame-queue.ts";
import type { WireSink } from "../../emulator/wire/wire.ts";
import { ArrivalLog } from "./arrival-log.ts";
import { CardDrops } from "./card-drops.ts";
import type { FrameEventLog } from "./frame-event-log.ts";
import { LatenessMeter } from "./latency.ts";
import {
  REPLAY_FINISHED,
  REPLAY_RUNS,
  REPLAY_WAITS_FOR_ROOM,
  REPLAY_WAITS_FOR_START,
  REPLAY_WAITS_FOR_TIME,
  ReplayChannel,
} from "./replay-channel.ts";
import type { ReplayerOptions, ReplayerReport } from "./replayer-options.ts";
import { FarEnd } from "./streams/far-end.ts";

/** Frames in one turn: a burst, after which doorbells are looked at again. */
const FRAMES_PER_TURN = 64;
/** At maximal speed the clock is read once for so many frames: reading it costs as much as a small frame. */
const FRAMES_PER_LOOK = 8;
/** An empty queue is looked at again after this; longer than the device loop spins ahead, so that the thread sleeps. */
const LOOK_AGAIN_NS = 3e6;
/** A driver that runs takes a batch in less time, even before it is compiled. */
const STALL_NS = 2e6;
/** The card's drop counters are published at least so often while the replay runs. */
const DROPS_INTERVAL_NS = 20e6;

/** The entry of the device thread's {@link Attachment}. */
export function attach(machine: Machine, options: unknown): AttachedPart {
  const replayer = new Replayer(machine, options as ReplayerOptions);
  machine.host.sources.push(...replayer.sources);
  return replayer;
}

/** What a replayer that shares its thread with the driver has besides. */
export interface ReplayerCompany {
  readonly log: FrameEventLog | undefined;
  /** The reader is behind: returns when it may have put more into the queue. No virtual time passes meanwhile. */
  readonly awaitInput: () => void;
}

const FIRST = 0;
const LAST = 1;
const WAIT_SINCE = 2;
const WAIT_SUM = 3;
const COUNT = 4;
const BYTES = 5;
const SETTLED_AT = 6;
const DUE = 7;
const TIME_COUNT = 8;

/**
 * Takes frames from the reader's queue and lets them arrive at a wire port. Paced frames have absolute deadlines, counted
 * from the first one, so nothing drifts; a frame that is due arrives whether the card has room or not, because nobody can
 * hold up multicast. At maximal speed, and losslessly at any speed, the wire waits for the card.
 */
export class Replayer implements EventSource, AttachedPart, WireSink {
  /** `[0]`: when the next frame is due, or an empty queue looked at again. */
  readonly next: Float64Array = new Float64Array([Number.POSITIVE_INFINITY]);
  /** The replayer, and what answers at the far end of the wire. */
  readonly sources: readonly EventSource[];
  readonly #options: ReplayerOptions;
  readonly #channel: ReplayChannel;
  readonly #queue: FrameQueue;
  readonly #arrivals: ArrivalLog;
  readonly #clock: Clock;
  readonly #device: DeviceModel;
  readonly #drops: CardDrops;
  readonly #waitsForRoom: boolean;
  // Times and sums in an array: fields above 2^31 would be heap numbers.
  readonly #times = new Float64Array(TIME_COUNT);
  readonly #due: Float64Array = this.#times.subarray(DUE, DUE + 1);
  readonly #lateness = new LatenessMeter();
  readonly #company: ReplayerCompany | undefined;
  readonly #farEnd: FarEnd | undefined;
  #answerCount = 0;
  #before: Readonly<Record<string, number>> = {};
  #state = REPLAY_WAITS_FOR_START;
  #sentCount = 0;
  #settledCount = 0;
  #roomWaitCount = 0;
  #isWaiting = false;

  constructor(machine: Machine, options: ReplayerOptions, company?: ReplayerCompany) {
    this.#options = options;
    this.#company = company;
    this.#channel = new ReplayChannel(options.channel);
    this.#queue = new FrameQueue(options.queue);
    this.#arrivals = new ArrivalLog(this.#channel);
    this.#clock = machine.host.clock;
    const endpoint = machine.endpoints[options.device];
    if (endpoint === undefined || options.port >= endpoint.declaration.wirePortCount) {
      throw new RangeError(`a replay into port ${options.port} of device ${options.device}, which is not there`);
    }
    this.#device = endpoint.device;
    this.#drops = new CardDrops(endpoint.device, options.dropCounters, this.#channel);
    this.#waitsForRoom = options.lossless || !options.isPaced;
    const { device, port, recovery } = options;
    const place = { device, port, waitsForRoom: this.#waitsForRoom };
    this.#farEnd = recovery === undefined ? undefined : new FarEnd(machine, recovery, place, this);
    this.sources = this.#farEnd === undefined ? [this] : [this, this.#farEnd];
  }

  poll(): boolean {
    if (this.#state === REPLAY_FINISHED) return this.#finish();
    if (this.#state === REPLAY_WAITS_FOR_START && !this.#begin()) return false;
    this.#clock.refresh();
    if (this.#channel.isStopped) {
      this.#end();
      return true;
    }
    const taken = this.#injectDue();
    if (taken > 0) {
      this.#queue.acknowledge();
      this.#channel.sentCount = this.#sentCount;
    }
    this.#showDrops();
    return taken > 0;
  }

  isIdle(): boolean {
    return this.#state === REPLAY_FINISHED || this.#state === REPLAY_WAITS_FOR_START;
  }

  report(): ReplayerReport {
    const times = this.#times;
    return {
      sentCount: times[COUNT] as number,
      sentBytes: times[BYTES] as number,
      firstNs: times[FIRST] as number,
      lastNs: times[LAST] as number,
      roomWaitCount: this.#roomWaitCount,
      roomWaitNs: times[WAIT_SUM] as number,
      answerCount: this.#answerCount,
      servers: this.#farEnd?.report() ?? [],
      lateness: this.#options.isPaced ? this.#lateness.report() : undefined,
      before: this.#before,
    };
  }

  /** An answer from the far end arrives at the card, between the frames of the feed. */
  deliver(memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    const { port } = this.#options;
    const times = this.#times;
    this.#company?.log?.wire(memory.bytes, offset, byteLength, flags);
    if (this.#device.hasRoomForFrame?.(port, byteLength) !== false) {
      this.#arrivals.note(memory.bytes, offset, byteLength, this.#clock.now);
    }
    this.#device.onFrame(port, memory, offset, byteLength, flags);
    this.#answerCount++;
    this.#sentCount = (this.#sentCount + 1) | 0;
    times[COUNT] = (times[COUNT] as number) + 1;
    times[BYTES] = (times[BYTES] as number) + byteLength;
    this.#channel.sentCount = this.#sentCount;
  }

  #begin(): boolean {
    if (!this.#channel.isStarted || !this.#channel.isReady) {
      this.next[0] = (this.#clock.now[0] as number) + LOOK_AGAIN_NS;
      return false;
    }
    this.#clock.refresh();
    this.#drops.begin();
    this.#before = this.#device.statistics();
    // A whole number, so that the deadlines are.
    this.#times[FIRST] = Math.ceil(this.#clock.now[0] as number);
    this.#times[LAST] = this.#times[FIRST] as number;
    this.#company?.log?.begin(this.#times);
    this.#enter(REPLAY_RUNS);
    return true;
  }

  /** The card may still drop what it holds; the sink waits for the exact number. */
  #finish(): false {
    if (this.#channel.isOver) {
      this.next[0] = Number.POSITIVE_INFINITY;
      return false;
    }
    this.#clock.refresh();
    this.#showDrops();
    this.next[0] = (this.#clock.now[0] as number) + LOOK_AGAIN_NS;
    return false;
  }

  /** Lets what is due arrive, at most a burst; returns how many frames. Leaves the state saying what it waits for. */
  #injectDue(): number {
    const queue = this.#queue;
    const now = this.#clock.now;
    const { isPaced } = this.#options;
    const allowance = this.#allowance(now);
    for (let taken = 0; taken < FRAMES_PER_TURN; taken++) {
      if (!this.#hasFrame()) {
        this.#outOfFrames(now);
        return taken;
      }
      // A paced frame is looked at by itself: how late it is, is to be known.
      if (taken > 0 && (isPaced || taken % FRAMES_PER_LOOK === 0)) this.#clock.refresh();
      if (!this.#isDue(now)) {
        this.#enter(REPLAY_WAITS_FOR_TIME);
        return taken;
      }
      const hasRoom = this.#device.hasRoomForFrame?.(this.#options.port, queue.byteLength) ?? true;
      if (taken >= allowance || (this.#waitsForRoom && !hasRoom)) {
        this.#waitForRoom(now);
        return taken;
      }
      this.#inject(now, hasRoom);
    }
    return FRAMES_PER_TURN;
  }

  #hasFrame(): boolean {
    const company = this.#company;
    if (company === undefined) return this.#queue.peek();
    while (!this.#queue.peek()) {
      if (this.#queue.isClosed && this.#queue.isEmpty) return false;
      if (this.#channel.isStopped) return false;
      // The reader needs the room of what was taken, and the watch the count.
      this.#queue.acknowledge();
      this.#channel.sentCount = this.#sentCount;
      company.awaitInput();
    }
    return true;
  }

  #inject(now: Float64Array, hasRoom: boolean): void {
    const queue = this.#queue;
    const times = this.#times;
    if (this.#options.isPaced) this.#lateness.record(this.#due, now);
    this.#company?.log?.wire(queue.memory.bytes, queue.offset, queue.byteLength, queue.flags);
    if (this.#isWaiting) {
      this.#isWaiting = false;
      times[WAIT_SUM] = (times[WAIT_SUM] as number) + (now[0] as number) - (times[WAIT_SINCE] as number);
    }
    // What the card is about to drop has no latency; leaving it out keeps the log short when it drops a lot.
    if (hasRoom) this.#arrivals.note(queue.memory.bytes, queue.offset, queue.byteLength, now);
    this.#device.onFrame(this.#options.port, queue.memory, queue.offset, queue.byteLength, queue.flags);
    queue.release();
    this.#sentCount = (this.#sentCount + 1) | 0;
    times[COUNT] = (times[COUNT] as number) + 1;
    times[BYTES] = (times[BYTES] as number) + queue.byteLength;
    times[LAST] = now[0] as number;
    this.next[0] = Number.POSITIVE_INFINITY;
    if (this.#state !== REPLAY_RUNS) this.#enter(REPLAY_RUNS);
  }

  /** Whether the oldest frame's time has come; plans it when not. */
  #isDue(now: Float64Array): boolean {
    if (!this.#options.isPaced) return true;
    const queue = this.#queue;
    const dueNs = (this.#times[FIRST] as number) + (queue.seconds * 1e9 + queue.nanoseconds);
    this.#due[0] = dueNs;
    if ((now[0] as number) >= dueNs) return true;
    this.next[0] = dueNs;
    return false;
  }

  /**
   * How many frames may go now for all that is on its way. At maximal speed that is limited; but a driver that takes none
   * for a moment is one that the operating system has put aside. The card then takes what it has room for, as in reality,
   * and nobody waits for a turn.
   */
  #allowance(now: Float64Array): number {
    const { inFlightLimit, isPaced } = this.#options;
    if (isPaced) return FRAMES_PER_TURN;
    // What waits for a missing message is in flight too, however long the answer takes.
    if (this.#channel.isHeld) return 0;
    if (inFlightLimit === 0) return FRAMES_PER_TURN;
    const settled = (this.#channel.deliveredCount + this.#channel.rejectedCount + this.#channel.droppedCount) | 0;
    if (settled !== this.#settledCount) {
      this.#settledCount = settled;
      this.#times[SETTLED_AT] = now[0] as number;
    } else if ((now[0] as number) - (this.#times[SETTLED_AT] as number) > STALL_NS) {
      return FRAMES_PER_TURN;
    }
    return inFlightLimit - ((this.#sentCount - settled) | 0);
  }

  #waitForRoom(now: Float64Array): void {
    this.#enter(REPLAY_WAITS_FOR_ROOM);
    // The card frees room as its driver moves: only turns help, not time, so nothing is planned.
    this.next[0] = (now[0] as number) + LOOK_AGAIN_NS;
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#roomWaitCount++;
    this.#times[WAIT_SINCE] = now[0] as number;
  }

  #outOfFrames(now: Float64Array): void {
    if (!(this.#queue.isClosed && this.#queue.isEmpty)) {
      this.next[0] = (now[0] as number) + LOOK_AGAIN_NS;
      return;
    }
    this.#end();
  }

  /** The last frame has been sent. */
  #end(): void {
    this.next[0] = Number.POSITIVE_INFINITY;
    this.#channel.sentCount = this.#sentCount;
    this.#enter(REPLAY_FINISHED);
  }

  /** Now and then while frames go out, often when somebody may wait for it. */
  #showDrops(): void {
    this.#drops.show(this.#clock.now, this.#state === REPLAY_RUNS ? DROPS_INTERVAL_NS : DROPS_INTERVAL_NS / 20);
  }

  #enter(state: number): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#channel.state = state;
  }
}
