import * as bits from "../../../devices/ixgbe/descriptors.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { type Card, dataCommand, srrctl } from "./card.ts";
import { IOVA_HIGH } from "./test-port.ts";

export interface ReceivedFrame {
  readonly bytes: Uint8Array;
  /** Words 0 to 3 of the last descriptor. */
  readonly words: readonly [number, number, number, number];
  readonly descriptorCount: number;
}

/** The driver's side of a receive ring, in the simplest way that is right: one buffer for each slot. */
export class ReceiveRing {
  readonly queue: number;
  readonly slotCount: number;
  readonly ring: number;
  readonly #card: Card;
  readonly #buffers: number;
  readonly #bufferBytes: number;
  #next = 0;
  #tail = 0;
  #parts: Uint8Array[] = [];

  constructor(card: Card, queue: number, slotCount: number, bufferKibibytes = 2, drops = false, rxdctl = 0) {
    this.#card = card;
    this.queue = queue;
    this.slotCount = slotCount;
    this.#bufferBytes = bufferKibibytes * 1024;
    this.ring = card.startReceive(queue, slotCount, srrctl(bufferKibibytes, drops), rxdctl);
    this.#buffers = card.allocate(slotCount * this.#bufferBytes);
  }

  /** Descriptors that the card has. */
  get posted(): number {
    return (this.#tail - this.#next + this.slotCount) % this.slotCount;
  }

  /** Hands up to `count` descriptors over; one is always kept, or a full ring would look empty. Returns how many. */
  post(count: number): number {
    const free = this.slotCount - 1 - this.posted;
    const posted = Math.min(count, free);
    for (let index = 0; index < posted; index++) {
      const buffer = this.#buffers + this.#tail * this.#bufferBytes;
      this.#card.putDescriptor(this.ring, this.#tail, [buffer, IOVA_HIGH, 0, 0]);
      this.#tail = (this.#tail + 1) % this.slotCount;
    }
    if (posted > 0) this.#card.set(reg.RDT, this.#tail, this.queue);
    return posted;
  }

  /** Takes the frames that are complete, at most `limit` descriptors. */
  take(limit: number = Number.POSITIVE_INFINITY): ReceivedFrame[] {
    const frames: ReceivedFrame[] = [];
    for (let taken = 0; taken < limit && this.#next !== this.#tail; taken++) {
      const status = this.#card.word(this.ring, this.#next, 2);
      if ((status & bits.RX_DD) === 0) break;
      const word = (index: number): number => this.#card.word(this.ring, this.#next, index);
      const words = [word(0), word(1), status, word(3)] as const;
      this.#parts.push(this.#card.hostBytes(this.#buffers + this.#next * this.#bufferBytes, words[3] & 0xffff));
      if ((status & bits.RX_EOP) !== 0) {
        frames.push({ bytes: concatenate(this.#parts), words, descriptorCount: this.#parts.length });
        this.#parts = [];
      }
      this.#next = (this.#next + 1) % this.slotCount;
    }
    return frames;
  }
}

export interface TransmitRequest {
  readonly bytes: Uint8Array;
  /** Where to cut it into descriptors: lengths that add up. Absent: one. */
  readonly pieces?: readonly number[];
  /** Flags for word 2 besides length, type and EOP. */
  readonly flags?: number;
  /** Bits of word 3 below PAYLEN. */
  readonly options?: number;
  readonly payloadLength?: number;
  /** Words of a context descriptor to go before it. */
  readonly context?: readonly [number, number, number, number];
}

/** The driver's side of a transmit ring. Buffers lie wherever there is room: a large pool that is gone round. */
export class TransmitRing {
  readonly queue: number;
  readonly slotCount: number;
  readonly ring: number;
  /** Slot that the next descriptor goes to. */
  tail = 0;
  readonly #card: Card;
  readonly #pool: number;
  readonly #poolBytes: number;
  #poolNext = 0;

  constructor(card: Card, queue: number, slotCount: number, txdctl = 0, poolBytes: number = 1 << 18) {
    this.#card = card;
    this.queue = queue;
    this.slotCount = slotCount;
    this.ring = card.startTransmit(queue, slotCount, txdctl);
    this.#poolBytes = poolBytes;
    this.#pool = card.allocate(poolBytes);
  }

  /** Writes a frame's descriptors without ringing. Returns the slot of the last. The caller minds the ring's size. */
  put(request: TransmitRequest): number {
    const { bytes, pieces = [bytes.length], flags = bits.TX_IFCS | bits.TX_RS, options = 0, context } = request;
    if (context !== undefined) this.#descriptor(context);
    let at = 0;
    let last = this.tail;
    for (const [index, piece] of pieces.entries()) {
      last = this.tail;
      const isLast = index === pieces.length - 1;
      const command = dataCommand(piece, (isLast ? flags | bits.TX_EOP : flags & ~bits.TX_RS) | 0);
      const payload = (request.payloadLength ?? bytes.length) << bits.TX_PAYLEN_SHIFT;
      this.#descriptor([this.#store(bytes.subarray(at, at + piece)), IOVA_HIGH, command, payload | options]);
      at += piece;
    }
    return last;
  }

  /** The doorbell. */
  doorbell(): void {
    this.#card.set(reg.TDT, this.tail, this.queue);
  }

  isDone(slot: number): boolean {
    return (this.#card.word(this.ring, slot, 3) & bits.TX_DD) !== 0;
  }

  #descriptor(words: readonly [number, number, number, number]): void {
    this.#card.putDescriptor(this.ring, this.tail, words);
    this.tail = (this.tail + 1) % this.slotCount;
  }

  /** Puts bytes somewhere, at an odd address as often as not. */
  #store(bytes: Uint8Array): number {
    if (this.#poolNext + bytes.length + 3 > this.#poolBytes) this.#poolNext = 0;
    const at = this.#pool + this.#poolNext;
    this.#card.port.host.bytes.set(bytes, at);
    this.#poolNext += bytes.length + 3;
    return at;
  }
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
