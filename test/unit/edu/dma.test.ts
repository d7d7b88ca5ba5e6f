import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HOST_BYTE_LENGTH, HOST_IOVA, TestPort } from "./test-port.ts";

const SOURCE = 0x0080;
const DESTINATION = 0x0088;
const COUNT = 0x0090;
const COMMAND = 0x0098;
const INTERRUPT_STATUS = 0x0024;
const START = 1;
const TO_HOST = 2;
const INTERRUPT = 4;
const BUFFER = 0x4_0000;
const DMA_NS = 100_000;

function start(port: TestPort, source: number | bigint, destination: number | bigint, count: number, command: number) {
  port.write64(SOURCE, BigInt(source));
  port.write64(DESTINATION, BigInt(destination));
  port.write64(COUNT, BigInt(count));
  port.write32(COMMAND, START | command);
}

/** What the card's buffer holds, fetched as a driver would. */
function bufferOf(port: TestPort): Uint8Array {
  const saved = port.host.bytes.slice(0, 4096);
  start(port, BUFFER, HOST_IOVA, 4096, TO_HOST);
  port.pass(DMA_NS);
  const buffer = port.host.bytes.slice(0, 4096);
  port.host.bytes.set(saved);
  return buffer;
}

/** A port whose host memory and buffer are full of bytes that tell where they are from. */
function filledPort(): TestPort {
  const port = new TestPort();
  for (let index = 0; index < HOST_BYTE_LENGTH; index++) port.host.bytes[index] = (index * 7 + (index >> 8)) & 0xff;
  start(port, HOST_IOVA + 0x2000, BUFFER, 4096, 0);
  port.pass(DMA_NS);
  return port;
}

/** A piece of the buffer, and a place for as many bytes in host memory. */
const range = fc
  .record({ byteLength: fc.nat({ max: 4096 }), slack: fc.nat(), hostSlack: fc.nat() })
  .map(({ byteLength, slack, hostSlack }) => ({
    byteLength,
    bufferOffset: slack % (4096 - byteLength + 1),
    hostOffset: hostSlack % (HOST_BYTE_LENGTH - byteLength + 1),
  }));

