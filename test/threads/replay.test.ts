import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { CaptureRecord } from "../../emulator/wire/capture/capture-record.ts";
import { PcapWriter } from "../../emulator/wire/capture/write-pcap.ts";
import { appendFcs, FCS_BYTE_LENGTH } from "../../emulator/wire/crc32.ts";
import { ItchSession } from "../../emulator/wire/feeds/itch-session.ts";
import { frames, ReplayDriverError, type ReplayReport, ReplayStuckError, replay } from "../../harness/index.ts";
import { ixgbeTarget } from "../../scenarios/index.ts";
import { captureFolder, type MoldTruth, readCaptureIndex } from "../unit/wire/real-captures.ts";

const captures = readCaptureIndex();
const moldCaptures = captures.filter(({ file }) => /^(nasdaq|ritch)/.test(file));
const pathOf = (file: string): string => join(captureFolder, file);
const fixture = (name: string): string => new URL(`./fixtures/replay-${name}.driver.ts`, import.meta.url).href;

const folder = mkdtempSync(join(tmpdir(), "softbar-replay-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Every frame is accounted for, by the card and by the driver, and no rule was broken on the way. */
function expectSound(report: ReplayReport): void {
  expect(report.balance).toEqual({ holds: true, lostInCard: 0, lostInDriver: 0 });
  expect(report.deliveredCount + report.droppedCount).toBe(report.sentCount);
  expect(report.drops.reduce((sum, { count }) => sum + count, 0)).toBe(report.droppedCount);
  expect(report.violations).toEqual([]);
  const { sampleCount = 0, skippedCount = 0 } = report.latency ?? {};
  expect(sampleCount + skippedCount + report.unmeasuredCount).toBe(report.deliveredCount);
}

/** MoldUDP64 was found where it is, and every gap and message counted. */
function expectSessions({ feed }: ReplayReport, truth: readonly MoldTruth[]): void {
  const found = feed.sessions.map((session) => ({
    packets: session.packets,
    heartbeats: session.heartbeats,
    end_of_session: session.endOfSession,
    messages: session.messages,
    first_seq: session.firstSequence,
    next_seq: session.nextSequence,
    gaps: session.gaps,
    missing: session.missing,
    out_of_order: session.outOfOrder,
    types: feed.itchMessages,
  }));
  expect(found).toEqual(truth);
}

describe.skipIf(captures.length === 0)(`recorded traffic (in ${captureFolder})`, () => {
  test.each(captures)("$file goes through the card whole", async (truth) => {
    const { file, packets, truncated_packets } = truth;
    const report = await replay({ target: ixgbeTarget(), file: pathOf(file) });
    expectSound(report);
    expect(report).toMatchObject({ sentCount: packets, deliveredCount: packets, droppedCount: 0, unmeasuredCount: 0 });
    expect(report.source).toMatchObject({ snappedCount: truncated_packets, badFcsCount: 0, damage: undefined });
    expect(report.feed.udpFrames + report.feed.otherFrames).toBe(packets);
    expectSessions(report, moldCaptures.includes(truth) ? Object.values(truth.ground_truth ?? {}) : []);
  });

  test("the FCS of a capture that has one is checked and taken off", async () => {
    const { source } = await replay({ target: ixgbeTarget(), file: pathOf("miax-tom-vlan-fcs.pcap") });
    expect(source).toMatchObject({ fcsCount: 20_560, badFcsCount: 0, longestByteCount: 623 });
  });

  test("a second and a half at recorded speed needs no waiting for room, and is not faster than recorded", async () => {
    const file = pathOf("cme-mdp3-v9-loss.pcap");
    const report = await replay({ target: ixgbeTarget(), file, speed: 1, lossless: true });
    expectSound(report);
    expect(report).toMatchObject({ deliveredCount: 100, roomWaits: { count: 0, totalNs: 0 } });
    // Deadlines count from the first frame: the last one cannot have come before its time, however busy the machine is.
    expect(report.elapsedNs).toBeGreaterThanOrEqual(report.source.recordedNs);
  });

  test("the reference driver, woken by interrupts, gets every frame too", async () => {
    const target = ixgbeTarget({ driverOptions: { driver: { interrupts: "msix" } } });
    const report = await replay({ target, file: pathOf("ritch-artificial-itch50.mold64.nsec.pcap") });
    expectSound(report);
    expect(report.deliveredCount).toBe(2705);
  });
});

test("recorded traffic is there, or its absence is said", (context) => {
  context.skip(captures.length === 0, `no index.json in ${captureFolder}; SOFTBAR_CAPTURES can name another folder`);
  expect(captures.length).toBeGreaterThan(10);
  expect(moldCaptures).toHaveLength(3);
});

describe("a generated session", () => {
  test("arrives message by message", async () => {
    const report = await replay({ target: ixgbeTarget(), session: { seed: 7, frameCount: 20_000 } });
    expectSound(report);
    const truth = new ItchSession({ seed: 7, frameCount: 20_000 });
    const record = new CaptureRecord();
    while (truth.next(record));
    expect(report).toMatchObject({ deliveredCount: 20_000, deliveredBytes: truth.bytesWritten });
    expect(report.feed.itchMessageCount).toBe(truth.messagesWritten);
    expect(report.feed.sessions).toMatchObject([
      { gaps: 0, heartbeats: truth.heartbeatsWritten, endOfSession: truth.endOfSessionsWritten },
    ]);
  });

  test("overwhelms a slow driver with a small ring, and every frame that is lost is in RXMPC", async () => {
    const driverOptions = { driver: { ringSize: 8, bufferCount: 64 }, stallNs: 1_000_000 };
    const target = ixgbeTarget({ driverOptions });
    // All frames are due at once: the card cannot hold them, and nobody holds up multicast.
    const report = await replay({ target, session: { frameCount: 20_000 }, speed: 1e9 });
    expectSound(report);
    expect(report.deliveredCount).toBeGreaterThan(0);
    expect(report.drops.map(({ register }) => register)).toEqual(["RXMPC"]);
    expect(report.feed.sessions[0]?.missing).toBeGreaterThan(0);
  });

  test("balances whatever the ring, the driver's pace and the wire's patience", { timeout: 60_000 }, async () => {
    const shape = fc.record({
      ringSize: fc.integer({ min: 1, max: 16 }).map((octets) => 8 * octets),
      stallNs: fc.constantFrom(0, 20_000, 300_000),
      seed: fc.nat(),
      frameCount: fc.integer({ min: 6, max: 8_000 }),
      speed: fc.constantFrom<"max" | number>("max", 1e9, 1e4),
      lossless: fc.boolean(),
      inFlightLimit: fc.constantFrom(0, 1, 64),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ ringSize, stallNs, seed, frameCount, ...how }) => {
        const target = ixgbeTarget({ driverOptions: { driver: { ringSize }, stallNs } });
        const report = await replay({ target, session: { seed, frameCount }, ...how });
        expectSound(report);
        expect(report.sentCount).toBe(frameCount);
        if (how.lossless || how.speed === "max") expect(report.droppedCount).toBe(0);
      }),
      { numRuns: 8 },
    );
  });

  test("is dropped frame by frame where the FCS is wrong or the frame too long, and counted by register", async () => {
    const [good, bad, long] = [
      frames(20),
      frames(7, { seed: 2 }),
      frames(5, { seed: 3, minByteLength: 1600, maxByteLength: 3000 }),
    ];
    const writer = new PcapWriter();
    for (const [index, frame] of [...good, ...bad, ...long].entries()) {
      const bytes = new Uint8Array(frame.length + FCS_BYTE_LENGTH);
      bytes.set(frame);
      appendFcs(bytes, 0, frame.length);
      if (bad.includes(frame)) (bytes[20] as number) ^= 0x10;
      writer.append(1, index, bytes);
    }
    const file = join(folder, "damaged.pcap");
    writeFileSync(file, writer.bytes);
    const report = await replay({ target: ixgbeTarget(), file });
    expectSound(report);
    const byRegister = Object.fromEntries(report.drops.map(({ register, count }) => [register, count]));
    expect(byRegister).toEqual({ CRCERRS: 7, ROC: 5 });
    const jumbo = { driver: { maxFrameBytes: 15_868, bufferBytes: 16_384 } };
    const withJumbo = await replay({ target: ixgbeTarget({ driverOptions: jumbo }), file });
    expect(withJumbo).toMatchObject({ deliveredCount: 25, drops: [{ register: "CRCERRS", count: 7 }] });
  });

  test("can be stopped: nothing more is sent, and what was sent is delivered", async () => {
    const controller = new AbortController();
    const report = await replay({
      target: ixgbeTarget(),
      speed: 1,
      signal: controller.signal,
      onProgress: ({ deliveredCount }) => {
        if (deliveredCount > 0) controller.abort();
      },
    });
    expectSound(report);
    expect(report.interrupted).toBe(true);
    expect(report.sentCount).toBeLessThan(200_000);
  });

  test("is traced by name while it happens", async () => {
    let text = "";
    await replay({ target: ixgbeTarget(), session: { frameCount: 6 }, onTrace: (lines) => (text += lines) });
    expect(text).toMatch(/^ +0\.000 µs {9}→ ixgbe {3}power-on reset\n/);
    expect(text).toMatch(/driver → ixgbe {3}write RDBAL\(0\) 0x01000 ← 0x[0-9a-f]{8} {2}RDBAL=0x[0-9a-f]+\n/);
    expect(text).toMatch(/driver ← ixgbe {3}read {2}LINKS 0x042a4 → 0x[0-9a-f]{8} {2}.*LINK_UP=1/);
    expect(text.match(/wire {3}→ ixgbe {3}frame in, port 0/g)).toHaveLength(6);
    expect(text.match(/memory ← ixgbe {3}DMA write 16 B rx ring 0 \+ 0x/g)).toHaveLength(6);
  });
});

describe("a driver module that fails", () => {
  const session = { frameCount: 2_000 };

  test.each(["idle", "unready"])("%s: the replay is given up", async (name) => {
    const given = replay({ target: ixgbeTarget({ driverUrl: fixture(name) }), session, limitMs: 300 });
    await expect(given).rejects.toThrow(ReplayStuckError);
  });

  test("throwing: its own words come back", async () => {
    const given = replay({ target: ixgbeTarget({ driverUrl: fixture("throwing") }), session });
    await expect(given).rejects.toThrow(ReplayDriverError);
    await expect(given).rejects.toThrow("EEPROM checksum is 0xbeef");
  });

  test("returning at once: it is told what to return", async () => {
    const given = replay({ target: ixgbeTarget({ driverUrl: fixture("hasty") }), session });
    await expect(given).rejects.toThrow(/must return what `sink\.report\(\)` gives/);
  });

  test("losing a frame: the driver is named, not the card", async () => {
    const report = await replay({ target: ixgbeTarget({ driverUrl: fixture("lossy") }), session });
    expect(report.balance).toEqual({ holds: false, lostInCard: 0, lostInDriver: 1 });
  });
});
