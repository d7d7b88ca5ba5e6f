import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import { DmaRequests } from "../../../harness/vfio-user/dma-requests.ts";
import { DMA_READ, DMA_WRITE, type Message } from "../../../harness/vfio-user/protocol.ts";

const MEMORY_BYTES = 1 << 14;

interface Asked {
  readonly id: number;
  readonly command: number;
  readonly address: number;
  readonly byteLength: number;
  readonly data: Buffer;
}

/** The client's end: its memory, and what it has been asked and has not answered. */
class ClientEnd {
  readonly memory: Uint8Array = Uint8Array.from({ length: MEMORY_BYTES }, (_, at) => at * 13 + (at >> 8));
  readonly asked: Asked[] = [];
  readonly reasons: string[] = [];
  /** What the card got: "read 7", "read 7 refused", "write refused", …. */
  readonly told: string[] = [];
  /** By tag. */
  readonly got = new Map<number, Uint8Array>();
  askedCount = 0;
  readonly requests: DmaRequests = new DmaRequests(
    {
      send: (id, command, payload) => {
        this.askedCount++;
        if (this.asked.some((each) => each.id === id)) expect.fail(`id ${id} is asked twice`);
        const [address, byteLength] = [0, 8].map((at) => Number(payload.readBigUInt64LE(at))) as [number, number];
        if (byteLength > this.requests.transferBytes) expect.fail(`${byteLength} bytes in one message`);
        this.asked.push({ id, command, address, byteLength, data: payload.subarray(16) });
      },
      hangUp: (reason) => void this.reasons.push(reason),
    },
    {
      onData: (tag, _context, memory, offset, byteLength) => {
        this.told.push(`read ${tag}`);
        this.got.set(tag, memory.bytes.slice(offset, offset + byteLength));
      },
      onReadRefused: (tag) => void this.told.push(`read ${tag} refused`),
      onWriteRefused: () => void this.told.push("write refused"),
      onMessageRefused: () => void this.told.push("message refused"),
    },
  );

  /** Takes one of the unanswered out, does it, and answers. */
  answer(nth: number, changes: Partial<Message> = {}): boolean {
    const [one] = this.asked.splice(nth, 1);
    const { id, command, address, byteLength, data } = one as Asked;
    const header = Buffer.alloc(16);
    header.writeBigUInt64LE(BigInt(address), 0);
    header.writeBigUInt64LE(BigInt(byteLength), 8);
    if (command === DMA_WRITE && changes.errno === undefined) this.memory.set(data, address);
    const bytes = command === DMA_READ ? this.memory.subarray(address, address + byteLength) : new Uint8Array();
    const payload = Buffer.concat([header, bytes]);
    return this.requests.reply({ id, command, flags: 1, errno: 0, payload, descriptors: [], ...changes });
  }
}

function viewOf(bytes: Uint8Array): MemoryView {
  const view = MemoryView.ofSize(bytes.length);
  view.bytes.set(bytes);
  return view;
}

test("whatever the client's limit and the order of its answers, what is read and written is what a copy would do", () => {
  const request = fc.record({
    isRead: fc.boolean(),
    address: fc.nat(MEMORY_BYTES - 200),
    byteLength: fc.integer({ min: 1, max: 200 }),
    isFlagged: fc.boolean(),
  });
  const property = fc.property(
    fc.integer({ min: 1, max: 250 }),
    fc.array(request, { maxLength: 10 }),
    fc.array(fc.nat(1000), { minLength: 1 }),
    (transferBytes, all, choices) => {
      const client = new ClientEnd();
      client.requests.transferBytes = transferBytes;
      const before = client.memory.slice();
      const model = client.memory.slice();
      const expected = new Map<number, Uint8Array>();
      // Reads first: answers come in any order, and what a read finds of a write that is under way is not said.
      for (const [tag, { isRead, address, byteLength }] of all.entries()) {
        if (!isRead) continue;
        expected.set(tag, before.slice(address, address + byteLength));
        client.requests.read(address, byteLength, tag, 0);
      }
      let turn = 0;
      const drain = (): void => {
        while (client.asked.length > 0) {
          client.answer((choices[turn++ % choices.length] as number) % client.asked.length);
        }
      };
      drain();
      for (const [tag, { isRead, address, byteLength, isFlagged }] of all.entries()) {
        if (isRead) continue;
        const data = Uint8Array.from({ length: byteLength }, (_, at) => tag * 31 + at);
        model.set(data, address);
        const flagOffset = isFlagged && byteLength >= 8 ? (byteLength >> 3) * 4 : -1;
        client.requests.write(address, viewOf(data), 0, byteLength, flagOffset);
        // The flag's word is asked for last, after all the rest, unless all goes as one.
        if (flagOffset >= 0 && byteLength > transferBytes) {
          const last = client.asked.at(-1) as Asked;
          expect(last.address + last.byteLength).toBe(address + flagOffset + 4);
        }
        drain();
      }
      expect(client.got).toEqual(expected);
      expect(client.memory).toEqual(model);
      expect([client.requests.isIdle, client.requests.readCount, client.requests.unacknowledgedCount]).toEqual([
        true,
        0,
        0,
      ]);
      expect(client.reasons).toEqual([]);
    },
  );
  fc.assert(property, { numRuns: 100 });
});

