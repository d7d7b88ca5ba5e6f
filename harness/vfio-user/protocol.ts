/**
 * The vfio-user protocol, version 0.0 (libvfio-user, docs/vfio-user.rst): VFIO's device interface as messages over a UNIX
 * socket. All numbers are little-endian.
 */

export const HEADER_BYTES = 16;

export const VERSION = 1;
export const DMA_MAP = 2;
export const DMA_UNMAP = 3;
export const DEVICE_GET_INFO = 4;
export const DEVICE_GET_REGION_INFO = 5;
const DEVICE_GET_REGION_IO_FDS = 6;
export const DEVICE_GET_IRQ_INFO = 7;
export const DEVICE_SET_IRQS = 8;
export const REGION_READ = 9;
export const REGION_WRITE = 10;
export const DMA_READ = 11;
export const DMA_WRITE = 12;
export const DEVICE_RESET = 13;
export const REGION_WRITE_MULTI = 15;

const COMMAND_NAMES: Readonly<Record<number, string>> = {
  [VERSION]: "VERSION",
  [DMA_MAP]: "DMA_MAP",
  [DMA_UNMAP]: "DMA_UNMAP",
  [DEVICE_GET_INFO]: "DEVICE_GET_INFO",
  [DEVICE_GET_REGION_INFO]: "DEVICE_GET_REGION_INFO",
  [DEVICE_GET_REGION_IO_FDS]: "DEVICE_GET_REGION_IO_FDS",
  [DEVICE_GET_IRQ_INFO]: "DEVICE_GET_IRQ_INFO",
  [DEVICE_SET_IRQS]: "DEVICE_SET_IRQS",
  [REGION_READ]: "REGION_READ",
  [REGION_WRITE]: "REGION_WRITE",
  [DMA_READ]: "DMA_READ",
  [DMA_WRITE]: "DMA_WRITE",
  [DEVICE_RESET]: "DEVICE_RESET",
  [REGION_WRITE_MULTI]: "REGION_WRITE_MULTI",
};

/** "DMA_MAP", or "command 77". */
export function commandName(command: number): string {
  return COMMAND_NAMES[command] ?? `command ${command}`;
}

export const FLAG_TYPE_MASK = 0xf;
export const FLAG_REPLY = 0x1;
export const FLAG_NO_REPLY = 0x10;
export const FLAG_ERROR = 0x20;

/** errno values, as Linux has them. */
export const ENOENT = 2;
export const EINVAL = 22;
export const ENOSPC = 28;
export const ENOTSUP = 95;
export const EEXIST = 17;

/** Regions and interrupts of a PCI function (linux/vfio.h). */
export const REGION_CONFIG = 7;
export const REGION_COUNT = 9;
export const IRQ_INTX = 0;
export const IRQ_MSI = 1;
export const IRQ_MSIX = 2;
export const IRQ_COUNT = 5;

export const DEVICE_FLAG_RESET = 0x1;
export const DEVICE_FLAG_PCI = 0x2;
export const REGION_FLAG_READ = 0x1;
export const REGION_FLAG_WRITE = 0x2;
export const IRQ_FLAG_EVENTFD = 0x1;
export const IRQ_FLAG_MASKABLE = 0x2;
export const IRQ_FLAG_AUTOMASKED = 0x4;
export const IRQ_FLAG_NORESIZE = 0x8;
export const DMA_FLAG_READ = 0x1;
export const DMA_FLAG_WRITE = 0x2;
export const UNMAP_FLAG_ALL = 0x2;
export const SET_DATA_NONE = 0x1;
export const SET_DATA_BOOL = 0x2;
export const SET_DATA_EVENTFD = 0x4;
export const SET_ACTION_MASK = 0x8;
export const SET_ACTION_UNMASK = 0x10;
export const SET_ACTION_TRIGGER = 0x20;

/** Largest payload of one DMA or region message that is offered: the protocol's default. */
export const MAX_DATA_BYTES: number = 1 << 20;
/** Descriptors that are taken with one message: as many as QEMU can send; it splits up a larger table. */
export const MAX_DESCRIPTORS = 16;
/** Ranges of memory lie on pages of this size: the protocol's default. */
export const PAGE_BYTES = 4096;
/** Longest message that is taken: the largest payload behind the longest fixed part. */
const MAX_MESSAGE_BYTES: number = MAX_DATA_BYTES + 64;

/** One message. The payload is a view of what was received, good until the handler returns. */
export interface Message {
  readonly id: number;
  readonly command: number;
  readonly flags: number;
  readonly errno: number;
  readonly payload: Buffer;
  /** File descriptors that came with it; the handler owns them. */
  readonly descriptors: readonly number[];
}

