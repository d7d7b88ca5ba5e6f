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
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import { Libc } from "../../../harness/native/libc.ts";
import { ClientDescriptors } from "../../../harness/vfio-user/client-descriptors.ts";
import { ClientMemory } from "../../../harness/vfio-user/client-memory.ts";
import * as p from "../../../harness/vfio-user/protocol.ts";
import { ServedDevice } from "../../../harness/vfio-user/served-device.ts";
import { heldRange } from "../../../harness/vfio-user/shared-memory.ts";
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
    [0x80, from % 2 ** 32],
    [0x84, Math.floor(from / 2 ** 32)],
    [0x88, to % 2 ** 32],
    [0x8c, Math.floor(to / 2 ** 32)],
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
  expect(client.ask(p.DMA_MAP, rangeOf([32, 3], [0, 0x8000, 4096]), 0, [clashing])?.errno).toBe(p.EEXIST);
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

test("a range of more than 2 GiB is mapped in views: DMA in place at every edge of them", async ({ skip }) => {
  if (libc === undefined || makeFile === undefined) return skip(NO_KOFFI);
  const device = await ServedDevice.load(edu({ dmaAddressBits: 40 }), true);
  const notices: string[] = [];
  const client = new Client(device, new ClientDescriptors(libc), (text) => notices.push(text));
  client.negotiate();
  client.write32(p.REGION_CONFIG, 0x04, 0x0006, 2);
  const [gigabyte, base] = [2 ** 30, 2 ** 32];
  const byteLength = 3 * gigabyte + 8192;
  const file = makeFile("sealed", byteLength);
  client.must(p.DMA_MAP, rangeOf([32, 3], [0, base, byteLength]), [file.handOver()]);
  const places = [0, gigabyte - 50, gigabyte, 2 * gigabyte - 1, 3 * gigabyte - 99, byteLength - 100];
  for (const [nth, place] of places.entries()) {
    const sent = Uint8Array.from({ length: 100 }, (_, at) => at * 3 + nth);
    writeSync(file.descriptor, sent, 0, sent.length, place);
    await copy(client, device, base + place, 0x40000, 0x1);
    const to = places[(nth + 1) % places.length] as number;
    await copy(client, device, 0x40000, base + to, 0x3);
    const seen = new Uint8Array(100);
    readSync(file.descriptor, seen, 0, 100, to);
    expect(seen, `from 0x${place.toString(16)} to 0x${to.toString(16)}`).toEqual(sent);
  }
  expect([client.written, client.open, device.findings]).toEqual([[], [], []]);
  expect(notices).toEqual(["its memory is mapped: DMA in place"]);
  client.must(p.DMA_UNMAP, rangeOf([24, 0], [base, byteLength]));
  client.session.close();
  device.close();
  closeSync(file.descriptor);
});

test("an access lies within the view where it begins, however long it is", async ({ skip }) => {
  if (libc === undefined || makeFile === undefined) return skip(NO_KOFFI);
  const [edge, longest] = [2 ** 30, 1 << 20];
  const file = makeFile("sealed", 2 * edge);
  const shared = new ClientDescriptors(libc).share(file.descriptor, 0, 2 * edge, true);
  let seen = new Uint8Array();
  const nobody = { send: () => expect.fail("in place"), hangUp: () => expect.fail("in place") };
  const memory = new ClientMemory(nobody, {
    onData: (_tag, _context, { bytes }, offset, byteLength) => {
      seen = bytes.slice(offset, offset + byteLength);
    },
    onReadRefused: () => expect.fail("refused"),
    onWriteRefused: () => expect.fail("refused"),
    onMessageRefused: () => expect.fail("refused"),
  });
  memory.ranges.add(heldRange({ address: 0, byteLength: 2 * edge, canRead: true, canWrite: true }, shared));
  const sent = MemoryView.ofSize(longest);
  for (let at = 0; at < longest; at++) sent.bytes[at] = at * 7 + (at >> 8);
  expect(memory.write(edge - 4, sent, 0, longest, longest - 4)).toBeUndefined();
  expect(memory.read(edge - 4, longest, 0, 0)).toBeUndefined();
  expect(Buffer.compare(seen, sent.bytes)).toBe(0);
  const kept = Buffer.alloc(longest);
  readSync(file.descriptor, kept, 0, longest, edge - 4);
  expect(Buffer.compare(kept, sent.bytes)).toBe(0);
  memory.ranges.clear();
  closeSync(file.descriptor);
});
