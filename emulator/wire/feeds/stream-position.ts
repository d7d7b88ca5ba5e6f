/**
 * What an arbiter of lines, or the wire's damage, has to know of a packet: which stream it is of, which sequences it holds.
 */

import { CsmPacket } from "./cboe-csm.ts";
import { CBOE_PITCH_FORMAT } from "./cboe-tracker.ts";
import { CboeUnitPacket } from "./cboe-unit.ts";
import { CmePacket } from "./cme-packet.ts";
import { CME_FORMAT } from "./cme-tracker.ts";
import { IcePacket } from "./ice-impact.ts";
import { IexTpPacket } from "./iex-tp.ts";
import { IEX_DEEP_FORMAT, IEX_DEEP_PLUS_FORMAT, IEX_TOPS_FORMAT } from "./iex-tracker.ts";
import { ITCH_FORMAT } from "./itch-tracker.ts";
import { MemxPacket } from "./memx-memoir.ts";
import { MACH_DATA, MACH_HEARTBEAT, MachDatagram } from "./miax-mach.ts";
import { MIAX_MACH_FORMAT } from "./miax-tracker.ts";
import { MoldUdp64Packet, sessionText } from "./mold-udp64.ts";
import { XDP_SEQUENCE_RESET, XDP_UNAVAILABLE, XdpPacket } from "./nyse-xdp.ts";
import type { SequencedPacket } from "./packet-tracker.ts";
import { LONE_STREAM } from "./stream-table.ts";
import { NYSE_XDP_FORMAT } from "./xdp-tracker.ts";

/** One packet's place, read into again and again. Nothing is allocated but by {@link streamName}. */
export interface StreamPosition {
  /** 32 where the feed's sequences wrap behind 2^32 − 1. */
  readonly sequenceBits: 32 | 64;
  /** After {@link read}: tells the streams of a line apart. */
  readonly streamKey: number;
  /** What the sequence counts in the packet: 0 in a heartbeat, which names the next one. */
  readonly messageCount: number;
  /** [0]: of the first message. */
  readonly sequence: Float64Array;
  /** The packet says itself that the stream begins anew with it. */
  readonly isReset: boolean;
  /** What reports call the stream. */
  readonly streamName: string;
  /** Reads a UDP payload. False where it has no place in a sequence: it cannot be read, or says so itself. */
  read(bytes: Uint8Array, offset: number, byteLength: number): boolean;
}

class MoldPosition implements StreamPosition {
  readonly sequenceBits = 64;
  streamKey = 0;
  messageCount = 0;
  readonly isReset = false;
  readonly sequence: Float64Array = new Float64Array(1);
  readonly #packet = new MoldUdp64Packet();

  get streamName(): string {
    const { sessionWord0, sessionWord1, sessionWord2 } = this.#packet;
    return sessionText(sessionWord0, sessionWord1, sessionWord2).replaceAll("\0", "").trimEnd() || "(zeroed)";
  }

  read(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    const packet = this.#packet;
    if (!packet.parse(bytes, offset, byteLength)) return false;
    // Sessions of one feed differ in few characters: an odd factor keeps every bit of each word.
    this.streamKey =
      (Math.imul(packet.sessionWord0, 31) + Math.imul(packet.sessionWord1, 0x9e37_79b1) + packet.sessionWord2) | 0;
    this.messageCount = packet.messageCount;
    this.sequence[0] = packet.sequence;
    return true;
  }
}

/** Sequences of MDP 3.0 number packets, and a line is one channel. */
class CmePosition implements StreamPosition {
  readonly sequenceBits = 32;
  readonly streamKey = 0;
  readonly messageCount = 1;
  readonly isReset = false;
  readonly streamName = LONE_STREAM;
  readonly sequence: Float64Array = new Float64Array(1);
  readonly #packet = new CmePacket();

  read(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    if (!this.#packet.parse(bytes, offset, byteLength)) return false;
    this.sequence[0] = this.#packet.sequence;
    return true;
  }
}

class CboePosition implements StreamPosition {
  readonly sequenceBits = 32;
  streamKey = 0;
  messageCount = 0;
  readonly isReset = false;
  readonly sequence: Float64Array = new Float64Array(1);
  readonly #packet = new CboeUnitPacket();

  get streamName(): string {
    return `unit ${this.streamKey}`;
  }

  read(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    const packet = this.#packet;
    if (!packet.parse(bytes, offset, byteLength) || !packet.isSequenced) return false;
    this.streamKey = packet.unit;
    this.messageCount = packet.messageCount;
    this.sequence[0] = packet.sequence;
    return true;
  }
}

class IexPosition implements StreamPosition {
  readonly sequenceBits = 64;
  streamKey = 0;
  messageCount = 0;
  readonly isReset = false;
  readonly sequence: Float64Array = new Float64Array(1);
  readonly #packet = new IexTpPacket();

