import type { RegisterAccess } from "./ixgbe-access.ts";
import type { Ring } from "./ixgbe-base.ts";
import * as reg from "./ixgbe-registers.ts";

const MS = 1_000_000;
/** A frame that has been in the ring for so long, with a link, will not be sent. At 10 Gb/s a full ring is out in 6 ms. */
const TRANSMIT_LIMIT_NS = 50 * MS;
const QUEUES_MAX = 16;

/** A receive ring that can say whether its next descriptor is filled. */
interface WatchedQueue extends Ring {
  hasTraffic(): boolean;
}

/**
 * What no event tells: that events do not come any more. A driver's owner asks now and then, some times a second, as kernels do
 * for theirs. What is found cannot be mended in place; a reset mends it, so the advice is always the same.
 */
export class IxgbeWatchdog {
  readonly #registers: RegisterAccess;
  readonly #rxQueues: readonly WatchedQueue[];
  readonly #txQueues: readonly Ring[];
  /** By receive queue: the descriptor that the card had filled without a word at the last look, or -1. */
  readonly #missed: Int32Array = new Int32Array(QUEUES_MAX).fill(-1);
  /** By transmit queue: the oldest descriptor that was not sent, and since when that is known. */
  readonly #oldest: Int32Array = new Int32Array(QUEUES_MAX).fill(-1);
  readonly #sinceNs: Float64Array = new Float64Array(QUEUES_MAX);

  /** The queues are asked for when they are looked at. */
  constructor(registers: RegisterAccess, rxQueues: readonly WatchedQueue[], txQueues: readonly Ring[]) {
    this.#registers = registers;
    this.#rxQueues = rxQueues;
    this.#txQueues = txQueues;
  }

  /** Throws Error that says what is wrong with the card. */
  check(nowNs: number, linkUp: boolean): void {
    const registers = this.#registers;
    // Read as EICS: a read of EICR would clear causes that somebody waits for.
    if ((registers.read(reg.EICS) & reg.EICR_PCI_EXCEPTION) !== 0)
      throw broken("a DMA of the card was refused (EICR.PCI_EXCEPTION), and the queue that asked for it stands still");
    for (const queue of this.#rxQueues) {
      if ((registers.read(reg.RXDCTL(queue.index)) & reg.RXDCTL_ENABLE) === 0) throw wasReset("receive", queue.index);
      this.#checkReceive(queue);
    }
    for (const queue of this.#txQueues) {
      if ((registers.read(reg.TXDCTL(queue.index)) & reg.TXDCTL_ENABLE) === 0) throw wasReset("transmit", queue.index);
      this.#checkTransmit(queue, nowNs, linkUp);
    }
  }

  /** RDH is behind what the card has filled. The read has brought all write-backs before it; twice in vain, and one is lost. */
  #checkReceive(queue: WatchedQueue): void {
    const { index, next } = queue;
    const isMissing = this.#registers.read(reg.RDH(index)) !== next && !queue.hasTraffic();
    if (isMissing && this.#missed[index] === next)
      throw broken(`the card has filled descriptor ${next} of receive queue ${index}, and its write-back never came`);
    this.#missed[index] = isMissing ? next : -1;
  }

  #checkTransmit({ index, oldest, next }: Ring, nowNs: number, linkUp: boolean): void {
    if (oldest === next || oldest !== this.#oldest[index] || !linkUp) {
      this.#oldest[index] = oldest;
      this.#sinceNs[index] = nowNs;
    } else if (nowNs - (this.#sinceNs[index] as number) > TRANSMIT_LIMIT_NS)
      throw broken(
        `descriptor ${oldest} of transmit queue ${index} has not been sent for ${TRANSMIT_LIMIT_NS / MS} ms`,
      );
  }
}

function wasReset(direction: string, index: number): Error {
  return broken(`${direction} queue ${index} is off although nobody has switched it off: the card was reset`);
}

function broken(what: string): Error {
  return new Error(`ixgbe: ${what}. Close the driver and probe again`);
}
