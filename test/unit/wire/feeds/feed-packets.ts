/** Packets of the exchange feeds, by the book. */

export const IEX_PROTOCOLS = { TOPS: 0x8003, DEEP: 0x8004, "DEEP+": 0x8005 } as const;

/** 15 March 2024, 14:30 UTC. */
export const SEND_TIME_NS: bigint = 1_710_513_000_123_456_789n;

export interface IexHeader {
  readonly protocolId?: number;
  readonly channel?: number;
  readonly session?: number;
  readonly sequence: number;
  readonly streamOffset?: number;
  readonly sendTimeNs?: bigint;
}

export function iexPacket(header: IexHeader, messages: readonly Uint8Array[] = []): Uint8Array {
  const payloadByteLength = messages.reduce((sum, message) => sum + 2 + message.length, 0);
  const bytes = new Uint8Array(40 + payloadByteLength);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 1);
  view.setUint16(2, header.protocolId ?? IEX_PROTOCOLS.TOPS, true);
  view.setUint32(4, header.channel ?? 1, true);
  view.setUint32(8, header.session ?? 1_137_508_352, true);
  view.setUint16(12, payloadByteLength, true);
  view.setUint16(14, messages.length, true);
  view.setBigUint64(16, BigInt(header.streamOffset ?? 0), true);
  view.setBigUint64(24, BigInt(header.sequence), true);
  view.setBigUint64(32, header.sendTimeNs ?? SEND_TIME_NS, true);
  let at = 40;
  for (const message of messages) {
    view.setUint16(at, message.length, true);
    bytes.set(message, at + 2);
    at += 2 + message.length;
  }
  return bytes;
}

/** A message of this type letter and length, whose other bytes are zero. */
export function letterMessage(letter: string, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  bytes[0] = letter.charCodeAt(0);
  return bytes;
}

export function cmePacket(
  sequence: number,
  messages: readonly Uint8Array[],
  sendTimeNs: bigint = SEND_TIME_NS,
): Uint8Array {
  const bytes = new Uint8Array(12 + messages.reduce((sum, message) => sum + message.length, 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, sequence, true);
  view.setBigUint64(4, sendTimeNs, true);
  let at = 12;
  for (const message of messages) {
    bytes.set(message, at);
    at += message.length;
  }
  return bytes;
}

export interface SbeGroup {
  /** 3 bytes of header, or 8. */
  readonly aligned?: boolean;
  readonly blockLength: number;
  readonly entries: readonly Uint8Array[];
}

export function cmeMessage(
  templateId: number,
  root: Uint8Array,
  groups: readonly SbeGroup[] = [],
  schemaId = 1,
): Uint8Array {
  const headerOf = (group: SbeGroup): number => (group.aligned ? 8 : 3);
  const groupBytes = groups.reduce((sum, group) => sum + headerOf(group) + group.blockLength * group.entries.length, 0);
  const bytes = new Uint8Array(10 + root.length + groupBytes);
  const view = new DataView(bytes.buffer);
  [bytes.length, root.length, templateId, schemaId, 9].forEach((value, index) => {
    view.setUint16(2 * index, value, true);
  });
  bytes.set(root, 10);
  let at = 10 + root.length;
  for (const group of groups) {
    view.setUint16(at, group.blockLength, true);
    at += headerOf(group);
    view.setUint8(at - 1, group.entries.length);
    for (const entry of group.entries) {
      bytes.set(entry, at);
      at += group.blockLength;
    }
  }
  return bytes;
}

/** An entry of the book templates 32 and 46: 32 bytes. */
export function cmeBookEntry(entry: {
  readonly price?: bigint;
  readonly size?: number;
  readonly securityId: number;
  readonly rptSeq: number;
  readonly orderCount?: number;
  readonly level?: number;
  readonly action?: number;
  readonly entryType?: string;
}): Uint8Array {
  const view = new DataView(new ArrayBuffer(32));
  view.setBigInt64(0, entry.price ?? 0n, true);
  view.setInt32(8, entry.size ?? 0, true);
  view.setInt32(12, entry.securityId, true);
  view.setUint32(16, entry.rptSeq, true);
  view.setInt32(20, entry.orderCount ?? 0, true);
  view.setUint8(24, entry.level ?? 1);
  view.setUint8(25, entry.action ?? 0);
  view.setUint8(26, (entry.entryType ?? "0").charCodeAt(0));
  return new Uint8Array(view.buffer);
}

/** The root block that incremental templates share: transact time, match event indicator, padding. */
export function cmeEventRoot(matchEvent: number, transactTimeNs: bigint = SEND_TIME_NS): Uint8Array {
  const view = new DataView(new ArrayBuffer(11));
  view.setBigUint64(0, transactTimeNs, true);
  view.setUint8(8, matchEvent);
  return new Uint8Array(view.buffer);
}

export function xdpPacket(deliveryFlag: number, sequence: number, messages: readonly Uint8Array[] = []): Uint8Array {
  const bytes = new Uint8Array(16 + messages.reduce((sum, message) => sum + message.length, 0));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, bytes.length, true);
  view.setUint8(2, deliveryFlag);
  view.setUint8(3, messages.length);
  view.setUint32(4, sequence, true);
  view.setUint32(8, Number(SEND_TIME_NS / 1_000_000_000n), true);
  view.setUint32(12, Number(SEND_TIME_NS % 1_000_000_000n), true);
  let at = 16;
  for (const message of messages) {
    bytes.set(message, at);
    at += message.length;
  }
  return bytes;
}

