import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DIRECTION_INBOUND, DIRECTION_OUTBOUND } from "../../emulator/wire/capture/capture-record.ts";
import { PcapWriter } from "../../emulator/wire/capture/write-pcap.ts";
import { PcapngWriter } from "../../emulator/wire/capture/write-pcapng.ts";
import { appendFcs } from "../../emulator/wire/crc32.ts";
import type { CaptureInfo } from "../../harness/capture/capture-info.ts";
import { frames } from "../../harness/frames.ts";
import type { ReplayReport } from "../../harness/replay/replay-report.ts";
import { CommandProcess, type Run } from "./command-line.ts";

const commands = new CommandProcess();
const softbar = (...words: string[]): Promise<Run> => commands.run(words);

let folder = "";
const path = (name: string): string => join(folder, name);

/** Fifty frames 1 ms apart, cooked: 16 bytes of Linux header in the place of Ethernet's 14. */
function cooked(): Uint8Array {
  const writer = new PcapWriter(113);
  for (const [index, frame] of frames(50).entries()) {
    const bytes = new Uint8Array(frame.length + 2);
    bytes.set([0, 0, 0, 1, 0, 6, ...frame.subarray(6, 12), 0, 0, ...frame.subarray(12, 14)]);
    bytes.set(frame.subarray(14), 16);
    writer.append(1, index * 1_000_000, bytes);
  }
  return writer.bytes;
}

/** Two ports whose frames alternate in the file, each in order, the second one 1 ms behind. */
function twoPorts(): Uint8Array {
  const writer = new PcapngWriter();
  for (const name of ["port 0", "port 1"]) writer.addInterface({ name, bitsPerSecond: 10e9 });
  for (const [index, frame] of frames(40).entries()) {
    const port = index % 2;
    const ns = 5_000_000 + index * 100_000 - port * 1_000_000;
    writer.append(port, 1_700_000_000, ns, frame, { direction: port === 0 ? DIRECTION_INBOUND : DIRECTION_OUTBOUND });
  }
  writer.addStatistics(1, 1_700_000_001, 0, { receivedCount: 27, droppedCount: 7 });
  return writer.bytes;
}

/** A stamp of Metamako behind each frame, a minute later than the capture's clock and in order, which that is not. */
function stamped(): Uint8Array {
  const writer = new PcapWriter();
  for (const [index, frame] of frames(30).entries()) {
    const bytes = new Uint8Array(frame.length + 16);
    bytes.set(frame);
    appendFcs(bytes, 0, frame.length);
    const view = new DataView(bytes.buffer, frame.length + 4);
    view.setUint32(0, 1_700_000_060);
    view.setUint32(4, index * 1000);
    view.setUint32(8, 0x0100_0102);
    writer.append(1_700_000_000, index % 2 === 0 ? 500 : 0, bytes);
  }
  return writer.bytes;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "softbar-capture-cli-"));
  const whole = new PcapWriter();
  for (const [index, frame] of frames(50).entries()) whole.append(1_700_000_000, index * 1000 + 7, frame);
  writeFileSync(path("whole.pcap"), whole.bytes);
  writeFileSync(path("whole.pcap.gz"), gzipSync(whole.bytes));
  writeFileSync(path("whole.zst"), zstdCompressSync(whole.bytes));
  writeFileSync(path("cut.pcap"), whole.bytes.subarray(0, whole.bytes.length - 5));
  const damaged = whole.bytes.slice();
  damaged.fill(0xff, 24 + 8, 24 + 12);
  writeFileSync(path("damaged.pcap"), damaged);
  writeFileSync(path("no-frames.pcap"), new PcapWriter().bytes);
  writeFileSync(path("empty.pcap"), "");
  writeFileSync(path("text.pcap"), "time,price\n09:30:00,101.25\n");
  writeFileSync(path("cooked.pcap"), cooked());
  writeFileSync(path("two-ports.pcapng"), twoPorts());
  writeFileSync(path("stamped.pcap"), stamped());
  mkdirSync(path("folder.pcap"));
});

afterAll(() => {
  commands.close();
  rmSync(folder, { recursive: true });
});

