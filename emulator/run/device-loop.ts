import { WallClock } from "../clock/wall-clock.ts";
import type { DeviceHost } from "./device-host.ts";
import { macrotaskHop } from "./macrotask.ts";
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

/**
 * The life of a device thread: spin while there is work, sleep when there is none. Ends when the status is closed or
 * dead; throws what a device throws.
 */
export async function runDeviceLoop(host: DeviceHost, status: ThreadStatus, options: LoopOptions): Promise<void> {
  const now = host.clock.now;
  const virtual = host.clock.kind === "virtual";
  const hopClock = new HopClock();
  status.status = STATUS_RUNNING;
  let idleTurns = 0;
  let untilLook = TURNS_PER_LOOK;
  while (status.status < STATUS_DEAD) {
    if (host.turn()) idleTurns = 0;
    else if (++idleTurns > 64 && virtual && host.isIdle() && host.leap()) idleTurns = 0;
    if (--untilLook > 0 && idleTurns < IDLE_TURNS) continue;
    untilLook = TURNS_PER_LOOK;
    if (hopClock.isDue()) {
      status.beat();
      await macrotaskHop();
    }
    if (idleTurns < IDLE_TURNS) continue;
    const aheadNs = virtual ? Number.POSITIVE_INFINITY : host.nextEventNs() - (now[0] as number);
    if (aheadNs < SPIN_AHEAD_NS) continue;
    await sleep(host, status, options.mustPoll() ? NAP_MS : Math.min(SLEEP_LIMIT_MS, aheadNs / 1e6 - 1));
    // A nap in which nothing came is followed by the next one, not by another millisecond of spinning.
    idleTurns = IDLE_TURNS - 64;
  }
}

/** Announces the sleep first and looks once more afterwards, so that nothing posted in between is slept through. */
async function sleep(host: DeviceHost, status: ThreadStatus, limitMs: number): Promise<void> {
  const ticket = status.fallAsleep();
  if (!host.turn()) await status.sleep(ticket, limitMs);
  status.awake();
  status.beat();
  host.wake();
  await macrotaskHop();
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