export function xdpMessage(type: number, byteLength: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(byteLength));
  view.setUint16(0, byteLength, true);
  view.setUint16(2, type, true);
  return new Uint8Array(view.buffer);
}

export interface MachPacket {
  readonly sequence: number;
  /** 0 heartbeat, 1 start of session, 2 end of session, 3 data. */
  readonly type?: number;
  readonly session?: number;
  readonly message?: Uint8Array;
}

export function machDatagram(packets: readonly MachPacket[]): Uint8Array {
  const parts = packets.map(({ sequence, type = 3, session = 1, message = new Uint8Array(0) }) => {
    const bytes = new Uint8Array(12 + message.length);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(sequence), true);
    view.setUint16(8, bytes.length, true);
    view.setUint8(10, type);
    view.setUint8(11, session);
    bytes.set(message, 12);
    return bytes;
  });
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

export interface TypedBody {
  /** Type byte of ICE, template of MEMX. */
  readonly type: number;
  readonly body: Uint8Array;
}

export function icePacket(session: number, sequence: number, messages: readonly TypedBody[]): Uint8Array {
  const bytes = new Uint8Array(16 + messages.reduce((sum, { body }) => sum + 3 + body.length, 0));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, session);
  view.setUint32(2, sequence);
  view.setUint16(6, messages.length);
  view.setBigUint64(8, SEND_TIME_NS / 1_000_000n);
  let at = 16;
  for (const { type, body } of messages) {
    view.setUint8(at, type);
    view.setUint16(at + 1, body.length);
    bytes.set(body, at + 3);
    at += 3 + body.length;
  }
  return bytes;
}

/** `type` is 0 heartbeat, 1 session shutdown, 2 sequenced messages. */
export function memxPacket(
  type: number,
  sequence: number,
  messages: readonly TypedBody[],
  session: bigint = 7n,
): Uint8Array {
  const messageBytes = messages.reduce((sum, { body }) => sum + 8 + body.length, 0);
  const bytes = new Uint8Array(18 + (type === 2 ? 2 + messageBytes : 0));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  view.setUint8(1, 18);
  view.setBigUint64(2, session);
  view.setBigUint64(10, BigInt(sequence));
  if (type !== 2) return bytes;
  view.setUint16(18, messages.length);
  let at = 20;
  for (const { type: template, body } of messages) {
    view.setUint16(at, 6 + body.length);
    view.setUint16(at + 2, body.length);
    view.setUint8(at + 4, template);
    view.setUint8(at + 5, 1);
    bytes.set(body, at + 8);
    at += 8 + body.length;
  }
  return bytes;
}

/** `bodyByteLength` bytes of messages that nobody reads. */
export function csmPacket(sequence: number, messageCount: number, bodyByteLength: number): Uint8Array {
  const bytes = new Uint8Array(16 + bodyByteLength);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 1);
  view.setUint16(1, bytes.length);
  view.setBigUint64(3, SEND_TIME_NS / 1_000_000n);
  view.setUint8(11, messageCount);
  view.setUint32(12, sequence);
  return bytes;
}
