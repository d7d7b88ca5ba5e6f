import fc from "fast-check";
import { writeIpv4HeaderChecksum, writeL4Checksum } from "../../../emulator/wire/checksum.ts";
import { anyBytes, STATION } from "./card.ts";

export interface Flow {
  readonly version: 4 | 6;
  readonly protocol: 6 | 17;
  readonly source: readonly number[];
  readonly destination: readonly number[];
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** A TCP or UDP frame over IPv4 or IPv6 with right checksums. */
export function ipFrame(flow: Flow, payload: Uint8Array): Uint8Array {
  const { version, protocol, source, destination } = flow;
  const l3ByteLength = version === 4 ? 20 : 40;
  const l4ByteLength = (protocol === 6 ? 20 : 8) + payload.length;
  const frame = new Uint8Array(14 + l3ByteLength + l4ByteLength);
  const view = new DataView(frame.buffer);
  frame.set(STATION);
  frame.set([2, 0, 0, 0, 0, 1], 6);
  view.setUint16(12, version === 4 ? 0x0800 : 0x86dd);
  if (version === 4) {
    frame.set([0x45, 0, 0, 0, 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0, ...source, ...destination], 14);
    view.setUint16(16, l3ByteLength + l4ByteLength);
    writeIpv4HeaderChecksum(frame, 14, 20);
  } else {
    frame.set([0x60, 0, 0, 0, 0, 0, protocol, 64, ...source, ...destination], 14);
    view.setUint16(18, l4ByteLength);
  }
  const l4At = 14 + l3ByteLength;
  view.setUint16(l4At, flow.sourcePort);
  view.setUint16(l4At + 2, flow.destinationPort);
  if (protocol === 6) {
    view.setUint32(l4At + 4, 0xffff_fff0);
    view.setUint16(l4At + 12, 0x5019);
  } else view.setUint16(l4At + 4, l4ByteLength);
  frame.set(payload, frame.length - payload.length);
  writeL4Checksum(frame, 14, l4At, protocol, l4ByteLength);
  return frame;
}

function address(byteLength: number): fc.Arbitrary<number[]> {
  return fc.array(fc.nat(255), { minLength: byteLength, maxLength: byteLength });
}

export const flows: fc.Arbitrary<Flow> = fc.constantFrom(4, 6).chain((version) =>
  fc.record({
    version: fc.constant(version as 4 | 6),
    protocol: fc.constantFrom(6 as const, 17 as const),
    source: address(version === 4 ? 4 : 16),
    destination: address(version === 4 ? 4 : 16),
    sourcePort: fc.nat(65535),
    destinationPort: fc.nat(65535),
  }),
);

export function bytesUpTo(most: number): fc.Arbitrary<Uint8Array> {
  return fc.tuple(fc.integer({ min: 20, max: most }), fc.nat()).map(([byteLength, seed]) => anyBytes(byteLength, seed));
}

export const payloads: fc.Arbitrary<Uint8Array> = bytesUpTo(1400);
