import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { exanic } from "../../../devices/exanic/index.ts";
import { ixgbe } from "../../../devices/ixgbe/index.ts";
import type { DeviceSpec } from "../../../emulator/pcie/device-model.ts";
import * as p from "../../../harness/vfio-user/protocol.ts";
import { ServedDevice } from "../../../harness/vfio-user/served-device.ts";
import { accessOf, Client, rangeOf, wordsOf } from "./client.ts";

// The registers of edu (devices/edu/DATASHEET.md) and of the configuration space, by offset alone.
const IDENTIFICATION = 0x00;
const LIVENESS = 0x04;
const INTERRUPT_STATUS = 0x24;
const RAISE = 0x60;
const ACKNOWLEDGE = 0x64;
const DMA_SOURCE = 0x80;
const DMA_DESTINATION = 0x88;
const DMA_COUNT = 0x90;
const DMA_COMMAND = 0x98;
const ON_CARD = 0x40000;
const MSI = 0x50;

function versionOf(text: string): Buffer {
  return Buffer.concat([Buffer.alloc(4), Buffer.from(`${text}\0`)]);
}

let device: ServedDevice;
let client: Client;

beforeEach(async () => {
  device = await ServedDevice.load(edu(), false);
  client = new Client(device);
});
afterEach(() => {
  client.session.close();
  device.close();
});

/** What firmware and kernel do: BAR 0 placed, memory space and bus master on. */
function enable(): void {
  client.write32(p.REGION_CONFIG, 0x10, 0xfea0_0000);
  client.write32(p.REGION_CONFIG, 0x04, 0x0006, 2);
}

describe("negotiation", () => {
  test("0.0 with capabilities; nothing else is answered before it", () => {
    expect(client.ask(p.DEVICE_GET_INFO, wordsOf(16))?.errno).toBe(p.EINVAL);
    expect(client.negotiate()).toEqual({
      capabilities: { max_msg_fds: 0, max_data_xfer_size: 1 << 20, pgsizes: 4096, write_multiple: true },
    });
    const info = client.must(p.DEVICE_GET_INFO, wordsOf(16, 0, 0, 0));
    expect([...new Uint32Array(info.buffer, info.byteOffset, 4)]).toEqual([16, 3, 9, 5]);
  });

  test("another major version, and what is no JSON, are refused and the client may try again", () => {
    expect(client.ask(p.VERSION, Uint8Array.of(1, 0, 0, 0))?.errno).toBe(p.ENOTSUP);
    expect(client.ask(p.VERSION, Buffer.concat([Buffer.alloc(4), Buffer.from("{oops\0")]))?.errno).toBe(p.EINVAL);
    expect(client.ask(p.VERSION, new Uint8Array(3))?.errno).toBe(p.EINVAL);
    for (const text of [
      "[]",
      "7",
      '{"capabilities":3}',
      '{"capabilities":{"max_data_xfer_size":0}}',
      '{"capabilities":{"max_data_xfer_size":"64"}}',
      '{"capabilities":{"max_data_xfer_size":1.5}}',
    ]) {
      expect(client.ask(p.VERSION, versionOf(text))?.errno, text).toBe(p.EINVAL);
    }
    for (const text of ["", "{}", '{"capabilities":{"max_data_xfer_size":67108864}}'])
      expect(client.ask(p.VERSION, versionOf(text))?.errno, text).toBe(0);
    client.negotiate();
  });

  test("without descriptors a function has MSI alone: no vector, no capability and no BAR of MSI-X", async () => {
    const card = await ServedDevice.load(ixgbe(), false);
    const other = new Client(card);
    other.negotiate();
    const countOf = (index: number): number =>
      other.must(p.DEVICE_GET_IRQ_INFO, wordsOf(16, 0, index, 0)).readUInt32LE(12);
    const bytesOf = (region: number): bigint =>
      other.must(p.DEVICE_GET_REGION_INFO, wordsOf(32, 0, region, 0, 0, 0, 0, 0)).readBigUInt64LE(16);
    expect([0, 1, 2, 3, 4].map(countOf)).toEqual([0, 1, 0, 0, 0]);
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8].map(bytesOf)).toEqual([0x80000n, 0n, 0n, 0n, 0n, 0n, 0n, 4096n, 0n]);
    const capabilities: number[] = [];
    for (
      let at = other.read32(p.REGION_CONFIG, 0x34) & 0xff;
      at !== 0;
      at = (other.read32(p.REGION_CONFIG, at) >>> 8) & 0xff
    ) {
      capabilities.push(other.read32(p.REGION_CONFIG, at) & 0xff);
    }
    expect(capabilities).toEqual([0x01, 0x05, 0x10]);
    // No pin: nobody could hear INTx.
    expect((other.read32(p.REGION_CONFIG, 0x3c) >>> 8) & 0xff).toBe(0);
    other.session.close();
    card.close();
  });
});