test("ids pass over those that are unanswered, however often they wrap; not more are asked at once than the window", () => {
  const client = new ClientEnd();
  const data = viewOf(Uint8Array.of(1, 2, 3, 4));
  // The oldest one is never answered.
  client.requests.read(0, 4, 99, 0);
  for (let count = 0; count < 70_000; count++) {
    client.requests.write(4 * (count % 1000), data, 0, 4, -1);
    client.answer(1);
  }
  expect(client.askedCount).toBe(70_001);
  expect(client.requests.unacknowledgedCount).toBe(0);
  for (let count = 0; count < 1000; count++) client.requests.write(4 * count, data, 0, 4, -1);
  expect(client.asked.length).toBe(256);
  expect(client.requests.unacknowledgedCount).toBe(1000);
  const addresses: number[] = [];
  while (client.asked.length > 1) {
    addresses.push((client.asked[1] as Asked).address);
    client.answer(1);
  }
  // What was held back goes out in its order.
  expect(addresses).toEqual(Array.from({ length: 1000 }, (_, count) => 4 * count));
  client.answer(0);
  expect([client.requests.isIdle, client.told, client.reasons]).toEqual([true, ["read 99"], []]);
});

test("a client that does not answer is hung up on, once, before it fills the memory", () => {
  const client = new ClientEnd();
  const data = MemoryView.ofSize(1 << 20);
  for (let count = 0; client.reasons.length === 0 && count < 1000; count++) {
    client.requests.write(0, data, 0, 1 << 20, -1);
    client.requests.read(0, 64, 0, 0);
  }
  // Half of the window in MiB, and as much again as is held.
  expect(client.requests.unacknowledgedCount).toBe(128 + 65);
  for (let count = 0; count < 10; count++) client.requests.write(0, data, 0, 1 << 20, -1);
  expect(client.reasons).toEqual([expect.stringMatching(/^it answers the card's DMA too slowly or not at all: 256 /)]);
  const many = new ClientEnd();
  for (let count = 0; many.reasons.length === 0 && count < 100_000; count++) many.requests.read(0, 4, 0, 0);
  expect(many.requests.readCount).toBe(256 + 65_536 + 1);
});

test("a part that is refused, or answered with something else, refuses the whole; the rest of it is not asked for", () => {
  const spoils: readonly Partial<Message>[] = [
    { errno: 14 },
    { command: DMA_WRITE },
    { payload: Buffer.alloc(0) },
    { payload: Buffer.concat([Buffer.alloc(8, 0xff), Buffer.alloc(8), Buffer.alloc(64)]) },
    { payload: Buffer.concat([Buffer.alloc(16), Buffer.alloc(64)]) },
  ];
  for (const spoil of spoils) {
    const client = new ClientEnd();
    client.requests.transferBytes = 64;
    client.requests.read(0x100, 256 * 64 + 128, 5, 0);
    expect(client.answer(3, spoil)).toBe(true);
    expect(client.told).toEqual([]);
    while (client.asked.length > 0) client.answer(0);
    expect(client.askedCount).toBe(256);
    expect([client.told, client.requests.isIdle]).toEqual([["read 5 refused"], true]);
  }
  const client = new ClientEnd();
  client.requests.write(0, MemoryView.ofSize(64), 0, 64, -1);
  client.requests.write(0, MemoryView.ofSize(64), 0, 64, -1);
  client.requests.writeMessage(0xfee0_0000, 3);
  client.answer(0, { errno: 14 });
  client.answer(0, { command: DMA_READ });
  client.answer(0, { errno: 14 });
  expect(client.told).toEqual(["write refused", "write refused", "message refused"]);
  expect([client.requests.isIdle, client.requests.unacknowledgedCount]).toEqual([true, 0]);
});

test("after a reset no read is answered or asked for any more; writes from before it are made", () => {
  const client = new ClientEnd();
  client.requests.transferBytes = 4;
  client.requests.read(0, 4000, 1, 0);
  client.requests.write(0, viewOf(Uint8Array.of(9, 9, 9, 9)), 0, 4, -1);
  client.requests.cancelReads();
  expect(client.requests.readCount).toBe(0);
  client.requests.read(0, 4, 2, 0);
  while (client.asked.length > 0) client.answer(0);
  expect([client.askedCount, client.told, client.requests.isIdle]).toEqual([258, ["read 2"], true]);
  expect(client.got.get(2)).toEqual(Uint8Array.of(9, 9, 9, 9));
  expect(
    client.requests.reply({ id: 1, command: DMA_READ, flags: 1, errno: 0, payload: Buffer.alloc(0), descriptors: [] }),
  ).toBe(false);
});
