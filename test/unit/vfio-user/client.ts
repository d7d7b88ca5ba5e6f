import * as p from "../../../harness/vfio-user/protocol.ts";
import type { ServedDevice } from "../../../harness/vfio-user/served-device.ts";
import { Session } from "../../../harness/vfio-user/session.ts";
import type { DescriptorUse } from "../../../harness/vfio-user/shared-memory.ts";

/** What the server sent. */
export interface Received {
  readonly id: number;
  readonly command: number;
  readonly flags: number;
  readonly errno: number;
  readonly payload: Buffer;
}

/** Its memory, as far as the device may reach it by messages: bytes by address. */
export interface Memory {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/**
 * A client of the protocol's description, with no code of the server's but its constants: it asks, takes replies, and
 * serves the device's DMA from its own memory, at once or when {@link serve} is called.
 */
export class Client {
  readonly received: Received[] = [];
  /** DMA requests of the device that have not been served. */
  readonly open: Received[] = [];
  /** Every DMA write, in order. */
  readonly written: { readonly address: number; readonly bytes: Uint8Array }[] = [];
  /** Why the server hung up. */
  readonly reasons: string[] = [];
  /** Of every DMA read, in order. */
  readonly readLengths: number[] = [];
  /** A command that it answers with an error. */
  refused: number | undefined;
  isServing = true;
  readonly memory: Memory[] = [];
  readonly session: Session;
  #nextId = 1;
  #isServingNow = false;

  constructor(device: ServedDevice, descriptors?: DescriptorUse, notice: (text: string) => void = () => {}) {
    const peer = {
      write: (message: Buffer) => this.#take(message),
      hangUp: (reason: string) => void this.reasons.push(reason),
      notice,
    };
    this.session = new Session(device, peer, descriptors);
  }

  /** Sends a request and returns the reply; undefined when none has come. */
  ask(command: number, payload: Uint8Array, flags = 0, descriptors: readonly number[] = []): Received | undefined {
    const id = this.#nextId++ & 0x7fff;
    const before = this.received.length;
    this.session.receive(p.messageOf(id, command, flags, payload), descriptors);
    const reply = this.received.slice(before).find((message) => message.id === id);
    if (this.isServing) this.serve();
    return reply;
  }

  /** As {@link ask}; throws for an error reply. */
  must(command: number, payload: Uint8Array, descriptors: readonly number[] = []): Buffer {
    const reply = this.ask(command, payload, 0, descriptors);
    if (reply === undefined || reply.errno !== 0) throw new Error(`${p.commandName(command)}: errno ${reply?.errno}`);
    return reply.payload;
  }

  negotiate(): unknown {
    const reply = this.must(
      p.VERSION,
      Buffer.concat([Buffer.alloc(4), Buffer.from('{"capabilities":{"max_msg_fds":8}}\0')]),
    );
    return JSON.parse(reply.subarray(4, reply.indexOf(0, 4)).toString());
  }

  map(address: number, byteLength: number, flags = 3): Uint8Array {
    const bytes = new Uint8Array(byteLength);
    this.must(p.DMA_MAP, rangeOf([32, flags], [0, address, byteLength]));
    this.memory.push({ address, bytes });
    return bytes;
  }

  read32(region: number, offset: number): number {
    return this.must(p.REGION_READ, accessOf(offset, region, 4)).readUInt32LE(16);
  }

  write32(region: number, offset: number, value: number, byteLength = 4): void {
    const data = Buffer.alloc(byteLength);
    data.writeUIntLE(value >>> 0, 0, byteLength);
    this.must(p.REGION_WRITE, Buffer.concat([accessOf(offset, region, byteLength), data]));
  }