describe("registers", () => {
  test("are read and written as the data sheet says, in any width, once memory space is on", () => {
    client.negotiate();
    expect(client.read32(0, IDENTIFICATION)).toBe(0xffff_ffff);
    enable();
    expect(client.read32(0, IDENTIFICATION)).toBe(0x0100_00ed);
    client.write32(0, LIVENESS, 0x1234_5678);
    expect(client.read32(0, LIVENESS)).toBe(~0x1234_5678 >>> 0);
    const two = client.must(p.REGION_READ, accessOf(0, 0, 8));
    expect([two.readUInt32LE(16), two.readUInt32LE(20)]).toEqual([0x0100_00ed, ~0x1234_5678 >>> 0]);
  });

  test("a BAR is sized by the server: ones written, the mask of its length read", () => {
    client.negotiate();
    client.write32(p.REGION_CONFIG, 0x10, 0xffff_ffff);
    expect(client.read32(p.REGION_CONFIG, 0x10)).toBe(0xfff0_0000);
  });

  test("several writes in one message happen in order", () => {
    client.negotiate();
    enable();
    const one = (offset: number, value: number): Buffer =>
      Buffer.concat([accessOf(offset, 0, 4), rangeOf([value, 0], [])]);
    client.must(p.REGION_WRITE_MULTI, Buffer.concat([rangeOf([], [2]), one(LIVENESS, 1), one(LIVENESS, 2)]));
    expect(client.read32(0, LIVENESS)).toBe(0xffff_fffd);
  });

  test("accesses outside a region are refused, whatever the numbers", () => {
    client.negotiate();
    enable();
    const far = fc.record({
      region: fc.nat(12),
      offset: fc.oneof(fc.nat(0x11_0000), fc.integer({ min: 2 ** 32, max: Number.MAX_SAFE_INTEGER })),
      byteLength: fc.oneof(fc.nat(16), fc.nat(0xffff_ffff)),
    });
    fc.assert(
      fc.property(far, ({ region, offset, byteLength }) => {
        const size = region === 0 ? 1 << 20 : region === p.REGION_CONFIG ? 4096 : 0;
        const reply = client.ask(p.REGION_READ, accessOf(offset, region, byteLength));
        const fits = region < 9 && offset + byteLength <= size && byteLength <= p.MAX_DATA_BYTES;
        expect(reply?.errno).toBe(fits ? 0 : p.EINVAL);
        if (fits) expect(reply?.payload.length).toBe(16 + byteLength);
      }),
    );
  });

  test("no reply is sent where none is wanted, and the write happens", () => {
    client.negotiate();
    enable();
    const payload = Buffer.concat([accessOf(LIVENESS, 0, 4), wordsOf(5)]);
    expect(client.ask(p.REGION_WRITE, payload, p.FLAG_NO_REPLY)).toBeUndefined();
    expect(client.read32(0, LIVENESS)).toBe(~5 >>> 0);
  });
});

