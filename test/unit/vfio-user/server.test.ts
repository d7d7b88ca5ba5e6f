import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import type { Libc } from "../../../harness/native/libc.ts";
import { listenByLibc } from "../../../harness/vfio-user/connection.ts";
import * as p from "../../../harness/vfio-user/protocol.ts";
import { VfioUserServer } from "../../../harness/vfio-user/server.ts";
import { accessOf, GOOD_REQUESTS } from "./client.ts";

const folder = mkdtempSync(join(tmpdir(), "softbar-vfio-"));
afterAll(() => rmSync(folder, { recursive: true }));

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
    const talk = Buffer.concat([
      version,
      ...GOOD_REQUESTS.map(([command, payload]) => p.messageOf(2, command, 0, payload)),
    ]);
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

test.for(forms)(
  "a second server does not take a live one's socket, and is no client of it, descriptors $descriptors",
  async (form) => {
    const path = join(folder, "live.sock");
    const events: string[] = [];
    const first = await VfioUserServer.listen(edu(), path, {
      ...form,
      onConnect: () => events.push("connect"),
      onDisconnect: () => events.push("disconnect"),
    });
    await expect(VfioUserServer.listen(edu(), path, form)).rejects.toThrow(/is served already: end the other server/);
    const client = await opened(path);
    expect((await answerTo(client, version)).readUInt32LE(8)).toBe(p.FLAG_REPLY);
    expect(events).toEqual(["connect"]);
    client.destroy();
    // Another one that has its place by now, as it would after a file was removed by hand, keeps it.
    renameSync(path, join(folder, "elsewhere.sock"));
    const second = await VfioUserServer.listen(edu(), path, form);
    const { ino } = statSync(path);
    await first.close();
    expect(statSync(path).ino).toBe(ino);
    const other = await opened(path);
    expect((await answerTo(other, version)).readUInt32LE(8)).toBe(p.FLAG_REPLY);
    other.destroy();
    // A server that was killed leaves its socket behind: nobody answers there.
    rmSync(path);
    renameSync(join(folder, "elsewhere.sock"), path);
    await using third = await VfioUserServer.listen(edu(), path, form);
    await second.close();
    expect(third.path).toBe(path);
    const last = await opened(path);
    expect((await answerTo(last, version)).readUInt32LE(8)).toBe(p.FLAG_REPLY);
    last.destroy();
  },
);

test.for(forms)(
  "a fault of a model ends its client, told with its error, and not the server, descriptors $descriptors",
  async (form) => {
    const path = join(folder, "fault.sock");
    const faults: unknown[] = [];
    const reasons: (string | undefined)[] = [];
    await using server = await VfioUserServer.listen(edu(), path, {
      ...form,
      onFault: (error) => faults.push(error),
      onDisconnect: (reason) => reasons.push(reason),
    });
    const { device } = server.device.endpoint;
    const onRead = device.onRead.bind(device);
    device.onRead = () => {
      throw new Error("a model that is wrong");
    };
    const client = await opened(path);
    await answerTo(client, version);
    const enable = p.messageOf(
      2,
      p.REGION_WRITE,
      0,
      Buffer.concat([accessOf(4, p.REGION_CONFIG, 2), Uint8Array.of(6, 0)]),
    );
    await answerTo(client, enable);
    const read = p.messageOf(3, p.REGION_READ, 0, accessOf(0, 0, 4));
    await expect(answerTo(client, read)).rejects.toThrow("the server hung up");
    expect(faults).toEqual([new Error("a model that is wrong")]);
    device.onRead = onRead;
    const next = await opened(path);
    await answerTo(next, version);
    expect(reasons).toEqual(["a fault of the server's own: a model that is wrong"]);
    await answerTo(next, enable);
    expect((await answerTo(next, read)).readUInt32LE(p.HEADER_BYTES + 16)).toBe(0x0100_00ed);
    // What the device does by itself, between messages, is caught too.
    server.device.onFault(new Error("in a timer"));
    await new Promise((resolve) => next.once("close", resolve));
    expect(faults.length).toBe(2);
    next.destroy();
  },
);

test("a process that can open nothing more tries the next connection again after a while, and not all the time", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "setImmediate"] });
  try {
    let acceptCount = 0;
    const answers: (number | "no room" | undefined)[] = ["no room", "no room", 7, undefined];
    const seen: unknown[] = [];
    // The calls of a system without room, whose listener stays readable.
    const system = {
      createEpoll: () => 3,
      listen: () => 4,
      watch: () => {},
      whenReady: (_epoll: number, _limitMs: number, callback: (descriptors: readonly number[]) => void) =>
        void setImmediate(() => callback(acceptCount < answers.length ? [4] : [])),
      accept: () => answers[acceptCount++],
    };
    listenByLibc(system as unknown as Libc, "/nowhere", (connection) => seen.push(connection));
    vi.advanceTimersByTime(50);
    expect(acceptCount).toBe(1);
    vi.advanceTimersByTime(100);
    expect([acceptCount, seen.length]).toEqual([2, 0]);
    vi.advanceTimersByTime(100);
    expect([acceptCount, seen.length]).toEqual([4, 1]);
  } finally {
    vi.useRealTimers();
  }
});
