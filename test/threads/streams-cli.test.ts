import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ReplayReport } from "../../harness/replay/replay-report.ts";
import { LINES, writeSession } from "../unit/replay/stream-bench.ts";
import { captureFolder, readCaptureIndex } from "../unit/wire/real-captures.ts";
import { CommandProcess, type Run } from "./command-line.ts";

const commands = new CommandProcess();
const softbar = (...words: string[]): Promise<Run> => commands.run(["replay", ...words]);

async function reportOf(...words: string[]): Promise<ReplayReport> {
  const run = await softbar(...words, "--json");
  const report = JSON.parse(run.stdout) as ReplayReport;
  // Whoever asks for recovery has not succeeded while a message is missing.
  const isWhole = (report.streams?.recovery ?? []).every(({ client }) => client.lost === 0);
  expect(run).toMatchObject({ code: isWhole ? 0 : 1 });
  return report;
}

let folder = "";
let messageCount = 0;
const path = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "softbar-streams-"));
  messageCount = writeSession(path("a.pcap"), 5, 60, 1).length;
  writeSession(path("ab.pcap"), 5, 60, 2);
  writeSession(path("b.pcap"), 5, 60, 1, 1);
});

afterAll(() => {
  commands.close();
  rmSync(folder, { recursive: true });
});

describe("what cannot be made of the streams is said in one sentence, with exit code 2", () => {
  const cases: readonly (readonly [what: string, words: readonly string[], sentence: RegExp])[] = [
    ["one line alone", ["@a.pcap", "--arbitrate"], /no two lines carry the same packets/],
    ["a line that is none", ["--arbitrate", "224.0.31.64:99999+224.0.32.64:1"], /"224\.0\.31\.64:99999" is no line/],
    ["one line named", ["--arbitrate", "224.0.31.64:14340"], /is no 2 to 8 different lines/],
    ["a line named twice", ["--arbitrate=1.1.1.1:1+1.1.1.1:2,1.1.1.1:2+1.1.1.1:3"], /line 1\.1\.1\.1:2 is named twice/],
    ["a line without frames", ["@ab.pcap", "--arbitrate", `${LINES[0]}+1.2.3.4:5`], /1\.2\.3\.4:5.* gets no frame/],
    ["a mode that is none", ["--arbitrate=luck"], /--arbitrate: "luck" is neither latency nor reliability/],
    ["a word that is none", ["--arbitrate", "gap=1ms"], /"gap" is none of mode, gap-limit and lines/],
    ["a gap limit without a unit", ["--arbitrate", "gap-limit=1"], /--arbitrate: "1" is no duration/],
    ["books out of order", ["@ab.pcap", "--arbitrate", "latency", "--books"], /books need their messages in order/],
    [
      "a server's word that is none",
      ["--recover", "refusal=0.1"],
      /"refusal" is nothing of a server; there are latency,/,
    ],
    ["a probability that is none", ["--recover", "refuse=2"], /--recover: "2" is no probability/],
    ["no attempts", ["--recover", "attempts=0"], /attempts is a whole number from 1 to 255, not 0/],
    [
      "a latency that is too long",
      ["--recover", "latency=1min"],
      /latency is a time of whole nanoseconds up to 4\.29 s|no duration/,
    ],
    ["standard input", ["-", "--books"], /--books reads the capture once beforehand, and standard input/],
    ["several passes", ["@a.pcap", "--recover", "--loop", "2"], /--recover takes one pass/],
    ["a value for books", ["--books=yes"], /--books takes no value/],
  ];

  test.each(cases)("%s", async (_what, words, sentence) => {
    const run = await softbar(...words.map((word) => (word.startsWith("@") ? path(word.slice(1)) : word)));
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(sentence);
    expect(run.stderr).toMatch(/^softbar: [^\n]+[.?]\n$/);
  });

  test("a driver that gives no way to send is told how", async () => {
    const driver = join(import.meta.dirname, "fixtures/replay-lossy.driver.ts");
    const run = await softbar(path("a.pcap"), "--recover", "--driver", driver);
    expect(run.code).not.toBe(0);
    expect(run.stderr).toContain("this driver gives its sink no way to: new ReplaySink(argument, { transmit(");
  });
});

