/** What a plugged module says of itself: 128 bytes at address 0xa0 of its two-wire bus (SFF-8472 rev 12, tables 4-1 and 5). */

/** What is in the SFP+ cage: an optical module for 300 m, one that does 1 GbE as well, a copper cable with its plugs, or nothing. */
export type ModuleKind = "10gbase-sr" | "dual-rate-sr" | "direct-attach" | "none";

const IMAGE_BYTES = 128;
/** Each of two checksums is the low byte of the sum over what lies before it, from 0 and from 64 on. */
const CHECKSUMS: readonly (readonly [number, number])[] = [
  [0, 63],
  [64, 95],
];
const SFP = 0x03;
const BY_TWO_WIRE_BUS_ONLY = 0x04;
const LC_CONNECTOR = 0x07;
const COPPER_PIGTAIL = 0x21;
const CAPABLE_10GBASE_SR = 0x10;
const CAPABLE_1000BASE_SX = 0x01;
const PASSIVE_CABLE = 0x04;
const CODING_64B66B = 0x06;
/** In units of 100 Mb/s. */
const NOMINAL_RATE = 103;
/** Drivers take optical modules of other vendors only when they are told to. Of a cable they do not ask; its vendor is "not said". */
const OUI_INTEL: readonly number[] = [0x00, 0x1b, 0x21];

/** The bytes, which the caller owns; all ones, as nobody drives the bus, for an empty cage. */
export function moduleImage(kind: ModuleKind): Uint8Array {
  const image = new Uint8Array(IMAGE_BYTES);
  if (kind === "none") return image.fill(0xff);
  const isOptical = kind !== "direct-attach";
  image.set([SFP, BY_TWO_WIRE_BUS_ONLY, isOptical ? LC_CONNECTOR : COPPER_PIGTAIL]);
  if (isOptical) image[3] = CAPABLE_10GBASE_SR;
  else image[8] = PASSIVE_CABLE;
  if (kind === "dual-rate-sr") image[6] = CAPABLE_1000BASE_SX;
  image[11] = CODING_64B66B;
  image[12] = NOMINAL_RATE;
  // OM3 fiber, in tens of metres, or copper, in metres.
  if (isOptical) image[19] = 30;
  else image[18] = 3;
  setText(image, 20, 16, "softbar");
  if (isOptical) image.set(OUI_INTEL, 37);
  setText(image, 40, 16, isOptical ? "SFP-10G-SR" : "SFP-10G-DA");
  setText(image, 56, 4, "1");
  // The wavelength, 850 nm.
  if (isOptical) image.set([850 >>> 8, 850 & 0xff], 60);
  setText(image, 68, 16, "0000000001");
  setText(image, 84, 8, "260101");
  for (const [start, end] of CHECKSUMS) image[end] = image.subarray(start, end).reduce((sum, byte) => sum + byte, 0);
  return image;
}

/** ASCII, filled up with spaces. */
function setText(image: Uint8Array, offset: number, byteLength: number, text: string): void {
  for (let index = 0; index < byteLength; index++) image[offset + index] = text.padEnd(byteLength).charCodeAt(index);
}
