import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { ixgbe } from "../../../devices/ixgbe/index.ts";
import { Libc } from "../../../harness/native/libc.ts";
import { ClientDescriptors } from "../../../harness/vfio-user/client-descriptors.ts";
import * as p from "../../../harness/vfio-user/protocol.ts";
import { ServedDevice } from "../../../harness/vfio-user/served-device.ts";
import { Client, rangeOf, wordsOf } from "./client.ts";

const MEMORY_BYTES = 1 << 16;

let folder: string;
let libc: Libc | undefined;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "softbar-descriptors-"));
  libc = await Libc.load();
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A file as a client shares its memory by: what is written into it, the device reads in place. */
function sharedFile(byteLength: number): { readonly descriptor: number; handOver(): number } {
  const path = join(folder, `memory-${byteLength}`);
  const descriptor = openSync(path, "w+");
  ftruncateSync(descriptor, byteLength);
  return { descriptor, handOver: () => openSync(path, "r+") };
}

const NO_KOFFI = "koffi is not installed, or this is no 64-bit Linux";

test("DMA goes into the client's memory in place, without a message", async ({ skip }) => {
  if (libc === undefined) return skip(NO_KOFFI);
  const device = await ServedDevice.load(edu(), true);
  const client = new Client(device, new ClientDescriptors(libc));
  const capabilities = client.negotiate();
  expect(capabilities).toMatchObject({ capabilities: { max_msg_fds: 16 } });
  client.write32(p.REGION_CONFIG, 0x04, 0x0006, 2);
  const file = sharedFile(MEMORY_BYTES);
  const sent = Uint8Array.from({ length: 100 }, (_, index) => index * 7);
  writeSync(file.descriptor, sent, 0, sent.length, 0x1234);
  // A range of the file from its second page on, at an address of its own.
  client.must(p.DMA_MAP, rangeOf([32, 3], [0x1000, 0x8000, MEMORY_BYTES - 0x1000]), [file.handOver()]);
  const [from, to] = [0x8234, 0x9000];
  await copy(client, device, from, 0x40000, 0x1);
  await copy(client, device, 0x40000, to, 0x3);
  const seen = new Uint8Array(100);
  readSync(file.descriptor, seen, 0, 100, to - 0x8000 + 0x1000);
  expect(seen).toEqual(sent);
  expect(client.written).toEqual([]);
  client.must(p.DMA_UNMAP, rangeOf([24, 0], [0x8000, MEMORY_BYTES - 0x1000]));
  await copy(client, device, from, 0x40000, 0x1);
  expect(new Set(device.findings.map(({ rule }) => rule))).toEqual(new Set(["dma-outside-map"]));
  client.session.close();
  device.close();
  closeSync(file.descriptor);
});

async function copy(client: Client, device: ServedDevice, from: number, to: number, command: number): Promise<void> {
  for (const [offset, value] of [
    [0x80, from],
    [0x84, 0],
    [0x88, to],
    [0x8c, 0],
    [0x90, 100],
    [0x98, command],
  ] as const) {
    client.write32(0, offset, value);
  }
  for (let tries = 0; (client.read32(0, 0x98) & 1) !== 0; tries++) {
    expect(tries).toBeLessThan(1000);
    await new Promise((resolve) => setTimeout(resolve, 1));
    device.advance();
  }
}

test("a file that is shorter than it is said to be is refused, and closed", async ({ skip }) => {
  if (libc === undefined) return skip(NO_KOFFI);
  const device = await ServedDevice.load(edu(), true);
  const client = new Client(device, new ClientDescriptors(libc));
  client.negotiate();
  const file = sharedFile(4096);
  const given = file.handOver();
  expect(client.ask(p.DMA_MAP, rangeOf([32, 3], [0, 0, 8192]), 0, [given])?.errno).toBe(p.EINVAL);
  expect(() => closeSync(given)).toThrow(/EBADF/);
  // What nobody asked for is closed too.
  const stray = file.handOver();
  client.ask(p.DEVICE_GET_INFO, wordsOf(16, 0, 0, 0), 0, [stray]);
  expect(() => closeSync(stray)).toThrow(/EBADF/);
  client.session.close();
  device.close();
  closeSync(file.descriptor);
});