  /** Serves the device's open DMA requests, oldest first. */
  serve(): void {
    // A reply may bring the next request: one loop takes them all.
    if (this.#isServingNow) return;
    this.#isServingNow = true;
    for (let request = this.open.shift(); request !== undefined; request = this.open.shift()) this.#serveOne(request);
    this.#isServingNow = false;
  }

  #serveOne({ id, command, payload }: Received): void {
    const address = Number(payload.readBigUInt64LE(0));
    const byteLength = Number(payload.readBigUInt64LE(8));
    const memory = this.memory.find(
      (each) => address >= each.address && address + byteLength <= each.address + each.bytes.length,
    );
    const header = Buffer.from(payload.subarray(0, 16));
    const at = address - (memory?.address ?? 0);
    if (command === this.refused) {
      this.session.receive(p.messageOf(id, command, p.FLAG_REPLY | p.FLAG_ERROR, new Uint8Array(), EFAULT));
      return;
    }
    if (command === p.DMA_WRITE) {
      const bytes = Uint8Array.from(payload.subarray(16));
      this.written.push({ address, bytes });
      memory?.bytes.set(bytes, at);
      this.session.receive(p.messageOf(id, command, p.FLAG_REPLY, header));
      return;
    }
    this.readLengths.push(byteLength);
    const data = memory?.bytes.subarray(at, at + byteLength) ?? new Uint8Array();
    const flags = memory === undefined ? p.FLAG_REPLY | p.FLAG_ERROR : p.FLAG_REPLY;
    const answer = memory === undefined ? new Uint8Array() : Buffer.concat([header, data]);
    this.session.receive(p.messageOf(id, command, flags, answer, memory === undefined ? p.EINVAL : 0));
  }

  #take(bytes: Buffer): void {
    const message: Received = {
      id: bytes.readUInt16LE(0),
      command: bytes.readUInt16LE(2),
      flags: bytes.readUInt32LE(8),
      errno: bytes.readUInt32LE(12),
      payload: Buffer.from(bytes.subarray(p.HEADER_BYTES)),
    };
    if (bytes.readUInt32LE(4) !== bytes.length) throw new Error("a message whose length is not its own");
    if ((message.flags & p.FLAG_TYPE_MASK) === p.FLAG_REPLY) this.received.push(message);
    else this.open.push(message);
  }
}

const EFAULT = 14;

/** Words, then 64-bit numbers: how map and unmap requests are laid out. */
export function rangeOf(words: readonly number[], longs: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * words.length + 8 * longs.length);
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word >>> 0, 4 * index);
  for (const [index, long] of longs.entries()) bytes.writeBigUInt64LE(BigInt(long), 4 * words.length + 8 * index);
  return bytes;
}

export function accessOf(offset: number, region: number, byteLength: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(BigInt(offset), 0);
  bytes.writeUInt32LE(region, 8);
  bytes.writeUInt32LE(byteLength, 12);
  return bytes;
}

export function wordsOf(...words: readonly number[]): Buffer {
  return rangeOf(words, []);
}

/** Requests that are right, of every kind. */
export const GOOD_REQUESTS: readonly (readonly [number, Uint8Array])[] = [
  [p.VERSION, Buffer.concat([Buffer.alloc(4), Buffer.from("{}\0")])],
  [p.DEVICE_GET_INFO, wordsOf(16, 0, 0, 0)],
  [p.DEVICE_GET_REGION_INFO, wordsOf(32, 0, 0, 0, 0, 0, 0, 0)],
  [p.DEVICE_GET_IRQ_INFO, wordsOf(16, 0, 1, 0)],
  [p.DEVICE_SET_IRQS, wordsOf(20, 0x24, 1, 0, 1)],
  [p.DMA_MAP, rangeOf([32, 3], [0, 0x10000, 0x10000])],
  [p.DMA_UNMAP, rangeOf([24, 0], [0x10000, 0x10000])],
  [p.REGION_READ, accessOf(8, 0, 4)],
  [p.REGION_WRITE, Buffer.concat([accessOf(4, p.REGION_CONFIG, 2), Uint8Array.of(6, 0)])],
  [p.REGION_WRITE, Buffer.concat([accessOf(0x6018, 0, 4), wordsOf(7)])],
  [p.REGION_WRITE_MULTI, Buffer.concat([rangeOf([], [1]), accessOf(0x1018, 0, 4), rangeOf([9, 0], [])])],
  [p.DEVICE_RESET, new Uint8Array()],
];
