import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkL4Checksum,
  checksumOf,
  ipv4PseudoHeaderSum,
  ipv6PseudoHeaderSum,
  isIpv4HeaderChecksumValid,
  onesComplementSum,
  writeIpv4HeaderChecksum,
  writeL4Checksum,
} from "../../../emulator/wire/checksum.ts";
import { FrameHeaders } from "../../../emulator/wire/frame.ts";

/** The sum in unlimited precision: modulo 0xffff, where a non-zero multiple is 0xffff. */
function sumOracle(bytes: Uint8Array): number {
  let total = 0n;
  for (const [index, byte] of bytes.entries()) total += BigInt(index % 2 === 0 ? byte * 256 : byte);
  if (total === 0n) return 0;
  return Number(total % 0xffffn) || 0xffff;
}

const hex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

describe("the Internet checksum", () => {
  test("gives the worked example of RFC 1071, 3: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2", () => {
    expect(onesComplementSum(hex("0001f203f4f5f6f7"), 0, 8)).toBe(0xddf2);
    expect(checksumOf(0xddf2)).toBe(0x220d);
  });

  test("equals the unlimited sum, also over more than 64 KiB of ones", () => {
    const long = fc.integer({ min: 130_000, max: 140_001 }).map((byteLength) => new Uint8Array(byteLength).fill(0xff));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), long), fc.nat(4), (bytes, offset) => {
        const padded = new Uint8Array(offset + bytes.length + 3).fill(0x77);
        padded.set(bytes, offset);
        expect(onesComplementSum(padded, offset, bytes.length)).toBe(sumOracle(bytes));
      }),
      { numRuns: 60 },
    );
  });

  test("in two pieces of which the first is even gives the same as in one", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(50), (bytes, words) => {
        const first = Math.min(2 * words, bytes.length & ~1);
        const pieces = onesComplementSum(bytes, first, bytes.length - first, onesComplementSum(bytes, 0, first));
        expect(pieces).toBe(onesComplementSum(bytes, 0, bytes.length));
      }),
    );
  });
});

