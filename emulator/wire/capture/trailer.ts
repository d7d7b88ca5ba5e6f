/**
 * What capture devices put behind a frame, read from its end and proven by check sums:
 *
 * - **Metamako, Arista 7130**: the frame's own FCS, extensions (if flagged), seconds u32, nanoseconds u32, flags u8 (bit 0:
 *   that FCS was right, bit 1: extensions), device u16, port u8, and perhaps a new FCS. All big-endian.
 * - **Exablaze, Cisco Nexus 3550-F**: the frame's own FCS, device u8, port u8, seconds u32, a 40-bit binary fraction of a
 *   second, one reserved byte, and perhaps a new FCS. All big-endian.
 * - **Arista 7150**: a count of ticks of 20/7 ns as u32, big-endian, and a new FCS; or in place of the FCS.
 *
 * Layouts: Wireshark's packet-metamako.c and packet-exablaze.c; Arista EOS, "Timestamping on the 7150 Series".
 */

import { crc32, FCS_BYTE_LENGTH, hasValidFcs } from "../crc32.ts";
import { MIN_FRAME_BYTE_LENGTH } from "../line-rate.ts";

/** `arista-7150-replaced` is the stamp in place of the FCS, which nothing in a frame can prove. */
export const TRAILER_KINDS = ["metamako", "exablaze", "arista-7150", "arista-7150-replaced"] as const;
export type TrailerKind = (typeof TRAILER_KINDS)[number];

const DEVICE_STAMP_BYTE_LENGTH = 16;
const METAMAKO_FCS_WAS_RIGHT = 0x01;
const METAMAKO_HAS_EXTENSIONS = 0x02;
/** Words of extensions that a trailer may have; a frame that says more has none. */
const METAMAKO_EXTENSION_WORDS_MAX = 64;
const TICKS_BYTE_LENGTH = 4;
const NS_PER_SECOND = 1_000_000_000;
const TWO_TO_20 = 0x10_0000;
/** A device whose clock is further from the capture's is not believed to be one. */
const CLOCK_DISTANCE_MAX_SECONDS = 30 * 24 * 3600;

/** The trailer of one frame, parsed for one frame after another. Allocates nothing. */
export class Trailer {
  /** Bytes to take off the end of the record, so that the frame is left, with its own FCS where it has one. */
  byteLength = 0;
  /** Bytes of FCS at the end of what is left: 4 where the device kept the frame's own, and 0. */
  fcsByteLength = 0;
  /** The device saw that frame arrive with a right FCS, or so it says. */
  isFcsRight = false;
  /** When the device saw the frame, in UTC; for `arista-7150`, which has none, 0. */
  seconds = 0;
  nanoseconds = 0;
  /** For `arista-7150`, as a signed word. */
  ticks = 0;
  deviceId = 0;
  portId = 0;
  #ownFcsTakenByteLength = 0;

  /**
   * Whether `byteLength` bytes at `offset`, a whole frame as it was captured, end in a trailer of that kind. A device's
   * stamp needs a time within 30 days of `captureSeconds` (NaN: not known), and the FCS that it says was right; one that
   * says that it was wrong needs an IP datagram that ends before it (`ipEnd` is where it ends, -1 for frames without IP).
   * Ticks need a right FCS behind them, and no IP datagram that reaches into them.
   */
  parse(
    kind: TrailerKind,
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    captureSeconds: number,
    ipEnd: number,
  ): boolean {
    switch (kind) {
      case "metamako":
        // A new FCS, if there is one, is no part of the stamp; where it fits by chance the other reading does not.
        return (
          this.#parseMetamako(bytes, offset, byteLength, FCS_BYTE_LENGTH, captureSeconds, ipEnd) ||
          this.#parseMetamako(bytes, offset, byteLength, 0, captureSeconds, ipEnd)
        );
      case "exablaze":
        return (
          this.#parseExablaze(bytes, offset, byteLength, FCS_BYTE_LENGTH, captureSeconds) ||
          this.#parseExablaze(bytes, offset, byteLength, 0, captureSeconds)
        );
      case "arista-7150":
        return (
          hasValidFcs(bytes, offset, byteLength) && this.#parseTicks(bytes, offset, byteLength, FCS_BYTE_LENGTH, ipEnd)
        );
      case "arista-7150-replaced":
        return !hasValidFcs(bytes, offset, byteLength) && this.#parseTicks(bytes, offset, byteLength, 0, ipEnd);
    }
  }

