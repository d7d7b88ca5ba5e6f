import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EDU_REGISTERS } from "../../../devices/edu/registers.ts";
import { HOST_IOVA, TestPort } from "./test-port.ts";

const BUFFER = 0x4_0000;

/** One thing that a driver or the machine does. */
type Operation = (port: TestPort) => void;

const registerWord = fc.constantFrom(...EDU_REGISTERS.offsetOf);
const writeWord = fc.tuple(registerWord, fc.integer({ min: 0, max: 0xffff_ffff })).map(
  ([offset, value]): Operation =>
    (port) =>
      port.write32(offset, value),
);
const copy = fc.record({ host: fc.nat({ max: 0x1000 }), byteLength: fc.nat({ max: 700 }), toHost: fc.boolean() }).map(
  ({ host, byteLength, toHost }): Operation =>
    (port) => {
      port.write64(0x0080, BigInt(toHost ? BUFFER + 8 : HOST_IOVA + host));
      port.write64(0x0088, BigInt(toHost ? HOST_IOVA + host : BUFFER + 8));
      port.write64(0x0090, BigInt(byteLength));
      port.write32(0x0098, toHost ? 7 : 5);
    },
);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  writeWord,
  copy,
  fc.nat({ max: 120_000 }).map(
    (ns): Operation =>
      (port) =>
        port.pass(ns),
  ),
  fc.constant<Operation>((port) => port.answer()),
  fc.constant<Operation>((port) => port.fireNextTimer()),
  fc.constantFrom("intx" as const, "msi" as const).map(
    (mode): Operation =>
      (port) => {
        port.mode = mode;
      },
  ),
);
const operations = fc.array(operation, { maxLength: 25 });

/** A port with data in host memory, after some operations. */
function portAfter(before: readonly Operation[]): TestPort {
  const port = new TestPort();
  for (let index = 0; index < 0x2000; index++) port.host.bytes[index] = index * 31 + 1;
  for (const operate of before) operate(port);
  return port;
}

/** Everything that can be seen of the machine after each operation. */
function trace(port: TestPort, sequence: readonly Operation[]): unknown[] {
  return sequence.map((operate) => {
    operate(port);
    return { all: port.snapshot(), registers: [...EDU_REGISTERS.offsetOf].map((offset) => port.read32(offset)) };
  });
}

describe("reset", () => {
  test("gives up a transfer that is under way: nothing lands, nothing completes, no data is left", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1, max: 31 }), fc.constantFrom("power-on", "function-level"), (answers, kind) => {
        const port = portAfter([]);
        port.write64(0x0080, BigInt(HOST_IOVA));
        port.write64(0x0088, BigInt(BUFFER));
        port.write64(0x0090, 4096n);
        port.write32(0x0098, 5);
        if (answers >= 0) port.fireNextTimer();
        for (let count = 0; count < answers; count++) port.answer();
        port.device.onReset(kind as "power-on" | "function-level");
        expect([port.reads.length, port.device.isIdle(), port.fireNextTimer()]).toEqual([0, true, false]);
        port.pass(1e9);
        expect([port.messageCount, port.lineAsserted]).toEqual([0, false]);

        port.write64(0x0080, BigInt(BUFFER));
        port.write64(0x0088, BigInt(HOST_IOVA));
        port.write64(0x0090, 4096n);
        port.write32(0x0098, 3);
        port.pass(1e9);
        expect(port.host.bytes.slice(0, 4096)).toEqual(new Uint8Array(4096));
      }),
    );
  });

  test("gives up a computation and lets the line fall", () => {
    const port = portAfter([]);
    port.mode = "intx";
    port.write32(0x0060, 0x10);
    port.write32(0x0020, 0x80);
    port.write32(0x0008, 5);
    expect(port.lineAsserted).toBe(true);
    port.device.onReset("function-level");
    expect([port.lineAsserted, port.fireNextTimer(), port.read32(0x0008), port.read32(0x0024)]).toEqual([
      false,
      false,
      0,
      0,
    ]);
  });

  test("makes the card what it was at power-on, whatever went before", () => {
    fc.assert(
      fc.property(operations, operations, (before, after) => {
        const [used, fresh] = [portAfter(before), portAfter([])];
        used.device.onReset("function-level");
        // The machine around it goes back too, and the counters, which a reset leaves alone: only the card is compared.
        const { device } = used.snapshot() as { device: object };
        used.restore({ ...(fresh.snapshot() as object), device: { ...device, factorialCount: 0, transferCount: 0 } });
        expect(trace(used, after)).toEqual(trace(fresh, after));
      }),
    );
  });
});

describe("snapshot and restore", () => {
  test("a run from a snapshot is the same run again, in the same card and in another", () => {
    fc.assert(
      fc.property(operations, operations, (before, after) => {
        const port = portAfter(before);
        const snapshot = port.snapshot();
        const first = trace(port, after);
        port.restore(snapshot);
        expect(port.snapshot()).toEqual(snapshot);
        expect(trace(port, after)).toEqual(first);
        const other = new TestPort();
        other.restore(snapshot);
        expect(trace(other, after)).toEqual(first);
      }),
    );
  });

  test("a snapshot does not change with the card that it was taken of", () => {
    fc.assert(
      fc.property(operations, operations, (before, after) => {
        const port = portAfter(before);
        const snapshot = port.device.snapshot();
        const copyOfIt = structuredClone(snapshot);
        for (const operate of after) operate(port);
        expect(snapshot).toEqual(copyOfIt);
      }),
    );
  });
});