/** What a peer sent is no vfio-user: nothing that follows can be understood. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** A request that is refused with an error reply; the connection goes on. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}

/** A whole message to send. */
export function messageOf(id: number, command: number, flags: number, payload: Uint8Array, errno = 0): Buffer {
  const message = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  message.writeUInt16LE(id, 0);
  message.writeUInt16LE(command, 2);
  message.writeUInt32LE(message.length, 4);
  message.writeUInt32LE(flags, 8);
  message.writeUInt32LE(errno, 12);
  message.set(payload, HEADER_BYTES);
  return message;
}

/** Cuts what a socket brings into messages. Holds at most one that is not whole yet. */
export class MessageStream {
  /** Pieces of what is not whole yet. They are joined once there is enough, not at each piece. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  /** Bytes without which nothing can go on. */
  #neededBytes = HEADER_BYTES;
  #descriptors: number[] = [];

  /** Descriptors of a message that never became whole: the caller's to close. */
  get leftDescriptors(): readonly number[] {
    return this.#descriptors;
  }

  /**
   * Calls `handle` with each message that is whole now. Descriptors belong to the message that `bytes` end in: a read
   * from a UNIX socket ends with the piece that carried some (unix(7)).
   * @throws ProtocolError for a length that no message has: what comes behind it cannot be found; for more descriptors
   * with one message than were offered to be taken.
   */
  take(bytes: Buffer, descriptors: readonly number[], handle: (message: Message) => void): void {
    this.#descriptors.push(...descriptors);
    if (this.#descriptors.length > MAX_DESCRIPTORS) {
      throw new ProtocolError(
        `${this.#descriptors.length} descriptors with one message; max_msg_fds is ${MAX_DESCRIPTORS}`,
      );
    }
    this.#pieces.push(bytes);
    this.#pieceBytes += bytes.length;
    if (this.#pieceBytes < this.#neededBytes) return;
    const all = this.#pieces.length === 1 ? bytes : Buffer.concat(this.#pieces);
    let at = 0;
    for (;;) {
      const left = all.length - at;
      this.#neededBytes = left < HEADER_BYTES ? HEADER_BYTES : messageBytes(all, at);
      if (left < this.#neededBytes) break;
      const end = at + this.#neededBytes;
      const isLast = all.length - end < HEADER_BYTES;
      handle({
        descriptors: isLast ? this.#descriptors.splice(0) : [],
        id: all.readUInt16LE(at),
        command: all.readUInt16LE(at + 2),
        flags: all.readUInt32LE(at + 8),
        errno: all.readUInt32LE(at + 12),
        payload: all.subarray(at + HEADER_BYTES, end),
      });
      at = end;
    }
    this.#pieceBytes = all.length - at;
    // A copy: a few bytes must not hold on to all that came with them.
    this.#pieces = this.#pieceBytes === 0 ? [] : [Buffer.from(all.subarray(at))];
  }
}

/** How long the message at a place says that it is. */
function messageBytes(bytes: Buffer, at: number): number {
  const byteLength = bytes.readUInt32LE(at + 4);
  if (byteLength >= HEADER_BYTES && byteLength <= MAX_MESSAGE_BYTES) return byteLength;
  const command = commandName(bytes.readUInt16LE(at + 2));
  throw new ProtocolError(
    `${command} says that it is ${byteLength} bytes long; a message has ${HEADER_BYTES} to ${MAX_MESSAGE_BYTES}`,
  );
}

/** A 64-bit address or length that fits a Number. Throws RequestError naming `what` otherwise. */
export function readUint64(payload: Buffer, at: number, what: string): number {
  const value = payload.readUInt32LE(at) + payload.readUInt32LE(at + 4) * 2 ** 32;
  if (Number.isSafeInteger(value)) return value;
  throw new RequestError(
    EINVAL,
    `${what} 0x${payload.readBigUInt64LE(at).toString(16)} is beyond what a bus here carries`,
  );
}

export function writeUint64(payload: Buffer, at: number, value: number): void {
  payload.writeUInt32LE(value % 2 ** 32, at);
  payload.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}

/** Throws RequestError unless the payload has that many bytes, and says in `argsz`, its first word, that at least so many are meant. */
export function needStructure(
  payload: Buffer,
  byteLength: number,
  command: number,
  structureBytes: number = byteLength,
): void {
  needBytes(payload, byteLength, command);
  const claimed = payload.readUInt32LE(0);
  if (claimed >= structureBytes) return;
  throw new RequestError(EINVAL, `${commandName(command)} has argsz ${claimed}, needs ${structureBytes}`);
}

/** Throws RequestError unless the payload has at least that many bytes. */
export function needBytes(payload: Buffer, byteLength: number, command: number): void {
  if (payload.length >= byteLength) return;
  throw new RequestError(
    EINVAL,
    `${commandName(command)} has ${payload.length} bytes behind its header, needs ${byteLength}`,
  );
}