describe("a transfer", () => {
  test("puts host memory into the buffer and changes nothing else", () => {
    fc.assert(
      fc.property(range, ({ byteLength, bufferOffset, hostOffset }) => {
        const port = filledPort();
        const host = port.host.bytes.slice();
        const expected = bufferOf(port);
        expected.set(host.subarray(hostOffset, hostOffset + byteLength), bufferOffset);
        start(port, HOST_IOVA + hostOffset, BUFFER + bufferOffset, byteLength, 0);
        port.pass(DMA_NS);
        expect(bufferOf(port)).toEqual(expected);
        expect(port.host.bytes).toEqual(host);
        expect(port.rules).toEqual([]);
      }),
    );
  });

  test("puts the buffer into host memory and changes nothing else", () => {
    fc.assert(
      fc.property(range, ({ byteLength, bufferOffset, hostOffset }) => {
        const port = filledPort();
        const buffer = bufferOf(port);
        const expected = port.host.bytes.slice();
        expected.set(buffer.subarray(bufferOffset, bufferOffset + byteLength), hostOffset);
        start(port, BUFFER + bufferOffset, HOST_IOVA + hostOffset, byteLength, TO_HOST);
        port.pass(DMA_NS);
        expect(port.host.bytes).toEqual(expected);
        expect(bufferOf(port)).toEqual(buffer);
        expect(port.rules).toEqual([]);
      }),
    );
  });

  test("carries random data there and back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), range, (data, { hostOffset }) => {
        const port = new TestPort();
        const from = Math.min(hostOffset, HOST_BYTE_LENGTH - data.length);
        const to = (from + HOST_BYTE_LENGTH / 2) % (HOST_BYTE_LENGTH - 4096);
        port.host.bytes.set(data, from);
        start(port, HOST_IOVA + from, BUFFER, data.length, 0);
        port.pass(DMA_NS);
        start(port, BUFFER, HOST_IOVA + to, data.length, TO_HOST);
        port.pass(DMA_NS);
        expect(port.host.bytes.slice(to, to + data.length)).toEqual(data);
      }),
    );
  });

  test("asks for each byte once, in requests of 128 bytes at most that do not cross a 4 KiB boundary", () => {
    fc.assert(
      fc.property(range, fc.constantFrom(0, TO_HOST), ({ byteLength, bufferOffset, hostOffset }, direction) => {
        const port = new TestPort();
        const [host, card] = [HOST_IOVA + hostOffset, BUFFER + bufferOffset];
        if (direction === 0) start(port, host, card, byteLength, 0);
        else start(port, card, host, byteLength, TO_HOST);
        port.pass(DMA_NS);
        let next = host;
        for (const request of port.requests) {
          expect(request.address).toBe(next);
          expect(request.byteLength).toBeGreaterThan(0);
          expect(request.byteLength).toBeLessThanOrEqual(128);
          expect(request.address % 4096).toBeLessThanOrEqual(4096 - request.byteLength);
          next += request.byteLength;
        }
        expect(next).toBe(host + byteLength);
      }),
    );
  });

  test("begins after its delay, runs until the last answer, and interrupts then if that was asked for", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4096 }), fc.boolean(), (byteLength, interrupt) => {
        const port = new TestPort();
        start(port, HOST_IOVA, BUFFER, byteLength, interrupt ? INTERRUPT : 0);
        port.pass(DMA_NS - 1);
        expect([port.reads.length, port.device.isIdle()]).toEqual([0, true]);
        port.fireNextTimer();
        expect(port.reads.length).toBe(Math.ceil(byteLength / 128));
        while (port.reads.length > 0) {
          expect(port.read32(COMMAND)).toBe(START | (interrupt ? INTERRUPT : 0));
          expect([port.messageCount, port.device.isIdle()]).toEqual([0, false]);
          port.answer();
        }
        expect(port.read32(COMMAND)).toBe(interrupt ? INTERRUPT : 0);
        expect(port.read32(INTERRUPT_STATUS)).toBe(interrupt ? 0x100 : 0);
        expect([port.messageCount, port.device.isIdle()]).toEqual([interrupt ? 1 : 0, true]);
      }),
    );
  });

  test("completes, with the interrupt, although host memory refuses it", () => {
    const port = filledPort();
    const buffer = bufferOf(port);
    start(port, HOST_IOVA - 64, BUFFER, 128, INTERRUPT);
    port.pass(DMA_NS);
    // The request below host memory failed; the one that begins at it did not.
    const expected = buffer.slice();
    expected.set(port.host.bytes.subarray(0, 64), 64);
    expect([port.read32(COMMAND), port.messageCount]).toEqual([INTERRUPT, 1]);
    expect(bufferOf(port)).toEqual(expected);
    start(port, BUFFER, HOST_IOVA + HOST_BYTE_LENGTH, 4096, TO_HOST | INTERRUPT);
    port.pass(DMA_NS);
    expect([port.read32(COMMAND), port.messageCount]).toEqual([TO_HOST | INTERRUPT, 2]);
  });
});

