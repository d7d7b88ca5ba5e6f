import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_QINQ,
  ETHERTYPE_VLAN,
  FrameHeaders,
} from "../../../emulator/wire/frame.ts";
import { boundedBytes } from "./bounded-bytes.ts";

const be16 = (value: number): number[] => [(value >>> 8) & 0xff, value & 0xff];
const macs = Array.from({ length: 12 }, (_, index) => 0x40 + index);

function parsed(frame: readonly number[], snapByteLength = frame.length): FrameHeaders {
  const headers = new FrameHeaders();
  // Parsed once before, so that a field that is not reset shows.
  headers.parse(Uint8Array.from(dirtyFrame), 0, dirtyFrame.length);
  const bytes = Uint8Array.from([0xff, 0xff, 0xff, ...frame, 0xff, 0xff]);
  headers.parse(boundedBytes(bytes, 3, snapByteLength), 3, snapByteLength);
  return headers;
}

interface Ipv4Spec {
  options?: number;
  protocol?: number;
  fragmentField?: number;
  totalByteLength?: number;
  versionAndIhl?: number;
}

function ipv4(payload: number[], spec: Ipv4Spec = {}): number[] {
  const options = spec.options ?? 0;
  const total = spec.totalByteLength ?? 20 + options + payload.length;
  return [
    spec.versionAndIhl ?? 0x45 + options / 4,
    0,
    ...be16(total),
    ...be16(0x1234),
    ...be16(spec.fragmentField ?? 0x4000),
    64,
    spec.protocol ?? 17,
    0,
    0,
    ...[10, 0, 0, 1],
    ...[239, 1, 2, 3],
    ...Array.from({ length: options }, () => 1),
    ...payload,
  ];
}

function ipv6(nextHeader: number, payload: number[], payloadByteLength = payload.length): number[] {
  const addresses = Array.from({ length: 32 }, (_, index) => index);
  return [0x60, 0, 0, 0, ...be16(payloadByteLength), nextHeader, 64, ...addresses, ...payload];
}

const udp = (payload: number[], udpByteLength = 8 + payload.length): number[] => [
  ...be16(5000),
  ...be16(6000),
  ...be16(udpByteLength),
  ...be16(0),
  ...payload,
];

const tcp = (payload: number[], options = 0): number[] => [
  ...be16(7000),
  ...be16(8000),
  ...Array.from({ length: 8 }, () => 0),
  (5 + options / 4) << 4,
  ...Array.from({ length: 7 }, () => 0),
  ...Array.from({ length: options }, () => 1),
  ...payload,
];

const ethernet = (etherType: number, payload: number[], tags: number[][] = []): number[] => [
  ...macs,
  ...tags.flat(),
  ...be16(etherType),
  ...payload,
];

const tag = (tci: number, type: number = ETHERTYPE_VLAN): number[] => [...be16(type), ...be16(tci)];

const dirtyFrame = ethernet(ETHERTYPE_IPV4, ipv4(udp([1, 2, 3]), { totalByteLength: 900 }), [tag(7), tag(8)]);

const payloads = fc.array(fc.nat(255), { maxLength: 80 });
const tagLists = fc.array(fc.nat(0xffff), { maxLength: 3 });

