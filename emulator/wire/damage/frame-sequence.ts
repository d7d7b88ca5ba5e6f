import { ITCH_FORMAT } from "../feeds/itch-tracker.ts";
import { MOLD_HEADER_BYTE_LENGTH, MoldUdp64Packet, sessionText } from "../feeds/mold-udp64.ts";
import type { StreamPosition } from "../feeds/stream-position.ts";
import { LONE_STREAM } from "../feeds/stream-table.ts";
import { FrameHeaders, IP_PROTOCOL_UDP } from "../frame.ts";
import { LineFormats } from "./line-formats.ts";

/** How a packet says which sequence numbers it carries; `auto` finds out for each line. */
export type SequenceProtocol = "auto" | "moldudp64" | "cme-mdp3";

export const SEQUENCE_PROTOCOLS: readonly SequenceProtocol[] = ["auto", "moldudp64", "cme-mdp3"];

/** Packet header of CME MDP 3.0: sequence u32 and sending time u64, little-endian. */
const CME_HEADER_BYTE_LENGTH = 12;

/**
 * Reads a frame's line (its UDP destination) and the sequence numbers in it. With `auto` each line is read as the feed that
 * its packets show it to carry, from the first one that shows any; MoldUDP64, whatever is in it, is known by its structure
 * alone: the messages fill the payload to the byte. `moldudp64` knows no other; with `cme-mdp3` every UDP payload is taken
 * for a packet of CME. One object is read into again and again, and nothing is allocated but where a line is new.
 */
export class FrameSequence {
  /** True for UDP over IPv4; the line is then {@link address} and {@link port}. */
  hasLine = false;
  /** IPv4 destination as a signed word in host order. */
  address = 0;
  port = 0;
  /** True when the packet's sequence was found. */
  hasSequence = false;
  /** The session in front of the sequence, or what else tells the streams of a line apart, as words; 0 where nothing does. */
  sessionWord0 = 0;
  sessionWord1 = 0;
  sessionWord2 = 0;
  /** First sequence in the packet [0] and the one behind the last [1]: equal in a heartbeat, which names the next one. */
  readonly range: Float64Array = new Float64Array(2);
  readonly #protocol: SequenceProtocol;
  readonly #headers = new FrameHeaders();
  readonly #packet = new MoldUdp64Packet();
  readonly #lines = new LineFormats();
  #position: StreamPosition | undefined;

  constructor(protocol: SequenceProtocol) {
    this.#protocol = protocol;
  }

  /** Reads the frame of `byteLength` bytes at `offset`, without FCS. */
  read(bytes: Uint8Array, offset: number, byteLength: number): void {
    const headers = this.#headers;
    headers.parse(bytes, offset, byteLength);
    this.hasSequence = false;
    this.hasLine = headers.ipVersion === 4 && headers.ipProtocol === IP_PROTOCOL_UDP && headers.l4Offset >= 0;
    if (!this.hasLine) return;
    this.address = headers.ipv4Destination;
    this.port = headers.destinationPort;
    const at = offset + headers.payloadOffset;
    this.#position = undefined;
    if (this.#protocol === "auto") this.#readAny(bytes, at, headers.payloadByteLength);
    else if (this.#protocol === "moldudp64") this.#readMold(bytes, at, headers.payloadByteLength);
    else this.#readCme(bytes, at, headers.payloadByteLength);
  }

  /** What reports call the session of the frame that was read last: "000010059B", "unit 1"; "" where it has none (allocates). */
  get session(): string {
    if (this.#position !== undefined) {
      const { streamName } = this.#position;
      return streamName === LONE_STREAM ? "" : streamName;
    }
    return sessionText(this.sessionWord0, this.sessionWord1, this.sessionWord2).replaceAll("\0", "").trimEnd();
  }

  /** True when the packet carries a sequence from `first` to `last`, both included: never for a heartbeat, which carries none. */
  carries(first: number, last: number): boolean {
    const from = this.range[0] as number;
    const end = this.range[1] as number;
    return this.hasSequence && from < end && from <= last && end > first;
  }

  #readAny(bytes: Uint8Array, offset: number, byteLength: number): void {
    const line = this.#lines.at(this.address, this.port);
    line?.weigh(bytes, offset, byteLength);
    const position = line?.position;
    if (position === undefined || line?.name === ITCH_FORMAT.name) {
      this.#readMold(bytes, offset, byteLength);
      return;
    }
    if (!position.read(bytes, offset, byteLength)) return;
    this.#position = position;
    this.hasSequence = true;
    this.sessionWord0 = position.streamKey;
    this.sessionWord1 = 0;
    this.sessionWord2 = 0;
    this.range[0] = position.sequence[0] as number;
    this.range[1] = (position.sequence[0] as number) + position.messageCount;
  }

  #readMold(bytes: Uint8Array, offset: number, byteLength: number): void {
    const packet = this.#packet;
    if (!packet.parse(bytes, offset, byteLength)) return;
    let end = offset + MOLD_HEADER_BYTE_LENGTH;
    while (packet.nextMessage()) end = packet.messageOffset + packet.messageByteLength;
    if (end !== offset + byteLength) return;
    this.hasSequence = true;
    this.sessionWord0 = packet.sessionWord0;
    this.sessionWord1 = packet.sessionWord1;
    this.sessionWord2 = packet.sessionWord2;
    this.range[0] = packet.sequence;
    this.range[1] = packet.sequence + packet.messageCount;
  }

  #readCme(bytes: Uint8Array, offset: number, byteLength: number): void {
    if (byteLength < CME_HEADER_BYTE_LENGTH) return;
    const sequence =
      ((bytes[offset] as number) |
        ((bytes[offset + 1] as number) << 8) |
        ((bytes[offset + 2] as number) << 16) |
        ((bytes[offset + 3] as number) << 24)) >>>
      0;
    this.hasSequence = true;
    this.range[0] = sequence;
    this.range[1] = sequence + 1;
  }
}

/** "233.54.12.111:26477". */
export function lineText(address: number, port: number): string {
  return `${[24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join(".")}:${port}`;
}
