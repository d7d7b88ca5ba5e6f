import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
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
let makeFile: MakeFile | undefined;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "softbar-descriptors-"));
  libc = await Libc.load();
  makeFile = libc === undefined ? undefined : await fileMaker();
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A file as a client shares its memory by: what is written into it, the device reads. */
interface ClientFile {
  readonly descriptor: number;
  handOver(flags?: string): number;
}

type MakeFile = (kind: "sealed" | "unsealed" | "on disk", byteLength: number) => ClientFile;

/** Files in memory by the system's own calls (memfd_create(2)), which are nothing of the server's. */
async function fileMaker(): Promise<MakeFile> {
  const { default: koffi } = await import("koffi");
  const system = koffi.load("libc.so.6");
  const memfdCreate = system.func("int memfd_create(const char *name, unsigned int flags)");
  const addSeals = system.func("int fcntl(int fd, int command, int64_t argument)");
  const [allowSealing, setSeals, sealShrink] = [0x2, 1033, 0x2];
  return (kind, byteLength) => {
    const path = join(folder, `memory-${byteLength}`);
    const descriptor = kind === "on disk" ? openSync(path, "w+") : memfdCreate("client", allowSealing);
    ftruncateSync(descriptor, byteLength);
    if (kind === "sealed") expect(addSeals(descriptor, setSeals, sealShrink)).toBe(0);
    return { descriptor, handOver: (flags = "r+") => openSync(`/proc/self/fd/${descriptor}`, flags) };
  };
}

const TMPFS_MAGIC = 0x0102_1994;
const NO_KOFFI = "koffi is not installed, or this is no 64-bit Linux";

const kinds = [
  ["sealed", "its memory is mapped: DMA in place"],
  ["unsealed", expect.stringMatching(/^its memory is a file that can shrink.*system call each\. .*F_SEAL_SHRINK/)],
] as const;

test.for(kinds)(
  "DMA goes into a client's memory without a message, in a file that is %s",
  async ([kind, told], { skip }) => {
    if (libc === undefined || makeFile === undefined) return skip(NO_KOFFI);
    const device = await ServedDevice.load(edu(), true);
    const notices: string[] = [];
    const client = new Client(device, new ClientDescriptors(libc), (text) => notices.push(text));
    const capabilities = client.negotiate();
    expect(capabilities).toMatchObject({ capabilities: { max_msg_fds: 16 } });
    client.write32(p.REGION_CONFIG, 0x04, 0x0006, 2);
    const file = makeFile(kind, MEMORY_BYTES);
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
    expect(client.open).toEqual([]);
    // Once, however many ranges there are.
    client.must(p.DMA_MAP, rangeOf([32, 3], [0, 0x10_0000, 0x1000]), [file.handOver()]);
    expect(notices).toEqual([told]);
    expect(device.findings).toEqual([]);
    client.must(p.DMA_UNMAP, rangeOf([24, 0], [0x8000, MEMORY_BYTES - 0x1000]));
    await copy(client, device, from, 0x40000, 0x1);
    expect(new Set(device.findings.map(({ rule }) => rule))).toEqual(new Set(["dma-outside-map"]));
    client.session.close();
    device.close();
    closeSync(file.descriptor);
  },
);

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

test("a client that shortens its memory afterwards: what is sealed stays, else the card is refused and the server lives", async ({
  skip,
}) => {
  if (libc === undefined || makeFile === undefined) return skip(NO_KOFFI);
  const device = await ServedDevice.load(edu(), true);
  const client = new Client(device, new ClientDescriptors(libc));
  client.negotiate();
  client.write32(p.REGION_CONFIG, 0x04, 0x0006, 2);
  const [sealed, rude] = [makeFile("sealed", MEMORY_BYTES), makeFile("unsealed", MEMORY_BYTES)];
  client.must(p.DMA_MAP, rangeOf([32, 3], [0, 0x10_0000, MEMORY_BYTES]), [sealed.handOver()]);
  client.must(p.DMA_MAP, rangeOf([32, 3], [0, 0x20_0000, MEMORY_BYTES]), [rude.handOver()]);
  expect(() => ftruncateSync(sealed.descriptor, 4096)).toThrow(/EPERM/);
  writeSync(sealed.descriptor, Uint8Array.of(1, 2, 3), 0, 3, 0x8000);
  ftruncateSync(rude.descriptor, 4096);
  await copy(client, device, 0x10_8000, 0x40000, 0x1);
  expect(device.findings).toEqual([]);
  // Behind the file's new end, in both directions, and over its edge; what it still has is reached as before.
  await copy(client, device, 0x20_8000, 0x40000, 0x1);
  await copy(client, device, 0x40000, 0x20_8000, 0x3);
  await copy(client, device, 0x40000, 0x20_0fd0, 0x3);
  await copy(client, device, 0x40000, 0x20_0400, 0x3);
  const refused = /by edu: the file that is the client's memory there does not reach so far any more.*F_SEAL_SHRINK/;
  expect(device.findings).toEqual([
    expect.objectContaining({ rule: "dma-outside-map", message: expect.stringMatching(refused), count: 1 }),
    expect.objectContaining({ rule: "dma-outside-map", message: expect.stringMatching(refused), count: 1 }),
    expect.objectContaining({ rule: "dma-outside-map", message: expect.stringMatching(refused), count: 1 }),
  ]);
  // A write behind the end would have made the file longer again.
  expect(fstatSync(rude.descriptor).size).toBe(4096);
  const seen = new Uint8Array(3);
  readSync(rude.descriptor, seen, 0, 3, 0x400);
  expect(seen).toEqual(Uint8Array.of(1, 2, 3));
  client.session.close();
  device.close();
  closeSync(sealed.descriptor);
  closeSync(rude.descriptor);
});

