import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import type { FrameHeaders } from "../../emulator/wire/frame.ts";
import { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from "../../emulator/wire/frame.ts";
import {
  RSS_TYPE_IPV4,
  RSS_TYPE_IPV6,
  RSS_TYPE_NONE,
  RSS_TYPE_TCP_IPV4,
  RSS_TYPE_TCP_IPV6,
  RSS_TYPE_UDP_IPV4,
  RSS_TYPE_UDP_IPV6,
} from "./descriptors.ts";
import * as reg from "./registers.ts";

export const KEY_BYTE_LENGTH = 40;
/** IPv6 addresses and ports. */
const INPUT_BYTE_LENGTH_MAX = 36;
const RETA_ENTRY_COUNT = 128;
/** MRQC.MRQE: one set of 16 queues. 0 is off, all else needs DCB or virtualization. */
const MRQE_RSS = 1;

const { MRQE, TCP_IPV4, IPV4, IPV6, TCP_IPV6, UDP_IPV4, UDP_IPV6 } = reg.MRQC.fields;

/**
 * The Toeplitz hash with its key. A byte of the input at a given place always adds the same 32 bits, so there is a table
 * for each place: a hash over IPv4 addresses and ports is twelve look-ups.
 */
export class Toeplitz {
  readonly #tables: Int32Array = new Int32Array(INPUT_BYTE_LENGTH_MAX * 256);

  /** `key` has 40 bytes. */
  setKey(key: Uint8Array): void {
    const tables = this.#tables;
    for (let place = 0; place < INPUT_BYTE_LENGTH_MAX; place++) {
      const table = place * 256;
      for (let byte = 1; byte < 256; byte++) {
        const lowest = byte & -byte;
        // Bit 7 is the first on the wire, and the key moves on by one bit with each.
        const bitPlace = place * 8 + (Math.clz32(lowest) - 24);
        tables[table + byte] = (tables[table + (byte ^ lowest)] as number) ^ keyWindow(key, bitPlace);
      }
    }
  }

  /** Adds `byteLength` bytes, which are the input from byte `place` on, to a hash (0 to begin with). */
  add(hash: number, place: number, bytes: Uint8Array, offset: number, byteLength: number): number {
    const tables = this.#tables;
    let table = place * 256;
    let result = hash;
    for (let at = offset; at < offset + byteLength; at++) {
      result ^= tables[table + (bytes[at] as number)] as number;
      table += 256;
    }
    return result;
  }
}

/** The 32 bits of the key that begin at bit `bitPlace`. */
function keyWindow(key: Uint8Array, bitPlace: number): number {
  const first = bitPlace >>> 3;
  const shift = bitPlace & 7;
  let window = 0;
  for (let index = 0; index < 4; index++) window = (window << 8) | (key[first + index] ?? 0);
  return shift === 0 ? window : (window << shift) | ((key[first + 4] ?? 0) >>> (8 - shift));
}

/** Receive-side scaling (data sheet 7.1.2.8): which of 16 queues a frame goes to. */
export class Rss {
  /** Of the last frame given to {@link select}: the hash, and its type as descriptors say it. */
  hash = 0;
  type: number = RSS_TYPE_NONE;
  isEnabled = false;
  #keyChanged = true;
  #control = 0;
  readonly #toeplitz = new Toeplitz();
  readonly #redirection: Uint8Array = new Uint8Array(RETA_ENTRY_COUNT);
  readonly #registers: RegisterFile;

  constructor(registers: RegisterFile) {
    this.#registers = registers;
    registers.onWrite(reg.MRQC, () => this.refresh());
    registers.onWrite(reg.RSSRK, () => {
      this.#keyChanged = true;
    });
    registers.onWrite(reg.RETA, (index, value) => this.#redirect(index, value));
  }

  /** Takes over all registers. */
  refresh(): void {
    this.#control = this.#registers.get(reg.MRQC);
    this.isEnabled = (this.#control & MRQE.mask) === MRQE_RSS;
    this.#keyChanged = true;
    const { map, values } = this.#registers;
    const first = map.ordinal(reg.RETA);
    for (let index = 0; index < RETA_ENTRY_COUNT / 4; index++) this.#redirect(index, values[first + index] as number);
  }

  /** Hashes the frame whose headers were parsed and returns its queue. What has no hash goes to queue 0. */
  select(headers: FrameHeaders, bytes: Uint8Array, offset: number): number {
    this.hash = 0;
    this.type = RSS_TYPE_NONE;
    if (!this.isEnabled) return 0;
    if (this.#keyChanged) this.#loadKey();
    if (headers.ipVersion === 4) this.#hashIpv4(headers, bytes, offset);
    else if (headers.ipVersion === 6) this.#hashIpv6(headers, bytes, offset);
    return this.type === RSS_TYPE_NONE ? 0 : (this.#redirection[this.hash & (RETA_ENTRY_COUNT - 1)] as number);
  }

  #hashIpv4(headers: FrameHeaders, bytes: Uint8Array, offset: number): void {
    const control = this.#control;
    const hasPorts = headers.sourcePort >= 0;
    let type: number = RSS_TYPE_NONE;
    if (hasPorts && headers.ipProtocol === IP_PROTOCOL_TCP && (control & TCP_IPV4.mask) !== 0) type = RSS_TYPE_TCP_IPV4;
    else if (hasPorts && headers.ipProtocol === IP_PROTOCOL_UDP && (control & UDP_IPV4.mask) !== 0)
      type = RSS_TYPE_UDP_IPV4;
    else if ((control & IPV4.mask) !== 0) type = RSS_TYPE_IPV4;
    if (type === RSS_TYPE_NONE) return;
    // Source and destination address, source and destination port: so they lie in the headers.
    let hash = this.#toeplitz.add(0, 0, bytes, offset + headers.l3Offset + 12, 8);
    if (type !== RSS_TYPE_IPV4) hash = this.#toeplitz.add(hash, 8, bytes, offset + headers.l4Offset, 4);
    this.hash = hash;
    this.type = type;
  }

  #hashIpv6(headers: FrameHeaders, bytes: Uint8Array, offset: number): void {
    const control = this.#control;
    const hasPorts = headers.sourcePort >= 0;
    let type: number = RSS_TYPE_NONE;
    if (hasPorts && headers.ipProtocol === IP_PROTOCOL_TCP && (control & TCP_IPV6.mask) !== 0) type = RSS_TYPE_TCP_IPV6;
    else if (hasPorts && headers.ipProtocol === IP_PROTOCOL_UDP && (control & UDP_IPV6.mask) !== 0)
      type = RSS_TYPE_UDP_IPV6;
    else if ((control & IPV6.mask) !== 0) type = RSS_TYPE_IPV6;
    if (type === RSS_TYPE_NONE) return;
    let hash = this.#toeplitz.add(0, 0, bytes, offset + headers.l3Offset + 8, 32);
    if (type !== RSS_TYPE_IPV6) hash = this.#toeplitz.add(hash, 32, bytes, offset + headers.l4Offset, 4);
    this.hash = hash;
    this.type = type;
  }

  #redirect(index: number, value: number): void {
    for (let entry = 0; entry < 4; entry++) this.#redirection[4 * index + entry] = (value >>> (8 * entry)) & 0xf;
  }

  #loadKey(): void {
    const key = new Uint8Array(KEY_BYTE_LENGTH);
    for (let index = 0; index < KEY_BYTE_LENGTH; index++) {
      key[index] = this.#registers.get(reg.RSSRK, index >>> 2) >>> (8 * (index & 3));
    }
    this.#toeplitz.setKey(key);
    this.#keyChanged = false;
  }
}
