import { expect, test } from "vitest";
import { feedRows } from "../../../harness/cli/feed-text.ts";
import type { FeedReport, LineReport, StreamReport } from "../../../harness/replay/feed-meter.ts";

const stream = (name: string, more: Partial<StreamReport> = {}): StreamReport => ({
  stream: name,
  packets: 10,
  messages: 12_000,
  firstSequence: 1,
  nextSequence: 12_001,
  gaps: 0,
  missing: 0,
  recovered: 0,
  outOfOrder: 0,
  duplicates: 0,
  restarts: 0,
  heartbeats: 0,
  endOfSession: 0,
  ...more,
});

const line = (place: string, more: Partial<LineReport> = {}): LineReport => ({
  line: place,
  format: "Cboe PITCH",
  numbers: "messages",
  streams: [stream("unit 1")],
  streamChanges: 0,
  messageTypes: [],
  unreadablePackets: 0,
  remarks: {},
  ...more,
});

const report = (lines: readonly LineReport[], more: Partial<FeedReport> = {}): FeedReport => ({
  udpFrames: 10,
  otherFrames: 0,
  lineCount: lines.length,
  lines,
  sessions: [],
  itchMessages: {},
  itchMessageCount: 0,
  unreadablePackets: 0,
  ...more,
});

test("ITCH keeps its labels: session, gaps, messages by type with the most frequent first", () => {
  const itch = line("233.54.12.111:26477", {
    format: "MoldUDP64, ITCH 5.0",
    streams: [stream("000010059B", { gaps: 2, missing: 5, recovered: 1, outOfOrder: 1, heartbeats: 1 })],
    messageTypes: [
      { type: "D", name: "order delete", count: 1 },
      { type: "A", name: "add order", count: 11_999 },
    ],
  });
  expect(feedRows(report([itch]))).toEqual([
    ["MoldUDP64", "000010059B on 233.54.12.111:26477: 12,000 messages in 10 packets"],
    ["", "2 gaps, 5 messages missing, 1 of them came later, 1 packet out of order, 1 heartbeat"],
    ["ITCH 5.0", "12,000 messages"],
    ["", "A add order 11,999                D order delete 1"],
  ]);
});

test("other formats say their name, count what their numbers count, and tell what is wrong", () => {
  const cme = line("224.0.31.1:14310", {
    format: "CME MDP 3.0",
    numbers: "packets",
    streams: [stream("channel", { gaps: 1, missing: 1, duplicates: 1, restarts: 1 })],
    remarks: { instruments: 3, "RptSeq gaps": 2, "match events ended": 7, "channel resets": 0 },
    messageTypes: [{ type: "46", name: "book", count: 12_000 }],
  });
  expect(feedRows(report([cme]))).toEqual([
    ["feed", "CME MDP 3.0, channel on 224.0.31.1:14310: 12,000 messages in 10 packets"],
    ["", "1 gap, 1 packet missing, 1 packet twice, 1 restart of the sequence, RptSeq gaps: 2"],
    ["messages", "CME MDP 3.0: 12,000 messages"],
    ["", "46 book 12,000"],
  ]);
});

test("what is not whole comes first, and what is left out is said to be whole only when it is", () => {
  const whole = Array.from({ length: 9 }, (_, index) => line(`10.0.0.${index}:1`));
  const torn = (place: string): LineReport => line(place, { streams: [stream("unit 1", { gaps: 1, missing: 1 })] });
  const rows = feedRows(report([...whole, torn("10.0.0.99:1")]));
  expect(rows[0]?.[1]).toContain("10.0.0.99:1");
  expect(rows).toContainEqual(["", "and 2 more streams, all whole (--json has them)"]);
  const many = Array.from({ length: 10 }, (_, index) => torn(`10.0.0.${index}:1`));
  expect(feedRows(report(many))).toContainEqual(["", "and 2 more streams (--json has them)"]);
});

test("a line without a sequence, unreadable packets, and traffic without a feed", () => {
  const gapGroup = line("239.0.0.1:1", {
    streams: [stream("unit 1", { messages: 0, firstSequence: null, nextSequence: null, heartbeats: 10 })],
  });
  expect(feedRows(report([gapGroup], { unreadablePackets: 1 }))).toEqual([
    ["feed", "Cboe PITCH, unit 1 on 239.0.0.1:1: 0 messages in 10 packets"],
    ["", "nothing sequenced, 10 heartbeats"],
    ["", "1 packet could not be read: cut short, or damaged"],
    ["messages", "Cboe PITCH: 0 messages"],
  ]);
  expect(feedRows(report([], { lineCount: 2, otherFrames: 1 }))).toEqual([
    ["feed", "10 UDP frames to 2 destinations, 1 other frame; no feed that softbar knows among them"],
  ]);
  expect(feedRows(report([], { udpFrames: 0, otherFrames: 3 }))).toEqual([
    ["feed", "3 other frames, none of them UDP"],
  ]);
});
