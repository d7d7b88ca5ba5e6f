import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { edu, ixgbe } from "../../devices/index.ts";
import { main } from "../../harness/cli/main.ts";
import { frames } from "../../harness/frames.ts";
import { plugIn } from "../../harness/plug-in.ts";
import { replay } from "../../harness/replay/replay.ts";
import type { TraceRecord } from "../../harness/trace/trace-event.ts";
import { CATALOGUE } from "../../scenarios/catalogue.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";
import { ixgbeTarget } from "../../scenarios/replay/ixgbe-target.ts";
import { causeOf, checkOrder, eventsOf } from "../unit/trace/trace-checks.ts";
import { CommandProcess, type Run, start } from "./command-line.ts";
import type { Burst } from "./fixtures/trace-burst.driver.ts";

const burst = new URL("./fixtures/trace-burst.driver.ts", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "softbar-trace-"));
const commands = new CommandProcess();
afterAll(() => {
  commands.close();
  rmSync(folder, { recursive: true });
});

test("what two threads see is one order: a write before its arrival, an answer behind the card's, a frame on its way", async () => {
  const bed = await plugIn(ixgbe(), { trace: true });
  const driver = IxgbeDriver.probe(bed.pci);
  const sent = frames(20);
  for (const frame of sent) while (!driver.transmit(frame)) bed.pci.cpu.relax();
  await bed.quiesce();
  expect(bed.wire.sent).toEqual(sent);
  const upToNow = bed.trace().events.length;
  expect(upToNow).toBeGreaterThan(500);
  driver.close();
  await bed.close();
  const { records, lostCount } = bed.trace();
  expect(lostCount).toBe(0);
  checkOrder(records);
  expect(records.at(-1)).toMatchObject({ kind: "end", reason: "complete", lostCount: 0 });
  for (const arrival of eventsOf(records, "register-write")) {
    const post = causeOf(records, arrival, "post");
    expect(post).toMatchObject({ kind: "mmio-write", actor: "cpu0", register: arrival.register, value: arrival.value });
  }
  const answers = eventsOf(records, "mmio-answer");
  for (const answer of answers) {
    const read = causeOf(records, answer, "completion");
    expect(read).toMatchObject({ kind: "register-read", register: answer.register, value: answer.value });
  }
  expect(answers.length).toBeGreaterThan(50);
  expect(eventsOf(records, "frame-out").map(({ bytes }) => bytes)).toEqual(
    sent.map((frame) => Buffer.from(frame).toString("hex")),
  );
});

test("a further CPU is an actor of its own, and what does not fit its ring is counted", async () => {
  const bed = await plugIn(edu(), { trace: { ringBytes: 1 << 20 } });
  const done = new SharedArrayBuffer(4);
  const writeCount = 60_000;
  const running = bed.cpu(1).run<number>(burst, { writeCount, done } satisfies Burst);
  await Promise.race([running, started(bed)]);
  // Nobody takes anything away while this thread stands still; the rings hold some 20,000 events each.
  expect(Atomics.wait(new Int32Array(done), 0, 0, 30_000)).not.toBe("timed-out");
  expect(await running).toBe(~writeCount >>> 0);
  await bed.close();
  const { records, lostCount } = bed.trace();
  checkOrder(records);
  expect(lostCount).toBeGreaterThan(0);
  expect(records.at(-1)).toMatchObject({ kind: "end", lostCount });
  const told = records.reduce((sum, record) => sum + (record.kind === "lost" ? record.count : 0), 0);
  expect(told).toBe(lostCount);
  const writes = eventsOf(records, "mmio-write").filter(({ actor }) => actor === "cpu1");
  expect(writes.length).toBeGreaterThan(10_000);
  expect(records.find((record) => record.kind === "actor")).toMatchObject({ actor: { id: "cpu1", cpu: 1 } });
  // An arrival is never put down to another write.
  for (const arrival of eventsOf(records, "register-write").slice(-200)) {
    const post = causeOf(records, arrival, "post");
    if (post !== undefined) expect(post).toMatchObject({ value: arrival.value });
  }
});