describe("a made-up session", () => {
  test.each(["wall", "virtual"])(
    "%s: lines with damage, recovery and books, in words at 100 columns",
    async (clock) => {
      const damage = `line=${LINES[0]},frame=0..113,loss=0.2;line=${LINES[1]},frame=0..113,loss=0.3;frame=60..70,loss=1`;
      const words = [
        "--clock",
        clock,
        "--arbitrate",
        "--recover",
        "latency=1ms,attempts=9",
        "--books",
        "--damage",
        damage,
      ];
      const run = await softbar(path("ab.pcap"), ...words);
      expect(run).toMatchObject({ code: 0, stderr: "" });
      expect(run.stdout).toMatch(/sent \(\d+ answers\)/);
      expect(run.stdout).toMatch(
        /lines +MoldUDP64, ITCH 5\.0, SOFTBAR001, latency mode: [\d,]+ messages passed, \d+ lost on both/,
      );
      expect(run.stdout).toMatch(/ A 233\.54\.12\.111:26477 +first +\d+ +missed \d+: \d+ filled, \d+ lost on both\n/);
      expect(run.stdout).toMatch(/ A ahead by {2}min .* median .* p99 .* max /);
      expect(run.stdout).toMatch(/recovery +SOFTBAR001: \d+ gaps?, \d+ messages missing: \d+ filled, 0 given up\n/);
      expect(run.stdout).toMatch(/time to fill {2}min .* median .* p99 .* max /);
      expect(run.stdout).toMatch(
        /books +MoldUDP64, ITCH 5\.0, SOFTBAR001: state [0-9a-f]{8} after \d+ order messages\n/,
      );
      // A feed is what comes on lines: the answers are none.
      expect(run.stdout).not.toContain("192.0.2.1");
      const own = run.stdout.split("\n").slice(run.stdout.split("\n").findIndex((line) => line.startsWith("  lines ")));
      for (const line of own) expect(line.length).toBeLessThanOrEqual(100);
      const state = /state ([0-9a-f]{8})/.exec(run.stdout)?.[1];
      const undamaged = await reportOf(path("a.pcap"), "--books", "--clock", "virtual");
      expect(undamaged.streams?.books?.[0]?.stateHash).toBe(state);
    },
  );

  test("what is given up is named to the sequence, in words and as JSON", async () => {
    const words = [
      path("a.pcap"),
      "--clock",
      "virtual",
      "--damage",
      "sequence=41..60,loss=1",
      "--recover",
      "refuse=1,attempts=2",
    ];
    const [session] = (await reportOf(...words)).streams?.recovery ?? [];
    const [[first = 0, end = 0] = []] = session?.client.lostRanges ?? [];
    // Whole packets are lost, so the range may be wider than what was asked for.
    expect(first).toBeLessThanOrEqual(41);
    expect(end).toBeGreaterThan(60);
    expect(session?.client).toMatchObject({ lost: end - first, recovered: 0 });
    expect((await softbar(...words)).stdout).toContain(`given up: ${first}–${end - 1}\n`);
  });

  test("two captures, line A at one port and line B at another, are as one of both", async () => {
    const words = ["--arbitrate", "--books", "--clock", "virtual", "--damage", "loss=0.05,seed=3"];
    const [together, apart] = [
      await reportOf(path("ab.pcap"), ...words),
      await reportOf(path("a.pcap"), path("b.pcap"), ...words),
    ];
    expect(apart.streams).toEqual(together.streams);
    expect(apart.damage).toEqual(together.damage);
    expect(apart.source).toMatchObject({ name: `${path("a.pcap")} + ${path("b.pcap")}`, format: "pcap" });
  });

  test("the ExaNIC recovers too", async () => {
    const words = ["--device", "exanic", "--clock", "virtual", "--damage", "frame=9..30,loss=0.5", "--recover"];
    const { streams } = await reportOf(path("a.pcap"), ...words);
    expect(streams?.recovery?.[0]?.client).toMatchObject({ lost: 0, delivered: messageCount });
    expect(streams?.answerFrames).toBeGreaterThan(0);
  });
});

const captures = readCaptureIndex();
const capture = (name: string): string => join(captureFolder, name);

