import fc from "fast-check";
import { expect, test } from "vitest";
import * as reg from "../../../devices/exanic/registers.ts";
import { UdpFrameTemplate } from "../../../emulator/wire/build-frame.ts";
import { IOVA_HIGH } from "../ixgbe/test-port.ts";
import { Card, CHUNK_BYTES, CHUNK_COUNT, frameOf } from "./card.ts";

interface Flow {
  readonly sourceIp: number;
  readonly destinationIp: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

function udp(flow: Flow, vlanTci?: number): Uint8Array {
  const template = new UdpFrameTemplate({
    sourceMac: 0x0200_0000_0001,
    destinationMac: 0x0200_0000_0002,
    ...flow,
    ...(vlanTci === undefined ? {} : { vlanTci }),
  });
  const frame = new Uint8Array(100);
  const length = template.stamp(frame, 0, 30);
  return frame.slice(0, length);
}

/** Few values, so that rules and frames meet. */
const anIp = fc.constantFrom(0x0a00_0001, 0x0a00_0002, 0x0a01_0001);
const aPort = fc.constantFrom(1000, 1001, 2000);
const aFlow = fc.record({ sourceIp: anIp, destinationIp: anIp, sourcePort: aPort, destinationPort: aPort });
const anOption = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const aRule = fc.record({
  sourceIp: anOption(anIp),
  destinationIp: anOption(anIp),
  sourcePort: anOption(aPort),
  destinationPort: anOption(aPort),
  buffer: fc.nat(3),
});

/** The filter buffers of a card, by number. */
function lendBuffers(card: Card, count: number, port = 0): number[] {
  return Array.from({ length: count }, (_, buffer) => {
    const region = card.allocate(CHUNK_COUNT * CHUNK_BYTES);
    card.set(reg.BUFFER_BASE_LO, region, 32 * port + buffer);
    card.set(reg.BUFFER_BASE_HI, IOVA_HIGH, 32 * port + buffer);
    return region;
  });
}

/** Which region got the frame: -1 for the default one. */
function whereTo(card: Card, buffers: readonly number[]): number {
  const isFilled = (region: number): boolean => card.chunk(0, region).generation === 0;
  const found = buffers.findIndex(isFilled);
  expect(Number(isFilled(card.region)) + buffers.filter(isFilled).length).toBe(1);
  return found;
}

const big = (value: number, byteLength: number): number[] =>
  Array.from({ length: byteLength }, (_, index) => Math.floor(value / 256 ** (byteLength - 1 - index)) % 256);

test("an IP rule takes the frames whose fields it names, the lowest of several, and the chunk says which", () => {
  fc.assert(
    fc.property(fc.array(aRule, { minLength: 1, maxLength: 5 }), aFlow, (rules, flow) => {
      const card = Card.running();
      const buffers = lendBuffers(card, 4);
      const words = new Map<number, number>();
      for (const [number, rule] of rules.entries()) {
        card.set(reg.IP_RULE_BUFFER, rule.buffer, number);
        const fields: [number | undefined, number][] = [
          [rule.destinationPort, 2],
          [rule.sourcePort, 2],
          [rule.destinationIp, 4],
          [rule.sourceIp, 4],
          [17, 1],
        ];
        const bytes = fields.flatMap(([value, length]) =>
          value === undefined ? Array.from({ length }, () => undefined) : big(value, length),
        );
        for (const [byte, wanted] of bytes.entries())
          for (let value = 0; value < 256; value++)
            if (wanted === undefined || wanted === value)
              words.set(byte * 256 + value, (words.get(byte * 256 + value) ?? 0) | (1 << number));
      }
      for (const [index, word] of words) card.set(reg.IP_RULES, word, index);
      const expected = rules.findIndex((rule) =>
        (["sourceIp", "destinationIp", "sourcePort", "destinationPort"] as const).every(
          (name) => rule[name] === undefined || rule[name] === flow[name],
        ),
      );
      card.receive(udp(flow));
      const buffer = expected === -1 ? -1 : (rules[expected]?.buffer ?? -1);
      expect(whereTo(card, buffers)).toBe(buffer);
      if (expected === -1) return;
      // Region 1 is that of IP rules.
      expect(card.chunk(0, buffers[buffer])).toMatchObject({ status: 0x10, filter: expected });
    }),
    { numRuns: 60 },
  );
});

test("a MAC rule takes destination, EtherType and VLAN", () => {
  const put = (card: Card, values: readonly (number | undefined)[]): void => {
    for (const [byte, wanted] of values.entries())
      for (let value = 0; value < 256; value++)
        if (wanted === undefined || wanted === value) card.set(reg.MAC_RULES, 1 << 7, byte * 256 + value);
    card.set(reg.MAC_RULE_BUFFER, 1, 7);
  };
  const flow = { sourceIp: 1, destinationIp: 2, sourcePort: 3, destinationPort: 4 };
  const any = Array.from({ length: 8 }, () => undefined);
  const cases: readonly (readonly [readonly (number | undefined)[], number | undefined, number])[] = [
    // VLAN 0x123: the low byte, then 0x10 and the high bits.
    [[...any, 0x23, 0x11], 0x123, 1],
    [[...any, 0x23, 0x11], 0x124, -1],
    [[...any, 0x23, 0x11], undefined, -1],
    [[...any, 0, 0], undefined, 1],
    [[2, 0, 0, 0, 0, 2, 0x08, 0x00, undefined, undefined], undefined, 1],
    [[2, 0, 0, 0, 0, 3, 0x08, 0x00, undefined, undefined], undefined, -1],
  ];
  for (const [rule, vlanTci, buffer] of cases) {
    const card = Card.running();
    const buffers = lendBuffers(card, 2);
    put(card, rule);
    card.receive(udp(flow, vlanTci));
    expect(whereTo(card, buffers)).toBe(buffer);
    if (buffer !== -1) expect(card.chunk(0, buffers[buffer])).toMatchObject({ status: 0, filter: 7 });
  }
});

test("the hash spreads flows over the buffers, both directions of one to the same, all else to the default region", () => {
  for (const kind of [0, 1, 2]) {
    const used = new Set<number>();
    for (let flow = 0; flow < 40; flow++) {
      const there = {
        sourceIp: 0x0a00_0001 + 77 * flow,
        destinationIp: 0x0a01_0000 + flow,
        sourcePort: 1000 + flow,
        destinationPort: 2000 + 3 * flow,
      };
      const back = {
        sourceIp: there.destinationIp,
        destinationIp: there.sourceIp,
        sourcePort: there.destinationPort,
        destinationPort: there.sourcePort,
      };
      const found = [there, back].map((direction) => {
        const card = Card.running();
        const buffers = lendBuffers(card, 4);
        card.set(reg.PORT_HASH_CONFIG, reg.PORT_HASH_CONFIG.fields.ENABLE.mask | (kind << 8) | 3);
        card.receive(udp(direction));
        return whereTo(card, buffers);
      });
      expect(found[0]).toBe(found[1]);
      used.add(found[0] as number);
    }
    expect([...used].sort()).toEqual([0, 1, 2, 3]);
  }
  const card = Card.running();
  const buffers = lendBuffers(card, 4);
  card.set(reg.PORT_HASH_CONFIG, reg.PORT_HASH_CONFIG.fields.ENABLE.mask | 3);
  card.receive(frameOf(60, 1));
  expect(whereTo(card, buffers)).toBe(-1);
});

test("a buffer that the driver never lent gets nothing, and the frame is counted", () => {
  const card = Card.running();
  card.set(reg.PORT_HASH_CONFIG, reg.PORT_HASH_CONFIG.fields.ENABLE.mask);
  card.receive(udp({ sourceIp: 1, destinationIp: 2, sourcePort: 3, destinationPort: 4 }));
  expect(card.device.statistics()).toMatchObject({ rxDropNoBuffer: 1, rxDelivered: 0 });
  expect(card.get(reg.STAT_RX_DROPPED)).toBe(1);
});

test("masks, functions and buffers that there are not are said", () => {
  const card = Card.running();
  const { ENABLE } = reg.PORT_HASH_CONFIG.fields;
  for (const value of [ENABLE.mask | 2, ENABLE.mask | 63, ENABLE.mask | (3 << 8)]) {
    const before = card.port.log.findings.reduce((sum, { count }) => sum + count, 0);
    card.set(reg.PORT_HASH_CONFIG, value);
    expect(card.port.log.findings.reduce((sum, { count }) => sum + count, 0)).toBe(before + 1);
  }
  card.set(reg.IP_RULE_BUFFER, 32, 4);
  expect(card.violations()).toEqual(["hash-config", "rule-buffer"]);
});