  #parseMetamako(
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    newFcsByteLength: number,
    captureSeconds: number,
    ipEnd: number,
  ): boolean {
    const end = offset + byteLength - newFcsByteLength;
    if (byteLength - newFcsByteLength < DEVICE_STAMP_BYTE_LENGTH) return false;
    if (newFcsByteLength > 0 && !hasValidFcs(bytes, offset, byteLength)) return false;
    const seconds = uint32(bytes, end - 12);
    const nanoseconds = uint32(bytes, end - 8);
    if (nanoseconds >= NS_PER_SECOND || !isNear(seconds, captureSeconds)) return false;
    const flags = bytes[end - 4] as number;
    let stampAt = end - 12;
    if ((flags & METAMAKO_HAS_EXTENSIONS) !== 0) {
      const extensionByteLength = metamakoExtensionByteLength(bytes, offset, stampAt);
      if (extensionByteLength < 0) return false;
      stampAt -= extensionByteLength;
    }
    const wasRight = (flags & METAMAKO_FCS_WAS_RIGHT) !== 0;
    if (!this.#takeOwnFcs(bytes, offset, stampAt, wasRight)) return false;
    // Nothing proves the stamp of a damaged frame. What lies inside of a datagram is data, and has looked like one by chance.
    if (!this.isFcsRight && (ipEnd < 0 || offset + ipEnd > stampAt - FCS_BYTE_LENGTH)) return false;
    this.byteLength = offset + byteLength - stampAt + this.#ownFcsTakenByteLength;
    this.seconds = seconds;
    this.nanoseconds = nanoseconds;
    this.deviceId = ((bytes[end - 3] as number) << 8) | (bytes[end - 2] as number);
    this.portId = bytes[end - 1] as number;
    return true;
  }

  #parseExablaze(
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    newFcsByteLength: number,
    captureSeconds: number,
  ): boolean {
    const end = offset + byteLength - newFcsByteLength;
    if (byteLength - newFcsByteLength < DEVICE_STAMP_BYTE_LENGTH) return false;
    if (newFcsByteLength > 0 && !hasValidFcs(bytes, offset, byteLength)) return false;
    const seconds = uint32(bytes, end - 10);
    if (!isNear(seconds, captureSeconds)) return false;
    // The device does not say whether the frame's own FCS was right; that it is, proves the trailer.
    const stampAt = end - 12;
    if (!this.#takeOwnFcs(bytes, offset, stampAt, true)) return false;
    this.byteLength = offset + byteLength - stampAt + this.#ownFcsTakenByteLength;
    this.deviceId = bytes[end - 12] as number;
    this.portId = bytes[end - 11] as number;
    this.seconds = seconds;
    const high20 =
      ((bytes[end - 6] as number) << 12) | ((bytes[end - 5] as number) << 4) | ((bytes[end - 4] as number) >> 4);
    const low20 =
      (((bytes[end - 4] as number) & 0x0f) << 16) | ((bytes[end - 3] as number) << 8) | (bytes[end - 2] as number);
    // fraction * 10^9 / 2^40, cut off, in two steps that stay below 2^53.
    this.nanoseconds = Math.floor(
      (high20 * NS_PER_SECOND + Math.floor((low20 * NS_PER_SECOND) / TWO_TO_20)) / TWO_TO_20,
    );
    return true;
  }

  #parseTicks(bytes: Uint8Array, offset: number, byteLength: number, newFcsByteLength: number, ipEnd: number): boolean {
    const frameByteLength = byteLength - newFcsByteLength - TICKS_BYTE_LENGTH;
    if (frameByteLength < MIN_FRAME_BYTE_LENGTH || ipEnd > frameByteLength) return false;
    const at = offset + frameByteLength;
    this.ticks = uint32(bytes, at) | 0;
    this.byteLength = byteLength - frameByteLength;
    this.fcsByteLength = 0;
    this.isFcsRight = newFcsByteLength > 0;
    this.seconds = 0;
    this.nanoseconds = 0;
    this.deviceId = 0;
    this.portId = 0;
    return true;
  }

  /**
   * The frame's own FCS lies in the four bytes before `stampAt`, as it was on the wire or, with some writers, as a
   * big-endian number. False when it should be right and is not.
   */
  #takeOwnFcs(bytes: Uint8Array, offset: number, stampAt: number, shouldBeRight: boolean): boolean {
    const frameByteLength = stampAt - FCS_BYTE_LENGTH - offset;
    if (frameByteLength <= 0) return false;
    const fcs = crc32(bytes, offset, frameByteLength);
    const asNumber = uint32(bytes, stampAt - FCS_BYTE_LENGTH) | 0;
    const asOnWire =
      ((asNumber >>> 24) & 0xff) | ((asNumber >>> 8) & 0xff00) | ((asNumber & 0xff00) << 8) | ((asNumber & 0xff) << 24);
    this.isFcsRight = asOnWire === fcs || asNumber === fcs;
    // Only what lies there as on the wire can be left in its place as the frame's FCS.
    const isNumberOnly = asNumber === fcs && asOnWire !== fcs;
    this.fcsByteLength = isNumberOnly ? 0 : FCS_BYTE_LENGTH;
    this.#ownFcsTakenByteLength = isNumberOnly ? FCS_BYTE_LENGTH : 0;
    return this.isFcsRight || !shouldBeRight;
  }
}

/** Bytes of tagged words before the time stamp, read backwards as they are meant to be; -1 when they make no sense. */
function metamakoExtensionByteLength(bytes: Uint8Array, offset: number, stampAt: number): number {
  let at = stampAt;
  for (let words = 0; words < METAMAKO_EXTENSION_WORDS_MAX; ) {
    if (at - 4 < offset + FCS_BYTE_LENGTH) return -1;
    const head = uint32(bytes, at - 4);
    // Tag 31 is a second form with a longer length and tag.
    const dataWords = (head & 0x1f) === 0x1f ? ((head >>> 6) & 0x3ff) + 1 : (head >>> 6) & 3;
    words += 1 + dataWords;
    at -= 4 * (1 + dataWords);
    if (at < offset + FCS_BYTE_LENGTH) return -1;
    if ((head & 0x20) !== 0) return stampAt - at;
  }
  return -1;
}

/** Always so for NaN, the time of a record that has none. */
function isNear(seconds: number, captureSeconds: number): boolean {
  return !(Math.abs(seconds - captureSeconds) > CLOCK_DISTANCE_MAX_SECONDS);
}

function uint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