describe.skipIf(captures.length === 0)(`recorded traffic (in ${captureFolder})`, { timeout: 60_000 }, () => {
  const ab = "cme-mdp3-v6-ab.pcap";

  test.each([
    ["found, in virtual time", ["--arbitrate", "--clock", "virtual"]],
    ["found, at full speed", ["--arbitrate"]],
    ["named, in order", ["--arbitrate", "224.0.31.64:14340+224.0.32.64:15340,reliability", "--clock", "virtual"]],
  ])("v6: 5,000 packets pass, B was first 4,807 times, A 193: lines %s", async (_what, words) => {
    const { streams } = await reportOf(capture(ab), ...words);
    expect(streams?.arbitration).toHaveLength(1);
    const [stream] = streams?.arbitration ?? [];
    expect(stream).toMatchObject({ passed: 5000, lost: 0 });
    expect(stream?.lines).toMatchObject([
      { line: "224.0.31.64:14340", firstPackets: 193, missed: 0 },
      { line: "224.0.32.64:15340", firstPackets: 4807, missed: 0 },
    ]);
    // In virtual time the card stamps frames as the capture did, to the nanosecond.
    if (words.includes("virtual")) expect(stream?.lines[1]?.lead).toMatchObject({ minNs: -6087, maxNs: 15_400 });
  });

  test.each(["wall", "virtual"])(
    "v9: the four losses of single lines are filled, none is reported (%s)",
    async (clock) => {
      const { streams } = await reportOf(capture("cme-mdp3-v9-loss.pcap"), "--arbitrate", "--clock", clock);
      expect(streams?.arbitration).toHaveLength(9);
      const filled = (streams?.arbitration ?? []).flatMap(({ lines, lost }) => {
        expect(lost).toBe(0);
        return lines.filter(({ filledByOthers }) => filledByOthers > 0).map(({ line }) => line);
      });
      expect(filled.sort()).toEqual([
        "224.0.28.156:15348",
        "224.0.28.19:14360",
        "224.0.28.20:14361",
        "224.0.28.6:14315",
      ]);
    },
  );

  test.each(["wall", "virtual"])(
    "a damaged RITCH session ends in the book of the undamaged one (%s)",
    async (clock) => {
      const file = capture("ritch-artificial-itch50.mold64.nsec.pcap");
      const undamaged = await reportOf(file, "--books", "--clock", clock);
      const words = ["--books", "--clock", clock, "--damage", "frame=0..2700,loss=0.05,corrupt=0.01,seed=7"];
      const recovered = await reportOf(file, ...words, "--recover", "latency=1ms,partial=0.2,attempts=50,seed=7");
      expect(recovered.streams?.recovery?.[0]?.client).toMatchObject({ delivered: 12_012, lost: 0 });
      expect(recovered.streams?.books).toEqual(undamaged.streams?.books);
      const lossy = await reportOf(file, ...words);
      expect(lossy.streams?.books?.[0]?.stateHash).not.toBe(undamaged.streams?.books?.[0]?.stateHash);
    },
  );

  test.each([
    [
      "nasdaq-itch50-alltypes-zeroedmold-20230822.pcap",
      /in session \(zeroed\) a sequence number stands for several messages/,
    ],
    ["nasdaq-itch50-mold64-000010059B.pcap", /of session 000010059B the capture itself lacks 19,390,215 messages/],
  ])("%s cannot be recovered, and it is said why", async (file, sentence) => {
    const run = await softbar(capture(file), "--recover");
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(sentence);
  });

  test("books of Cboe PITCH", async () => {
    const { streams } = await reportOf(capture("cboe-pitch-realtime.pcap"), "--books");
    expect(streams?.books).toMatchObject([
      { stream: "unit 1", orderMessages: 18, faults: {}, instruments: [{ symbol: "A" }] },
    ]);
  });
});

test("recorded traffic is there, or its absence is said", (context) => {
  context.skip(captures.length === 0, `no index.json in ${captureFolder}; SOFTBAR_CAPTURES can name another folder`);
  expect(captures.map(({ file }) => file)).toContain("cme-mdp3-v9-loss.pcap");
});