describe("DMA by messages", () => {
  function copyIn(from: number, byteLength: number): void {
    client.write32(0, DMA_SOURCE, from % 2 ** 32);
    client.write32(0, DMA_SOURCE + 4, Math.floor(from / 2 ** 32));
    client.write32(0, DMA_DESTINATION, ON_CARD);
    client.write32(0, DMA_COUNT, byteLength);
    client.write32(0, DMA_COMMAND, 0x1);
  }

  async function untilDone(): Promise<void> {
    for (let tries = 0; (client.read32(0, DMA_COMMAND) & 1) !== 0; tries++) {
      expect(tries).toBeLessThan(1000);
      await new Promise((resolve) => setTimeout(resolve, 1));
      device.advance();
      if (client.isServing) client.serve();
    }
  }

  test("what the client's memory holds goes through the card and back", async () => {
    client.negotiate();
    enable();
    const memory = client.map(0x1000, 4096);
    for (let at = 0; at < 64; at++) memory[at] = at * 3;
    copyIn(0x1000, 64);
    await untilDone();
    client.write32(0, DMA_SOURCE, ON_CARD);
    client.write32(0, DMA_SOURCE + 4, 0);
    client.write32(0, DMA_DESTINATION, 0x1100);
    client.write32(0, DMA_DESTINATION + 4, 0);
    client.write32(0, DMA_COMMAND, 0x3);
    await untilDone();
    expect([...memory.subarray(0x100, 0x140)]).toEqual(Array.from({ length: 64 }, (_, at) => at * 3));
    expect(device.findings.filter(({ kind }) => kind === "violation")).toEqual([]);
  });

  test("registers are answered while a read of the client's memory is unanswered: a client that holds its lock gets on", async () => {
    client.negotiate();
    enable();
    client.map(0x1000, 4096);
    client.isServing = false;
    copyIn(0x1000, 64);
    for (let tries = 0; client.open.length === 0 && tries < 1000; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      device.advance();
    }
    expect(client.open.map(({ command }) => command)).toEqual([p.DMA_READ]);
    expect(client.read32(0, IDENTIFICATION)).toBe(0x0100_00ed);
    expect(client.read32(0, DMA_COMMAND) & 1).toBe(1);
    client.isServing = true;
    client.serve();
    await untilDone();
  });

  test("a doorbell that is rewritten a hundred thousand times without replies leaves nothing behind", () => {
    client.negotiate();
    enable();
    const message = p.messageOf(
      7,
      p.REGION_WRITE,
      p.FLAG_NO_REPLY,
      Buffer.concat([accessOf(LIVENESS, 0, 4), wordsOf(9)]),
    );
    const hundred = Buffer.concat(Array.from({ length: 100 }, () => message));
    const before = client.received.length;
    for (let round = 0; round < 1000; round++) client.session.receive(hundred);
    expect(client.received.length).toBe(before);
    expect(client.read32(0, LIVENESS)).toBe(~9 >>> 0);
  });

  test("what is mapped nowhere, or was unmapped, is a finding and an error of the card's, and no message", async () => {
    client.negotiate();
    enable();
    client.map(0x1000, 4096);
    client.must(p.DMA_UNMAP, rangeOf([24, 0], [0x1000, 4096]));
    copyIn(0x1000, 64);
    await untilDone();
    expect(client.open).toEqual([]);
    expect(device.findings.map(({ rule }) => rule)).toContain("dma-outside-map");
  });

  test("a client that refuses a read is told so, and the card goes on", async () => {
    client.negotiate();
    enable();
    client.must(p.DMA_MAP, rangeOf([32, 3], [0, 0x9000, 4096]));
    copyIn(0x9000, 64);
    await untilDone();
    expect(device.findings.map(({ rule }) => rule)).toContain("dma-read-refused");
    expect(client.read32(0, IDENTIFICATION)).toBe(0x0100_00ed);
  });

  test("a client that takes 64 bytes at once is asked for no more, and what it refuses to write is a finding", async () => {
    client.must(p.VERSION, versionOf('{"capabilities":{"max_data_xfer_size":64}}'));
    enable();
    const memory = client.map(0x1000, 4096).fill(7);
    copyIn(0x1000, 250);
    await untilDone();
    client.write32(0, DMA_SOURCE, ON_CARD);
    client.write32(0, DMA_SOURCE + 4, 0);
    client.write32(0, DMA_DESTINATION, 0x1400);
    client.write32(0, DMA_DESTINATION + 4, 0);
    client.write32(0, DMA_COMMAND, 0x3);
    await untilDone();
    expect(memory.subarray(0x400, 0x4fa)).toEqual(new Uint8Array(250).fill(7));
    expect(client.written.map(({ bytes }) => bytes.length).every((byteLength) => byteLength <= 64)).toBe(true);
    expect(Math.max(...client.readLengths)).toBeLessThanOrEqual(64);
    expect(device.findings).toEqual([]);
    let errorCount = 0;
    device.endpoint.device.onDmaWriteError = () => void errorCount++;
    client.refused = p.DMA_WRITE;
    client.write32(0, DMA_COMMAND, 0x3);
    await untilDone();
    expect(device.findings.map(({ rule }) => rule)).toEqual(["dma-write-refused"]);
    expect(errorCount).toBeGreaterThan(0);
  });

  test("ranges that are not of whole pages, or a request that is shorter than it has to be, are refused", () => {
    client.negotiate();
    const page = 4096;
    const ask = (argsz: number, fileOffset: number, address: number, byteLength: number): number | undefined =>
      client.ask(p.DMA_MAP, rangeOf([argsz, 3], [fileOffset, address, byteLength]))?.errno;
    expect(ask(32, 0, page + 2, page)).toBe(p.EINVAL);
    expect(ask(32, 0, page, page + 1)).toBe(p.EINVAL);
    expect(ask(32, 1, page, page)).toBe(p.EINVAL);
    expect(ask(31, 0, page, page)).toBe(p.EINVAL);
    expect(ask(32, 0, page, page)).toBe(0);
    expect(client.ask(p.DMA_UNMAP, rangeOf([8, 0], [page, page]))?.errno).toBe(p.EINVAL);
    expect(client.ask(p.DEVICE_GET_INFO, wordsOf(8, 0, 0, 0))?.errno).toBe(p.EINVAL);
    expect(client.ask(p.DEVICE_GET_REGION_INFO, wordsOf(16, 0, 0, 0, 0, 0, 0, 0))?.errno).toBe(p.EINVAL);
    expect(client.ask(p.DEVICE_GET_IRQ_INFO, wordsOf(0, 0, 0, 0))?.errno).toBe(p.EINVAL);
  });

  test("maps that overlap, are none or cut another are refused, against a model that knows every byte", () => {
    client.negotiate();
    const model = new Map<number, number>();
    let next = 0;
    const step = fc.record({ isMap: fc.boolean(), page: fc.nat(20), count: fc.nat(4) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        client.must(p.DMA_UNMAP, rangeOf([24, p.UNMAP_FLAG_ALL], [0, 0]));
        model.clear();
        for (const { isMap, page, count } of steps) {
          const pages = Array.from({ length: count }, (_, index) => page + index);
          const owners = new Set(pages.flatMap((each) => model.get(each) ?? []));
          if (isMap) {
            const reply = client.ask(p.DMA_MAP, rangeOf([32, 3], [0, page * 4096, count * 4096]));
            const expected = count === 0 ? p.EINVAL : owners.size > 0 ? p.EEXIST : 0;
            expect(reply?.errno).toBe(expected);
            if (expected === 0) for (const each of pages) model.set(each, next);
            next++;
          } else {
            const reply = client.ask(p.DMA_UNMAP, rangeOf([24, 0], [page * 4096, count * 4096]));
            const isCut = [...model].some(([each, owner]) => owners.has(owner) && !pages.includes(each));
            expect(reply?.errno).toBe(count === 0 ? p.EINVAL : owners.size === 0 ? p.ENOENT : isCut ? p.EINVAL : 0);
            if (owners.size > 0 && !isCut) for (const each of pages) model.delete(each);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("interrupts and reset", () => {
  function raiseMsi(): void {
    client.write32(p.REGION_CONFIG, MSI + 4, 0xfee0_1000);
    client.write32(p.REGION_CONFIG, MSI + 8, 0);
    client.write32(p.REGION_CONFIG, MSI + 12, 0x41, 2);
    client.write32(p.REGION_CONFIG, MSI + 2, 0x0081, 2);
    client.write32(0, RAISE, 0x2);
  }

  test("MSI is the memory write that it is", () => {
    client.negotiate();
    enable();
    raiseMsi();
    expect(client.written).toEqual([{ address: 0xfee0_1000, bytes: Uint8Array.of(0x41, 0, 0, 0) }]);
    expect(client.read32(0, INTERRUPT_STATUS)).toBe(2);
    client.write32(0, ACKNOWLEDGE, 2);
    client.write32(0, RAISE, 0x1);
    expect(client.written.length).toBe(2);
  });

  test("SET_IRQS for what there is not is refused; for what there is, it is taken", () => {
    client.negotiate();
    const ask = (...words: number[]): number | undefined => client.ask(p.DEVICE_SET_IRQS, wordsOf(20, ...words))?.errno;
    expect(ask(0x21, p.IRQ_MSIX, 0, 1)).toBe(p.EINVAL);
    expect(ask(0x21, 9, 0, 0)).toBe(p.EINVAL);
    expect(ask(0x21, p.IRQ_MSI, 0xffff_ffff, 2)).toBe(p.EINVAL);
    expect(ask(0x00, p.IRQ_MSI, 0, 1)).toBe(p.EINVAL);
    expect(ask(0x3f, p.IRQ_MSI, 0, 1)).toBe(p.EINVAL);
    for (const flags of [0x61, 0x8021]) expect(ask(flags, p.IRQ_MSI, 0, 1)).toBe(p.EINVAL);
    for (const argsz of [0, 19])
      expect(client.ask(p.DEVICE_SET_IRQS, wordsOf(argsz, 0x21, p.IRQ_MSI, 0, 1))?.errno).toBe(p.EINVAL);
    // Booleans count as far as the request claims to have any.
    const masked = Buffer.concat([wordsOf(20, 0x0a, p.IRQ_MSI, 0, 1), Uint8Array.of(1)]);
    expect(client.ask(p.DEVICE_SET_IRQS, masked)?.errno).toBe(p.EINVAL);
    masked.writeUInt32LE(21, 0);
    expect(client.ask(p.DEVICE_SET_IRQS, masked)?.errno).toBe(0);
    expect(ask(0x24, p.IRQ_MSI, 0, 1)).toBe(0);
    expect(ask(0x21, p.IRQ_MSI, 0, 0)).toBe(0);
  });

  test("interrupts are those that the function has and a client can hear, with what they do", async () => {
    const use = { share: () => expect.fail("not here"), signal: () => expect.fail("not here"), close: () => {} };
    const infoOf = async (spec: DeviceSpec, hasDescriptors: boolean): Promise<readonly string[]> => {
      const card = await ServedDevice.load(spec, hasDescriptors);
      const other = new Client(card, hasDescriptors ? use : undefined);
      other.negotiate();
      const info = [0, 1, 2, 3, 4].map((index) => {
        const reply = other.must(p.DEVICE_GET_IRQ_INFO, wordsOf(16, 0, index, 0));
        return `${reply.readUInt32LE(12)} 0x${reply.readUInt32LE(4).toString(16)}`;
      });
      other.session.close();
      card.close();
      return info;
    };
    // linux/vfio.h: 1 eventfd, 2 maskable, 4 masks itself, 8 is set up as a whole.
    expect(await infoOf(edu(), true)).toEqual(["1 0x7", "1 0x9", "0 0x9", "0 0x9", "0 0x9"]);
    expect(await infoOf(edu(), false)).toEqual(["0 0x6", "1 0x8", "0 0x8", "0 0x8", "0 0x8"]);
    expect((await infoOf(ixgbe(), true)).slice(0, 3)).toEqual(["1 0x7", "1 0x9", "64 0x9"]);
    // No pin.
    expect((await infoOf(exanic(), true)).slice(0, 3)).toEqual(["0 0x7", "1 0x9", "0 0x9"]);
  });

  test("a reset, and the end of a client, leave the device as at power-on", () => {
    const fresh = (): readonly number[] => {
      client.negotiate();
      const config = Array.from({ length: 64 }, (_, index) => client.read32(p.REGION_CONFIG, 4 * index));
      enable();
      return [...config, client.read32(0, LIVENESS), client.read32(0, INTERRUPT_STATUS)];
    };
    const first = fresh();
    client.write32(0, LIVENESS, 77);
    raiseMsi();
    client.must(p.DEVICE_RESET, new Uint8Array());
    expect(fresh()).toEqual(first);
    raiseMsi();
    client.session.close();
    client = new Client(device);
    expect(fresh()).toEqual(first);
  });
});
