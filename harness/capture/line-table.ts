import { type FrameHeaders, IP_PROTOCOL_UDP } from "../../emulator/wire/frame.ts";

/** A UDP destination. Plain data; the counts grow while frames are counted. */
export interface CaptureLine {
  /** "224.0.31.64:14340", "[ff02::1]:5000". Without a port: fragments, and datagrams that the capture cut off before it. */
  readonly destination: string;
  packetCount: number;
  /** Of UDP payload, as far as it was captured. */
  payloadByteLength: number;
}

/** Lines that are told apart; datagrams to further ones are counted together. */
const LINE_LIMIT = 4096;
const IPV6_BYTE_LENGTH = 16;

/** Counts UDP datagrams by destination. Allocates for a new line alone. */
export class LineTable {
  /** Datagrams to lines beyond the limit. */
  unlistedPacketCount = 0;
  /** The line of the frame that was counted last; undefined where it was on none. */
  current: CaptureLine | undefined;
  readonly #lines: CaptureLine[] = [];
  /** Of IPv4 by port and address. */
  readonly #byKey = new Map<number, CaptureLine>();
  /** Of IPv6 by a hash of port and address. */
  readonly #byHash = new Map<number, Ipv6Line[]>();

  /** Counts the frame and returns true if it is UDP; fragments count by address alone. */
  count(headers: FrameHeaders, bytes: Uint8Array, offset: number): boolean {
    this.current = undefined;
    if (headers.ipProtocol !== IP_PROTOCOL_UDP) return false;
    const line = headers.ipVersion === 4 ? this.#ipv4Line(headers) : this.#ipv6Line(headers, bytes, offset);
    if (line === undefined) {
      this.unlistedPacketCount++;
      return true;
    }
    this.current = line;
    line.packetCount++;
    line.payloadByteLength += headers.l4Offset < 0 ? 0 : headers.payloadByteLength;
    return true;
  }

  /** The busiest first; those of equal packets in order of appearance. */
  report(): CaptureLine[] {
    return [...this.#lines].sort((left, right) => right.packetCount - left.packetCount);
  }

  #ipv4Line({ ipv4Destination, destinationPort }: FrameHeaders): CaptureLine | undefined {
    const key = (destinationPort + 1) * 0x1_0000_0000 + (ipv4Destination >>> 0);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const dotted = [24, 16, 8, 0].map((shift) => (ipv4Destination >>> shift) & 0xff).join(".");
    const line = this.#add(destinationPort < 0 ? dotted : `${dotted}:${destinationPort}`);
    if (line !== undefined) this.#byKey.set(key, line);
    return line;
  }

  #ipv6Line({ l3Offset, destinationPort }: FrameHeaders, bytes: Uint8Array, offset: number): CaptureLine | undefined {
    const at = offset + l3Offset + 24;
    // FNV-1a; what it does not tell apart, the comparison does.
    let hash = Math.imul(0x811c_9dc5 ^ destinationPort, 0x0100_0193);
    for (let index = 0; index < IPV6_BYTE_LENGTH; index++) {
      hash = Math.imul(hash ^ (bytes[at + index] as number), 0x0100_0193);
    }
    const alike = this.#byHash.get(hash);
    for (const known of alike ?? []) {
      if (known.port === destinationPort && isEqual(known.address, bytes, at)) return known.line;
    }
    const address = bytes.slice(at, at + IPV6_BYTE_LENGTH);
    const text = `[${ipv6Text(address)}]`;
    const line = this.#add(destinationPort < 0 ? text : `${text}:${destinationPort}`);
    if (line === undefined) return undefined;
    const known = { address, port: destinationPort, line };
    if (alike === undefined) this.#byHash.set(hash, [known]);
    else alike.push(known);
    return line;
  }

  #add(destination: string): CaptureLine | undefined {
    if (this.#lines.length === LINE_LIMIT) return undefined;
    const line: CaptureLine = { destination, packetCount: 0, payloadByteLength: 0 };
    this.#lines.push(line);
    return line;
  }
}

interface Ipv6Line {
  readonly address: Uint8Array;
  readonly port: number;
  readonly line: CaptureLine;
}

function isEqual(address: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < IPV6_BYTE_LENGTH; index++) if (address[index] !== bytes[at + index]) return false;
  return true;
}

/** RFC 5952: the longest run of zero groups, of two or more, becomes "::". */
export function ipv6Text(address: Uint8Array): string {
  const view = new DataView(address.buffer, address.byteOffset);
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(2 * index).toString(16));
  let start = 0;
  let longest = 0;
  for (let from = 0; from < groups.length; from++) {
    let to = from;
    while (groups[to] === "0") to++;
    if (to - from > longest) [start, longest] = [from, to - from];
  }
  if (longest < 2) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + longest).join(":")}`;
}