describe("headers", () => {
  test("the IPv4 header 4500 0073 0000 4000 4011 … c0a8 0001 c0a8 00c7 has checksum b861", () => {
    const header = hex("450000730000400040110000c0a80001c0a800c7");
    writeIpv4HeaderChecksum(header, 0, 20);
    expect([header[10], header[11]]).toEqual([0xb8, 0x61]);
    expect(isIpv4HeaderChecksumValid(header, 0, 20)).toBe(true);
    header[8] = 63;
    expect(isIpv4HeaderChecksumValid(header, 0, 20)).toBe(false);
  });

  const families = fc.constantFrom("4", "6");
  const protocols = fc.constantFrom(6, 17);

  /** A frame with Ethernet, IP and UDP or TCP headers around the payload, checksum not filled in. */
  function frameAround(family: string, protocol: number, payload: Uint8Array, seed: Uint8Array): Uint8Array {
    const l4ByteLength = (protocol === 6 ? 20 : 8) + payload.length;
    const ip =
      family === "4"
        ? [
            0x45,
            0,
            (20 + l4ByteLength) >> 8,
            (20 + l4ByteLength) & 0xff,
            0,
            0,
            0,
            0,
            64,
            protocol,
            0,
            0,
            ...seed.subarray(0, 8),
          ]
        : [0x60, 0, 0, 0, l4ByteLength >> 8, l4ByteLength & 0xff, protocol, 64, ...seed];
    const l4 =
      protocol === 6
        ? [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 0]
        : [1, 2, 3, 4, l4ByteLength >> 8, l4ByteLength & 0xff, 0, 0];
    const type = family === "4" ? [0x08, 0x00] : [0x86, 0xdd];
    return Uint8Array.from([...new Uint8Array(12), ...type, ...ip, ...l4, ...payload]);
  }

  /** By the text of the RFCs: addresses, length, zeros and protocol in front, all of it summed in unlimited precision. */
  function l4SumOracle(frame: Uint8Array, headers: FrameHeaders): number {
    const [from, to] = headers.ipVersion === 4 ? [26, 34] : [22, 54];
    const segment = frame.subarray(headers.l4Offset, headers.l4Offset + headers.l4ByteLength);
    const pseudo = [...frame.subarray(from, to), segment.length >> 8, segment.length & 0xff, 0, headers.ipProtocol];
    return sumOracle(Uint8Array.from([...pseudo, ...segment]));
  }

  test("a written UDP or TCP checksum sums to all ones with its pseudo header; one changed bit is found", () => {
    const addresses = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(
        families,
        protocols,
        fc.uint8Array({ maxLength: 60 }),
        addresses,
        fc.nat(),
        (family, protocol, payload, seed, flip) => {
          const frame = frameAround(family, protocol, payload, seed);
          const headers = new FrameHeaders();
          headers.parse(frame, 0, frame.length);
          expect(headers.ipProtocol).toBe(protocol);
          writeL4Checksum(frame, headers.l3Offset, headers.l4Offset, protocol, headers.l4ByteLength);
          expect(l4SumOracle(frame, headers)).toBe(0xffff);
          expect(checkL4Checksum(headers, frame, 0)).toBe("right");

          // Byte 26 is part of an address in both families; it stands in where there is no payload.
          const at = payload.length === 0 ? 26 : headers.payloadOffset + ((flip >>> 3) % payload.length);
          frame[at] = (frame[at] as number) ^ (1 << (flip & 7));
          expect(checkL4Checksum(headers, frame, 0)).toBe("wrong");
        },
      ),
    );
  });

  test("the pseudo header alone, which drivers leave in the checksum field for the card, covers addresses, length and protocol", () => {
    const addresses = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(addresses, protocols, fc.nat(0xffff), (seed, protocol, l4ByteLength) => {
        const tail = [l4ByteLength >> 8, l4ByteLength & 0xff, 0, protocol];
        const v4 = frameAround("4", protocol, new Uint8Array(4), seed);
        const v4Oracle = sumOracle(Uint8Array.from([...v4.subarray(26, 34), ...tail]));
        expect(ipv4PseudoHeaderSum(v4, 14, protocol, l4ByteLength)).toBe(v4Oracle);
        const v6 = frameAround("6", protocol, new Uint8Array(4), seed);
        const v6Oracle = sumOracle(Uint8Array.from([...v6.subarray(22, 54), ...tail]));
        expect(ipv6PseudoHeaderSum(v6, 14, protocol, l4ByteLength)).toBe(v6Oracle);
      }),
    );
  });

  test("a UDP sum that comes out as zero is sent as ffff, never as 'no checksum'", () => {
    const frame = frameAround("4", 17, Uint8Array.of(0, 0), new Uint8Array(32));
    const headers = new FrameHeaders();
    headers.parse(frame, 0, frame.length);
    // Chosen so that everything else sums to ffff: the payload is the complement of the rest.
    const rest = checksumOf(l4SumOracle(frame, headers));
    frame[42] = rest >> 8;
    frame[43] = rest & 0xff;
    writeL4Checksum(frame, 14, 34, 17, headers.l4ByteLength);
    expect([frame[40], frame[41]]).toEqual([0xff, 0xff]);
    expect(checkL4Checksum(headers, frame, 0)).toBe("right");
  });

  test("zero means no checksum over IPv4 and is wrong over IPv6 (RFC 8200, 8.1)", () => {
    for (const [family, verdict] of [
      ["4", "none"],
      ["6", "wrong"],
    ] as const) {
      const frame = frameAround(family, 17, Uint8Array.of(1, 2, 3), new Uint8Array(32));
      const headers = new FrameHeaders();
      headers.parse(frame, 0, frame.length);
      expect(checkL4Checksum(headers, frame, 0)).toBe(verdict);
    }
  });

  test("a cut frame and a protocol without checksum are not judged", () => {
    const frame = frameAround("4", 17, new Uint8Array(20), new Uint8Array(32));
    const headers = new FrameHeaders();
    headers.parse(frame, 0, frame.length - 1);
    expect(checkL4Checksum(headers, frame, 0)).toBe("none");
    frame[23] = 1;
    headers.parse(frame, 0, frame.length);
    expect(checkL4Checksum(headers, frame, 0)).toBe("none");
  });
});
