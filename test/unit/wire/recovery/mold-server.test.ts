import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../../emulator/clock/clock.ts";
import { MemoryView } from "../../../../emulator/memory/memory-view.ts";
import { buildUdpFrame, type UdpFlow } from "../../../../emulator/wire/build-frame.ts";
import { checkL4Checksum, isIpv4HeaderChecksumValid } from "../../../../emulator/wire/checksum.ts";
import { MoldUdp64Packet } from "../../../../emulator/wire/feeds/mold-udp64.ts";
import { FrameHeaders } from "../../../../emulator/wire/frame.ts";
import {
  MoldRequestServer,
  type MoldServerOptions,
  type MoldServerReport,
} from "../../../../emulator/wire/recovery/mold-request-server.ts";
import { moldPacket } from "../feeds/mold-packet.ts";
import { messages } from "./mold-bench.ts";

const PLACE = { session: "S", mac: 0x0200_0000_0055, ip: 0xc000_0237, port: 18_000 };
const client: UdpFlow = {
  sourceMac: 0x0200_0000_0001,
  destinationMac: PLACE.mac,
  sourceIp: 0xc000_0201,
  destinationIp: PLACE.ip,
  sourcePort: 40_000,
  destinationPort: PLACE.port,
};

/** A server with messages 1 to 200, and what it has sent: when, and what. */
class ServerBench {
  readonly clock: VirtualClock = new VirtualClock();
  readonly server: MoldRequestServer;
  readonly answers: {
    readonly atNs: number;
    readonly frame: Uint8Array;
    readonly first: number;
    readonly count: number;
  }[] = [];

  constructor(options: Partial<MoldServerOptions> = {}) {
    const packet = new MoldUdp64Packet();
    const wire = {
      deliver: (memory: MemoryView, offset: number, byteLength: number) => {
        const frame = memory.bytes.slice(offset, offset + byteLength);
        const headers = new FrameHeaders();
        headers.parse(frame, 0, byteLength);
        expect(packet.parse(frame, headers.payloadOffset, headers.payloadByteLength)).toBe(true);
        expect(isIpv4HeaderChecksumValid(frame, headers.l3Offset, 20)).toBe(true);
        expect(checkL4Checksum(headers, frame, 0)).toBe("right");
        this.answers.push({
          atNs: this.clock.now[0] as number,
          frame,
          first: packet.sequence,
          count: packet.messageCount,
        });
      },
    };
    const retention = { retentionMessages: 4096, retentionBytes: 1 << 16 };
    this.server = new MoldRequestServer(this.clock, wire, { ...PLACE, ...retention, ...options });
    for (let first = 1; first <= 200; first += 10) {
      const payload = moldPacket("S", first, messages(first, 10));
      this.server.record(payload, 0, payload.length);
    }
  }

  ask(first: number, count: number, { flow = client, session = "S" } = {}): this {
    return this.send(moldPacket(session, first, [], count), flow);
  }

  send(payload: Uint8Array, flow: UdpFlow = client): this {
    const frame = MemoryView.ofSize(2048);
    const byteLength = buildUdpFrame(frame.bytes, 4, flow, payload);
    this.server.deliver(frame, 4, byteLength);
    return this;
  }

  settle(): this {
    for (;;) {
      const next = this.server.next[0] as number;
      if (next === Number.POSITIVE_INFINITY) return this;
      this.clock.advanceTo(next);
      this.server.pump();
    }
  }

  get report(): MoldServerReport {
    return this.server.report();
  }
}

const got = ({ answers }: ServerBench): [number, number][] => answers.map(({ first, count }) => [first, count]);

describe("an answer", () => {
  test("has the messages that were asked for, goes to whoever asked, and takes its time", () => {
    const bench = new ServerBench({ latencyNs: 70_000 });
    bench.clock.advanceTo(1000);
    bench.ask(21, 3).settle();
    const [answer] = bench.answers as [(typeof bench.answers)[number]];
    expect(answer.atNs).toBe(71_000);
    const headers = new FrameHeaders();
    headers.parse(answer.frame, 0, answer.frame.length);
    expect(headers).toMatchObject({
      sourcePort: 18_000,
      destinationPort: 40_000,
      ipv4Destination: client.sourceIp | 0,
    });
    expect([...answer.frame.subarray(0, 6)]).toEqual([2, 0, 0, 0, 0, 1]);
    const payload = moldPacket("S", 21, messages(21, 3));
    expect(answer.frame.subarray(headers.payloadOffset, headers.payloadOffset + headers.payloadByteLength)).toEqual(
      payload,
    );
  });

  test("has what fits a frame, and no more than there is", () => {
    const bench = new ServerBench({ payloadByteLimit: 200 }).ask(1, 100).ask(199, 100).settle();
    const [first, last] = bench.answers as [(typeof bench.answers)[number], (typeof bench.answers)[number]];
    expect(first.count).toBeGreaterThan(1);
    const nextMessage = messages(1 + first.count, 1)[0] as Uint8Array;
    const used = 20 + messages(1, first.count).reduce((sum, { length }) => sum + 2 + length, 0);
    expect(used).toBeLessThanOrEqual(200);
    expect(used + 2 + nextMessage.length).toBeGreaterThan(200);
    expect([last.first, last.count]).toEqual([199, 2]);
    expect(bench.report).toMatchObject({ answered: 2, partial: 2, messagesSent: first.count + 2 });
  });

  test("may be a part by chance, and is always one message at least", () => {
    const bench = new ServerBench({ partialProbability: 1, seed: 3 });
    for (let first = 1; first < 100; first++) bench.ask(first, 10);
    bench.settle();
    expect(bench.answers).toHaveLength(99);
    const counts = new Set(bench.answers.map(({ count }) => count));
    expect(Math.min(...counts)).toBe(1);
    expect(counts.size).toBe(10);
  });

  test("goes out at times that differ, in the order of the requests, the same for the same seed", () => {
    const times = (seed: number) => {
      const bench = new ServerBench({ latencyNs: 1000, latencySpreadNs: 5000, seed });
      for (let first = 1; first < 50; first++) bench.ask(first, 1);
      bench.settle();
      expect(got(bench)).toEqual(Array.from({ length: 49 }, (_, index) => [index + 1, 1]));
      return bench.answers.map(({ atNs }) => atNs);
    };
    expect(times(1)).toEqual(times(1));
    expect(times(1)).not.toEqual(times(2));
    expect(Math.min(...times(1))).toBeGreaterThanOrEqual(1000);
    expect(Math.max(...times(1))).toBeLessThanOrEqual(6000);
  });
});

