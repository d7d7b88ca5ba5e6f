import { expect, test } from "vitest";
import { feedHandler } from "../../devices/feed-handler/index.ts";
import { plugIn } from "../../harness/plug-in.ts";
import { replay } from "../../harness/replay/replay.ts";
import { FeedHandlerDriver, type TopOfBook } from "../../scenarios/drivers/feed-handler.ts";
import { feedHandlerTarget } from "../../scenarios/replay/feed-handler-target.ts";
import { locateOf, sessionFrames, softwareBook, topOf } from "../unit/feed-handler/session.ts";

const STOCKS = [1, 2, 3, 4, 5, 6, 7, 8];
const MESSAGES = 0x0038;
/** One line may be so far ahead of the other: fewer frames than the card holds back. */
const FRAMES_AHEAD = 16;
const POLL_LIMIT = 10_000_000;

/** Every other frame comes on line A alone, every third on B alone, the rest on both. */
function linesOf(index: number): readonly number[] {
  if (index % 6 === 1) return [0];
  return index % 6 === 3 ? [1] : [1, 0];
}

for (const clock of ["wall", "virtual"] as const) {
  test(`on threads, ${clock} clock: a session on two lossy lines gives the software's book, and each change of it an event`, async () => {
    await using bed = await plugIn(feedHandler(), { run: "threaded", clock });
    const [lineA, lineB] = [bed.wireOf(0, 0), bed.wireOf(0, 1)];
    const driver = FeedHandlerDriver.probe(bed.pci, { stocks: STOCKS, ringSizeLog2: 8, whenFull: "stall" });
    // Packets wait for the other line as long as it takes: this thread is no exchange.
    driver.bar.write32(0x0034, 1_000_000_000);
    expect(driver.bar.read32(MESSAGES)).toBe(0);
    const frames = sessionFrames(11, 600, STOCKS.length);
    const book = softwareBook();
    const expected: number[][] = [];
    let sequence = 0;
    for (const { messages } of frames) {
      for (const message of messages) {
        sequence++;
        const locate = locateOf(message);
        const before = topOf(book, locate);
        book.apply(message, 0, message.length);
        if (String(before) !== String(topOf(book, locate))) expected.push([locate, sequence, ...topOf(book, locate)]);
      }
    }
    const got: number[][] = [];
    const event = new Uint32Array(8);
    const take = (): void => {
      for (let lost = driver.receive(event); lost >= 0; lost = driver.receive(event)) {
        expect(lost).toBe(0);
        got.push([(event[0] as number) & 0xffff, ...event.subarray(1, 6)]);
      }
    };
    let sentMessages = 0;
    for (const [index, { bytes, messages }] of frames.entries()) {
      for (const line of linesOf(index)) (line === 0 ? lineA : lineB).send(bytes);
      sentMessages += messages.length;
      if (index % FRAMES_AHEAD !== 0) continue;
      for (let polls = 0; driver.bar.read32(MESSAGES) !== sentMessages; polls++) {
        if (polls === POLL_LIMIT) throw new Error(`the card has ${driver.bar.read32(MESSAGES)} of ${sentMessages}`);
        take();
        bed.pci.cpu.relax();
      }
    }
    while (got.length < expected.length) {
      if (!driver.waitForEvent(5000)) throw new Error(`${got.length} of ${expected.length} events have come`);
      take();
    }
    await bed.quiesce();
    take();
    expect(got).toEqual(expected);
    const top: TopOfBook = { bidPrice: 0, bidSize: 0, askPrice: 0, askSize: 0, message: 0 };
    for (const [slot, locate] of STOCKS.entries()) {
      driver.readTop(slot, top);
      expect([top.bidPrice, top.bidSize, top.askPrice, top.askSize]).toEqual(topOf(book, locate));
    }
    expect(driver.bar.read32(MESSAGES)).toBe(sequence);
    expect(driver.hasGap()).toBe(false);
    expect(driver.droppedCount()).toBe(0);
    driver.close();
    expect(bed.violations).toEqual([]);
  });
}

test("a replay into the card tells of events, books and orders: as many events as the software's book has changes", async () => {
  const session = { seed: 12, frameCount: 1500 };
  const report = await replay({ target: feedHandlerTarget(), session, clock: "virtual" });
  const book = softwareBook();
  let [changeCount, messageCount] = [0, 0];
  for (const { messages } of sessionFrames(session.seed, session.frameCount, 32)) {
    for (const message of messages) {
      messageCount++;
      const before = topOf(book, locateOf(message));
      book.apply(message, 0, message.length);
      if (String(before) !== String(topOf(book, locateOf(message)))) changeCount++;
    }
  }
  expect(report.balance).toEqual({ holds: true, lostInCard: 0, lostInDriver: 0 });
  expect(report).toMatchObject({ deliveredCount: 1500, deliveredBytes: report.sentBytes, violations: [] });
  expect(report.card).toMatchObject({
    "line A": { packets: 1500, "messages first": messageCount, "messages again": 0, damaged: 0 },
    messages: { parsed: messageCount, malformed: 0 },
    gaps: { counted: 0, "messages lost": 0 },
    events: { "of books": changeCount, "of orders": 0, lost: 0 },
    books: { followed: 64, "unlike their last event": 0, faults: 0 },
  });
  expect(report.card).not.toHaveProperty("line B");
});

test("what the wire loses is a gap in the card's own count; frames that nobody hands out cannot be made books of", async () => {
  const damage = { rules: [{ loss: 0.05 }], seed: 3 };
  const report = await replay({
    target: feedHandlerTarget({ line: 1 }),
    session: { frameCount: 800 },
    clock: "virtual",
    damage,
  });
  const missing = report.damage?.lines?.[0]?.missing ?? [];
  const lost = missing.reduce((sum, [first, end]) => sum + end - first, 0);
  expect(lost).toBeGreaterThan(0);
  expect(report.card).toMatchObject({ gaps: { counted: missing.length, "messages lost": lost }, "line B": {} });
  expect(report.balance.holds).toBe(true);
  await expect(replay({ target: feedHandlerTarget(), books: true })).rejects.toThrow(/keeps frames to itself/);
});