describe("headers by construction", () => {
  test("UDP over IPv4, any tags, IP options and padding", () => {
    const optionLengths = fc.constantFrom(0, 4, 12, 40);
    fc.assert(
      fc.property(payloads, tagLists, optionLengths, fc.nat(40), (payload, tcis, options, padding) => {
        const tags = tcis.map((tci, index) => tag(tci, index === 0 ? ETHERTYPE_QINQ : ETHERTYPE_VLAN));
        const pad = Array.from({ length: padding }, () => 0);
        const headers = parsed([...ethernet(ETHERTYPE_IPV4, ipv4(udp(payload), { options }), tags), ...pad]);
        const l3Offset = 14 + 4 * tcis.length;
        expect(headers).toMatchObject({
          etherType: ETHERTYPE_IPV4,
          vlanTci: tcis[0] ?? -1,
          innerVlanTci: tcis[1] ?? -1,
          vlanTagCount: tcis.length,
          l3Offset,
          ipVersion: 4,
          ipProtocol: 17,
          ipv4Source: 0x0a00_0001,
          ipv4Destination: 0xef01_0203 | 0,
          fragment: false,
          l4Offset: l3Offset + 20 + options,
          l4ByteLength: 8 + payload.length,
          sourcePort: 5000,
          destinationPort: 6000,
          payloadOffset: l3Offset + 28 + options,
          payloadByteLength: payload.length,
          trailerByteLength: padding,
          malformed: false,
          truncated: false,
        });
      }),
    );
  });

  test("TCP over IPv6 behind any chain of extension headers", () => {
    const extensions = fc.array(fc.constantFrom("hop", "routing", "destination", "auth", "atomic"), { maxLength: 5 });
    const types = { hop: 0, routing: 43, destination: 60, auth: 51, atomic: 44 } as const;
    fc.assert(
      fc.property(payloads, extensions, fc.constantFrom(0, 4, 20), fc.nat(2), (payload, chain, options, extra) => {
        let body = tcp(payload, options);
        let next = 6;
        for (const kind of [...chain].reverse()) {
          const isAuth = kind === "auth";
          const length = kind === "atomic" ? 0 : isAuth ? extra + 1 : extra;
          const headerByteLength = kind === "atomic" ? 8 : isAuth ? (length + 2) * 4 : (length + 1) * 8;
          body = [next, length, ...Array.from({ length: headerByteLength - 2 }, () => 0), ...body];
          next = types[kind];
        }
        const extensionByteLength = body.length - 20 - options - payload.length;
        const headers = parsed(ethernet(ETHERTYPE_IPV6, ipv6(next, body)));
        expect(headers).toMatchObject({
          ipVersion: 6,
          ipProtocol: 6,
          l3Offset: 14,
          fragment: false,
          l4Offset: 54 + extensionByteLength,
          l4ByteLength: 20 + options + payload.length,
          sourcePort: 7000,
          destinationPort: 8000,
          payloadOffset: 74 + extensionByteLength + options,
          payloadByteLength: payload.length,
          trailerByteLength: 0,
          malformed: false,
          truncated: false,
        });
      }),
    );
  });

  test("a UDP length shorter than the IP payload bounds the payload", () => {
    const headers = parsed(ethernet(ETHERTYPE_IPV4, ipv4(udp([1, 2, 3, 4, 5], 8 + 2))));
    expect(headers).toMatchObject({ payloadOffset: 42, payloadByteLength: 2, malformed: false, truncated: false });
  });

  test.each([
    { name: "first", fragmentField: 0x2000 },
    { name: "middle", fragmentField: 0x2010 },
    { name: "last", fragmentField: 0x0010 },
  ])("the $name fragment of an IPv4 datagram has no layer 4", ({ fragmentField }) => {
    const headers = parsed(ethernet(ETHERTYPE_IPV4, ipv4(udp([9, 9]), { fragmentField })));
    expect(headers).toMatchObject({
      ipVersion: 4,
      ipProtocol: 17,
      fragment: true,
      l4Offset: -1,
      sourcePort: -1,
      payloadOffset: 34,
      payloadByteLength: 10,
    });
  });

  test("an IPv6 fragment stops the walk behind its fragment header", () => {
    const headers = parsed(ethernet(ETHERTYPE_IPV6, ipv6(44, [17, 0, ...be16(0x0001), 0, 0, 0, 1, ...udp([1])])));
    expect(headers).toMatchObject({ ipProtocol: 17, fragment: true, l4Offset: -1, payloadOffset: 62 });
  });

  test("a protocol other than UDP and TCP has a layer 4 without ports", () => {
    const headers = parsed(ethernet(ETHERTYPE_IPV4, ipv4([8, 0, 1, 2], { protocol: 1 })));
    expect(headers).toMatchObject({ ipProtocol: 1, l4Offset: 34, l4ByteLength: 4, sourcePort: -1, payloadOffset: 34 });
  });

  test.each([
    { name: "ARP", etherType: ETHERTYPE_ARP },
    { name: "PTP", etherType: 0x88f7 },
    { name: "an 802.3 length", etherType: 0x0100 },
  ])("$name is no IP: everything behind it is payload", ({ etherType }) => {
    const headers = parsed(ethernet(etherType, [1, 2, 3, 4]));
    expect(headers).toMatchObject({
      etherType,
      ipVersion: 0,
      ipProtocol: -1,
      l3Offset: 14,
      l4Offset: -1,
      payloadOffset: 14,
      payloadByteLength: 4,
      malformed: false,
      truncated: false,
    });
  });
});