test("MSI-X vectors are signalled through the descriptors that were handed over", async ({ skip }) => {
  if (libc === undefined) return skip(NO_KOFFI);
  const device = await ServedDevice.load(ixgbe(), true);
  const signals: number[] = [];
  const closed: number[] = [];
  const use = new ClientDescriptors(libc);
  const client = new Client(device, {
    map: (...parameters) => use.map(...parameters),
    signal: (descriptor) => ({ signal: () => signals.push(descriptor), close: () => closed.push(descriptor) }),
    close: (descriptor) => closed.push(descriptor),
  });
  client.negotiate();
  client.write32(p.REGION_CONFIG, 0x04, 0x0006, 2);
  client.write32(p.REGION_CONFIG, 0x72, 0x8000, 2);
  // Three vectors; the first has other causes routed to it by IVAR_MISC, the data sheet's 0x00a00.
  client.must(
    p.DEVICE_SET_IRQS,
    wordsOf(20, p.SET_DATA_EVENTFD | p.SET_ACTION_TRIGGER, p.IRQ_MSIX, 0, 3),
    [1001, 1002, 1003],
  );
  client.write32(0, 0x00a00, 0x0000_8080 | 0x0001);
  client.write32(0, 0x00880, 0x8000_0000);
  client.write32(0, 0x00aa0, 0x7);
  client.write32(0, 0x00808, 0x4000_0000);
  client.must(p.DEVICE_SET_IRQS, wordsOf(20, p.SET_DATA_NONE | p.SET_ACTION_TRIGGER, p.IRQ_MSIX, 2, 1));
  expect(signals.at(-1)).toBe(1003);
  expect(client.written).toEqual([]);
  // Taken back, nothing of it is left.
  client.must(p.DEVICE_SET_IRQS, wordsOf(20, p.SET_DATA_NONE | p.SET_ACTION_TRIGGER, p.IRQ_MSIX, 0, 0));
  expect(closed).toEqual([1001, 1002, 1003]);
  client.session.close();
  device.close();
});

test("a signal stands behind writes that went by message, until they are acknowledged", async ({ skip }) => {
  if (libc === undefined) return skip(NO_KOFFI);
  const device = await ServedDevice.load(edu(), true);
  const signals: number[] = [];
  const client = new Client(device, {
    map: () => {
      throw new Error("not here");
    },
    signal: (descriptor) => ({ signal: () => signals.push(descriptor), close: () => {} }),
    close: () => {},
  });
  client.negotiate();
  client.write32(p.REGION_CONFIG, 0x04, 0x0006, 2);
  client.must(p.DEVICE_SET_IRQS, wordsOf(20, p.SET_DATA_EVENTFD | p.SET_ACTION_TRIGGER, p.IRQ_MSI, 0, 1), [77]);
  client.write32(p.REGION_CONFIG, 0x54, 0xfee0_0000);
  client.write32(p.REGION_CONFIG, 0x52, 0x0081, 2);
  client.map(0x4000, 4096);
  client.isServing = false;
  for (const [offset, value] of [
    [0x80, 0x40000],
    [0x88, 0x4000],
    [0x90, 64],
    [0x98, 0x7],
  ] as const) {
    client.write32(0, offset, value);
  }
  for (let tries = 0; client.open.length === 0 && tries < 1000; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    device.advance();
  }
  expect(client.open.map(({ command }) => command)).toEqual([p.DMA_WRITE]);
  for (let tries = 0; tries < 20; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    device.advance();
  }
  expect(signals).toEqual([]);
  client.serve();
  for (let tries = 0; signals.length === 0 && tries < 1000; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    device.advance();
  }
  expect(signals).toEqual([77]);
  client.session.close();
  device.close();
});