describe("no answer", () => {
  test("to what is forgotten, not there yet, of another session, or empty", () => {
    const bench = new ServerBench({ retentionMessages: 100 });
    bench.ask(100, 1).ask(101, 1).ask(201, 1).ask(150, 0).ask(150, 1, { session: "T" }).settle();
    expect(got(bench)).toEqual([[101, 1]]);
    expect(bench.report).toMatchObject({
      tooOld: 1,
      answered: 1,
      tooNew: 1,
      empty: 1,
      otherSession: 1,
      foreignFrames: 0,
    });
  });

  test("to more requests than a second may have: any second, not only whole ones", () => {
    const bench = new ServerBench({ requestsPerSecond: 3, latencyNs: 0 });
    for (const timeNs of [0, 4e8, 8e8, 9e8, 1e9 - 1, 1e9, 1.3e9, 1.4e9, 1.5e9]) {
      bench.clock.advanceTo(timeNs);
      bench.ask(1, 1).settle();
    }
    expect(bench.answers.map(({ atNs }) => atNs)).toEqual([0, 4e8, 8e8, 1e9, 1.4e9]);
    expect(bench.report).toMatchObject({ answered: 5, overRate: 4 });
  });

  test("by chance, as often as the probability says", () => {
    const bench = new ServerBench({ refusalProbability: 0.25, seed: 11 });
    for (let request = 0; request < 2000; request++) bench.ask(1, 1);
    expect(bench.report.refused + bench.report.answered).toBe(2000);
    // Four standard deviations of 2,000 draws.
    expect(Math.abs(bench.report.refused - 500)).toBeLessThan(78);
  });

  test("to frames that are no request to it", () => {
    const bench = new ServerBench();
    bench.send(new Uint8Array(19)).send(new Uint8Array(21));
    bench.ask(1, 1, { flow: { ...client, destinationPort: 18_001 } });
    bench.ask(1, 1, { flow: { ...client, destinationIp: PLACE.ip + 1 } });
    bench.server.deliver(MemoryView.ofSize(60), 0, 60);
    expect(bench.settle().report).toMatchObject({ foreignFrames: 5, answered: 0 });
  });

  test("to the 65th requester: strangers may not take memory", () => {
    const bench = new ServerBench();
    for (let port = 1; port <= 65; port++) bench.ask(1, 1, { flow: { ...client, sourcePort: port } });
    bench.ask(1, 1, { flow: { ...client, sourcePort: 1 } });
    expect(bench.settle().report).toMatchObject({ answered: 65, foreignFrames: 1 });
  });
});

test("a session that is not recorded from its beginning, or not whole, is an error of the caller", () => {
  const { server } = new ServerBench();
  const record = (payload: Uint8Array) => () => server.record(payload, 0, payload.length);
  expect(record(moldPacket("S", 202, messages(202, 1)))).toThrow("from 202 on is recorded, but 201 comes next");
  expect(record(new Uint8Array(7))).toThrow("no MoldUDP64 packet");
  record(moldPacket("S", 195, messages(195, 7)))();
  expect(server.store.nextSequence).toBe(202);
  record(moldPacket("S", 300, []))();
  expect(server.store.nextSequence).toBe(202);
});

test("a packet of another session is an error of the caller, and nothing of it is served", () => {
  const bench = new ServerBench();
  const { server } = bench;
  const record = (payload: Uint8Array) => () => server.record(payload, 0, payload.length);
  const refusal = 'a packet of session "T" is recorded, but this server has session "S"';
  for (const payload of [moldPacket("T", 201, messages(201, 2)), moldPacket("T", 201, []), moldPacket("T", 9, [])]) {
    expect(record(payload)).toThrow(refusal);
  }
  expect(server.store.nextSequence).toBe(201);
  bench.ask(201, 1).settle();
  expect(bench.report).toMatchObject({ tooNew: 1, answered: 0 });
  record(moldPacket("S", 201, messages(201, 2)))();
  bench.ask(201, 2).settle();
  expect(got(bench)).toEqual([[201, 2]]);
});