test("a file that is not in memory could keep the server waiting: it is closed, and its client is asked by messages", async ({
  skip,
}) => {
  if (libc === undefined || makeFile === undefined) return skip(NO_KOFFI);
  const device = await ServedDevice.load(edu(), true);
  const notices: string[] = [];
  const client = new Client(device, new ClientDescriptors(libc), (text) => notices.push(text));
  client.negotiate();
  client.write32(p.REGION_CONFIG, 0x04, 0x0006, 2);
  const file = makeFile("on disk", MEMORY_BYTES);
  if (statfsSync(folder).type === TMPFS_MAGIC) return skip("the folder for temporary files is in memory");
  // Nor is a folder or a pipe memory.
  client.must(p.DMA_MAP, rangeOf([32, 3], [0, 0x80_0000, 4096]), [openSync(folder, "r")]);
  const given = file.handOver();
  client.must(p.DMA_MAP, rangeOf([32, 3], [0, 0x8000, MEMORY_BYTES]), [given]);
  expect(() => closeSync(given)).toThrow(/EBADF/);
  client.memory.push({ address: 0x8000, bytes: new Uint8Array(MEMORY_BYTES).fill(9) });
  await copy(client, device, 0x8000, 0x40000, 0x1);
  await copy(client, device, 0x40000, 0x9000, 0x3);
  expect(client.written).toEqual([{ address: 0x9000, bytes: new Uint8Array(100).fill(9) }]);
  expect(notices).toEqual([expect.stringContaining("DMA by messages. DMA in place takes a memfd")]);
  client.session.close();
  device.close();
  closeSync(file.descriptor);
});

test("a file that is shorter than it is said to be, or not open for what it is for, is refused, and closed", async ({
  skip,
}) => {
  if (libc === undefined || makeFile === undefined) return skip(NO_KOFFI);
  const device = await ServedDevice.load(edu(), true);
  const client = new Client(device, new ClientDescriptors(libc));
  client.negotiate();
  const file = makeFile("unsealed", 4096);
  for (const kind of ["sealed", "unsealed"] as const) {
    const { descriptor, handOver } = makeFile(kind, 4096);
    for (const [flags, [fileOffset, byteLength]] of [
      ["r+", [0, 8192]],
      ["r+", [1, 4096]],
      ["r+", [2 ** 52, 4096]],
      ["r", [0, 4096]],
      ["a+", [0, 4096]],
    ] as const) {
      const given = handOver(flags);
      const range = rangeOf([32, 3], [fileOffset, 0, byteLength]);
      expect(client.ask(p.DMA_MAP, range, 0, [given])?.errno, `${kind} ${flags}`).toBe(p.EINVAL);
      expect(() => closeSync(given)).toThrow(/EBADF/);
    }
    closeSync(descriptor);
  }
  // Unmapped, or its range refused, a file that is kept is given back too.
  const kept = file.handOver();
  client.must(p.DMA_MAP, rangeOf([32, 3], [0, 0x8000, 4096]), [kept]);
  const clashing = file.handOver();
  expect(client.ask(p.DMA_MAP, rangeOf([32, 3], [0, 0x8800, 2048]), 0, [clashing])?.errno).toBe(p.EEXIST);
  expect(() => closeSync(clashing)).toThrow(/EBADF/);
  expect(fstatSync(kept).size).toBe(4096);
  client.must(p.DMA_UNMAP, rangeOf([24, 0], [0x8000, 4096]));
  expect(() => closeSync(kept)).toThrow(/EBADF/);
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
