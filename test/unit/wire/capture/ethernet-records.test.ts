import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildUdpFrame, ipv4Address, multicastMac } from "../../../../emulator/wire/build-frame.ts";
import { EthernetRecords } from "../../../../emulator/wire/capture/ethernet-records.ts";
import { concatenate } from "./capture-files.ts";
import { type RecordPlan, readStream, streamOf } from "./record-streams.ts";

const LOCAL_DESTINATION = [2, 0, 0, 0, 0, 2];
const LOCAL_SOURCE = [2, 0, 0, 0, 0, 1];

const u16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
const mac = (address: number): number[] =>
  [40, 32, 24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256);

/** An Ethernet frame with an IPv4 UDP datagram, perhaps tagged. */
const frames = fc
  .record({
    sourceMac: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    destinationIp: fc.oneof(
      fc.integer({ min: 0xe000_0000, max: 0xefff_ffff }),
      fc.integer({ min: 0x0a00_0000, max: 0x0aff_ffff }),
      fc.constant(0xffff_ffff),
    ),
    vlanTci: fc.option(fc.integer({ min: 0, max: 0xffff }), { nil: undefined }),
    payload: fc.uint8Array({ minLength: 20, maxLength: 600 }),
  })
  .map(({ payload, vlanTci, ...flow }) => {
    const bytes = new Uint8Array(700);
    const addresses = { ...flow, sourceIp: 0x0a00_0001, sourcePort: 1000, destinationPort: 2000 };
    const tagged = vlanTci === undefined ? addresses : { ...addresses, vlanTci };
    const byteLength = buildUdpFrame(bytes, 0, tagged, payload);
    return { frame: bytes.slice(0, byteLength), isTagged: vlanTci !== undefined, ...flow };
  });

/** By the rule that the file of the framing states. */
function destinationOf(ip: number, isBroadcast: boolean): number[] {
  if (ip >= 0xe000_0000 && ip < 0xf000_0000) return mac(multicastMac(ip));
  if (ip === 0xffff_ffff || isBroadcast) return [255, 255, 255, 255, 255, 255];
  return LOCAL_DESTINATION;
}

async function reframed(plan: RecordPlan) {
  const stream = new EthernetRecords(streamOf([plan]));
  const { records, error } = await readStream(stream);
  expect(error).toBeUndefined();
  return { record: records[0], report: stream.report() };
}

describe("frames that were captured without an Ethernet header get one", () => {
  test("Linux cooked, both versions: type and VLAN tag stay, the sender's address too", async () => {
    await fc.assert(
      fc.asyncProperty(frames, fc.constantFrom(0, 1, 2, 4), fc.boolean(), async (made, packetType, hasAddress) => {
        const { frame, sourceMac, destinationIp } = made;
        const address = [...mac(sourceMac), 0, 0];
        const addressByteLength = hasAddress ? 6 : 0;
        const protocol = [...frame.subarray(12, 14)];
        const cooked = [...u16(packetType), ...u16(1), ...u16(addressByteLength), ...address, ...protocol];
        const v2 = [...protocol, 0, 0, 0, 0, 0, 7, ...u16(1), packetType, addressByteLength, ...address];
        const expected = [
          ...destinationOf(destinationIp, packetType === 1),
          ...(hasAddress ? mac(sourceMac) : LOCAL_SOURCE),
          ...frame.subarray(12),
        ];
        for (const [linkType, header] of [
          [113, cooked],
          [276, v2],
        ] as const) {
          const bytes = concatenate([Uint8Array.from(header), frame.subarray(14)]);
          const { record, report } = await reframed({ bytes, linkType, originalByteLength: bytes.length + 100 });
          expect(record?.bytes).toEqual(expected);
          expect(record).toMatchObject({ linkType: 1, originalByteLength: frame.length + 100 });
          expect(report).toEqual({ reframedCount: 1, linkTypes: [linkType], skippedCount: 0, firstSkippedRecord: 0 });
        }
      }),
      { numRuns: 200 },
    );
  });

  test("raw IP and loopback: the type is the IP version", async () => {
    const loopbacks: [number, number[]][] = [
      [0, [2, 0, 0, 0]],
      [0, [0, 0, 0, 2]],
      [108, [0, 0, 0, 2]],
      [101, []],
      [228, []],
    ];
    await fc.assert(
      fc.asyncProperty(frames, fc.constantFrom(...loopbacks), async (made, [linkType, header]) => {
        fc.pre(!made.isTagged);
        const bytes = concatenate([Uint8Array.from(header), made.frame.subarray(14)]);
        const { record } = await reframed({ bytes, linkType });
        expect(record?.bytes).toEqual([
          ...destinationOf(made.destinationIp, false),
          ...LOCAL_SOURCE,
          ...made.frame.subarray(12),
        ]);
      }),
      { numRuns: 200 },
    );
  });

  test.each([
    { linkType: 101, header: [], group: true },
    { linkType: 229, header: [], group: false },
    { linkType: 0, header: [24, 0, 0, 0], group: true },
    { linkType: 0, header: [28, 0, 0, 0], group: true },
    { linkType: 0, header: [30, 0, 0, 0], group: true },
    { linkType: 108, header: [0, 0, 0, 24], group: false },
  ])("IPv6 in link type $linkType behind $header, to a group: $group", async ({ linkType, header, group }) => {
    const datagram = new Uint8Array(48);
    datagram[0] = 0x60;
    datagram.set(group ? [0xff, 0x02] : [0x20, 0x01], 24);
    datagram.set([0xde, 0xad, 0xbe, 0xef], 36);
    const { record } = await reframed({ bytes: concatenate([Uint8Array.from(header), datagram]), linkType });
    const destination = group ? [0x33, 0x33, 0xde, 0xad, 0xbe, 0xef] : LOCAL_DESTINATION;
    expect(record?.bytes).toEqual([...destination, ...LOCAL_SOURCE, 0x86, 0xdd, ...datagram]);
  });

  test("a cooked 802.3 frame gets its length for a type", async () => {
    const bytes = Uint8Array.from([...u16(0), ...u16(1), ...u16(0), 0, 0, 0, 0, 0, 0, 0, 0, ...u16(4), 0x42, 0x42, 3]);
    const { record } = await reframed({ bytes, linkType: 113 });
    expect(record?.bytes).toEqual([...LOCAL_DESTINATION, ...LOCAL_SOURCE, 0, 3, 0x42, 0x42, 3]);
  });

  test("nothing of one record stays for the next: neither broadcast nor sender nor longer bytes", async () => {
    const address = [1, 2, 3, 4, 5, 6, 0, 0];
    const cooked = [...u16(1), ...u16(1), ...u16(6), ...address, ...u16(0x0800), ...Array(700).fill(9)];
    const datagram = [0x45, ...Array(19).fill(0)];
    const stream = new EthernetRecords(
      streamOf([
        { bytes: Uint8Array.from(cooked), linkType: 113, fcsByteLength: 4 },
        { bytes: Uint8Array.from(datagram), linkType: 101 },
      ]),
    );
    const { records } = await readStream(stream);
    expect(records[0]?.bytes.slice(0, 12)).toEqual([255, 255, 255, 255, 255, 255, 1, 2, 3, 4, 5, 6]);
    expect(records[0]?.fcsByteLength).toBe(0);
    expect(records[1]?.bytes).toEqual([...LOCAL_DESTINATION, ...LOCAL_SOURCE, 0x08, 0x00, ...datagram]);
    expect(stream.report().linkTypes).toEqual([113, 101]);
  });

  test("the multicast MAC is that of the group's low 23 bits", async () => {
    const datagram = new Uint8Array(20);
    datagram[0] = 0x45;
    new DataView(datagram.buffer).setUint32(16, ipv4Address("233.212.1.2"));
    const { record } = await reframed({ bytes: datagram, linkType: 101 });
    // 212 is 0xd4: its top bit is not part of the MAC.
    expect(record?.bytes.slice(0, 6)).toEqual([0x01, 0x00, 0x5e, 0x54, 0x01, 0x02]);
  });
});

