import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../../emulator/clock/clock.ts";
import { ByteStream } from "../../../../emulator/wire/recovery/byte-stream.ts";
import { MessageStore } from "../../../../emulator/wire/recovery/message-store.ts";
import { SoupClient, type SoupClientOptions } from "../../../../emulator/wire/recovery/soup-client.ts";
import { SoupServer, type SoupServerOptions } from "../../../../emulator/wire/recovery/soup-server.ts";
import { message } from "./mold-bench.ts";

const LOGIN = { user: "SBAR", password: "secret" };
const NS_PER_SECOND = 1e9;

interface BenchOptions {
  readonly client?: Partial<SoupClientOptions>;
  readonly server?: Partial<SoupServerOptions>;
  /** Messages that the server keeps. */
  readonly retention?: number;
  readonly pieceByteLimit?: number;
  readonly byteLimit?: number;
  readonly seed?: number;
}

/** A client and a server with a connection between them that can be torn, in virtual time. */
class SoupBench {
  readonly clock: VirtualClock = new VirtualClock();
  readonly store: MessageStore;
  readonly client: SoupClient;
  readonly server: SoupServer;
  /** What the client handed on: sequences, and lost ranges as "lost 5–7". */
  readonly events: (number | string)[] = [];
  readonly received: number[][] = [];
  readonly #options: BenchOptions;
  #connections = 0;
  #toClient: ByteStream | undefined;

  constructor(options: BenchOptions = {}) {
    this.#options = options;
    this.store = new MessageStore(options.retention ?? 4096, 1 << 18);
    const sink = {
      message: (sequence: Float64Array, bytes: Uint8Array, offset: number, byteLength: number) => {
        const wanted = message(sequence[0] as number);
        const same = wanted.length === byteLength && wanted.every((byte, index) => bytes[offset + index] === byte);
        if (!same) throw new Error(`message ${sequence[0]} has the bytes of another one`);
        this.events.push(sequence[0] as number);
      },
      lost: ([first = 0, end = 0]: Float64Array) => void this.events.push(`lost ${first}–${end - 1}`),
    };
    this.client = new SoupClient(this.clock, sink, { login: LOGIN, ...options.client });
    this.server = new SoupServer(this.clock, this.store, {
      login: LOGIN,
      session: "SOFTBAR001",
      received: (bytes, offset, length) => void this.received.push([...bytes.subarray(offset, offset + length)]),
      ...options.server,
    });
  }

