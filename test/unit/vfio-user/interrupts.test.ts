import { closeSync, openSync, readSync } from "node:fs";
import { expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { ixgbe } from "../../../devices/ixgbe/index.ts";
import { Libc } from "../../../harness/native/libc.ts";
import { ClientDescriptors } from "../../../harness/vfio-user/client-descriptors.ts";
import * as p from "../../../harness/vfio-user/protocol.ts";
import { ServedDevice } from "../../../harness/vfio-user/served-device.ts";
import { Client, wordsOf } from "./client.ts";

const libc = await Libc.load();
const UNMASK_INTX = p.SET_DATA_NONE | p.SET_ACTION_UNMASK;
const NO_KOFFI = "koffi is not installed, or this is no 64-bit Linux";

test("an interrupt counts in its event descriptor; anything else is refused as one, and closed", async ({ skip }) => {
  if (libc === undefined) return skip(NO_KOFFI);
  const { default: koffi } = await import("koffi");
  const eventfd = koffi.load("libc.so.6").func("int eventfd(unsigned int value, int flags)");
  const device = await ServedDevice.load(edu(), true);
  const client = new Client(device, new ClientDescriptors(libc));
  client.negotiate();
  client.write32(p.REGION_CONFIG, 0x04, 0x0006, 2);
  const signals = (index: number): Buffer => wordsOf(20, p.SET_DATA_EVENTFD | p.SET_ACTION_TRIGGER, index, 0, 1);
  const own = eventfd(0, 0);
  client.must(p.DEVICE_SET_IRQS, signals(p.IRQ_INTX), [own]);
  client.write32(0, 0x60, 1);
  const counter = new BigUint64Array(1);
  readSync(own, counter);
  expect(counter[0]).toBe(1n);
  for (const other of [
    openSync("/proc/self/exe", "r"),
    openSync(import.meta.dirname, "r"),
    openSync("/dev/null", "w"),
  ]) {
    expect(client.ask(p.DEVICE_SET_IRQS, signals(p.IRQ_MSI), 0, [other])?.errno).toBe(p.EINVAL);
    expect(() => closeSync(other)).toThrow(/EBADF/);
  }
  // Among several, all are refused for one.
  const three = [eventfd(0, 0), openSync("/dev/null", "w"), eventfd(0, 0)];
  const request = wordsOf(20, p.SET_DATA_EVENTFD | p.SET_ACTION_TRIGGER, p.IRQ_MSI, 0, 3);
  expect(client.ask(p.DEVICE_SET_IRQS, request, 0, three)?.errno).toBe(p.EINVAL);
  for (const each of three) expect(() => closeSync(each)).toThrow(/EBADF/);
  // Nobody masks but the client itself, so there is nothing to tell it; and what comes along for nothing is closed.
  for (const [flags, errno] of [
    [p.SET_DATA_EVENTFD | p.SET_ACTION_MASK, p.EINVAL],
    [p.SET_DATA_EVENTFD | p.SET_ACTION_UNMASK, p.EINVAL],
    [p.SET_DATA_NONE | p.SET_ACTION_TRIGGER, 0],
    [p.SET_DATA_NONE | p.SET_ACTION_UNMASK, 0],
  ] as const) {
    const stray = eventfd(0, 0);
    expect(client.ask(p.DEVICE_SET_IRQS, wordsOf(20, flags, p.IRQ_INTX, 0, 1), 0, [stray])?.errno).toBe(errno);
    expect(() => closeSync(stray)).toThrow(/EBADF/);
  }
  client.session.close();
  expect(() => closeSync(own)).toThrow(/EBADF/);
  device.close();
});

test("a reset takes INTx back: a client that unmasks the line then hears nothing", async () => {
  const device = await ServedDevice.load(edu(), true);
  let signals = 0;
  const client = new Client(device, {
    share: () => expect.fail("not here"),
    signal: () => ({ signal: () => signals++, close: () => {} }),
    close: () => {},
  });
  const unmask = (): Buffer => client.must(p.DEVICE_SET_IRQS, wordsOf(20, UNMASK_INTX, p.IRQ_INTX, 0, 1));
  client.negotiate();
  client.must(p.DEVICE_SET_IRQS, wordsOf(20, p.SET_DATA_EVENTFD | p.SET_ACTION_TRIGGER, p.IRQ_INTX, 0, 1), [77]);
  client.write32(p.REGION_CONFIG, 0x04, 0x0006, 2);
  client.write32(0, 0x60, 1);
  unmask();
  // It is level-triggered: nobody has acknowledged the cause.
  expect(signals).toBe(2);
  client.must(p.DEVICE_RESET, new Uint8Array());
  unmask();
  expect(signals).toBe(2);
  client.write32(p.REGION_CONFIG, 0x04, 0x0006, 2);
  client.write32(0, 0x60, 1);
  expect(signals).toBe(3);
  client.session.close();
  device.close();
});

test("MSI-X vectors are signalled through the descriptors that were handed over", async ({ skip }) => {
  if (libc === undefined) return skip(NO_KOFFI);
  const device = await ServedDevice.load(ixgbe(), true);
  const signals: number[] = [];
  const closed: number[] = [];
  const use = new ClientDescriptors(libc);
  const client = new Client(device, {
    share: (...parameters) => use.share(...parameters),
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
    share: () => {
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