describe("what cannot be given one", () => {
  const ethernet: RecordPlan = { bytes: new Uint8Array(60), seconds: 1 };
  const cooked = (hardware: number, protocol: number): Uint8Array =>
    Uint8Array.from([...u16(0), ...u16(hardware), ...u16(0), ...Array(8).fill(0), ...u16(protocol), 1, 2, 3]);
  const odd: readonly [string, RecordPlan][] = [
    ["a cooked header that is cut", { bytes: new Uint8Array(15), linkType: 113 }],
    ["a second cooked header that is cut", { bytes: new Uint8Array(19), linkType: 276 }],
    ["a netlink message", { bytes: cooked(824, 0x0800), linkType: 113 }],
    ["a CAN frame", { bytes: cooked(280, 0x000c), linkType: 113 }],
    ["a loopback header that is cut", { bytes: new Uint8Array(3), linkType: 0 }],
    ["an unknown address family", { bytes: Uint8Array.of(9, 0, 0, 0, 1), linkType: 0 }],
    ["a swapped family where order is fixed", { bytes: Uint8Array.of(2, 0, 0, 0, 0x45), linkType: 108 }],
    ["an empty datagram", { bytes: new Uint8Array(0), linkType: 101 }],
    ["IP of version 5", { bytes: Uint8Array.of(0x55, 0), linkType: 101 }],
    ["IPv6 in a capture of IPv4", { bytes: Uint8Array.of(0x60, 0), linkType: 228 }],
    ["IPv4 in a capture of IPv6", { bytes: Uint8Array.of(0x45, 0), linkType: 229 }],
  ];

  test.each(odd)("%s is left out and counted; kept as it is for who only looks", async (_what, plan) => {
    const records = [ethernet, plan, { ...plan }, { ...ethernet, seconds: 2 }];
    const sending = new EthernetRecords(streamOf(records));
    expect((await readStream(sending)).records.map(({ seconds }) => seconds)).toEqual([1, 2]);
    expect(sending.report()).toMatchObject({ reframedCount: 0, skippedCount: 2, firstSkippedRecord: 2 });
    const looking = new EthernetRecords(streamOf(records), { keepAll: true });
    const { records: kept } = await readStream(looking);
    expect(kept.map(({ linkType }) => linkType)).toEqual([1, plan.linkType, plan.linkType, 1]);
    expect(kept[1]?.bytes).toEqual([...plan.bytes]);
  });
});