  get streamName(): string {
    return `channel ${this.#packet.channel >>> 0}, session ${this.#packet.session >>> 0}`;
  }

  read(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    const packet = this.#packet;
    if (!packet.parse(bytes, offset, byteLength)) return false;
    this.streamKey = (Math.imul(packet.channel, 0x9e37_79b1) + packet.session) | 0;
    this.messageCount = packet.messageCount;
    this.sequence[0] = packet.sequence;
    return true;
  }
}

/** A line is one channel. Refreshes have a sequence of their own, and what is unavailable has none. */
class XdpPosition implements StreamPosition {
  readonly sequenceBits = 32;
  readonly streamKey = 0;
  readonly streamName = LONE_STREAM;
  messageCount = 0;
  isReset = false;
  readonly sequence: Float64Array = new Float64Array(1);
  readonly #packet = new XdpPacket();

  read(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    const packet = this.#packet;
    if (!packet.parse(bytes, offset, byteLength)) return false;
    if (packet.isRefresh || packet.deliveryFlag === XDP_UNAVAILABLE) return false;
    this.isReset = packet.deliveryFlag === XDP_SEQUENCE_RESET;
    this.messageCount = packet.messageCount;
    this.sequence[0] = packet.sequence;
    return true;
  }
}

/**
 * A datagram holds several packets of one message each. It has a place where they are of one session and follow each other,
 * as all do that were ever seen; its heartbeats count only where it has no data. What begins or ends a session has no place:
 * a session that begins is a stream of its own.
 */
class MachPosition implements StreamPosition {
  readonly sequenceBits = 64;
  streamKey = 0;
  messageCount = 0;
  readonly isReset = false;
  readonly sequence: Float64Array = new Float64Array(1);
  readonly #datagram = new MachDatagram();

  get streamName(): string {
    return `session ${this.streamKey}`;
  }

  read(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    const datagram = this.#datagram;
    if (!datagram.parse(bytes, offset, byteLength)) return false;
    let hasPlace = false;
    this.messageCount = 0;
    while (datagram.nextPacket()) {
      const { packetType, session } = datagram;
      if (packetType !== MACH_DATA && packetType !== MACH_HEARTBEAT) continue;
      if (hasPlace && session !== this.streamKey) return false;
      if (packetType === MACH_DATA) {
        if (this.messageCount === 0) this.sequence[0] = datagram.sequence;
        else if (datagram.sequence !== (this.sequence[0] as number) + this.messageCount) return false;
        this.messageCount++;
      } else if (this.messageCount === 0) {
        // The last one sent, so that the next is expected.
        this.sequence[0] = datagram.sequence + 1;
      }
      this.streamKey = session;
      hasPlace = true;
    }
    return hasPlace;
  }
}

class PacketPosition implements StreamPosition {
  readonly sequenceBits = 64;
  streamKey = 0;
  messageCount = 0;
  readonly isReset = false;
  readonly sequence: Float64Array = new Float64Array(1);
  readonly #packet: SequencedPacket;

  constructor(packet: SequencedPacket) {
    this.#packet = packet;
  }

  get streamName(): string {
    return this.#packet.nameOf(this.#packet.key0, this.#packet.key1);
  }

  read(bytes: Uint8Array, offset: number, byteLength: number): boolean {
    const packet = this.#packet;
    if (!packet.parse(bytes, offset, byteLength)) return false;
    this.streamKey = (Math.imul(packet.key0, 0x9e37_79b1) + packet.key1) | 0;
    this.messageCount = packet.messageCount;
    this.sequence[0] = packet.sequence;
    return true;
  }
}

const READERS: Readonly<Record<string, () => StreamPosition>> = {
  [ITCH_FORMAT.name]: () => new MoldPosition(),
  [CME_FORMAT.name]: () => new CmePosition(),
  [CBOE_PITCH_FORMAT.name]: () => new CboePosition(),
  [IEX_TOPS_FORMAT.name]: () => new IexPosition(),
  [IEX_DEEP_FORMAT.name]: () => new IexPosition(),
  [IEX_DEEP_PLUS_FORMAT.name]: () => new IexPosition(),
  [NYSE_XDP_FORMAT.name]: () => new XdpPosition(),
  [MIAX_MACH_FORMAT.name]: () => new MachPosition(),
  "ICE iMpact": () => new PacketPosition(new IcePacket()),
  "MEMX MEMOIR": () => new PacketPosition(new MemxPacket()),
  "Cboe CSM": () => new PacketPosition(new CsmPacket()),
};

/** A reader for the packets of a format, by its name; undefined where there is none. */
export function streamPosition(format: string): StreamPosition | undefined {
  return Object.hasOwn(READERS, format) ? READERS[format]?.() : undefined;
}
