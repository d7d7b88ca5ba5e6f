import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { Rng } from "../../../emulator/run/rng.ts";
import * as p from "../../../harness/vfio-user/protocol.ts";
import { ServedDevice } from "../../../harness/vfio-user/served-device.ts";
import { VfioUserServer } from "../../../harness/vfio-user/server.ts";
import { Session } from "../../../harness/vfio-user/session.ts";
import { accessOf, Client, rangeOf, wordsOf } from "./client.ts";

const folder = mkdtempSync(join(tmpdir(), "softbar-vfio-"));
afterAll(() => rmSync(folder, { recursive: true }));

const MESSAGE_COUNT = 100_000;
const ROUND = 10_000;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function liveBytes(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Requests that are right, of every kind. */
const good: readonly (readonly [number, Uint8Array])[] = [
  [p.VERSION, Buffer.concat([Buffer.alloc(4), Buffer.from("{}\0")])],
  [p.DEVICE_GET_INFO, wordsOf(16, 0, 0, 0)],
  [p.DEVICE_GET_REGION_INFO, wordsOf(32, 0, 0, 0, 0, 0, 0, 0)],
  [p.DEVICE_GET_IRQ_INFO, wordsOf(16, 0, 1, 0)],
  [p.DEVICE_SET_IRQS, wordsOf(20, 0x24, 1, 0, 1)],
  [p.DMA_MAP, rangeOf([32, 3], [0, 0x10000, 0x10000])],
  [p.DMA_UNMAP, rangeOf([24, 0], [0x10000, 0x10000])],
  [p.REGION_READ, accessOf(8, 0, 4)],
  [p.REGION_WRITE, Buffer.concat([accessOf(4, p.REGION_CONFIG, 2), Uint8Array.of(6, 0)])],
  [p.REGION_WRITE, Buffer.concat([accessOf(0x6018, 0, 4), wordsOf(7)])],
  [p.REGION_WRITE_MULTI, Buffer.concat([rangeOf([], [1]), accessOf(0x1018, 0, 4), rangeOf([9, 0], [])])],
  [p.DEVICE_RESET, new Uint8Array()],
];

/** A right message of some kind, then up to four things done to it. */
function spoiled(rng: Rng): Buffer {
  const [command, payload] = good[rng.below(good.length)] as (typeof good)[number];
  let message = p.messageOf(rng.below(65_536), command, 0, payload);
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

test("a stream is cut into the same messages wherever the pieces end", () => {
  const messages = good.map(([command, payload], index) => p.messageOf(index, command, 0, payload));
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

function opened(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** Sends bytes and waits for the first reply; rejects when the server hangs up first. */
function answerTo(socket: Socket, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    socket.once("data", resolve);
    socket.once("close", () => reject(new Error("the server hung up")));
    socket.write(bytes);
  });
}

const version = p.messageOf(1, p.VERSION, 0, Buffer.concat([Buffer.alloc(4), Buffer.from("{}\0")]));

const forms = [{ descriptors: "never" }, { descriptors: "auto" }] as const;

test.for(forms)(
  "a client that dies at any byte leaves the device to the next one, descriptors $descriptors",
  {
    timeout: 60_000,
  },
  async (form) => {
    const path = join(folder, "dying.sock");
    await using server = await VfioUserServer.listen(edu(), path, form);
    const talk = Buffer.concat([version, ...good.map(([command, payload]) => p.messageOf(2, command, 0, payload))]);
    for (let length = 1; length < talk.length; length += 7) {
      const socket = await opened(path);
      await new Promise<void>((resolve) => socket.write(talk.subarray(0, length), () => resolve()));
      socket.destroy();
    }
    const next = await opened(path);
    expect((await answerTo(next, version)).readUInt32LE(8)).toBe(p.FLAG_REPLY);
    next.destroy();
    expect(server.device.machine.host.isIdle()).toBe(true);
  },
);

test.for(forms)(
  "a second client waits for the first; what is no vfio-user is hung up on, with the reason, descriptors $descriptors",
  {
    timeout: 20_000,
  },
  async (form) => {
    const path = join(folder, "two.sock");
    const reasons: (string | undefined)[] = [];
    await using _server = await VfioUserServer.listen(edu(), path, {
      ...form,
      onDisconnect: (reason) => reasons.push(reason),
    });
    const first = await opened(path);
    await answerTo(first, version);
    const second = await opened(path);
    const waiting = answerTo(second, version);
    const early = await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 50, "nothing"))]);
    expect(early).toBe("nothing");
    first.destroy();
    expect((await waiting).readUInt32LE(8)).toBe(p.FLAG_REPLY);
    const closed = new Promise((resolve) => second.once("close", resolve));
    second.write(Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    await closed;
    for (let tries = 0; reasons.length < 2 && tries < 200; tries++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(reasons).toEqual([
      undefined,
      expect.stringMatching(/says that it is \d+ bytes long; a message has 16 to 1048640/),
    ]);
  },
);

test("a file in the way that is no socket is not touched; one that a server left behind is replaced", async () => {
  const path = join(folder, "file");
  writeFileSync(path, "precious");
  await expect(VfioUserServer.listen(edu(), path)).rejects.toThrow(/is a file and no socket; it is not touched/);
  rmSync(path);
  const server = await VfioUserServer.listen(edu(), path);
  await server.close();
  expect(existsSync(path)).toBe(false);
});
