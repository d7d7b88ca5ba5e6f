import type { Libc } from "./libc.ts";

/**
 * How long a thread waits in the kernel at a stretch. Nobody can call it back from there: a process that exits, and a
 * worker that is stopped, have to wait for it.
 */
const STRETCH_MS = 100;

/** Calls back when descriptors can be read: one thread of Node's pool waits for all of them. */
export class DescriptorWatch {
  readonly #libc: Libc;
  #epoll: number | undefined;
  readonly #callbacks = new Map<number, () => void>();
  #isWaiting = false;

  private constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** The one of a thread, whose waiting it shares out. */
  static of(libc: Libc): DescriptorWatch {
    let watch = watches.get(libc);
    if (watch === undefined) {
      watch = new DescriptorWatch(libc);
      watches.set(libc, watch);
    }
    return watch;
  }

  /**
   * Calls back once, when there is something to read or the peer has hung up. A descriptor must not be closed before.
   * @throws Error naming the errno.
   */
  whenReadable(descriptor: number, callback: () => void): void {
    this.#epoll ??= this.#libc.createEpoll();
    // Goes for a thread that waits already.
    this.#libc.watch(this.#epoll, descriptor);
    this.#callbacks.set(descriptor, callback);
    this.#wait();
  }

  #wait(): void {
    if (this.#isWaiting || this.#callbacks.size === 0 || this.#epoll === undefined) return;
    this.#isWaiting = true;
    this.#libc.whenReady(this.#epoll, STRETCH_MS, (descriptors) => {
      this.#isWaiting = false;
      try {
        for (const descriptor of descriptors) this.#tell(descriptor);
      } finally {
        this.#wait();
      }
    });
  }

  #tell(descriptor: number): void {
    const callback = this.#callbacks.get(descriptor);
    this.#callbacks.delete(descriptor);
    callback?.();
  }
}

const watches = new WeakMap<Libc, DescriptorWatch>();
