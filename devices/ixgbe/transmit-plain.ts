import type { CompletedReads } from "../../emulator/pcie/read-burst.ts";
import * as bits from "./descriptors.ts";
import type { TransmitBuffer } from "./transmit-buffer.ts";
import * as buffer from "./transmit-buffer.ts";
import type { GatherParts, TransmitGather } from "./transmit-gather.ts";
import type { TransmitOffload } from "./transmit-offload.ts";
import type { TransmitWriteBack } from "./transmit-write-back.ts";

// Local names: the engine folds a constant of its own module, and looks one of another module up.
const { FATE_SEND, FRAME_COMMAND, FRAME_FATE, FRAME_KEPT, FRAME_LAST, FRAME_PLAIN, FRAME_QUEUE, SLOT_SHIFT } = buffer;
const SLOT_MASK: number = buffer.FRAME_SLOTS - 1;
const { TX_RS } = bits;

/** Sends frames whose data comes in a burst and needs no gathering, from where it lies in host memory. */
export class TransmitPlain {
  readonly #gather: TransmitGather;
  readonly #buffer: TransmitBuffer;
  readonly #offload: TransmitOffload;
  readonly #writeBack: TransmitWriteBack;

  constructor(gather: TransmitGather, parts: GatherParts) {
    this.#gather = gather;
    this.#buffer = parts.buffer;
    this.#offload = parts.offload;
    this.#writeBack = parts.writeBack;
  }

  /**
   * Sends the first frames of a burst as far as they are plain and the next to be sent; returns how many.
   * {@link TransmitGather.onData} would do the same to each of them, and ask what is known here.
   */
  send({ count, contexts, memory, offsets, byteLengths }: CompletedReads): number {
    const buffer = this.#buffer;
    const offload = this.#offload;
    const gather = this.#gather;
    const { frames } = buffer;
    let first = buffer.first;
    let nth = 0;
    // What is done and not reported yet: so many frames of one queue, the last of them at `last`.
    let queue = 0;
    let done = 0;
    let last = 0;
    for (; nth < count; nth = (nth + 1) | 0) {
      const slot = (contexts[nth] as number) >>> SLOT_SHIFT;
      const at = buffer.at(slot);
      if (slot !== first || frames[at | FRAME_PLAIN] === 0 || frames[at | FRAME_FATE] !== FATE_SEND) break;
      const command = frames[at | FRAME_COMMAND] as number;
      const frameQueue = frames[at | FRAME_QUEUE] as number;
      if (frameQueue !== queue) {
        if (done !== 0) gather.progress(queue, done, last);
        queue = frameQueue;
        done = 0;
      }
      offload.sendPlain(queue, memory, offsets[nth] as number, byteLengths[nth] as number, command);
      first = (first + 1) & SLOT_MASK;
      done = (done + 1) | 0;
      last = frames[at | FRAME_LAST] as number;
      if ((command & TX_RS) !== 0) {
        gather.progress(queue, done, last);
        done = 0;
        this.#writeBack.report(queue, last, frames[at | FRAME_KEPT] as number);
      }
    }
    if (done !== 0) gather.progress(queue, done, last);
    buffer.release(nth);
    return nth;
  }
}