describe("headers that make no sense leave what is below them unknown", () => {
  const ipUnknown = { ipVersion: 0, ipProtocol: -1, l4Offset: -1, payloadOffset: 14, malformed: true };
  test.each([
    { name: "version 6 under type 0x0800", spec: { versionAndIhl: 0x65 } },
    { name: "IHL of 4", spec: { versionAndIhl: 0x44 } },
    { name: "total length below the header", spec: { totalByteLength: 19 } },
  ])("IPv4: $name", ({ spec }) => {
    expect(parsed(ethernet(ETHERTYPE_IPV4, ipv4(udp([1]), spec)))).toMatchObject(ipUnknown);
  });

  test("IPv6: version 4 under type 0x86dd", () => {
    const packet = ipv6(17, udp([1]));
    packet[0] = 0x45;
    expect(parsed(ethernet(ETHERTYPE_IPV6, packet))).toMatchObject(ipUnknown);
  });

  const l4Unknown = { ipVersion: 4, l4Offset: -1, sourcePort: -1, payloadOffset: 34 };
  test("UDP length below its header", () => {
    const headers = parsed(ethernet(ETHERTYPE_IPV4, ipv4(udp([1, 2], 7))));
    expect(headers).toMatchObject({ ...l4Unknown, ipProtocol: 17, malformed: true });
  });

  test.each([4, 15])("TCP data offset of %i words in a segment of 22 bytes", (words) => {
    const segment = tcp([1, 2]);
    segment[12] = words << 4;
    const headers = parsed(ethernet(ETHERTYPE_IPV4, ipv4(segment, { protocol: 6 })));
    expect(headers).toMatchObject({ ...l4Unknown, ipProtocol: 6, malformed: true });
  });

  test("more than eight IPv6 extension headers", () => {
    const chain = Array.from({ length: 9 }, (_, index) => [index < 8 ? 60 : 17, 0, 0, 0, 0, 0, 0, 0]);
    const headers = parsed(ethernet(ETHERTYPE_IPV6, ipv6(60, [...chain.flat(), ...udp([])])));
    expect(headers).toMatchObject({ ipVersion: 6, l4Offset: -1, sourcePort: -1, malformed: true });
  });
});

describe("short frames", () => {
  const whole = ethernet(ETHERTYPE_IPV4, ipv4(udp([1, 2, 3, 4])), [tag(905)]);

  test("a snapped capture keeps the layers that are whole and says that it is cut", () => {
    const expectations = Array.from({ length: whole.length + 1 }, (_, snap) => {
      const headers = parsed(whole, snap);
      return {
        snap,
        truncated: headers.truncated,
        vlan: headers.vlanTci,
        version: headers.ipVersion,
        port: headers.destinationPort,
      };
    });
    for (const { snap, truncated, vlan, version, port } of expectations) {
      expect({ snap, truncated, vlan, version, port }).toEqual({
        snap,
        truncated: snap < whole.length,
        vlan: snap >= 18 ? 905 : -1,
        version: snap >= 38 ? 4 : 0,
        port: snap >= 46 ? 6000 : -1,
      });
    }
  });

  test("a frame cut inside the IPv4 options has no IP layer", () => {
    const withOptions = ethernet(ETHERTYPE_IPV4, ipv4(udp([1]), { options: 40 }));
    for (let snap = 34; snap < 74; snap++) {
      expect(parsed(withOptions, snap)).toMatchObject({
        ipVersion: 0,
        ipProtocol: -1,
        truncated: true,
        payloadOffset: 14,
      });
    }
    expect(parsed(withOptions, 74)).toMatchObject({ ipVersion: 4, payloadOffset: 74, payloadByteLength: 0 });
  });

  test("any bytes of any length are parsed without a read outside, and offsets stay inside", () => {
    const interesting = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc
        .tuple(
          fc.constantFrom(whole, dirtyFrame, ethernet(ETHERTYPE_IPV6, ipv6(0, [0, 1, 60, 0, ...udp([1])]))),
          fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { maxLength: 6 }),
          fc.nat(100),
        )
        .map(([frame, changes, byteLength]) => {
          const bytes = Uint8Array.from(frame);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          return bytes.subarray(0, byteLength);
        }),
    );
    fc.assert(
      fc.property(interesting, fc.nat(8), (content, offset) => {
        const bytes = new Uint8Array(offset + content.length + 8);
        bytes.set(content, offset);
        const headers = new FrameHeaders();
        headers.parse(boundedBytes(bytes, offset, content.length), offset, content.length);
        const end = content.length;
        if (end < 14) {
          expect(headers).toMatchObject({ etherType: -1, l3Offset: -1, payloadOffset: -1, payloadByteLength: 0 });
          return;
        }
        expect(headers.payloadOffset + headers.payloadByteLength + headers.trailerByteLength).toBeLessThanOrEqual(end);
        expect(headers.payloadByteLength).toBeGreaterThanOrEqual(0);
        expect(headers.trailerByteLength).toBeGreaterThanOrEqual(0);
        expect(headers.payloadOffset).toBeGreaterThanOrEqual(headers.l3Offset);
        expect(headers.l4Offset + headers.l4ByteLength).toBeLessThanOrEqual(end);
      }),
      { numRuns: 1000 },
    );
  });
});
