import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { ixgbe } from "../../../devices/ixgbe/index.ts";
import { Rng } from "../../../emulator/run/rng.ts";
import { CopiedFile } from "../../../harness/vfio-user/copied-file.ts";
import * as p from "../../../harness/vfio-user/protocol.ts";
import { ServedDevice } from "../../../harness/vfio-user/served-device.ts";
import { Session } from "../../../harness/vfio-user/session.ts";
import type { DescriptorUse } from "../../../harness/vfio-user/shared-memory.ts";
import { Client, GOOD_REQUESTS, rangeOf, wordsOf } from "./client.ts";

const MESSAGE_COUNT = 100_000;
const ROUND = 10_000;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function liveBytes(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** A right message of some kind, then up to four things done to it. */
function spoiled(rng: Rng): Buffer {
  const [command, payload] = GOOD_REQUESTS[rng.below(GOOD_REQUESTS.length)] as (typeof GOOD_REQUESTS)[number];
  return spoil(rng, p.messageOf(rng.below(65_536), command, 0, payload));
}

function spoil(rng: Rng, right: Buffer): Buffer {
  let message = right;
  for (let times = rng.below(5); times > 0; times--) {
    const at = rng.below(message.length);
    switch (rng.below(6)) {
      case 0:
        message[at] = rng.below(256);
        break;
      case 1:
        // A number as hostile as they come, somewhere in the payload.
        message.fill(rng.below(2) === 0 ? 0xff : 0x80, at, Math.min(message.length, at + 8));
        break;
      case 2:
        message.writeUInt16LE(rng.below(20), 2);
        break;
      case 3:
        message.writeUInt32LE(rng.below(64), 8);
        break;
      case 4:
        message = p.messageOf(1, message.readUInt16LE(2), 0, message.subarray(16, 16 + rng.below(message.length)));
        break;
      default:
        message = Buffer.concat([message, Buffer.alloc(rng.below(40), rng.below(256))]);
        message.writeUInt32LE(message.length, 4);
    }
  }
  // One that lies about its length swallows those behind it: now and then is enough.
  if (rng.below(16) !== 0) message.writeUInt32LE(message.length, 4);
  return message;
}

test(`${MESSAGE_COUNT} spoiled messages: each is refused or served, and the next client finds the device as ever`, {
  timeout: 120_000,
}, async () => {
  // A fixed one, since the counts below depend on it: a length of a megabyte swallows ten thousand messages.
  const seed = 7;
  console.log(`hostile vfio-user messages, seed ${seed}`);
  const rng = new Rng(seed);
  const device = await ServedDevice.load(edu(), false);
  let [refusedCount, brokenCount, replyCount] = [0, 0, 0];
  const write = (message: Buffer): void => {
    if (message.readUInt32LE(4) !== message.length) expect.fail("a reply whose length is not its own");
    if ((message.readUInt32LE(8) & p.FLAG_ERROR) !== 0) refusedCount++;
    replyCount++;
  };
  const open = (): Session => {
    const session = new Session(device, { write, notice: () => {}, hangUp: (reason) => expect.fail(reason) });
    session.receive(p.messageOf(0, p.VERSION, 0, Buffer.concat([Buffer.alloc(4), Buffer.from("{}\0")])));
    return session;
  };
  let session = open();
  const sizes: number[] = [];
  for (let count = 0; count < MESSAGE_COUNT; count++) {
    try {
      session.receive(spoiled(rng));
    } catch (error) {
      expect(error).toBeInstanceOf(p.ProtocolError);
      brokenCount++;
      session.close();
      session = open();
    }
    if (count % ROUND !== 0) continue;
    // What a client has mapped and asked for is its to hold; what is left when it is gone is a leak.
    session.close();
    sizes.push(liveBytes());
    session = open();
  }
  session.close();
  // A message that lies about its length swallows those behind it: far from all are answered.
  expect(refusedCount).toBeGreaterThan(MESSAGE_COUNT / 50);
  expect(brokenCount).toBeGreaterThan(20);
  expect(replyCount).toBeGreaterThan(MESSAGE_COUNT / 20);
  // A leak of one small object a message would be more. The least of each half: single looks find garbage in the heap.
  const [early, late] = [Math.min(...sizes.slice(0, 5)), Math.min(...sizes.slice(5))];
  expect(late - early).toBeLessThan(MESSAGE_COUNT * 40);
  const next = new Client(device);
  next.negotiate();
  next.write32(p.REGION_CONFIG, 0x04, 0x0006, 2);
  expect(next.read32(p.REGION_CONFIG, 0x00)).toBe(0x11e8_1234);
  expect(next.read32(0, 0x00)).toBe(0x0100_00ed);
  next.session.close();
  device.close();
});

// The ring of transmit queue 0 and its registers (82599 data sheet, 8.2.3.9 and 7.2.3.2.3).
const RING = 0x20_0000;
const [TDBAL, TDLEN, TDT, TXDCTL, DMATXCTL] = [0x6000, 0x6008, 0x6018, 0x6028, 0x4a80];

test("600 spoiled replies to what the card asks of the client: each is a finding or the end of that client, and no more", {
  timeout: 60_000,
}, async () => {
  const rng = new Rng(11);
  const device = await ServedDevice.load(ixgbe({ linkUpNs: 0 }), false);
  let client = new Client(device);
  const begin = (): void => {
    client.isServing = false;
    client.negotiate();
    client.must(p.DMA_MAP, rangeOf([32, 3], [0, RING, 0x1000]));
  };
  begin();
  let [refusedCount, brokenCount] = [0, 0];
  for (let round = 0; round < 600; round++) {
    client.write32(p.REGION_CONFIG, 0x04, 0x0006, 2);
    for (const [register, value] of [
      [DMATXCTL, 1],
      [TDBAL, RING],
      [TDLEN, 0x1000],
      [TXDCTL, 1 << 25],
      [TDT, 1],
    ] as const) {
      client.write32(0, register, value);
    }
    const request = client.open.shift();
    if (request === undefined) throw new Error(`round ${round}: the card did not ask for its descriptor`);
    const right = p.messageOf(
      request.id,
      p.DMA_READ,
      p.FLAG_REPLY,
      Buffer.concat([request.payload.subarray(0, 16), Buffer.alloc(Number(request.payload.readBigUInt64LE(8)))]),
    );
    const before = device.findings.find(({ rule }) => rule === "dma-read-refused")?.count ?? 0;
    try {
      client.session.receive(spoil(rng, right));
      if ((device.findings.find(({ rule }) => rule === "dma-read-refused")?.count ?? 0) > before) refusedCount++;
      client.must(p.DEVICE_RESET, new Uint8Array());
    } catch (error) {
      // The length lied, so that what came behind was swallowed, or another request was named.
      if (!(error instanceof p.ProtocolError)) expect(String(error)).toMatch(/DEVICE_RESET: errno undefined/);
      brokenCount++;
      client.session.close();
      client = new Client(device);
      begin();
    }
    client.open.length = 0;
  }
  expect(refusedCount).toBeGreaterThan(100);
  expect(brokenCount).toBeGreaterThan(3);
  client.session.close();
  device.close();
});

test("5000 spoiled messages with descriptors: each of these is closed exactly once, however its client ends", {
  timeout: 60_000,
}, async () => {
  const rng = new Rng(5);
  const device = await ServedDevice.load(edu(), true);
  const open = new Set<number>();
  let [nextDescriptor, signalCount, shareCount] = [1000, 0, 0];
  const close = (descriptor: number): void => {
    if (!open.delete(descriptor)) expect.fail(`descriptor ${descriptor} is closed twice`);
  };
  const use: DescriptorUse = {
    share: (descriptor) => {
      shareCount++;
      if (rng.below(3) === 0) throw new Error("none of ours");
      return rng.below(2) === 0
        ? { form: "messages" }
        : { form: "copied", file: new CopiedFile(descriptor, 0, () => close(descriptor)) };
    },
    signal: (descriptor) => {
      if (rng.below(4) === 0) throw new Error("no event descriptor");
      signalCount++;
      return { signal: () => {}, close: () => close(descriptor) };
    },
    close,
  };
  const peer = { write: () => {}, notice: () => {}, hangUp: (reason: string) => expect.fail(reason) };
  const begin = (): Session => {
    const session = new Session(device, peer, use);
    session.receive(p.messageOf(0, p.VERSION, 0, Buffer.concat([Buffer.alloc(4), Buffer.from("{}\0")])));
    return session;
  };
  const end = (session: Session): void => {
    session.close();
    expect([...open]).toEqual([]);
  };
  const forms: readonly (readonly [number, Uint8Array])[] = [
    [p.DEVICE_SET_IRQS, wordsOf(20, p.SET_DATA_EVENTFD | p.SET_ACTION_TRIGGER, p.IRQ_MSI, 0, 1)],
    [p.DEVICE_SET_IRQS, wordsOf(20, p.SET_DATA_EVENTFD | p.SET_ACTION_UNMASK, p.IRQ_INTX, 0, 1)],
    [p.DEVICE_SET_IRQS, wordsOf(20, p.SET_DATA_NONE | p.SET_ACTION_TRIGGER, p.IRQ_MSI, 0, 1)],
    [p.DMA_MAP, rangeOf([32, 3], [0, 0x10000, 0x1000])],
    [p.DMA_UNMAP, rangeOf([24, 0], [0x10000, 0x1000])],
    [p.DEVICE_GET_INFO, wordsOf(16, 0, 0, 0)],
  ];
  let session = begin();
  for (let count = 0; count < 5000; count++) {
    const [command, payload] = forms[rng.below(forms.length)] as (typeof forms)[number];
    const right = p.messageOf(count & 0xffff, command, 0, payload);
    const message = rng.below(2) === 0 ? right : spoil(rng, right);
    const given = Array.from({ length: rng.below(4) === 0 ? rng.below(20) : rng.below(2) }, () => nextDescriptor++);
    for (const descriptor of given) open.add(descriptor);
    try {
      session.receive(message, given);
      if (rng.below(1000) !== 0) continue;
    } catch (error) {
      expect(error).toBeInstanceOf(p.ProtocolError);
    }
    end(session);
    session = begin();
  }
  end(session);
  expect(Math.min(signalCount, shareCount)).toBeGreaterThan(100);
  device.close();
});

test("a stream is cut into the same messages wherever the pieces end", () => {
  const messages = GOOD_REQUESTS.map(([command, payload], index) => p.messageOf(index, command, 0, payload));
  const whole = Buffer.concat(messages);
  fc.assert(
    fc.property(fc.array(fc.nat(whole.length), { maxLength: 12 }), (cuts) => {
      const stream = new p.MessageStream();
      const seen: Buffer[] = [];
      const places = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
      for (let index = 1; index < places.length; index++) {
        stream.take(Buffer.from(whole.subarray(places[index - 1], places[index])), [], (message) =>
          seen.push(p.messageOf(message.id, message.command, message.flags, message.payload)),
        );
      }
      expect(Buffer.concat(seen).equals(whole)).toBe(true);
      expect(seen.length).toBe(messages.length);
    }),
  );
});