async function infoOf(name: string): Promise<CaptureInfo> {
  const run = await softbar("capture", "info", path(name), "--json");
  expect(run).toMatchObject({ code: 0, stderr: "" });
  return (JSON.parse(run.stdout) as { captures: [CaptureInfo] }).captures[0];
}

describe("softbar capture info", () => {
  test("says at a glance what is in a capture, times with all nine digits", async () => {
    const run = await softbar("capture", "info", path("whole.pcap"));
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toContain(`${path("whole.pcap")} (pcap, little-endian, `);
    expect(run.stdout).toMatch(/^ {2}packets +50 /m);
    expect(run.stdout).toMatch(/^ {2}from +2023-11-14 22:13:20\.000000007 UTC$/m);
    expect(run.stdout).toMatch(/^ {2}to +2023-11-14 22:13:20\.000049007 UTC +49\.0 µs /m);
    expect(run.stdout).toMatch(/^ {2}order +in order of time$/m);
    expect(run.stdout).toMatch(/^ {2}bursts +most packets in 1 µs 1 {3}10 µs 10 {3}100 µs 50 {3}/m);
    expect(run.stdout).toMatch(/^ {2}gaps +smallest 1\.00 µs +median 1\.00 µs +largest 1\.00 µs$/m);
    expect(run.stdout).not.toContain("\u001b");
  });

  test("tells the interfaces of a pcapng, what they lost, and that it is not in order of time", async () => {
    const info = await infoOf("two-ports.pcapng");
    expect(info).toMatchObject({ format: "pcapng", compression: null, lateCount: 0, records: { stepBackCount: 20 } });
    expect(info.details.interfaces).toMatchObject([
      { name: "port 0", packetCount: 20, droppedCount: null },
      { name: "port 1", packetCount: 20, droppedCount: 7, receivedCount: 27 },
    ]);
    const { stdout } = await softbar("capture", "info", path("two-ports.pcapng"));
    expect(stdout).toMatch(/^ {2}if 1 +port 1, 1 \(Ethernet\), ticks of 1 ns, 20 packets, 7 lost while capturing$/m);
    expect(stdout).toMatch(/^ {2}order +20 steps back in the file, by 900 µs at most$/m);
  });

  test.each(["whole.pcap.gz", "whole.zst"])("unpacks %s", async (name) => {
    const { name: _, compression, fileByteLength, ...plain } = await infoOf("whole.pcap");
    const packed = await infoOf(name);
    expect(packed).toMatchObject(plain);
    expect(packed.compression).toBe(name === "whole.zst" ? "zstd" : "gzip");
    expect(packed.fileByteLength).toBeLessThan(fileByteLength ?? 0);
  });

  test("finds what a capture device put behind the frames, and says which flag takes it off", async () => {
    const { stdout } = await softbar("capture", "info", path("stamped.pcap"));
    expect(stdout).toMatch(/^ {2}trailer +of metamako behind 30 frames: --trailer metamako takes it off in a replay$/m);
  });

  test("a capture without packets is one", async () => {
    const run = await softbar("capture", "info", path("no-frames.pcap"));
    expect(run).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringMatching(/packets +none: the capture is empty/),
    });
  });

  test.each([
    ["cut.pcap", /^ {2}damage +the file ends inside record 50, .* at least 5 bytes are missing\.$/m, 49],
    ["damaged.pcap", /^ {2}damage +record 1 at file offset 0x0018 claims 4294967295 bytes/m, 0],
  ] as const)("%s: what is whole, where the damage is, and exit code 1", async (name, says, packetCount) => {
    const run = await softbar("capture", "info", path(name));
    expect(run).toMatchObject({ code: 1, stderr: "", stdout: expect.stringMatching(says) });
    const told = await softbar("capture", "info", "--json", path(name));
    expect(told.code).toBe(1);
    const [info] = (JSON.parse(told.stdout) as { captures: [CaptureInfo] }).captures;
    expect(info).toMatchObject({ records: { packetCount }, damage: { fileOffset: expect.any(Number) } });
  });

  test("several files are told one after the other; one that is no capture does not keep back the others", async () => {
    const names = ["whole.pcap", "empty.pcap", "folder.pcap", "text.pcap", "nowhere.pcap", "cooked.pcap"];
    const run = await softbar("capture", "info", ...names.map(path));
    expect(run.code).toBe(2);
    expect(run.stderr.split("\n").map((line) => line.replaceAll(`${folder}/`, ""))).toEqual([
      "softbar: empty.pcap: the file is empty.",
      "softbar: folder.pcap: this is a directory, not a capture file.",
      "softbar: text.pcap: starts with 0x74696d65, neither pcap, pcapng nor gzip or zstd of one.",
      "softbar: nowhere.pcap: there is no such file.",
      "",
    ]);
    expect(run.stdout.match(/packets +50/g)).toHaveLength(2);
    const told = await softbar("capture", "info", "--json", ...names.map(path));
    const { captures } = JSON.parse(told.stdout) as { captures: { error?: string }[] };
    expect(captures.map(({ error }) => error !== undefined)).toEqual([false, true, true, true, true, false]);
  });

  test.each([
    [["capture"], /Say what to do with which capture: "softbar capture info FILE\.\.\./],
    [["capture", "inof", "x"], /There is no "softbar capture inof", did you mean "info"\?/],
    [["capture", "info"], /Name a capture: "softbar capture info FILE/],
    [["capture", "info", "x", "--limit", "3"], /no flag --limit/],
  ])("%s is one sentence, with exit code 2", async (words, says) => {
    const run = await softbar(...words);
    expect(run).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(says) });
    expect(run.stderr).toMatch(/^softbar: [^\n]+[.?]\n$/);
  });
});

