import { MOLD_HEADER_BYTE_LENGTH, MoldUdp64Packet } from "../feeds/mold-udp64.ts";
import { FrameHeaders, IP_PROTOCOL_UDP } from "../frame.ts";

/** How a packet says which sequence numbers it carries. */
export type SequenceProtocol = "moldudp64" | "cme-mdp3";

export const SEQUENCE_PROTOCOLS: readonly SequenceProtocol[] = ["moldudp64", "cme-mdp3"];

/** Packet header of CME MDP 3.0: sequence u32 and sending time u64, little-endian. */
const CME_HEADER_BYTE_LENGTH = 12;

/**
 * Reads a frame's line (its UDP destination) and the sequence numbers in it. MoldUDP64 is known by its structure alone:
 * the messages fill the payload to the byte. For CME MDP 3.0 every UDP payload is taken for a packet, because nothing in
 * it says so. One object is read into again and again, and nothing is allocated.
 */
export class FrameSequence {
  /** True for UDP over IPv4; the line is then {@link address} and {@link port}. */
  hasLine = false;
  /** IPv4 destination as a signed word in host order. */
  address = 0;
  port = 0;
  /** True when the packet's sequence was found. */
  hasSequence = false;
  /** The session in front of the sequence as words; 0 where the protocol has none. */
  sessionWord0 = 0;
  sessionWord1 = 0;
  sessionWord2 = 0;
  /** First sequence in the packet [0] and the one behind the last [1]: equal in a heartbeat, which names the next one. */
  readonly range: Float64Array = new Float64Array(2);
  readonly #protocol: SequenceProtocol;
  readonly #headers = new FrameHeaders();
  readonly #packet = new MoldUdp64Packet();

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
    if (this.#protocol === "moldudp64") this.#readMold(bytes, at, headers.payloadByteLength);
    else this.#readCme(bytes, at, headers.payloadByteLength);
  }

  /** True when the packet carries a sequence from `first` to `last`, both included: never for a heartbeat, which carries none. */
  carries(first: number, last: number): boolean {
    const from = this.range[0] as number;
    const end = this.range[1] as number;
    return this.hasSequence && from < end && from <= last && end > first;
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
