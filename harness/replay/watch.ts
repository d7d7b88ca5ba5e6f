import {
  REPLAY_FINISHED,
  REPLAY_WAITS_FOR_START,
  REPLAY_WAITS_FOR_TIME,
  type ReplayChannel,
} from "./replay-channel.ts";
import { ReplayStuckError } from "./replay-errors.ts";
import { WrappingCount } from "./replay-progress.ts";

/** Sees to it that a replay moves: looked at now and then, it throws when nothing has moved for the limit. */
export class ReplayWatch {
  readonly sent: WrappingCount = new WrappingCount();
  readonly delivered: WrappingCount = new WrappingCount();
  readonly #channel: ReplayChannel;
  readonly #limitMs: number;
  readonly #isVirtual: boolean;
  #movedAtMs: number;
  #requestCount = 0;

  /** In virtual time waiting for a frame's time is no excuse: a driver that polls lets it pass. */
  constructor(channel: ReplayChannel, limitMs: number, nowMs: number, isVirtual = false) {
    this.#channel = channel;
    this.#limitMs = limitMs;
    this.#movedAtMs = nowMs;
    this.#isVirtual = isVirtual;
  }

  /**
   * Takes the counters. Throws ReplayStuckError when the driver is stuck; waiting for a recorded time is no standstill,
   * nor is waiting for input (`isStarved`).
   */
  look(nowMs: number, isStarved = false): void {
    const channel = this.#channel;
    const hasSent = this.sent.update(channel.sentCount);
    const hasDelivered = this.delivered.update((channel.deliveredCount + channel.rejectedCount) | 0);
    const hasAsked = channel.requestCount !== this.#requestCount;
    this.#requestCount = channel.requestCount;
    const outstanding = channel.outstandingCount;
    // Frames in the card are the driver's turn; with none there, the next frame is the replayer's.
    const isWaiting = channel.state === REPLAY_WAITS_FOR_TIME && !this.#isVirtual;
    const isPaused = (isWaiting || isStarved) && outstanding === 0;
    if (hasDelivered || hasAsked || isPaused || (hasSent && outstanding === 0)) this.#movedAtMs = nowMs;
    if (nowMs - this.#movedAtMs > this.#limitMs) throw new ReplayStuckError(this.#sentence(outstanding));
  }

  #sentence(outstanding: number): string {
    const seconds = (this.#limitMs / 1000).toLocaleString("en");
    if (this.#isVirtual && this.#channel.isReady && outstanding === 0 && this.#channel.state !== REPLAY_FINISHED) {
      return `No virtual time has passed for ${seconds} s: a driver that polls in vain must call pci.cpu.relax(), or wait.`;
    }
    if (this.#channel.state === REPLAY_WAITS_FOR_START) {
      return `No frame was sent: the driver did not call ready() of its ReplaySink within ${seconds} s. It has to when the card is set up; or it waits for something that does not come.`;
    }
    if (outstanding > 0) {
      const frames = outstanding.toLocaleString("en");
      return `The driver took no frame for ${seconds} s although ${frames} are waiting in the card and its rings: it is stuck.`;
    }
    return `The driver did not return within ${seconds} s after the last frame: it must end when its sink is over.`;
  }
}
