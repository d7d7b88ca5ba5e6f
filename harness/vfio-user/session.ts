import type { DeviceDeclaration } from "../../emulator/pcie/device-model.ts";
import { type Capabilities, capabilitiesOf } from "./capabilities.ts";
import { ClientInterrupts } from "./client-interrupts.ts";
import { ClientMemory } from "./client-memory.ts";
import * as p from "./protocol.ts";
import type { ServedDevice } from "./served-device.ts";
import { type DescriptorUse, heldRange, memoryText, type SharedMemory, sharedBy } from "./shared-memory.ts";

const CONFIG_BYTES = 4096;
/** Major and minor version, before the capabilities. */
const NEGOTIATION_BYTES = 4;
const REGION_HEADER_BYTES = 16;

/** A client's end of its connection, as a session uses it. */
export interface Peer {
  /** Sends a whole message. Never called after {@link Session.close}. */
  write(message: Buffer): void;
  /** The client is of no further use; the session is to be closed. */
  hangUp(reason: string): void;
  /** Told how its memory is reached, once for each way. */
  notice(text: string): void;
}

/** One client of a served device: its messages in, ours out. */
export class Session {
  readonly #device: ServedDevice;
  readonly #memory: ClientMemory;
  readonly #interrupts: ClientInterrupts;
  readonly #peer: Peer;
  readonly #descriptors: DescriptorUse | undefined;
  /** What has been told. */
  readonly #forms = new Set<SharedMemory["form"]>();
  readonly #stream = new p.MessageStream();
  #isNegotiated = false;

  constructor(device: ServedDevice, peer: Peer, descriptors?: DescriptorUse) {
    this.#device = device;
    this.#peer = peer;
    this.#descriptors = descriptors;
    const target = {
      send: (id: number, command: number, payload: Buffer) => peer.write(p.messageOf(id, command, 0, payload)),
      hangUp: (reason: string) => peer.hangUp(reason),
    };
    this.#memory = new ClientMemory(target, device.sink);
    this.#interrupts = new ClientInterrupts(
      this.#memory,
      interruptCounts(device.endpoint.declaration, descriptors !== undefined),
      descriptors !== undefined,
    );
    device.connect(this.#memory, this.#interrupts);
  }

  /**
   * What came from the client. @throws ProtocolError when it is no vfio-user: the connection is of no further use.
   */
  receive(bytes: Buffer, descriptors: readonly number[] = []): void {
    this.#stream.take(bytes, descriptors, (message) => this.#handle(message));
    this.#device.advance();
  }

  /** The client is gone. */
  close(): void {
    for (const descriptor of this.#stream.leftDescriptors) this.#descriptors?.close(descriptor);
    this.#interrupts.close();
    this.#device.disconnect();
    this.#memory.ranges.clear();
  }

  #handle(message: p.Message): void {
    let reply: Buffer | undefined;
    const unused = new Set(message.descriptors);
    try {
      if ((message.flags & p.FLAG_TYPE_MASK) === p.FLAG_REPLY) this.#takeReply(message);
      else reply = this.#replyTo(message, unused);
    } finally {
      for (const descriptor of unused) this.#descriptors?.close(descriptor);
    }
    if (reply !== undefined && (message.flags & p.FLAG_NO_REPLY) === 0) this.#peer.write(reply);
  }

  #takeReply(message: p.Message): void {
    const isError = (message.flags & p.FLAG_ERROR) !== 0;
    const reply = isError && message.errno === 0 ? { ...message, errno: p.EINVAL } : message;
    if (this.#memory.requests.reply(reply)) return;
    throw new p.ProtocolError(
      `a reply to request ${message.id} (${p.commandName(message.command)}), which was not asked`,
    );
  }

  #replyTo(message: p.Message, descriptors: Set<number>): Buffer {
    const { id, command } = message;
    try {
      return p.messageOf(id, command, p.FLAG_REPLY, this.#answer(message, descriptors));
    } catch (error) {
      if (!(error instanceof p.RequestError)) throw error;
      return p.messageOf(id, command, p.FLAG_REPLY | p.FLAG_ERROR, new Uint8Array(), error.errno);
    }
  }

