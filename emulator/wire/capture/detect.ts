/** What a file is, by its first bytes; its name does not matter and is often wrong. */

import { PCAP_MAGIC_KUZNETZOV, PCAP_MAGIC_MICROSECONDS, PCAP_MAGIC_NANOSECONDS } from "./pcap.ts";
import { PCAPNG_SECTION_HEADER } from "./pcapng-block.ts";

/** `kuznetzov` is a pcap whose records have another layout; `unknown` is none of the others. */
export type CaptureFormat = "pcap" | "pcapng" | "gzip" | "zstd" | "kuznetzov" | "unknown";

/** Bytes that {@link detectFormat} needs to be sure of a capture. */
export const DETECT_BYTE_LENGTH = 4;

/** Of a frame, and of one that only carries something for somebody else (RFC 8878); as they lie in the file. */
const ZSTD_MAGIC = 0x28b5_2ffd;
const ZSTD_SKIPPABLE_MAGIC = 0x502a_4d18;

/** Other files that people feed to a capture reader, by the first bytes in hex. */
const FOREIGN_FORMATS: ReadonlyMap<string, string> = new Map([
  ["fd377a58", "xz"],
  ["425a68", "bzip2"],
  ["04224d18", "lz4"],
  ["504b0304", "zip"],
  ["736e6f6f", "snoop"],
  ["54525352", "NetXRay"],
]);

/** The format that the first `byteLength` bytes at `offset` belong to; fewer than four bytes are `unknown`, but for gzip. */
export function detectFormat(bytes: Uint8Array, offset: number, byteLength: number): CaptureFormat {
  if (byteLength >= 2 && bytes[offset] === 0x1f && bytes[offset + 1] === 0x8b) return "gzip";
  if (byteLength < DETECT_BYTE_LENGTH) return "unknown";
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, DETECT_BYTE_LENGTH);
  const bigEndianMagic = view.getUint32(0, false);
  if (bigEndianMagic === ZSTD_MAGIC || (bigEndianMagic & 0xf0ff_ffff) === ZSTD_SKIPPABLE_MAGIC) return "zstd";
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(0, littleEndian);
    if (magic === PCAPNG_SECTION_HEADER) return "pcapng";
    if (magic === PCAP_MAGIC_MICROSECONDS || magic === PCAP_MAGIC_NANOSECONDS) return "pcap";
    if (magic === PCAP_MAGIC_KUZNETZOV) return "kuznetzov";
  }
  return "unknown";
}

/** The first bytes for a message: "0x28b52ffd (zstd)". At most four are shown. */
export function describeStart(bytes: Uint8Array, offset: number, byteLength: number): string {
  const shown = bytes.subarray(offset, offset + Math.min(byteLength, 4));
  const hex = Array.from(shown, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const foreign = FOREIGN_FORMATS.get(hex) ?? FOREIGN_FORMATS.get(hex.slice(0, 6));
  return foreign === undefined ? `0x${hex}` : `0x${hex} (${foreign})`;
}
