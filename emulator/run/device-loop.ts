import { WallClock } from "../clock/wall-clock.ts";
import type { DeviceHost } from "./device-host.ts";
import { afterMacrotask, macrotaskHop } from "./macrotask.ts";
import { STATUS_DEAD, STATUS_RUNNING, type ThreadStatus } from "./thread-status.ts";

/** Turns without work before the thread sleeps: about a millisecond, in which a wake-up costs nothing. */
const IDLE_TURNS = 20_000;
/** Turns between two looks at the time, busy or not. */
const TURNS_PER_LOOK = 256;
/** The control plane is answered at least this often. */
const HOP_INTERVAL_NS = 10e6;
/** A thread that sleeps looks up this often even if nobody wakes it. */
const SLEEP_LIMIT_MS = 100;
/** With raw memory mapped nobody can wake the thread, so it naps instead. */
const NAP_MS = 1;
/** A planned event nearer than this is waited for by spinning: a sleep is no more exact than that. */
const SPIN_AHEAD_NS = 1.5e6;

/** What may differ from testbed to testbed. */
export interface LoopOptions {
  /** True when some BAR is mapped as raw memory. */
  readonly mustPoll: () => boolean;
}

/** Why {@link DeviceLoop} stops turning. */
const HOP = 0;
const SLEEP = 1;
const END = 2;

/**
 * The life of a device thread: spin while there is work, sleep when there is none. Ends when the status is closed or
 * dead; rejects with what a device throws.
 */
export function runDeviceLoop(host: DeviceHost, status: ThreadStatus, options: LoopOptions): Promise<void> {
  return new Promise((resolve, reject) => new DeviceLoop(host, status, options, resolve, reject).start());
}

/**
 * Callbacks and no `await` on the way of a busy thread: it hops a hundred times a second, and what the hops leave on the
 * heap is most of what the thread leaves at all.
 */
class DeviceLoop {
  readonly #host: DeviceHost;
  readonly #status: ThreadStatus;
  readonly #options: LoopOptions;
  readonly #resolve: () => void;
  readonly #reject: (reason: unknown) => void;
  readonly #hopClock = new HopClock();
  #idleTurns = 0;
  #sleepMs = 0;
  /** The one callback for all hops. */
  readonly #goOn = (): void => this.#run();

  constructor(
    host: DeviceHost,
    status: ThreadStatus,
    options: LoopOptions,
    resolve: () => void,
    reject: (reason: unknown) => void,
  ) {
    this.#host = host;
    this.#status = status;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    this.#status.status = STATUS_RUNNING;
    this.#run();
  }

  #run(): void {
    try {
      const why = this.#turn();
      if (why === HOP) afterMacrotask(this.#goOn);
      else if (why === SLEEP) void this.#sleep().then(this.#goOn, this.#reject);
      else this.#resolve();
    } catch (error) {
      this.#reject(error);
    }
  }

  /** Turns the host until the event loop is due, there is nothing to do, or all is over. */
  #turn(): number {
    const host = this.#host;
    const status = this.#status;
    const virtual = host.clock.kind === "virtual";
    let idleTurns = this.#idleTurns;
    let untilLook = TURNS_PER_LOOK;
    while (status.status < STATUS_DEAD) {
      if (host.turn()) idleTurns = 0;
      else if (++idleTurns > 64 && virtual && host.isIdle() && host.leap()) idleTurns = 0;
      if (--untilLook > 0 && idleTurns < IDLE_TURNS) continue;
      untilLook = TURNS_PER_LOOK;
      this.#idleTurns = idleTurns;
      if (this.#hopClock.isDue()) {
        status.beat();
        return HOP;
      }
      if (idleTurns >= IDLE_TURNS && this.#maySleep(virtual)) return SLEEP;
    }
    return END;
  }

  /** True when nothing is planned so soon that a sleep would miss it. */
  #maySleep(virtual: boolean): boolean {
    const aheadNs = virtual ? Number.POSITIVE_INFINITY : this.#host.nextEventNs() - (this.#host.clock.now[0] as number);
    if (aheadNs < SPIN_AHEAD_NS) return false;
    this.#sleepMs = this.#options.mustPoll() ? NAP_MS : Math.min(SLEEP_LIMIT_MS, aheadNs / 1e6 - 1);
    return true;
  }

  /** Announces the sleep first and looks once more afterwards, so that nothing posted in between is slept through. */
  async #sleep(): Promise<void> {
    const status = this.#status;
    const ticket = status.fallAsleep();
    if (!this.#host.turn()) await status.sleep(ticket, this.#sleepMs);
    status.awake();
    status.beat();
    this.#host.wake();
    // A nap in which nothing came is followed by the next one, not by another millisecond of spinning.
    this.#idleTurns = IDLE_TURNS - 64;
    await macrotaskHop();
  }
}

/** Says when the event loop is due for a turn, by the monotonic clock whatever clock the testbed has. */
class HopClock {
  readonly #clock = new WallClock();
  readonly #last = Float64Array.from(this.#clock.now);

  isDue(): boolean {
    this.#clock.refresh();
    const now = this.#clock.now[0] as number;
    if (now - (this.#last[0] as number) < HOP_INTERVAL_NS) return false;
    this.#last[0] = now;
    return true;
  }
}