describe("a replay prepares the records of a capture", () => {
  async function replayed(...words: string[]): Promise<ReplayReport> {
    const run = await softbar("replay", ...words, "--json");
    expect(run).toMatchObject({ code: 0, stderr: "" });
    return JSON.parse(run.stdout) as ReplayReport;
  }

  test("cooked frames get an Ethernet header, which is said once", async () => {
    const report = await replayed(path("cooked.pcap"));
    expect(report).toMatchObject({
      sentCount: 50,
      balance: { holds: true },
      source: { preparation: { framing: { reframedCount: 50, linkTypes: [113], skippedCount: 0 } } },
    });
    const { stdout } = await softbar("replay", path("cooked.pcap"));
    expect(stdout.match(/captured without an Ethernet header \(link type 113 \(Linux cooked\)\)/g)).toHaveLength(1);
  });

  test("two ports are put in order of time, or left in file order", async () => {
    const timed = await replayed(path("two-ports.pcapng"));
    expect(timed.source).toMatchObject({
      outOfOrderCount: 0,
      preparation: { order: { stepBackCount: 20, lateCount: 0 } },
    });
    const { source } = await replayed(path("two-ports.pcapng"), "--order", "file");
    expect(source.outOfOrderCount).toBeGreaterThan(15);
    expect(source.preparation).not.toHaveProperty("order");
  });

  test("trailers come off, and their time can be the frame's", async () => {
    const words = [path("stamped.pcap"), "--trailer", "metamako"];
    const bare = await replayed(...words);
    const { longestByteCount } = await replayed(path("stamped.pcap")).then(({ source }) => source);
    expect(bare.source).toMatchObject({ fcsCount: 30, badFcsCount: 0, longestByteCount: longestByteCount - 16 });
    expect(bare.source.preparation).toMatchObject({
      trailer: { foundCount: 30, missingCount: 0 },
      order: { stepBackCount: 15 },
    });
    const { source } = await replayed(...words, "--timestamps", "trailer");
    expect(source).toMatchObject({ recordedNs: 29_000, preparation: { order: { stepBackCount: 0 } } });
  });

  test.each([
    [["--order", "size"], /--order size makes no sense: want time or file\./],
    [
      ["--trailer", "wagon"],
      /--trailer wagon makes no sense: want metamako, exablaze, arista-7150 or arista-7150-replaced\./,
    ],
    [["--timestamps", "trailer"], /--timestamps trailer needs --trailer KIND/],
  ])("%s is one sentence, with exit code 2", async (words, says) => {
    const run = await softbar("replay", path("whole.pcap"), ...words);
    expect(run).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(says) });
  });
});
