import { VirtualClock } from "../../../../emulator/clock/clock.ts";
import type { MemoryView } from "../../../../emulator/memory/memory-view.ts";
import { Rng } from "../../../../emulator/run/rng.ts";
import { buildUdpFrame, ipv4Address } from "../../../../emulator/wire/build-frame.ts";
import { type MoldClientOptions, MoldRecoveryClient } from "../../../../emulator/wire/recovery/mold-client.ts";
import { MoldRequest } from "../../../../emulator/wire/recovery/mold-request.ts";
import { MoldRequestServer } from "../../../../emulator/wire/recovery/mold-request-server.ts";
import type { RecoveryOptions } from "../../../../emulator/wire/recovery/recovery-options.ts";
import type { ServiceOptions } from "../../../../emulator/wire/recovery/service-policy.ts";
import { moldPacket } from "../feeds/mold-packet.ts";

export const SESSION = "RECOVER001";
export const LINES: readonly { readonly group: number; readonly port: number }[] = [
  { group: ipv4Address("233.54.12.111"), port: 26_477 },
  { group: ipv4Address("233.49.196.111"), port: 26_478 },
];
const SERVER = { mac: 0x0200_0000_0055, ip: ipv4Address("192.0.2.55"), port: 18_000 };
const REQUESTS = {
  sourceMac: 0x0200_0000_0001,
  destinationMac: SERVER.mac,
  sourceIp: ipv4Address("192.0.2.1"),
  destinationIp: SERVER.ip,
  sourcePort: 40_000,
  destinationPort: SERVER.port,
};

/** Message `sequence`: its number, and as many further bytes as it is long. */
export function message(sequence: number): Uint8Array {
  const bytes = new Uint8Array(8 + (sequence % 40)).fill(sequence % 251);
  new DataView(bytes.buffer).setFloat64(0, sequence);
  return bytes;
}

export function messages(first: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => message(first + index));
}

export interface BenchOptions {
  readonly client?: RecoveryOptions & Pick<MoldClientOptions, "session" | "arbitration">;
  readonly server?: ServiceOptions & { readonly firstSequence?: number; readonly payloadByteLimit?: number };
  readonly seed?: number;
  /** Probability that a request, or an answer, gets lost on the way. */
  readonly isSessionOpen?: boolean;
  readonly lossProbability?: number;
}

/** A client and a server with a lossy wire between them, in virtual time. Everything that the client asks is checked. */
export class MoldBench {
  readonly clock: VirtualClock = new VirtualClock();
  readonly client: MoldRecoveryClient;
  readonly server: MoldRequestServer;
  /** What the client handed on: sequences, and lost ranges as "lost 5–7". */
  readonly events: (number | string)[] = [];
  /** [first, count] of every request that left the client. */
  readonly requests: [number, number][] = [];
  /** Sequences that arrived, or were handed on: none of them may be asked for. */
  readonly #there = new Set<number>();
  readonly #rng: Rng;
  readonly #lossProbability: number;
  #recorded = 1;

  constructor({ client = {}, server = {}, seed = 1, lossProbability = 0, isSessionOpen = false }: BenchOptions = {}) {
    this.#rng = new Rng(seed);
    this.#lossProbability = lossProbability;
    this.#recorded = server.firstSequence ?? 1;
    const sink = {
      message: (sequence: Float64Array, bytes: Uint8Array, offset: number, byteLength: number) => {
        const wanted = message(sequence[0] as number);
        const same = wanted.length === byteLength && wanted.every((byte, index) => bytes[offset + index] === byte);
        if (!same) throw new Error(`message ${sequence[0]} has the bytes of another one`);
        this.events.push(sequence[0] as number);
      },
      lost: (range: Float64Array) => {
        this.events.push(`lost ${range[0]}–${(range[1] as number) - 1}`);
        for (let lost = range[0] as number; lost < (range[1] as number); lost++) this.#there.add(lost);
      },
    };
    const port = {
      transmit: (memory: MemoryView, offset: number, length: number) => this.#ask(memory, offset, length),
    };
    const wire = {
      deliver: (memory: MemoryView, offset: number, length: number) => this.#answer(memory, offset, length),
    };
    const lines = { ...(isSessionOpen ? {} : { session: SESSION }), ...client, lines: LINES, requests: REQUESTS };
    this.client = new MoldRecoveryClient(this.clock, sink, port, lines);
    this.server = new MoldRequestServer(this.clock, wire, {
      ...{ session: SESSION, retentionMessages: 4096, retentionBytes: 1 << 18 },
      ...SERVER,
      ...server,
    });
  }

