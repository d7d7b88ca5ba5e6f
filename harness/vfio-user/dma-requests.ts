import { MemoryView } from "../../emulator/memory/memory-view.ts";
import { DMA_READ, DMA_WRITE, MAX_DATA_BYTES, type Message, writeUint64 } from "./protocol.ts";

/** Takes the answers to what was asked of a client. */
export interface DmaSink {
  /** `memory` is scratch: to be used before returning. */
  onData(tag: number, context: number, memory: MemoryView, offset: number, byteLength: number): void;
  onReadRefused(tag: number, context: number): void;
  onWriteRefused(): void;
  /** So was an interrupt that went as the memory write that it is. */
  onMessageRefused(): void;
}

/** The client's end, as far as requests go. */
export interface RequestTarget {
  send(id: number, command: number, payload: Buffer): void;
  /** It is of no further use. */
  hangUp(reason: string): void;
}

/** Something that is asked of the client: in one message, or in several where it takes no more at once. */
interface Transfer {
  readonly kind: "read" | "write" | "message";
  readonly address: number;
  readonly byteLength: number;
  readonly tag: number;
  readonly context: number;
  /**
   * What is written, until it has been asked for; where what is read is put together, if it comes in several messages: its
   * words stand as the client's.
   */
  memory: MemoryView | undefined;
  /** The most bytes of one message. */
  readonly partBytes: number;
  askedBytes: number;
  /** Messages that are unanswered. */
  openCount: number;
  hasFailed: boolean;
}

/** A message that is unanswered. */
interface Part {
  readonly transfer: Transfer;
  readonly offset: number;
  readonly byteLength: number;
}

/** Messages that are unanswered at once. What comes behind them is held back, in order. */
const WINDOW = 256;
/** What is held back for a client, at most: more is one that does not answer, or is too slow for the card. */
const HELD_BYTES = 64 << 20;
const HELD_COUNT = 1 << 16;
/** A device asks for no more at once. */
const SCRATCH_BYTES = 1 << 20;
const ADDRESS_BYTES = 16;
const ID_COUNT = 1 << 16;

/**
 * DMA by messages: asks a client to read and write its memory, in order, never more at once than it takes, and joins its
 * answers, which come in any order.
 */
export class DmaRequests {
  /** The client's `max_data_xfer_size`: the most bytes of one message. */
  transferBytes: number = MAX_DATA_BYTES;
  /** Writes that are not acknowledged, those included that are held back. */
  unacknowledgedCount = 0;
  readonly #target: RequestTarget;
  readonly #sink: DmaSink;
  /** By id. */
  readonly #open = new Map<number, Part>();
  /** From {@link #heldAt} on: taking the first of many out of an array moves all of them. */
  #held: Transfer[] = [];
  #heldAt = 0;
  #heldBytes = 0;
  /** Reads whose answer is wanted. */
  readonly #reads = new Set<Transfer>();
  readonly #scratch = MemoryView.ofSize(SCRATCH_BYTES + 8);
  #nextId = 1;
  #isOver = false;

  constructor(target: RequestTarget, sink: DmaSink) {
    this.#target = target;
    this.#sink = sink;
  }

  /** Reads under way. */
  get readCount(): number {
    return this.#reads.size;
  }

  /** True when nothing is unanswered. */
  get isIdle(): boolean {
    return this.#open.size === 0 && this.#heldCount === 0;
  }

  read(address: number, byteLength: number, tag: number, context: number): void {
    const memory = byteLength <= this.transferBytes ? undefined : MemoryView.ofSize(byteLength + 4);
    const transfer = this.#transferOf("read", address, byteLength, memory, tag, context);
    this.#reads.add(transfer);
    this.#hold(transfer);
  }

  /** Posts bytes, the word at `flagOffset` last if that is not below 0. */
  write(address: number, from: MemoryView, offset: number, byteLength: number, flagOffset: number): void {
    if (flagOffset < 0 || byteLength <= this.transferBytes) {
      this.#post("write", address, from, offset, byteLength);
      return;
    }
    const behind = flagOffset + 4;
    this.#post("write", address, from, offset, flagOffset);
    this.#post("write", address + behind, from, offset + behind, byteLength - behind);
    this.#post("write", address + flagOffset, from, offset + flagOffset, 4);
  }

  /** A message interrupt: four bytes, behind what was written before. */
  writeMessage(address: number, data: number): void {
    const memory = MemoryView.ofSize(4);
    memory.words[0] = data;
    this.#post("message", address, memory, 0, 4);
  }

  /** A reply of the client. False when nobody asked. */
  reply(message: Message): boolean {
    const part = this.#open.get(message.id);
    if (part === undefined) return false;
    this.#open.delete(message.id);
    const { transfer } = part;
    transfer.openCount--;
    if (!isAnswer(message, part)) transfer.hasFailed = true;
    const isEnd = transfer.openCount === 0 && (transfer.hasFailed || transfer.askedBytes === transfer.byteLength);
    if (transfer.kind !== "read") {
      if (isEnd) this.#endWrite(transfer);
    } else if (this.#reads.has(transfer)) {
      if (!transfer.hasFailed) this.#take(part, message.payload);
      if (isEnd) this.#endRead(transfer);
    }
    this.#ask();
    return true;
  }