  connect(): this {
    const seed = (this.#options.seed ?? 1) + 2 * this.#connections++;
    const { pieceByteLimit = 1448, byteLimit = 8192 } = this.#options;
    const toServer = new ByteStream(this.clock, { seed, pieceByteLimit, byteLimit });
    const toClient = new ByteStream(this.clock, { seed: seed + 1, pieceByteLimit, byteLimit });
    this.#toClient = toClient;
    this.server.connect(toServer, toClient);
    this.client.connect(toServer, toClient);
    return this;
  }

  add(count: number): this {
    for (let left = count; left > 0; left--) {
      const bytes = message(this.store.nextSequence);
      this.store.add(bytes, 0, bytes.length);
    }
    this.server.pump();
    return this;
  }

  /** Lets time pass. */
  run(durationNs: number): this {
    const endNs = (this.clock.now[0] as number) + durationNs;
    for (;;) {
      this.server.pump();
      this.client.pump();
      const nextNs = Math.min(this.client.dueNs(), this.server.nextNs());
      if (nextNs > endNs) break;
      this.clock.advanceTo(Math.max(nextNs, (this.clock.now[0] as number) + 1));
    }
    this.clock.advanceTo(endNs);
    return this;
  }

  /** The connection is gone, in the middle of a packet or not: what is under way arrives no more, and a silence tells. */
  tear(): this {
    this.server.connect(new ByteStream(this.clock), new ByteStream(this.clock));
    const unheard = { read: () => false, next: Float64Array.of(Number.POSITIVE_INFINITY) };
    Object.assign(this.#toClient as ByteStream, unheard);
    while (this.client.state !== "disconnected") this.run(1_000_000);
    return this;
  }
}

const range = (first: number, end: number): number[] => Array.from({ length: end - first }, (_, at) => first + at);

describe("a SoupBinTCP session", () => {
  test("however the connection is cut into pieces and torn, every message comes once, in order", () => {
    const sizes = fc.record({
      seed: fc.nat(1000),
      pieceByteLimit: fc.constantFrom(1, 7, 1448),
      byteLimit: fc.constantFrom(64, 300, 8192),
    });
    const connections = fc.array(fc.tuple(fc.nat(80), fc.nat(200_000)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(sizes, connections, (options, each) => {
        const bench = new SoupBench({ ...options, client: { silenceLimitNs: 1_000_000, heartbeatNs: 200_000 } });
        for (const [count, runNs] of each) bench.connect().add(count).run(runNs).tear();
        bench.connect().server.endSession();
        // A narrow connection holds one message at a time, and each is under way for 20 µs.
        bench.run(50_000_000);
        const total = bench.store.nextSequence - 1;
        expect(bench.events).toEqual(range(1, total + 1));
        const report = bench.client.report();
        expect(report).toMatchObject({ state: "over", delivered: total, lost: 0, session: "SOFTBAR001" });
        expect(report).toMatchObject({ duplicates: 0, malformed: 0, unexpected: 0, failure: undefined });
      }),
      { numRuns: 60 },
    );
  });

  test("what the server has forgotten is lost, and said, and the rest is not", () => {
    const bench = new SoupBench({ retention: 10 }).add(25).connect().run(1_000_000);
    expect(bench.events).toEqual(["lost 1–15", ...range(16, 26)]);
    expect(bench.client.report()).toMatchObject({ delivered: 10, lost: 15, logins: 1 });
  });

  test("begins where it is told, or with what comes next", () => {
    const told = new SoupBench({ client: { firstSequence: 20 } });
    expect(told.add(25).connect().run(1_000_000).events).toEqual(range(20, 26));
    const fresh = new SoupBench({ client: { firstSequence: 0 } }).add(25).connect().run(1_000_000);
    expect(fresh.add(2).run(1_000_000).events).toEqual([26, 27]);
  });

  test("is kept alive by heartbeats of both, for as long as nothing is said", () => {
    const bench = new SoupBench().connect().run(60 * NS_PER_SECOND);
    expect(bench.client.report()).toMatchObject({ state: "logged in", failure: undefined, heartbeats: 59 });
    expect(bench.server.report()).toMatchObject({ heartbeats: 59, unexpected: 0, closed: {} });
  });

  test("a client that says nothing is given up after 15 seconds, and so is a server", () => {
    const mute = new SoupBench({ client: { heartbeatNs: 1e12 } }).connect().run(20 * NS_PER_SECOND);
    expect(mute.server.report().closed).toEqual({ silent: 1 });
    expect(mute.client.report()).toMatchObject({
      state: "disconnected",
      failure: "the server has closed the connection",
    });
    const deaf = new SoupBench({ server: { heartbeatNs: 1e12 } }).connect().run(20 * NS_PER_SECOND);
    expect(deaf.client.report()).toMatchObject({
      state: "disconnected",
      failure: "the server was silent for too long",
    });
    expect(deaf.server.report().closed).toEqual({ gone: 1 });
  });

  test("a login that is wrong is rejected for good, with the reason", () => {
    const wrong = new SoupBench({ client: { login: { user: "SBAR", password: "no" } } }).connect().run(1_000_000);
    expect(wrong.client.report()).toMatchObject({ state: "rejected", failure: expect.stringContaining("(A)") });
    const other = new SoupBench({ client: { session: "YESTERDAY" } }).connect().run(1_000_000);
    expect(other.client.report()).toMatchObject({ state: "rejected", failure: expect.stringContaining("(S)") });
    expect(other.server.report()).toMatchObject({ logins: { accepted: 0, A: 0, S: 1 }, closed: { rejected: 1 } });
    expect(() => other.connect()).toThrow("the client is rejected");
    expect(() => new SoupBench({ client: { login: { user: "TOOLONG", password: "" } } })).toThrow("is no user");
  });

  test("data of the client arrives, and a logout ends it", () => {
    const bench = new SoupBench({ pieceByteLimit: 3 }).connect();
    const order = Uint8Array.of(1, 2, 3, 4);
    expect(bench.client.send(order, 0, 4)).toBe(false);
    bench.run(1_000_000);
    expect(bench.client.send(order, 1, 3)).toBe(true);
    bench.run(1_000_000).client.logOut();
    bench.run(1_000_000);
    expect(bench.received).toEqual([[2, 3, 4]]);
    expect(bench.server.report()).toMatchObject({ received: 1, closed: { "logged out": 1 } });
    expect(bench.client.state).toBe("over");
  });

  test("a message that the connection has never room for is not waited with", () => {
    // The login takes 49 bytes; message 39 takes 47 and a header of 3.
    const bench = new SoupBench({ byteLimit: 49 }).connect().add(60).run(50_000_000);
    expect(bench.events).toEqual(range(1, 39));
    expect(bench.server.report().closed).toEqual({ "message too long": 1 });
    expect(bench.client.state).toBe("disconnected");
  });

  test("nonsense from the client is counted, and hurts nobody", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const clock = new VirtualClock();
        const server = new SoupServer(clock, new MessageStore(4, 100), { login: LOGIN, session: "S" });
        const toServer = new ByteStream(clock);
        server.connect(toServer, new ByteStream(clock));
        toServer.write(noise, 0, noise.length);
        for (let step = 0; step < 10; step++) {
          clock.advanceBy(20_000);
          server.pump();
        }
        expect(server.report()).toMatchObject({ logins: { accepted: 0 }, messagesSent: 0, received: 0 });
      }),
    );
  });
});
