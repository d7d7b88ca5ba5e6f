import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { expect, test } from "vitest";
import { VirtualClock } from "../../../../emulator/clock/clock.ts";
import { MemoryView } from "../../../../emulator/memory/memory-view.ts";
import { UdpFrameTemplate } from "../../../../emulator/wire/build-frame.ts";
import { StreamArbiter } from "../../../../emulator/wire/lines/stream-arbiter.ts";
import { GapRecovery } from "../../../../emulator/wire/recovery/gap-recovery.ts";
import { MoldRecoveryClient } from "../../../../emulator/wire/recovery/mold-client.ts";
import { moldSessionBytes, writeMoldHeader } from "../../../../emulator/wire/recovery/mold-request.ts";
import { MoldRequestServer } from "../../../../emulator/wire/recovery/mold-request-server.ts";
import { moldPacket } from "../feeds/mold-packet.ts";

/** Collections of the young generation so far: 16 MiB of garbage make one. */
let scavenges = 0;
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if ((entry as PerformanceEntry & { detail?: { kind: number } }).detail?.kind === 1) scavenges++;
  }
});
observer.observe({ entryTypes: ["gc"] });

/** Sequences that are no small integers, so that one that travels as a Number would be boxed. */
const FIRST = 2 ** 40;
const CALLS = 3_000_000;

type Work = (count: number) => void;

function arbiter(mode: "latency" | "reliability"): Work {
  const clock = new VirtualClock();
  const counts = new Int32Array(2);
  const sink = {
    pass: () => void counts[0]!++,
    lose: () => void counts[1]!++,
  };
  const stream = new StreamArbiter(clock, sink, { mode, windowSequences: 1024 });
  const bytes = new Uint8Array(16);
  const next = new Float64Array([FIRST]);
  const offer = (line: number, ahead: number, messageCount: number): void => {
    stream.sequence[0] = next[0]! + ahead;
    stream.offer(line, 0, bytes, 0, 16, messageCount);
  };
  return (count) => {
    // Six packets, eight sequences: one line is ahead, each has one that the other lacks, and both lack one.
    for (let index = 0; index < count; index += 6) {
      clock.advanceBy(100);
      offer(0, 0, 2);
      offer(0, 4, 3);
      clock.advanceBy(100);
      offer(1, 0, 2);
      offer(1, 2, 2);
      offer(1, 5, 2);
      offer(0, 8, 0);
      next[0] = next[0]! + 8;
    }
  };
}

const works: Record<string, () => Work> = {
  "a packet through an arbiter that passes at once": () => arbiter("latency"),
  "a packet through an arbiter that holds back": () => arbiter("reliability"),
  "a message through a recovery, in order, out of order and twice": () => {
    const last = new Float64Array(1);
    const sink = {
      message: (sequence: Float64Array) => {
        last[0] = sequence[0] as number;
      },
      lost: () => {},
    };
    const recovery = new GapRecovery(new VirtualClock(), sink, { request: () => true }, { firstSequence: FIRST });
    const bytes = new Uint8Array(16);
    const next = new Float64Array([FIRST]);
    const take = (ahead: number): void => {
      recovery.range[0] = next[0]! + ahead;
      recovery.take(bytes, 0, 16);
    };
    return (count) => {
      for (let index = 0; index < count; index += 4) {
        take(0);
        take(2);
        take(1);
        take(2);
        recovery.pump();
        next[0] = next[0]! + 3;
      }
    };
  },
  "a frame, a gap, a request and its answer": () => {
    const clock = new VirtualClock();
    const server = { mac: 5, ip: 0x0a00_0005, port: 18_000 };
    const line = { group: 0xe936_0c6f, port: 26_477 };
    const session = moldSessionBytes("S");
    const requests = {
      ...{ sourceMac: 1, sourceIp: 0x0a00_0001, sourcePort: 40_000 },
      ...{ destinationMac: 5, destinationIp: server.ip, destinationPort: server.port },
    };
    const last = new Float64Array(1);
    const sink = {
      message: (sequence: Float64Array) => {
        last[0] = sequence[0] as number;
      },
      lost: () => {},
    };
    const far: MoldRequestServer = new MoldRequestServer(
      clock,
      { deliver: (memory, offset, byteLength) => client.receive(memory.bytes, offset, byteLength) },
      { ...server, session: "S", firstSequence: FIRST, retentionMessages: 64, retentionBytes: 1 << 12 },
    );
    const port = {
      transmit: (memory: MemoryView, offset: number, byteLength: number): boolean => {
        far.deliver(memory, offset, byteLength);
        return true;
      },
    };
    const options = { session: "S", firstSequence: FIRST, lines: [line], requests, requestIntervalNs: 0 };
    const client: MoldRecoveryClient = new MoldRecoveryClient(clock, sink, port, options);
    const template = new UdpFrameTemplate({ ...requests, destinationIp: line.group, destinationPort: line.port });
    const frame = MemoryView.ofSize(128);
    const payload = moldPacket("S", 0, [new Uint8Array(16)]);
    const at = template.headerByteLength;
    frame.bytes.set(payload, at);
    const sequence = new Float64Array([FIRST]);
    const send = (isLost: boolean): void => {
      writeMoldHeader(frame.bytes, at, session, sequence, 1);
      const byteLength = template.stamp(frame.bytes, 0, payload.length);
      far.record(frame.bytes, at, payload.length);
      if (!isLost) client.receive(frame.bytes, 0, byteLength);
      sequence[0] = sequence[0]! + 1;
    };
    return (count) => {
      for (let index = 0; index < count; index += 16) {
        send(true);
        send(false);
        for (const waitNs of [100_000, 50_000]) {
          clock.advanceBy(waitNs);
          client.pump();
          far.pump();
        }
      }
      expect(client.recovery.isSynchronized).toBe(true);
    };
  },
};

test.each(Object.keys(works))(
  "%s leaves no garbage",
  async (name) => {
    const work = works[name]?.();
    if (work === undefined) return expect.fail(`no ${name}`);
    // Compiled code is what counts: a Number that is boxed before that is not boxed afterwards.
    for (let round = 0; round < 10; round++) work(CALLS / 20);
    await new Promise((resolve) => setTimeout(resolve, 20));
    scavenges = 0;
    work(CALLS);
    await new Promise((resolve) => setTimeout(resolve, 20));
    // Twelve bytes a call, the smallest object that there is, would make two.
    expect(scavenges).toBeLessThan(2);
  },
  30_000,
);