/** Resolves when something has arrived: the driver's thread has begun. */
async function started(bed: Awaited<ReturnType<typeof plugIn>>): Promise<void> {
  while (eventsOf(bed.trace().records, "register-write").length === 0)
    await new Promise((resolve) => setTimeout(resolve, 1));
}

test("the trace of a run that fails is whole up to there", async () => {
  const records: TraceRecord[] = [];
  const target = ixgbeTarget({ driverUrl: new URL("./fixtures/replay-throwing.driver.ts", import.meta.url).href });
  const session = { frameCount: 50 };
  const given = replay({ target, session, clock: "virtual", onTraceRecord: (record) => records.push(record) });
  await expect(given).rejects.toThrow("EEPROM checksum is 0xbeef");
  checkOrder(records);
  expect(records.at(-1)).toMatchObject({ kind: "end", reason: "failed", message: expect.stringContaining("0xbeef") });
});

describe("softbar trace", () => {
  const at = (name: string): string => join(folder, name);

  test("records a replay, says what is in it, and shows it elsewhere", async () => {
    const recorded = await commands.run(["trace", "record", "--frames", "6", "--out", at("run.jsonl"), "--json"]);
    expect(recorded).toMatchObject({ code: 0, stderr: "" });
    const report = JSON.parse(recorded.stdout) as { eventCount: number };
    expect(report).toMatchObject({ run: "folded", lostCount: 0, verdict: "passed", message: "", interrupted: false });

    const [info, text, vcd] = await Promise.all([
      commands.run(["trace", "info", at("run.jsonl"), "--json"]),
      commands.run(["trace", "convert", at("run.jsonl"), "--to", "text", "--only", "register=rdt*,kind=register-*"]),
      commands.run(["trace", "convert", at("run.jsonl"), "--to", "vcd", "--out", at("run.vcd"), "--json"]),
    ]);
    expect(JSON.parse(info.stdout)).toMatchObject({
      traces: [{ eventCount: report.eventCount, kinds: { "frame-in": 6 }, end: { reason: "complete" } }],
    });
    const [title, ...lines] = text.stdout.trimEnd().split("\n");
    expect(title).toMatch(/only registers rdt\*, kinds register-\*$/);
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) expect(line).toMatch(/driver (→|←) ixgbe {3}(write|read ) RDT\(0\)/);
    expect(JSON.parse(vcd.stdout)).toMatchObject({ format: "vcd", writtenCount: report.eventCount });
    expect(readFileSync(at("run.vcd"), "utf8")).toMatch(/\$var event 1 \S+ RDT_0_doorbell \$end/);

    // Of a file that was cut there is what there is; of what is no trace nothing.
    const whole = readFileSync(at("run.jsonl"));
    writeFileSync(at("cut.jsonl"), whole.subarray(0, whole.length - 200));
    writeFileSync(at("old.jsonl"), whole.toString().replace('"softbarTrace":1', '"softbarTrace":7'));
    const [cut, old] = await Promise.all([
      commands.run(["trace", "filter", at("cut.jsonl"), "--only", "kind=frame-in"]),
      commands.run(["trace", "info", at("old.jsonl")]),
    ]);
    expect(cut.code).toBe(1);
    expect(cut.stderr).toMatch(/cut\.jsonl: line \d+ is cut: the trace was not written to its end/);
    expect(cut.stdout.match(/"kind":"frame-in"/g)).toHaveLength(6);
    expect(old).toMatchObject({ code: 2, stdout: "" });
    expect(old.stderr).toMatch(/^softbar: .*old\.jsonl: line 1 says version 7; this softbar reads version 1\.\n$/);
  });

  test("records the run of a token, and the ordinary run of a scenario", async () => {
    const explored = await commands.run(["explore", "lost-interrupt", "--json"]);
    const { failure } = JSON.parse(explored.stdout) as { failure: { token: string } };
    const [failed, ordinary] = await Promise.all([
      commands.run(["trace", "record", failure.token, "--out", at("race.jsonl")]),
      commands.run(["trace", "record", "lost-interrupt", "--out", at("plain.jsonl")]),
    ]);
    expect(failed).toMatchObject({ code: 3, stdout: expect.stringMatching(/explored {3}10 events .* ✗ deadlock\n/) });
    expect(ordinary).toMatchObject({ code: 0, stdout: expect.stringMatching(/explored .* ✓ passed\n/) });
    const text = await commands.run(["trace", "convert", at("race.jsonl"), "--to", "text"]);
    expect(text.stdout).toMatch(/nic {3}write TDT 0x00000 ← 0x00000001 {2}⟵ 0 post/);
    expect(text.stdout).toMatch(/ends here, failed: deadlock\n$/);
  });

  test("a recording ends as its run does, and the trace is whole all the same", async () => {
    const mischief = (which: string, words: readonly string[]): Promise<Run> =>
      commands.run(words, { env: { SOFTBAR_TEST_MISCHIEF: which } });
    const record = (name: string, ...words: string[]): string[] => ["trace", "record", ...words, "--out", at(name)];
    const module = "test/threads/fixtures/explore-mischief.ts";
    const [violation, hang, setUp, faulty, idle] = await Promise.all([
      mischief("throws", record("violation.jsonl", module, "--json", "--hang", "60")),
      mischief("computes later", record("hang.jsonl", module, "--hang", "1")),
      mischief("setup throws", record("setup.jsonl", module, "--hang", "60")),
      commands.run(record("faulty.jsonl", "--frames", "20", "--fault", "dma-write-error#4", "--json")),
      // The limit is that of a driver's beginning, too, which a busy machine may draw out.
      commands.run(record("idle.jsonl", "--driver", "test/threads/fixtures/replay-idle.driver.ts", "--timeout", "3")),
    ]);
    const endOf = (name: string): unknown =>
      JSON.parse(readFileSync(at(name), "utf8").trimEnd().split("\n").at(-1) ?? "");
    expect(violation.code).toBe(1);
    expect(JSON.parse(violation.stdout)).toMatchObject({ verdict: "violation", message: "Error: this is wrong" });
    expect(endOf("violation.jsonl")).toMatchObject({ kind: "end", reason: "failed", message: "Error: this is wrong" });
    expect(faulty.code).toBe(1);
    expect(JSON.parse(faulty.stdout)).toMatchObject({
      verdict: "incorrect",
      message: expect.stringMatching(/^\d+ frames lost in the driver$/),
    });
    expect(endOf("faulty.jsonl")).toMatchObject({ kind: "end", reason: "complete" });
    expect(idle).toMatchObject({ code: 3, stdout: "", stderr: expect.stringContaining("took no frame for 3 s") });
    expect(endOf("idle.jsonl")).toMatchObject({ kind: "end", reason: "failed" });
    // Of one that only the end of its thread stops there is none, and no empty file either.
    expect(hang).toMatchObject({ code: 3, stdout: "" });
    expect(hang.stderr).toMatch(
      /^softbar: There is no trace: hang: the body of schedule 1 has not come to its end for 1 s\.\n$/,
    );
    expect(setUp).toMatchObject({ code: 1, stdout: "" });
    expect(setUp.stderr).toMatch(/^softbar: There is no trace: setup: RangeError: no such card\.\n$/);
    for (const name of ["hang.jsonl", "setup.jsonl"]) expect(existsSync(at(name))).toBe(false);
  });

  test("a run that comes to no end has a trace up to where it stands, and says what it waits for", async () => {
    const ended = async (which: string): Promise<{ run: Run; text: string }> => {
      const module = "test/threads/fixtures/explore-mischief.ts";
      const words = ["trace", "record", module, "--out", at(`${which}.jsonl`), "--hang", "1"];
      const run = await start(words, { env: { SOFTBAR_TEST_MISCHIEF: which } }).run;
      return { run, text: readFileSync(at(`${which}.jsonl`), "utf8") };
    };
    const polling = await ended("polls");
    expect(polling.run).toMatchObject({ code: 3, stdout: expect.stringContaining("✗ livelock\n") });
    expect(polling.text).toContain('"message":"livelock: driver waits: poll LIVENESS → 0"');
    // What computes for ever has one up to its last access.
    const computing = await ended("computes at last");
    expect(computing.run).toMatchObject({ code: 3, stdout: expect.stringContaining("✗ hang\n") });
    expect(computing.text).toMatch(
      /"hang: its last was driver: \(LIVENESS → 0 {2}completion\) {2}explore-mischief\.ts:\d+"/,
    );
    expect(computing.text).toContain("behind it, no access and no wait");
  });

  test("a scenario that hangs or fails by itself is no mistake of the command line", async () => {
    const run = (which: string, ...words: string[]): Promise<Run> =>
      // In processes of their own: the module asks for its mischief once, when it is loaded.
      start(["faults", "test/threads/fixtures/explore-mischief.ts", ...words], {
        env: { SOFTBAR_TEST_MISCHIEF: which },
      }).run;
    const [hangs, fails, lied, site] = await Promise.all([
      run("computes", "--hang", "1"),
      run("throws"),
      run("computes", "--hostile", "1", "--hang", "1"),
      run("", "--only", "no-site"),
    ]);
    expect(hangs).toMatchObject({ code: 3, stdout: "", stderr: expect.stringContaining("without any fault: hang: ") });
    expect(fails).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("without any fault: ") });
    expect(lied).toMatchObject({ code: 3, stdout: "", stderr: expect.stringContaining("without any lie: hang: ") });
    expect(site).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("is no site") });
  });

  test("a replay shows what is asked for of its trace", async () => {
    const words = ["replay", "--frames", "6", "--trace", "--trace-only", "kind=dma-write"];
    const { stdout, code } = await commands.run(words);
    expect(code).toBe(0);
    const traced = stdout.split("\n").filter((line) => / µs {2}/.test(line) && line.includes("ixgbe"));
    expect(traced.length).toBeGreaterThan(11);
    for (const line of traced) expect(line).toMatch(/memory ← ixgbe {3}DMA write/);
    expect(traced.some((line) => /\{ .*DD=1 EOP=1 .*LENGTH=0x/.test(line))).toBe(true);
  });

  test.each([
    [["trace"], /Say what to do/],
    [["trace", "recrod"], /There is no "softbar trace recrod", did you mean "record"\?/],
    [["trace", "record"], /Where to\? Name a file: "--out run\.jsonl"/],
    [["trace", "info"], /Name a trace/],
    [["trace", "convert", "x.jsonl"], /Into what\?/],
    [["trace", "convert", "x.jsonl", "--to", "vdc"], /there is no such format/],
    [["trace", "info", "x.jsonl", "--only", "kind=a"], /--only is not for trace info/],
    [["trace", "convert", "-", "--to", "vcd"], /read twice for VCD/],
    [["trace", "filter", "x.jsonl", "--only", "colour=red"], /--only: there is no "colour"/],
    [["trace", "convert", "x.jsonl", "--to", "text"], /x\.jsonl cannot be read \(ENOENT\)/],
    [["replay", "--trace-only", "kind=a"], /it needs --trace/],
  ])("refuses %j in a sentence", async (words, sentence) => {
    const told: string[] = [];
    const { error } = console;
    console.error = (text: string) => void told.push(text);
    try {
      expect(await main(words, CATALOGUE, "")).toBe(2);
    } finally {
      console.error = error;
      // Each call listens for a reader that has seen enough.
      process.stdout.removeAllListeners("error");
    }
    expect(told.join("\n")).toMatch(sentence);
  });
});