  /** The payload of the reply. What is taken of the descriptors is taken out of `descriptors`. */
  #answer(message: p.Message, descriptors: Set<number>): Uint8Array {
    const { command, payload } = message;
    if ((message.flags & p.FLAG_TYPE_MASK) !== 0)
      throw new p.RequestError(p.EINVAL, `type ${message.flags & p.FLAG_TYPE_MASK} of a message`);
    if (!this.#isNegotiated && command !== p.VERSION) throw new p.RequestError(p.EINVAL, "the version comes first");
    switch (command) {
      case p.VERSION:
        return this.#version(payload);
      case p.DMA_MAP:
        return this.#dmaMap(payload, descriptors);
      case p.DMA_UNMAP:
        return this.#dmaUnmap(payload);
      case p.DEVICE_GET_INFO:
        return this.#deviceInfo(payload);
      case p.DEVICE_GET_REGION_INFO:
        return this.#regionInfo(payload);
      case p.DEVICE_GET_IRQ_INFO:
        return this.#irqInfo(payload);
      case p.DEVICE_SET_IRQS:
        return this.#setIrqs(payload, descriptors);
      case p.REGION_READ:
        return this.#regionRead(payload);
      case p.REGION_WRITE:
        return this.#regionWrite(payload, 0).reply;
      case p.REGION_WRITE_MULTI:
        return this.#regionWriteMulti(payload);
      case p.DEVICE_RESET:
        this.#device.reset();
        return new Uint8Array();
      default:
        throw new p.RequestError(p.ENOTSUP, `${p.commandName(command)} is not served`);
    }
  }