  /** A reset: what is read is not wanted any more. */
  cancelReads(): void {
    this.#reads.clear();
    // Writes were made before it.
    this.#held = this.#held.slice(this.#heldAt).filter(({ kind }) => kind !== "read");
    this.#heldAt = 0;
  }

  get #heldCount(): number {
    return this.#held.length - this.#heldAt;
  }

  #post(kind: "write" | "message", address: number, from: MemoryView, offset: number, byteLength: number): void {
    if (byteLength === 0 || this.#isOver) return;
    const memory = MemoryView.ofSize(byteLength);
    memory.bytes.set(from.bytes.subarray(offset, offset + byteLength));
    this.unacknowledgedCount++;
    this.#hold(this.#transferOf(kind, address, byteLength, memory, 0, 0));
  }

  #hold(transfer: Transfer): void {
    if (this.#isOver) return;
    this.#held.push(transfer);
    if (transfer.kind !== "read") this.#heldBytes += transfer.byteLength;
    this.#ask();
    if (this.#heldCount <= HELD_COUNT && this.#heldBytes <= HELD_BYTES) return;
    this.#isOver = true;
    this.#target.hangUp(
      `it answers the card's DMA too slowly or not at all: ${this.#open.size} requests are unanswered, and ${this.#heldCount} more wait`,
    );
  }

  /** Asks for what there is room for. */
  #ask(): void {
    while (this.#heldCount > 0 && this.#open.size < WINDOW) {
      const first = this.#held[this.#heldAt] as Transfer;
      const isLast = first.hasFailed || first.askedBytes + first.partBytes >= first.byteLength;
      if (isLast) this.#letGo(first);
      if (!first.hasFailed) this.#askPart(first);
      if (isLast && first.kind !== "read") first.memory = undefined;
    }
  }

  #letGo(first: Transfer): void {
    this.#heldAt++;
    if (first.kind !== "read") this.#heldBytes -= first.byteLength;
    if (this.#heldCount === 0) this.#held.length = 0;
    else if (this.#heldAt < WINDOW) return;
    else this.#held = this.#held.slice(this.#heldAt);
    this.#heldAt = 0;
  }

  #askPart(transfer: Transfer): void {
    const { kind, address, memory, askedBytes: offset } = transfer;
    const byteLength = Math.min(transfer.partBytes, transfer.byteLength - offset);
    const payload = Buffer.alloc(ADDRESS_BYTES + (kind === "read" ? 0 : byteLength));
    writeUint64(payload, 0, address + offset);
    writeUint64(payload, 8, byteLength);
    if (kind !== "read" && memory !== undefined)
      payload.set(memory.bytes.subarray(offset, offset + byteLength), ADDRESS_BYTES);
    transfer.askedBytes += byteLength;
    transfer.openCount++;
    // In the books before it goes out: its answer may come within the call.
    const id = this.#freeId();
    this.#open.set(id, { transfer, offset, byteLength });
    this.#target.send(id, kind === "read" ? DMA_READ : DMA_WRITE, payload);
  }

  /** One that no unanswered message has: there are more than {@link WINDOW}. */
  #freeId(): number {
    let id = this.#nextId;
    while (this.#open.has(id)) id = (id + 1) % ID_COUNT;
    this.#nextId = (id + 1) % ID_COUNT;
    return id;
  }

  #transferOf(
    kind: Transfer["kind"],
    address: number,
    byteLength: number,
    memory: MemoryView | undefined,
    tag: number,
    context: number,
  ): Transfer {
    const partBytes = this.transferBytes;
    return {
      kind,
      address,
      byteLength,
      memory,
      tag,
      context,
      partBytes,
      askedBytes: 0,
      openCount: 0,
      hasFailed: false,
    };
  }

  #endWrite(transfer: Transfer): void {
    this.unacknowledgedCount--;
    if (!transfer.hasFailed) return;
    if (transfer.kind === "write") this.#sink.onWriteRefused();
    else this.#sink.onMessageRefused();
  }

  #take({ transfer, offset, byteLength }: Part, payload: Buffer): void {
    const place = (transfer.address % 4) + offset;
    const { bytes } = transfer.memory ?? this.#scratch;
    bytes.set(payload.subarray(ADDRESS_BYTES, ADDRESS_BYTES + byteLength), place);
  }

  #endRead(transfer: Transfer): void {
    this.#reads.delete(transfer);
    const { address, byteLength, tag, context, memory, hasFailed } = transfer;
    if (hasFailed) this.#sink.onReadRefused(tag, context);
    else this.#sink.onData(tag, context, memory ?? this.#scratch, address % 4, byteLength);
  }
}

/** Whether a reply is what was asked for. Address words are compared as they are: one beyond 2^53 is just another one. */
function isAnswer({ command, errno, payload }: Message, { transfer, offset, byteLength }: Part): boolean {
  if (errno !== 0) return false;
  if (transfer.kind !== "read") return command === DMA_WRITE;
  if (command !== DMA_READ || payload.length !== ADDRESS_BYTES + byteLength) return false;
  return payload.readUInt32LE(0) + payload.readUInt32LE(4) * 2 ** 32 === transfer.address + offset;
}
