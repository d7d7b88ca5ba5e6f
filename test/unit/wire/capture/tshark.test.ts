import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { buildUdpFrame } from "../../../../emulator/wire/build-frame.ts";
import { CaptureReader } from "../../../../emulator/wire/capture/capture-reader.ts";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";
import { Trailer, type TrailerKind } from "../../../../emulator/wire/capture/trailer.ts";
import { PcapWriter } from "../../../../emulator/wire/capture/write-pcap.ts";
import { PcapngWriter } from "../../../../emulator/wire/capture/write-pcapng.ts";
import { appendFcs } from "../../../../emulator/wire/crc32.ts";

/** A second opinion on what is written and on what is read, where Wireshark's command line is installed. */

const folder = mkdtempSync(join(tmpdir(), "softbar-tshark-"));
afterAll(() => rmSync(folder, { recursive: true }));

const isInstalled = spawnSync("tshark", ["--version"]).status === 0;
const LIMIT_MS = 30_000;

/** The fields of each packet, as tshark has them; times in UTC. */
function tshark(name: string, file: Uint8Array, fields: readonly string[], ...flags: readonly string[]): string[][] {
  const path = join(folder, name);
  writeFileSync(path, file);
  const asked = fields.flatMap((field) => ["-e", field]);
  const { stdout } = spawnSync("tshark", ["-r", path, ...flags, "-T", "fields", ...asked], {
    encoding: "utf8",
    env: { ...process.env, TZ: "UTC" },
  });
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t"));
}

describe("tshark", () => {
  beforeEach(({ skip }) => {
    if (!isInstalled) skip("tshark is not installed");
  });

  test("reads what was written", { timeout: LIMIT_MS }, () => {
    const writer = new PcapngWriter({ comment: "file" });
    writer.addInterface({ name: "port 0", bitsPerSecond: 10e9 });
    writer.addInterface({ name: "port 1" });
    writer.append(1, 1_700_000_000, 123_456_789, new Uint8Array(60), { direction: 2, comment: "first" });
    writer.append(0, 1_700_000_001, 1, new Uint8Array(61), { direction: 1, originalByteLength: 100 });
    writer.addStatistics(0, 1_700_000_002, 0, { receivedCount: 9, droppedCount: 8 });
    const names = ["frame.time_epoch", "frame.interface_name", "frame.packet_flags_direction", "frame.cap_len"];
    expect(tshark("written.pcapng", writer.bytes, [...names, "frame.len", "frame.comment"])).toEqual([
      ["1700000000.123456789", "port 1", "0x00000002", "60", "60", "first"],
      ["1700000001.000000001", "port 0", "0x00000001", "61", "100"],
    ]);
  });

  const stamps: readonly (readonly [TrailerKind, readonly number[], readonly string[], readonly string[]])[] = [
    [
      "metamako",
      [1_700_000_001, 987_654_321, 0x0101_2302],
      ["metamako.time", "metamako.srcdevice", "metamako.srcport"],
      ["Nov 14, 2023 22:13:21.987654321 UTC", "291", "2"],
    ],
    [
      // With sub-nanoseconds as an extension.
      "metamako",
      [0x1234_5621, 1_700_000_001, 987_654_321, 0x0301_2302],
      ["metamako.time", "metamako.srcdevice", "metamako.srcport"],
      ["Nov 14, 2023 22:13:21.987654321 UTC", "291", "2"],
    ],
    [
      "exablaze",
      [0x0304_6553, 0xf102_c000, 0x0000_0000],
      ["exablaze.timestamp", "exablaze.device", "exablaze.port"],
      ["Nov 14, 2023 22:13:22.750000000 UTC", "3", "4"],
    ],
  ];

  test.each(stamps)("finds the same trailer of %s %j", { timeout: LIMIT_MS }, (kind, words, fields, expected) => {
    const bytes = new Uint8Array(200);
    const flow = { sourceMac: 7, sourceIp: 1, destinationIp: 0xe000_0001, sourcePort: 1, destinationPort: 2 };
    const byteLength = buildUdpFrame(bytes, 0, flow, new Uint8Array(80));
    appendFcs(bytes, 0, byteLength);
    const view = new DataView(bytes.buffer);
    for (const [index, word] of words.entries()) view.setUint32(byteLength + 4 + 4 * index, word);
    const end = byteLength + 4 + 4 * words.length;
    appendFcs(bytes, 0, end);
    const writer = new PcapWriter();
    for (const captured of [end, end + 4]) writer.append(1_700_000_000, 0, bytes, 0, captured);
    const found = tshark("stamped.pcap", writer.bytes, fields, "--enable-heuristic", `${kind}_eth`);
    expect(found).toEqual([expected, expected]);

    const reader = new CaptureReader();
    const record = new CaptureRecord();
    const trailer = new Trailer();
    reader.push(writer.bytes);
    while (reader.next(record)) {
      expect(trailer.parse(kind, record.bytes, record.offset, record.byteLength, record.seconds, -1)).toBe(true);
      const time = new Date(trailer.seconds * 1000).toISOString().slice(11, 19);
      const [spelled, device, port] = expected;
      expect(spelled).toContain(`${time}.${`${trailer.nanoseconds}`.padStart(9, "0")} UTC`);
      expect([`${trailer.deviceId}`, `${trailer.portId}`]).toEqual([device, port]);
    }
  });
});

test("tshark is there, or its absence is said", (context) => {
  context.skip(!isInstalled, "tshark is not installed");
  expect(isInstalled).toBe(true);
});