  /** A packet goes out: the server has it, and the lines in `on` bring it. Count 0 is a heartbeat. */
  send(first: number, count: number, on: readonly number[] = [0]): void {
    const payload = moldPacket(SESSION, first, messages(first, count));
    if (count > 0 && first + count > this.#recorded) {
      this.server.record(payload, 0, payload.length);
      this.#recorded = first + count;
    }
    for (const line of on) this.receive(payload, line);
  }

  endSession(next: number, on: readonly number[] = [0]): void {
    for (const line of on) this.receive(moldPacket(SESSION, next, [], 0xffff), line);
  }

  /** A payload arrives at the client on a line. */
  receive(payload: Uint8Array, line = 0): void {
    const { group, port } = LINES[line] as (typeof LINES)[number];
    const flow = { sourceMac: 2, sourceIp: 3, destinationIp: group, sourcePort: 4, destinationPort: port };
    this.#deliver(flow, payload);
  }

  /** A payload arrives at the client as if the server had sent it. */
  receiveAnswer(payload: Uint8Array): void {
    const { sourceIp, sourcePort, destinationIp, destinationPort } = REQUESTS;
    const ports = { sourcePort: destinationPort, destinationPort: sourcePort };
    this.#deliver(
      { sourceMac: 2, destinationMac: 1, sourceIp: destinationIp, destinationIp: sourceIp, ...ports },
      payload,
    );
  }

  /** Time passes, event by event. */
  run(untilNs: number): void {
    for (let events = 0; ; events++) {
      const next = Math.min(this.client.dueNs(), this.server.next[0] as number);
      if (next > untilNs) break;
      if (events > 100_000) throw new Error("the client never comes to rest");
      this.clock.advanceTo(next);
      this.server.pump();
      this.client.pump();
    }
    this.clock.advanceTo(untilNs);
  }

  /** Until the client has no more to do; throws when that does not end. */
  settle(): void {
    for (let events = 0; ; events++) {
      const next = Math.min(this.client.dueNs(), this.server.next[0] as number);
      if (next === Number.POSITIVE_INFINITY) return;
      if (events > 100_000) throw new Error("the client never comes to rest");
      this.run(next);
    }
  }

  get delivered(): number[] {
    return this.events.filter((event) => typeof event === "number");
  }

  #deliver(flow: Parameters<typeof buildUdpFrame>[2], payload: Uint8Array): void {
    const frame = new Uint8Array(payload.length + 64);
    const byteLength = buildUdpFrame(frame, 0, flow, payload);
    this.#note(payload);
    this.client.receive(frame, 0, byteLength);
    frame.fill(0xdd);
  }

  #note(payload: Uint8Array): void {
    const view = new DataView(payload.buffer, payload.byteOffset);
    if (payload.length < 20 || new TextDecoder().decode(payload.subarray(0, 10)) !== SESSION) return;
    const count = view.getUint16(18);
    if (count === 0xffff) return;
    for (let index = 0; index < count; index++) this.#there.add(Number(view.getBigUint64(10)) + index);
  }

  #ask(memory: MemoryView, offset: number, byteLength: number): boolean {
    const request = new MoldRequest();
    if (!request.parse(memory.bytes, offset + 42, 20)) throw new Error("this is no request");
    const [first, count] = [request.sequence[0] as number, request.messageCount];
    this.requests.push([first, count]);
    const window = this.client.recovery.options.windowMessages;
    for (let sequence = first; sequence < first + count; sequence++) {
      // What came too early to be kept is asked for again.
      if (this.#there.has(sequence) && sequence < this.client.recovery.nextSequence + window) {
        if (this.client.report().beyondWindow === 0) throw new Error(`${sequence} is asked for, and is there`);
      }
    }
    if (count === 0 || first + count > this.client.recovery.knownSequence)
      throw new Error("asks for what may not exist");
    if (!this.#rng.chance(this.#lossProbability)) this.server.deliver(memory, offset, byteLength);
    return true;
  }

  #answer(memory: MemoryView, offset: number, byteLength: number): void {
    if (this.#rng.chance(this.#lossProbability)) return;
    this.#note(memory.bytes.subarray(offset + 42, offset + byteLength));
    this.client.receive(memory.bytes, offset, byteLength);
  }
}
