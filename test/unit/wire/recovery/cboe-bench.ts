import { VirtualClock } from "../../../../emulator/clock/clock.ts";
import type { MemoryView } from "../../../../emulator/memory/memory-view.ts";
import { Rng } from "../../../../emulator/run/rng.ts";
import { buildUdpFrame, ipv4Address } from "../../../../emulator/wire/build-frame.ts";
import { writeCboeUnitHeader } from "../../../../emulator/wire/feeds/cboe-unit.ts";
import { ByteStream } from "../../../../emulator/wire/recovery/byte-stream.ts";
import { type CboeClientOptions, CboeGapClient } from "../../../../emulator/wire/recovery/cboe-gap-client.ts";
import type { CboeProxyOptions } from "../../../../emulator/wire/recovery/cboe-gap-options.ts";
import { CboeGapProxy } from "../../../../emulator/wire/recovery/cboe-gap-proxy.ts";

export const UNIT: number = 1;
export const LOGIN: { readonly sessionSubId: string; readonly username: string; readonly password: string } = {
  sessionSubId: "0006",
  username: "SOFT",
  password: "bar",
};
/** A multicast group and its port. */
interface Place {
  readonly group: number;
  readonly port: number;
}
const REALTIME: Place = { group: ipv4Address("239.39.62.190"), port: 32_001 };
export const GAP: Place = {
  group: ipv4Address("239.39.62.191"),
  port: 32_001,
};

/** Message `sequence`: length, a type that no feed has, its number, and as many further bytes as it is long. */
export function message(sequence: number): Uint8Array {
  const bytes = new Uint8Array(6 + (sequence % 50)).fill(sequence % 251);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, bytes.length);
  view.setUint8(1, 0xee);
  view.setUint32(2, sequence);
  return bytes;
}

export function unitBytes(unit: number, first: number, messages: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(8 + messages.reduce((sum, { length }) => sum + length, 0));
  let at = writeCboeUnitHeader(bytes, 0, bytes.length, messages.length, unit, first);
  for (const content of messages) {
    bytes.set(content, at);
    at += content.length;
  }
  return bytes;
}

export interface CboeBenchOptions {
  readonly client?: Partial<CboeClientOptions>;
  /** The client does not know where the stream begins. Otherwise it wants it from 1 on. */
  readonly joinsLate?: boolean;
  readonly proxy?: Partial<CboeProxyOptions>;
  readonly seed?: number;
  /** Probability that a frame of the gap-response group gets lost. */
  readonly lossProbability?: number;
  /** Pieces in which the connection hands over what was written. */
  readonly pieceByteLimit?: number;
}

/** A client and a proxy with a connection and a lossy gap-response group between them, in virtual time. */
export class CboeBench {
  readonly clock: VirtualClock = new VirtualClock();
  readonly client: CboeGapClient;
  readonly proxy: CboeGapProxy;
  readonly toProxy: ByteStream;
  readonly fromProxy: ByteStream;
  /** What the client handed on: sequences, and lost ranges as "lost 5–7". */
  readonly events: (number | string)[] = [];
  /** Lengths of the frames of the gap-response group. */
  readonly frameByteLengths: number[] = [];
  readonly #rng: Rng;

  constructor({
    client = {},
    joinsLate = false,
    proxy = {},
    seed = 1,
    lossProbability = 0,
    pieceByteLimit = 1448,
  }: CboeBenchOptions = {}) {
    this.#rng = new Rng(seed);
    this.toProxy = new ByteStream(this.clock, { seed, pieceByteLimit });
    this.fromProxy = new ByteStream(this.clock, { seed: seed + 1, pieceByteLimit });
    const sink = {
      message: (sequence: Float64Array, bytes: Uint8Array, offset: number, byteLength: number) => {
        const wanted = message(sequence[0] as number);
        const same = wanted.length === byteLength && wanted.every((byte, index) => bytes[offset + index] === byte);
        if (!same) throw new Error(`message ${sequence[0]} has the bytes of another one`);
        this.events.push(sequence[0] as number);
      },
      lost: (range: Float64Array) => this.events.push(`lost ${range[0]}–${(range[1] as number) - 1}`),
    };
    const wire = {
      deliver: (memory: MemoryView, offset: number, byteLength: number) => {
        this.frameByteLengths.push(byteLength);
        if (!this.#rng.chance(lossProbability)) this.client.receive(memory.bytes, offset, byteLength);
      },
    };
    const gapGroup = { sourceMac: 2, sourceIp: 3, destinationIp: GAP.group, sourcePort: 4, destinationPort: GAP.port };
    this.client = new CboeGapClient(this.clock, sink, this.toProxy, this.fromProxy, {
      ...{ unit: UNIT, login: LOGIN, lines: [REALTIME], gapGroup: GAP },
      ...(joinsLate ? {} : { firstSequence: 1 }),
      ...client,
    });
    this.proxy = new CboeGapProxy(this.clock, this.toProxy, this.fromProxy, wire, {
      ...{ units: [UNIT, 2], login: LOGIN, gapGroup, retentionMessages: 4096, retentionBytes: 1 << 18 },
      ...proxy,
    });
  }

  /** Messages of the client's unit go out: the proxy has them; the client only if `arrives`. Count 0 is a heartbeat. */
  send(first: number, count: number, arrives = true): void {
    const content = unitBytes(
      UNIT,
      first,
      Array.from({ length: count }, (_, index) => message(first + index)),
    );
    this.proxy.record(content, 0, content.length);
    if (arrives) this.receive(content);
  }

  /** A frame of the realtime group, unless another one is named. */
  receive(payload: Uint8Array, { group, port }: Place = REALTIME): void {
    const frame = new Uint8Array(payload.length + 64);
    const flow = { sourceMac: 2, sourceIp: 3, destinationIp: group, sourcePort: 4, destinationPort: port };
    const byteLength = buildUdpFrame(frame, 0, flow, payload);
    this.client.receive(frame, 0, byteLength);
    frame.fill(0xdd);
  }

  run(untilNs: number): void {
    for (let events = 0; ; ) {
      const next = Math.min(this.client.dueNs(), this.proxy.nextNs());
      if (next > untilNs) break;
      if (++events > 100_000) throw new Error("the client never comes to rest");
      this.clock.advanceTo(next);
      this.proxy.pump();
      this.client.pump();
    }
    this.clock.advanceTo(untilNs);
  }

  /** Until everything known was delivered or lost; throws when that takes an hour. Heartbeats go on for ever. */
  settle(): void {
    for (let seconds = 0; !this.client.recovery.isSynchronized; seconds++) {
      if (seconds > 3600) throw new Error("the client never comes to rest");
      this.run((this.clock.now[0] as number) + 1e9);
    }
  }
}
