import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { Damage } from "../../emulator/wire/damage/damage.ts";
import type { FrameQueue } from "../../emulator/wire/frame-queue.ts";

/** The queue carries whole seconds as an int32: 68 years, after which a capture's clock was wrong anyway. */
const SECONDS_MAX = 0x7fff_ffff;

/** Brings staged frames into the queue to the replayer, through a damaged wire where there is one. */
export class FrameOutlet {
  /** Frames in the queue so far, and bytes of them. */
  frameCount = 0;
  byteCount = 0;
  /** `[0]`: when the last of them is to arrive, in nanoseconds since the first frame that was read. */
  readonly lastNs: Float64Array = new Float64Array(1);
  readonly #queue: FrameQueue;
  readonly #damage: Damage | undefined;
  #isStaged = false;
  #memory: MemoryView | undefined;
  #byteLength = 0;
  #flags = 0;
  readonly #plannedNs = new Float64Array(1);

  constructor(queue: FrameQueue, damage?: Damage) {
    this.#queue = queue;
    this.#damage = damage;
  }

  /** Nothing waits for room in the queue. */
  get isEmpty(): boolean {
    return !this.#isStaged && this.#damage?.peek() !== true;
  }

  /** Takes a frame at the start of `memory`, which stays as it is until {@link drain} has returned true. */
  push(memory: MemoryView, byteLength: number, flags: number, plannedNs: Float64Array): void {
    const damage = this.#damage;
    if (damage !== undefined) {
      damage.timeNs[0] = plannedNs[0] as number;
      damage.push(memory, 0, byteLength, flags);
      return;
    }
    this.#isStaged = true;
    this.#memory = memory;
    this.#byteLength = byteLength;
    this.#flags = flags;
    this.#plannedNs[0] = plannedNs[0] as number;
  }

  /** No frame follows: what the damage holds comes out. */
  end(): void {
    this.#damage?.end();
  }

  /** Puts what is there into the queue; false when the queue is full before. */
  drain(): boolean {
    const damage = this.#damage;
    if (damage === undefined) {
      if (!this.#isStaged) return true;
      if (!this.#put(this.#memory as MemoryView, 0, this.#byteLength, this.#flags, this.#plannedNs)) return false;
      this.#isStaged = false;
      return true;
    }
    for (; damage.peek(); damage.release()) {
      if (!this.#put(damage.memory, damage.offset, damage.byteLength, damage.flags, damage.outNs)) return false;
    }
    return true;
  }

  #put(memory: MemoryView, offset: number, byteLength: number, flags: number, timeNs: Float64Array): boolean {
    const seconds = Math.min(Math.floor((timeNs[0] as number) / 1e9), SECONDS_MAX);
    const nanoseconds = Math.min((timeNs[0] as number) - seconds * 1e9, 999_999_999);
    if (!this.#queue.put(memory, offset, byteLength, flags, seconds, nanoseconds)) return false;
    this.frameCount++;
    this.byteCount += byteLength;
    this.lastNs[0] = timeNs[0] as number;
    return true;
  }
}
