import { MemoryView } from "../../emulator/memory/memory-view.ts";
import { type DmaRange, DmaTable } from "./dma-table.ts";
import {
  DMA_FLAG_READ,
  DMA_FLAG_WRITE,
  DMA_READ,
  DMA_WRITE,
  type Message,
  readUint64,
  writeUint64,
} from "./protocol.ts";

/** Sends a request to the client; its reply comes to {@link ClientMemory.reply} with the id. */
export type SendRequest = (command: number, payload: Buffer) => number;

/** Takes the answer to a DMA read. */
export interface ReadSink {
  /** `memory` is scratch: to be used before returning. */
  onData(tag: number, context: number, memory: MemoryView, offset: number, byteLength: number): void;
  onError(tag: number, context: number): void;
}

/** Why an access did not go through: nobody will answer it. */
export type Refusal = "unmapped" | "shrunk";

interface PendingRead {
  readonly address: number;
  readonly byteLength: number;
  readonly tag: number;
  readonly context: number;
  /** A reset came between: the answer is dropped. */
  isCancelled: boolean;
}

/** A device asks for no more at once. */
const SCRATCH_BYTES = 1 << 20;
const ADDRESS_BYTES = 16;

/**
 * The client's memory as the device reaches it: in place where the client handed its memory over, by copies where that
 * may shrink, by messages where there is none. Writes keep their order; a read that went by message is answered when its reply comes, and never waited for:
 * the client may itself wait for a register of ours and serve our reads only then.
 */
export class ClientMemory {
  readonly ranges: DmaTable = new DmaTable();
  /** Writes by message that the client has not acknowledged. */
  unacknowledgedCount = 0;
  readonly #send: SendRequest;
  readonly #sink: ReadSink;
  readonly #pending = new Map<number, PendingRead | undefined>();
  /** What was read, its words standing as they do in the client's memory. */
  readonly #scratch = MemoryView.ofSize(SCRATCH_BYTES + 8);

  constructor(send: SendRequest, sink: ReadSink) {
    this.#send = send;
    this.#sink = sink;
  }

  /** Reads under way. */
  get readCount(): number {
    let count = 0;
    for (const read of this.#pending.values()) if (read !== undefined && !read.isCancelled) count++;
    return count;
  }

  /** True when nothing that was asked of the client is unanswered. */
  get isIdle(): boolean {
    return this.#pending.size === 0;
  }

  /** Asks for bytes. A range that was handed over is answered within the call. */
  read(address: number, byteLength: number, tag: number, context: number): Refusal | undefined {
    const range = this.ranges.find(address, byteLength, DMA_FLAG_READ);
    if (range === undefined) return "unmapped";
    const { memory, file } = range;
    if (memory !== undefined) {
      this.#sink.onData(tag, context, memory, placeOf(range, address), byteLength);
      return undefined;
    }
    if (file !== undefined) {
      const at = address % 4;
      if (!file.read(address - range.address, this.#scratch, at, byteLength)) return "shrunk";
      this.#sink.onData(tag, context, this.#scratch, at, byteLength);
      return undefined;
    }
    const id = this.#send(DMA_READ, addressed(address, byteLength));
    this.#pending.set(id, { address, byteLength, tag, context, isCancelled: false });
    return undefined;
  }

  /** Posts bytes, the word at `flagOffset` last if that is not below 0. */
  write(
    address: number,
    from: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
  ): Refusal | undefined {
    const range = this.ranges.find(address, byteLength, DMA_FLAG_WRITE);
    if (range === undefined) return "unmapped";
    const { memory, file } = range;
    if (memory !== undefined) store(memory, placeOf(range, address), from, offset, byteLength, flagOffset);
    else if (file === undefined) this.#post(address, from, offset, byteLength);
    else if (!file.write(address - range.address, from, offset, byteLength, flagOffset)) return "shrunk";
    return undefined;
  }

  /** A message interrupt, where the client takes them as writes: four bytes, behind what was written before. */
  writeMessage(address: number, data: number): void {
    const payload = addressed(address, 4, 4);
    payload.writeInt32LE(data | 0, ADDRESS_BYTES);
    this.#pending.set(this.#send(DMA_WRITE, payload), undefined);
    this.unacknowledgedCount++;
  }

  /** A reply of the client. False when nobody asked. */
  reply(message: Message): boolean {
    if (!this.#pending.has(message.id)) return false;
    const read = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (read === undefined) this.unacknowledgedCount--;
    else if (!read.isCancelled) this.#answer(read, message);
    return true;
  }

  /** A reset: what is read is not wanted any more. */
  cancelReads(): void {
    for (const read of this.#pending.values()) if (read !== undefined) read.isCancelled = true;
  }

  /** Whether a read is answered within the call: of a range that was handed over. */
  isAtHand(address: number, byteLength: number): boolean {
    const range = this.ranges.find(address, byteLength, DMA_FLAG_READ);
    return range?.memory !== undefined || range?.file !== undefined;
  }

  #answer({ address, byteLength, tag, context }: PendingRead, { command, errno, payload }: Message): void {
    const isWhole =
      command === DMA_READ &&
      errno === 0 &&
      payload.length === ADDRESS_BYTES + byteLength &&
      readUint64(payload, 0, "address") === address;
    if (!isWhole) {
      this.#sink.onError(tag, context);
      return;
    }
    const at = address % 4;
    this.#scratch.bytes.set(payload.subarray(ADDRESS_BYTES), at);
    this.#sink.onData(tag, context, this.#scratch, at, byteLength);
  }

  #post(address: number, from: MemoryView, offset: number, byteLength: number): void {
    const payload = addressed(address, byteLength, byteLength);
    payload.set(from.bytes.subarray(offset, offset + byteLength), ADDRESS_BYTES);
    this.#pending.set(this.#send(DMA_WRITE, payload), undefined);
    this.unacknowledgedCount++;
  }
}

/** Address and length, and room for `dataBytes` behind them. */
function addressed(address: number, byteLength: number, dataBytes = 0): Buffer {
  const payload = Buffer.alloc(ADDRESS_BYTES + dataBytes);
  writeUint64(payload, 0, address);
  writeUint64(payload, 8, byteLength);
  return payload;
}

function placeOf({ address, memoryOffset = 0 }: DmaRange, at: number): number {
  return memoryOffset + (at - address);
}

/** Stores into the client's own memory, the flag's word last and atomically. */
function store(
  to: MemoryView,
  toOffset: number,
  from: MemoryView,
  offset: number,
  byteLength: number,
  flagOffset: number,
): void {
  if (flagOffset < 0) {
    to.bytes.set(from.bytes.subarray(offset, offset + byteLength), toOffset);
    return;
  }
  const behind = flagOffset + 4;
  to.bytes.set(from.bytes.subarray(offset, offset + flagOffset), toOffset);
  to.bytes.set(from.bytes.subarray(offset + behind, offset + byteLength), toOffset + behind);
  Atomics.store(to.words, (toOffset + flagOffset) >> 2, from.words[(offset + flagOffset) >> 2] as number);
}