  #version(payload: Buffer): Uint8Array {
    p.needBytes(payload, NEGOTIATION_BYTES, p.VERSION);
    const major = payload.readUInt16LE(0);
    if (major !== 0) throw new p.RequestError(p.ENOTSUP, `version ${major}.${payload.readUInt16LE(2)}; 0.0 is served`);
    const { transferBytes } = capabilitiesOf(payload.subarray(NEGOTIATION_BYTES));
    this.#memory.requests.transferBytes = transferBytes;
    this.#isNegotiated = true;
    const capabilities: Capabilities = {
      max_msg_fds: this.#descriptors === undefined ? 0 : p.MAX_DESCRIPTORS,
      max_data_xfer_size: p.MAX_DATA_BYTES,
      pgsizes: p.PAGE_BYTES,
      write_multiple: true,
    };
    return Buffer.concat([Buffer.alloc(NEGOTIATION_BYTES), Buffer.from(`${JSON.stringify({ capabilities })}\0`)]);
  }

  // ---- memory ------------------------------------------------------------------------------------------------------

  #dmaMap(payload: Buffer, descriptors: Set<number>): Uint8Array {
    p.needStructure(payload, 32, p.DMA_MAP);
    const flags = payload.readUInt32LE(4);
    const fileOffset = p.readUint64(payload, 8, "file offset");
    const address = p.readUint64(payload, 16, "address");
    const byteLength = p.readUint64(payload, 24, "length");
    const [canRead, canWrite] = [(flags & p.DMA_FLAG_READ) !== 0, (flags & p.DMA_FLAG_WRITE) !== 0];
    if ((flags & ~(p.DMA_FLAG_READ | p.DMA_FLAG_WRITE)) !== 0 || flags === 0) {
      throw new p.RequestError(p.EINVAL, `DMA flags 0x${flags.toString(16)}`);
    }
    if (address % p.PAGE_BYTES !== 0 || byteLength % p.PAGE_BYTES !== 0 || fileOffset % p.PAGE_BYTES !== 0) {
      const numbers = [address, byteLength, fileOffset].map((number) => `0x${number.toString(16)}`);
      throw new p.RequestError(p.EINVAL, `address, length and offset ${numbers.join(", ")} are not all of whole pages`);
    }
    const range = { address, byteLength, canRead, canWrite };
    const [descriptor] = descriptors;
    if (this.#descriptors === undefined || descriptor === undefined) {
      this.#memory.ranges.add(range);
      return new Uint8Array();
    }
    const shared = sharedBy(this.#descriptors, descriptor, fileOffset, byteLength, canWrite);
    if (shared.form === "copied") descriptors.delete(descriptor);
    const held = heldRange(range, shared);
    try {
      this.#memory.ranges.add(held);
    } catch (error) {
      held.release?.();
      throw error;
    }
    this.#tell(shared.form);
    return new Uint8Array();
  }

  #tell(form: SharedMemory["form"]): void {
    if (this.#forms.has(form)) return;
    this.#forms.add(form);
    this.#peer.notice(memoryText(form));
  }

  #dmaUnmap(payload: Buffer): Uint8Array {
    p.needStructure(payload, 24, p.DMA_UNMAP);
    const flags = payload.readUInt32LE(4);
    const address = p.readUint64(payload, 8, "address");
    const byteLength = p.readUint64(payload, 16, "length");
    if ((flags & ~p.UNMAP_FLAG_ALL) !== 0) throw new p.RequestError(p.ENOTSUP, `unmap flags 0x${flags.toString(16)}`);
    if ((flags & p.UNMAP_FLAG_ALL) === 0) this.#memory.ranges.remove(address, byteLength);
    else if (address === 0 && byteLength === 0) this.#memory.ranges.clear();
    else throw new p.RequestError(p.EINVAL, "all ranges are to be unmapped, and one is named");
    return Buffer.from(payload.subarray(0, 24));
  }

  // ---- what the device is ------------------------------------------------------------------------------------------

  #deviceInfo(payload: Buffer): Uint8Array {
    p.needStructure(payload, 4, p.DEVICE_GET_INFO, 16);
    return words(16, p.DEVICE_FLAG_RESET | p.DEVICE_FLAG_PCI, p.REGION_COUNT, p.IRQ_COUNT);
  }

  #regionInfo(payload: Buffer): Uint8Array {
    p.needStructure(payload, 16, p.DEVICE_GET_REGION_INFO, 32);
    const region = payload.readUInt32LE(8);
    if (region >= p.REGION_COUNT) throw new p.RequestError(p.EINVAL, `there is no region ${region}`);
    const byteLength = this.#regionBytes(region);
    const info = words(32, byteLength === 0 ? 0 : p.REGION_FLAG_READ | p.REGION_FLAG_WRITE, region, 0, 0, 0, 0, 0);
    p.writeUint64(info, 16, byteLength);
    return info;
  }

  #regionBytes(region: number): number {
    if (region === p.REGION_CONFIG) return CONFIG_BYTES;
    return this.#device.endpoint.declaration.bars.find(({ index }) => index === region)?.byteLength ?? 0;
  }

  #irqInfo(payload: Buffer): Uint8Array {
    p.needStructure(payload, 16, p.DEVICE_GET_IRQ_INFO);
    const index = payload.readUInt32LE(8);
    const count = this.#interrupts.counts[index];
    if (count === undefined) throw new p.RequestError(p.EINVAL, `there is no interrupt kind ${index}`);
    return words(16, this.#interrupts.flagsOf(index), index, count);
  }

  #setIrqs(payload: Buffer, descriptors: Set<number>): Uint8Array {
    p.needStructure(payload, 20, p.DEVICE_SET_IRQS);
    const [flags, index, start, count] = [4, 8, 12, 16].map((at) => payload.readUInt32LE(at)) as [
      number,
      number,
      number,
      number,
    ];
    // As many as it claims to be: a client may have put less into it than it sends.
    const booleans = [...payload.subarray(20, payload.readUInt32LE(0))].map((byte) => byte !== 0);
    const request = { flags, index, start, count, booleans, descriptorCount: descriptors.size };
    const use = this.#descriptors;
    this.#interrupts.set(request, descriptors, (descriptor) => (use as DescriptorUse).signal(descriptor));
    return new Uint8Array();
  }

  // ---- accesses ----------------------------------------------------------------------------------------------------

  #regionRead(payload: Buffer): Uint8Array {
    p.needBytes(payload, REGION_HEADER_BYTES, p.REGION_READ);
    const { region, offset, byteLength } = this.#access(payload, 0);
    const reply = Buffer.alloc(REGION_HEADER_BYTES + byteLength);
    payload.copy(reply, 0, 0, REGION_HEADER_BYTES);
    const { endpoint } = this.#device;
    for (let at = 0; at < byteLength; ) {
      const width = widthAt(offset + at, byteLength - at);
      const value =
        region === p.REGION_CONFIG
          ? endpoint.configRead(offset + at, width)
          : endpoint.read(region, offset + at, width);
      reply.writeUIntLE((width === 4 ? value : value & (2 ** (8 * width) - 1)) >>> 0, REGION_HEADER_BYTES + at, width);
      at += width;
    }
    return reply;
  }

  /** Returns the reply and where the next write begins in the payload. */
  #regionWrite(payload: Buffer, from: number): { readonly reply: Uint8Array; readonly next: number } {
    p.needBytes(payload.subarray(from), REGION_HEADER_BYTES, p.REGION_WRITE);
    const { region, offset, byteLength } = this.#access(payload, from);
    p.needBytes(payload.subarray(from), REGION_HEADER_BYTES + byteLength, p.REGION_WRITE);
    const { endpoint, machine } = this.#device;
    for (let at = 0; at < byteLength; ) {
      const width = widthAt(offset + at, byteLength - at);
      const value = payload.readUIntLE(from + REGION_HEADER_BYTES + at, width);
      if (region === p.REGION_CONFIG) endpoint.configWrite(offset + at, width, value);
      else endpoint.write(region, offset + at, width, value | 0, 0);
      at += width;
    }
    // What a doorbell sets off goes to the client before the next message is looked at.
    machine.host.settle();
    const next = from + REGION_HEADER_BYTES + byteLength;
    return { reply: Buffer.from(payload.subarray(from, from + REGION_HEADER_BYTES)), next };
  }

  #regionWriteMulti(payload: Buffer): Uint8Array {
    p.needBytes(payload, 8, p.REGION_WRITE_MULTI);
    const count = p.readUint64(payload, 0, "count");
    let at = 8;
    for (let nth = 0; nth < count; nth++) {
      // Each has a place of eight bytes for its data, whatever its length.
      p.needBytes(payload.subarray(at), REGION_HEADER_BYTES + 8, p.REGION_WRITE_MULTI);
      if (payload.readUInt32LE(at + 12) > 8)
        throw new p.RequestError(p.EINVAL, "a write of more than eight bytes among several");
      this.#regionWrite(payload, at);
      at += REGION_HEADER_BYTES + 8;
    }
    return Buffer.from(payload.subarray(0, 8));
  }

  #access(
    payload: Buffer,
    from: number,
  ): { readonly region: number; readonly offset: number; readonly byteLength: number } {
    const offset = p.readUint64(payload, from, "offset");
    const region = payload.readUInt32LE(from + 8);
    const byteLength = payload.readUInt32LE(from + 12);
    if (region >= p.REGION_COUNT || byteLength > p.MAX_DATA_BYTES || offset + byteLength > this.#regionBytes(region)) {
      throw new p.RequestError(
        p.EINVAL,
        `${byteLength} bytes at 0x${offset.toString(16)} of region ${region}, which has ${region < p.REGION_COUNT ? this.#regionBytes(region) : 0}`,
      );
    }
    return { region, offset, byteLength };
  }
}

/** By interrupt kind: how many a device has that a client can hear. */
function interruptCounts({ identity, msi, msix }: DeviceDeclaration, hasDescriptors: boolean): readonly number[] {
  const line = hasDescriptors && (identity.interruptPin ?? 0) !== 0 ? 1 : 0;
  // A memory write: it needs no descriptor.
  const message = msi === false ? 0 : 1;
  return [line, message, hasDescriptors ? (msix?.vectorCount ?? 0) : 0, 0, 0];
}

/** The largest naturally aligned access at an offset: 4, 2 or 1 bytes, as a bus would cut it. */
function widthAt(offset: number, byteLength: number): 1 | 2 | 4 {
  if ((offset & 3) === 0 && byteLength >= 4) return 4;
  return (offset & 1) === 0 && byteLength >= 2 ? 2 : 1;
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index);
  return bytes;
}