describe("a transfer that leaves the buffer", () => {
  const outside = fc
    .record({
      address: fc.oneof(
        fc.bigInt({ min: BigInt(BUFFER - 8), max: BigInt(BUFFER + 4096 + 8) }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      ),
      byteLength: fc.oneof(
        fc.bigInt({ min: 1n, max: 4200n }),
        fc.bigInt({ min: 2n ** 63n, max: 2n ** 64n - 1n }), // Wraps round in 64 bits.
      ),
    })
    .filter(({ address, byteLength }) => address < BUFFER || address + byteLength > BUFFER + 4096);

  test("moves nothing, is reported at the command, and completes", () => {
    fc.assert(
      fc.property(outside, fc.constantFrom(0, TO_HOST), ({ address, byteLength }, direction) => {
        const port = filledPort();
        const host = port.host.bytes.slice();
        const buffer = bufferOf(port);
        const requestCount = port.requests.length;
        const startedNs = port.clock.now[0];
        port.write64(SOURCE, direction === 0 ? BigInt(HOST_IOVA) : address);
        port.write64(DESTINATION, direction === 0 ? address : BigInt(HOST_IOVA));
        port.write64(COUNT, byteLength);
        port.write32(COMMAND, START | direction | INTERRUPT);
        expect(port.log.findings).toMatchObject([{ kind: "violation", rule: "dma-outside-buffer", atNs: startedNs }]);
        expect(port.read32(COMMAND)).toBe(START | direction | INTERRUPT);
        port.pass(DMA_NS);
        expect([port.read32(COMMAND), port.messageCount]).toEqual([direction | INTERRUPT, 1]);
        expect(port.requests.length).toBe(requestCount);
        expect(port.host.bytes).toEqual(host);
        expect(bufferOf(port)).toEqual(buffer);
      }),
    );
  });
});

describe("the address", () => {
  test("loses the bits that the card does not drive, which is reported", () => {
    const bits = fc.integer({ min: 26, max: 48 });
    fc.assert(
      fc.property(bits, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (dmaAddressBits, noise) => {
        const port = new TestPort({ dmaAddressBits });
        const space = 1n << BigInt(dmaAddressBits);
        const address = BigInt(HOST_IOVA) | (noise & ~(space - 1n));
        port.host.bytes.fill(0x5a, 0, 16);
        start(port, address, BUFFER, 16, 0);
        port.pass(DMA_NS);
        expect(port.requests[0]?.address).toBe(HOST_IOVA);
        expect(bufferOf(port).slice(0, 17)).toEqual(new Uint8Array(17).fill(0x5a, 0, 16));
        expect(port.rules).toEqual(address < space ? [] : ["dma-address-bits-lost"]);
      }),
    );
  });

  test("may be the highest that the card drives; the next is one bit too long", () => {
    const port = new TestPort();
    start(port, 2 ** 28 - 1, BUFFER, 1, 0);
    port.pass(DMA_NS);
    expect(port.rules).toEqual([]);
    start(port, 2 ** 28, BUFFER, 1, 0);
    port.pass(DMA_NS);
    expect(port.rules).toEqual(["dma-address-bits-lost"]);
  });

  test("goes out with both words where the card drives more than 32 bits", () => {
    const port = new TestPort({ dmaAddressBits: 48 });
    start(port, 0x1234_ffff_ffc0n, BUFFER, 128, 0);
    port.fireNextTimer();
    expect(port.requests).toEqual([
      { address: 0x1234_ffff_ffc0, byteLength: 64 },
      { address: 0x1235_0000_0000, byteLength: 64 },
    ]);
  });
});

test("while a transfer runs, writes to the DMA registers are dropped and reported", () => {
  const write = fc.record({
    offset: fc.constantFrom(SOURCE, SOURCE + 4, DESTINATION, COUNT, COUNT + 4, COMMAND, COMMAND + 4),
    value: fc.integer({ min: 0, max: 0xffff_ffff }),
    answerCount: fc.integer({ min: -1, max: 31 }),
  });
  fc.assert(
    fc.property(write, ({ offset, value, answerCount }) => {
      const port = filledPort();
      start(port, HOST_IOVA, BUFFER, 4096, 0);
      if (answerCount >= 0) port.fireNextTimer();
      for (let count = 0; count < answerCount; count++) port.answer();
      const before = port.snapshot();
      port.write32(offset, value);
      expect(port.snapshot()).toEqual(before);
      expect(port.log.findings).toMatchObject([{ kind: "violation", rule: "write-while-busy", count: 1 }]);
      port.pass(DMA_NS);
      expect(bufferOf(port)).toEqual(port.host.bytes.slice(0, 4096));
    }),
  );
});

test("a command without START is ignored and noted", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3 }), (bits) => {
      const port = filledPort();
      const before = port.snapshot();
      port.write32(COMMAND, bits << 1);
      expect(port.snapshot()).toEqual(before);
      expect(port.fireNextTimer()).toBe(false);
      expect(port.log.findings).toMatchObject([{ kind: "note", rule: "command-without-start" }]);
    }),
  );
});
