import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  buildUdpFrame,
  ipv4Address,
  multicastMac,
  type UdpFlow,
  UdpFrameTemplate,
} from "../../../emulator/wire/build-frame.ts";
import { checkL4Checksum, isIpv4HeaderChecksumValid } from "../../../emulator/wire/checksum.ts";
import { FrameHeaders } from "../../../emulator/wire/frame.ts";

const flow: UdpFlow = {
  sourceMac: 0x0200_0000_00aa,
  sourceIp: ipv4Address("206.200.127.138"),
  destinationIp: ipv4Address("233.54.12.111"),
  sourcePort: 49653,
  destinationPort: 26477,
};

const u16 = fc.nat(0xffff);
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const flows: fc.Arbitrary<UdpFlow> = fc.record(
  {
    sourceMac: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    destinationMac: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    vlanTci: u16,
    sourceIp: u32,
    destinationIp: u32,
    sourcePort: u16,
    destinationPort: u16,
    timeToLive: fc.nat(255),
  },
  { requiredKeys: ["sourceMac", "sourceIp", "destinationIp", "sourcePort", "destinationPort"] },
);

describe("building UDP frames", () => {
  test("any flow and payload parses back to itself, with right checksums and at least 60 bytes", () => {
    fc.assert(
      fc.property(flows, fc.uint8Array({ maxLength: 200 }), fc.nat(9), (anyFlow, payload, offset) => {
        const bytes = new Uint8Array(offset + 300).fill(0xee);
        const byteLength = buildUdpFrame(bytes, offset, anyFlow, payload);
        const headers = new FrameHeaders();
        headers.parse(bytes, offset, byteLength);
        expect(headers).toMatchObject({
          vlanTci: anyFlow.vlanTci ?? -1,
          ipVersion: 4,
          ipProtocol: 17,
          ipv4Source: anyFlow.sourceIp | 0,
          ipv4Destination: anyFlow.destinationIp | 0,
          sourcePort: anyFlow.sourcePort,
          destinationPort: anyFlow.destinationPort,
          payloadByteLength: payload.length,
          fragment: false,
          malformed: false,
          truncated: false,
        });
        const at = offset + headers.payloadOffset;
        expect(bytes.subarray(at, at + payload.length)).toEqual(payload);
        expect(isIpv4HeaderChecksumValid(bytes, offset + headers.l3Offset, 20)).toBe(true);
        expect(checkL4Checksum(headers, bytes, offset)).toBe("right");
        expect(byteLength).toBe(Math.max(60, headers.payloadOffset + payload.length));
        // Nothing around the frame is touched, and padding is zero.
        expect(bytes.subarray(0, offset).every((byte) => byte === 0xee)).toBe(true);
        expect(bytes.subarray(offset + byteLength).every((byte) => byte === 0xee)).toBe(true);
        expect(bytes.subarray(at + payload.length, offset + byteLength).every((byte) => byte === 0)).toBe(true);
      }),
    );
  });

  test("addresses lie where Ethernet and IP have them", () => {
    const bytes = new Uint8Array(100);
    buildUdpFrame(bytes, 0, { ...flow, vlanTci: 141 }, Uint8Array.of(1));
    const text = Buffer.from(bytes.subarray(0, 18)).toString("hex");
    expect(text).toBe("01005e360c6f" + "0200000000aa" + "8100008d" + "0800");
    expect([...bytes.subarray(30, 38)]).toEqual([206, 200, 127, 138, 233, 54, 12, 111]);
  });

  test("frames of one template differ in identification, length and checksums alone", () => {
    const template = new UdpFrameTemplate(flow);
    const first = new Uint8Array(100);
    const second = new Uint8Array(100);
    template.stamp(first, 0, 30);
    template.stamp(second, 0, 30);
    const changed = [...first.keys()].filter((at) => first[at] !== second[at]);
    expect(changed).toEqual([19, 25]);
  });
});

describe("addresses", () => {
  test("32 groups share one multicast MAC: the top five bits of the group are lost", () => {
    expect(multicastMac(ipv4Address("233.54.12.111"))).toBe(0x0100_5e36_0c6f);
    expect(multicastMac(ipv4Address("224.182.12.111"))).toBe(0x0100_5e36_0c6f);
    expect(multicastMac(ipv4Address("239.255.255.255"))).toBe(0x0100_5e7f_ffff);
  });

  test("dotted text and back", () => {
    const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
    fc.assert(
      fc.property(octets, ([a, b, c, d]) => {
        expect(ipv4Address(`${a}.${b}.${c}.${d}`)).toBe(((a * 256 + b) * 256 + c) * 256 + d);
      }),
    );
  });

  test.each(["1.2.3", "1.2.3.256", "a.b.c.d", "1.2.3.4.5", ""])("%j is no address", (text) => {
    expect(() => ipv4Address(text)).toThrow(/no IPv4 address/);
  });
});
