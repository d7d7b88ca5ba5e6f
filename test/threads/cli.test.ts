import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PcapWriter } from "../../emulator/wire/capture/write-pcap.ts";
import { frames } from "../../harness/frames.ts";
import { CommandProcess, type Run, start } from "./command-line.ts";

const fixture = (name: string): string => resolve(import.meta.dirname, `fixtures/replay-${name}.driver.ts`);

const commands = new CommandProcess();
const softbar = (...words: string[]): Promise<Run> => commands.run(words);
/** With the shell's own eyes: at least one of each exit code. */
const softbarAlone = (...words: string[]): Promise<Run> => start(words).run;

let folder = "";
const path = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "softbar-cli-"));
  const whole = new PcapWriter();
  for (const [index, frame] of frames(50, { maxByteLength: 200 }).entries()) whole.append(1, index * 1000, frame);
  writeFileSync(path("whole.pcap"), whole.bytes);
  writeFileSync(path("cut.pcap"), whole.bytes.subarray(0, whole.bytes.length - 5));
  writeFileSync(path("whole.pcap.gz"), gzipSync(whole.bytes));
  writeFileSync(path("cut.pcap.gz"), gzipSync(whole.bytes).subarray(0, -20));
  writeFileSync(path("no-frames.pcap"), new PcapWriter().bytes);
  writeFileSync(path("cut-in-first.pcap"), whole.bytes.subarray(0, 50));
  writeFileSync(path("cut-in-header.pcap"), whole.bytes.subarray(0, 11));
  writeFileSync(path("empty.pcap"), "");
  writeFileSync(path("text.pcap"), "time,price\n09:30:00,101.25\n");
  const radio = new PcapWriter(105);
  radio.append(1, 0, new Uint8Array(60));
  writeFileSync(path("radio.pcap"), radio.bytes);
  mkdirSync(path("folder.pcap"));
  writeFileSync(path("no-driver.ts"), "export const driver = 1;\n");
  writeFileSync(path("slip.ts"), "export default functio () {}\n");
});

afterAll(() => {
  commands.close();
  rmSync(folder, { recursive: true });
});

describe("what cannot be replayed is said in one sentence, with exit code 2", () => {
  const cases: readonly (readonly [what: string, words: readonly string[], sentence: RegExp])[] = [
    ["a missing file", ["replay", "@nowhere.pcap"], /nowhere\.pcap: there is no such file/],
    ["a directory", ["replay", "@folder.pcap"], /this is a directory/],
    ["an empty file", ["replay", "@empty.pcap"], /the file is empty/],
    ["a file that is no capture", ["replay", "@text.pcap"], /0x74696d65, neither pcap, pcapng nor gzip or zstd/],
    ["a capture without frames", ["replay", "@no-frames.pcap"], /the capture holds no frames/],
    ["a capture cut inside its first record", ["replay", "@cut-in-first.pcap"], /ends inside record 1/],
    ["a capture cut inside its header", ["replay", "@cut-in-header.pcap"], /ends inside|file header/],
    ["another link type than Ethernet", ["replay", "@radio.pcap"], /link type 105 \(IEEE 802\.11\)/],
    ["a speed that is none", ["replay", "--speed", "warp"], /"warp" is no speed/],
    ["speed zero", ["replay", "--speed", "0x"], /"0x" is no speed/],
    ["a negative speed", ["replay", "--speed=-1"], /"-1" is no speed/],
    ["a line rate that is none", ["replay", "--speed", "line:fast"], /"line:fast" is no line rate/],
    ["a clock that is none", ["replay", "--clock", "sundial"], /--clock sundial makes no sense: want wall or virtual/],
    ["full speed in virtual time", ["replay", "--clock", "virtual", "--speed", "max"], /--speed max has no meaning/],
    ["an event log on the wall clock", ["replay", "--log", "@log.txt"], /--log needs --clock virtual/],
    ["a burst gap without its idle speed", ["replay", "--burst-gap", "1ms"], /belong together/],
    ["an idle speed without its burst gap", ["replay", "--idle", "10x"], /belong together/],
    ["a burst gap without a unit", ["replay", "--burst-gap", "1", "--idle", "10x"], /--burst-gap: "1" is no duration/],
    ["a burst gap of nothing", ["replay", "--burst-gap", "0ms", "--idle", "10x"], /--burst-gap 0 makes no sense/],
    ["an idle speed that is none", ["replay", "--burst-gap", "1ms", "--idle", "x"], /--idle: "x" is no speed of idle/],
    [
      "bursts at line rate",
      ["replay", "--speed", "line", "--burst-gap", "1ms", "--idle", "2x"],
      /scale recorded gaps; --speed max and line/,
    ],
    ["a moment that is none", ["replay", "--from", "noon"], /--from: "noon" is no moment/],
    ["a window that is empty", ["replay", "--from", "2s", "--to", "1s"], /ends before it begins/],
    ["a sequence that is none", ["replay", "--from-sequence", "-3"], /--from-sequence/],
    [
      "sequences the wrong way round",
      ["replay", "--from-sequence", "9", "--to-sequence", "8"],
      /before it begins at 9/,
    ],
    ["a window with nothing in it", ["replay", "@whole.pcap", "--from", "1h"], /none of 50 frames is in the window/],
    ["no loops", ["replay", "--loop", "0"], /--loop 0 makes no sense/],
    ["a loop gap without loops", ["replay", "--loop-gap", "1ms"], /without --loop there is one/],
    ["loops over standard input", ["replay", "-", "--loop", "2"], /standard input can be read once/],
    ["damage that is none", ["replay", "--damage", "los=0.1"], /--damage: "los" is no damage; there are /],
    ["damage that is no file", ["replay", "--damage", "@none.json"], /is neither word=value nor a JSON file/],
    ["damage that is no JSON", ["replay", "--damage", "@text.pcap"], /text\.pcap: the damage is no JSON/],
    ["damage of everything", ["replay", "@whole.pcap", "--damage", "loss=1"], /the damage leaves no frame/],
    [
      "a window of sequences without any",
      ["replay", "@whole.pcap", "--from-sequence", "7"],
      /none of 50 frames carries a sequence number, by which the window is cut: no line carries a feed/,
    ],
    ["a ledger of nothing", ["replay", "--ledger", "@ledger.jsonl"], /is the book of --damage/],
    [
      "a ledger that cannot be written",
      ["replay", "--damage", "loss=0.1", "--ledger", "@folder.pcap"],
      /the file cannot be written \(EISDIR\)/,
    ],
    ["a missing decoder", ["replay", "--decoder", "@nothing.ts"], /there is no such decoder module/],
    ["a decoder that is none", ["replay", "--decoder", "@no-driver.ts"], /no-driver\.ts is no decoder module: it/],
    ["a limit that is no number", ["replay", "--limit", "many"], /--limit many makes no sense/],
    ["an unknown FCS mode", ["replay", "--fcs", "maybe"], /--fcs maybe makes no sense/],
    ["a session too short", ["replay", "--frames", "2"], /6 or more/],
    ["session flags with a file", ["replay", "@whole.pcap", "--seed", "2"], /with a FILE there is none/],
    ["an unknown device", ["replay", "--device", "igbxe"], /no device "igbxe", did you mean "ixgbe"\?/],
    ["a device without a wire", ["replay", "--device", "edu"], /edu has no wire/],
    ["a missing driver module", ["replay", "--driver", "@nothing.ts"], /there is no such driver module/],
    [
      "a driver module without a driver",
      ["replay", "--driver", "@no-driver.ts"],
      /no-driver\.ts is no driver module: it/,
    ],
    ["a driver module that is no module", ["replay", "--driver", "@text.pcap"], /cannot be loaded as a driver module/],
    ["a driver module with a slip", ["replay", "--driver", "@slip.ts"], /slip\.ts cannot be loaded as a driver module/],
    ["an unknown flag", ["replay", "--sped", "max"], /no flag --sped, did you mean --speed\?/],
    ["a flag without its value", ["replay", "--speed"], /--speed needs a value/],
    ["a value for a switch", ["replay", "--json=yes"], /--json takes no value/],
    ["a pipe among files", ["replay", "@whole.pcap", "-"], /\/dev\/stdin: several captures are merged by time/],
    [
      "several files of which one is none",
      ["replay", "@whole.pcap", "@none.pcap"],
      /none\.pcap: there is no such file/,
    ],
    ["an unknown verb", ["repaly"], /no verb "repaly", did you mean "replay"\?/],
    ["an unknown global flag", ["--verison"], /no flag "--verison"/],
    ["no device to print registers of", ["regs"], /softbar regs ixgbe/],
    ["an offset of no register", ["regs", "ixgbe", "0x3fffc"], /ixgbe has no register at 0x3fffc\./],
    ["an unknown register", ["regs", "ixgbe", "RXDTCL"], /no register "RXDTCL", did you mean "RXDCTL"\?/],
  ];

  test.each(cases)("%s", async (_what, words, sentence) => {
    const run = await softbar(...words.map((word) => (word.startsWith("@") ? path(word.slice(1)) : word)));
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(sentence);
    expect(run.stderr).toMatch(/^softbar: [^\n]+[.?]\n$/);
  });

  test("by a process of its own, too", async () => {
    expect(await softbarAlone("replay", path("nowhere.pcap"))).toEqual(await softbar("replay", path("nowhere.pcap")));
  });
});

describe("a replay", () => {
  test("passes, and says so at a glance", async () => {
    const run = await softbarAlone("replay", path("whole.pcap"));
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toMatch(/50 sent +50 delivered +0 dropped +none unaccounted for/);
    expect(run.stdout).toMatch(/latency +p50 .* p99\.9 .* max /);
    expect(run.stdout).not.toContain("\u001b");
  });

  test("what found nothing to do is said", async () => {
    const damaged = await softbar("replay", path("whole.pcap"), "--damage", "sequence=1..9,loss=1");
    expect(damaged.stdout).toMatch(
      /nothing was done of 50 frames\n +no frame carries a sequence number that was found: no line carries a feed/,
    );
    const unlike = await softbar("replay", path("whole.pcap"), "--fcs", "present");
    expect(unlike.stdout).toMatch(/the last 4 bytes of 50 frames were taken off as an FCS, and not one was right/);
    expect(unlike.stdout).not.toContain("the longest");
  });

  test("in virtual time, damaged, with a decoder: all of it is said, and written", async () => {
    const run = await softbar(
      ...["replay", path("whole.pcap"), "--clock", "virtual", "--loop", "2", "--burst-gap", "500ns", "--idle", "2x"],
      ...["--damage", "frame=3..5,loss=1;frame=7,duplicate=1;frame=8,corrupt=1", "--ledger", path("ledger.jsonl")],
      ...["--log", path("events.txt"), "--decoder", resolve(import.meta.dirname, "fixtures/counting.decoder.ts")],
    );
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toMatch(/^\S+whole\.pcap at the recorded speed: will take 49\.5 µs of virtual time\n/);
    expect(run.stdout).toMatch(/through ixgbe, at the recorded speed, in virtual time/);
    expect(run.stdout).toMatch(/98 sent +97 delivered +1 dropped +none unaccounted for/);
    expect(run.stdout).toMatch(/dropped +1 +wrong FCS \(CRCERRS\)/);
    expect(run.stdout).toMatch(/pace +planned 49\.5 µs, took 49\.5 µs: to the nanosecond/);
    expect(run.stdout).toMatch(/bursts +gaps of 500 ns and more passed at 2 times the recorded speed/);
    expect(run.stdout).toMatch(/damage +3 lost, 1 corrupted, 1 duplicated of 100 frames/);
    expect(run.stdout).toMatch(/decoder +frameCount 97/);
    expect(run.stdout).toMatch(/note +2 passes with the same sequence numbers/);
    const ledger = readFileSync(path("ledger.jsonl"), "utf8").trimEnd().split("\n");
    const rows = ledger.map((line) => JSON.parse(line) as { kind: string; frame?: number; what?: string });
    expect(rows.filter(({ kind }) => kind === "frame").map(({ frame, what }) => `${frame} ${what}`)).toEqual([
      ...["3 lost", "4 lost", "5 lost", "7 duplicated", "8 corrupted"],
    ]);
    expect(rows.at(-1)).toMatchObject({ kind: "counts", offered: 100, passed: 98, lost: 3, held: 0 });
    expect(readFileSync(path("events.txt"), "utf8").match(/ wire /g)).toHaveLength(98);
  });

  test("says beforehand how long it takes; with --json on standard error", async () => {
    const run = await softbar("replay", path("whole.pcap"), "--speed", "line:25", "--json");
    expect(run).toMatchObject({ code: 0 });
    expect(run.stderr).toMatch(/whole\.pcap at 25 Gb\/s, back to back: will take \d+\.\d+ µs\n$/);
    const report = JSON.parse(run.stdout) as { plannedNs: number; sentNs: number; lateness: object };
    expect(report.sentNs).toBeGreaterThanOrEqual(report.plannedNs);
  });

  test("of a decoder that throws ends with exit code 1 and its words", async () => {
    const decoder = resolve(import.meta.dirname, "fixtures/throwing.decoder.ts");
    const run = await softbar("replay", path("whole.pcap"), "--decoder", decoder);
    expect(run).toMatchObject({ code: 1, stdout: "" });
    expect(run.stderr).toMatch(/^softbar: The decoder threw Error: message type 0x5a/);
  });

  test("prints one JSON object with --json, trace and all", async () => {
    const run = await softbar("replay", path("whole.pcap"), "--json", "--trace", "--limit", "20");
    expect(run.code).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ sentCount: 20, deliveredCount: 20, balance: { holds: true } });
    expect(run.stderr.match(/frame in, port 0/g)).toHaveLength(20);
  });

  test.each(["cut.pcap", "cut.pcap.gz"])("of %s takes what is whole, says what is not, and fails", async (name) => {
    const run = await softbar("replay", path(name), "--json");
    expect(run.code).toBe(1);
    const report = JSON.parse(run.stdout) as { deliveredCount: number; source: { damage: string } };
    expect(report.deliveredCount).toBe(name === "cut.pcap" ? 49 : report.deliveredCount);
    expect(report.deliveredCount).toBeGreaterThan(0);
    expect(report.source.damage).toContain(name);
  });

  test("without a file makes a session up, and tells how to go on", async () => {
    const run = await softbar("replay", "--frames", "500");
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/MoldUDP64 SOFTBAR001/);
    expect(run.stdout).toMatch(/\nGo on:\n( {2}.+\n){4}$/);
  });

  test("of a driver that is stuck ends with exit code 3", async () => {
    const run = await softbar("replay", path("whole.pcap"), "--driver", fixture("idle"), "--timeout", "3");
    expect(run).toMatchObject({ code: 3, stdout: "" });
    expect(run.stderr).toMatch(/took no frame for 3 s although 50 are waiting/);
  });

  test("into a card that hangs ends with exit code 3, and says that it is the card", async () => {
    const run = await start([], { file: resolve(import.meta.dirname, "fixtures/hanging-card.cli.ts") }).run;
    expect(run).toMatchObject({ code: 3, stdout: "" });
    expect(run.stderr).toMatch(/^softbar: failing gave no sign of life for 5000 ms: its model loops[^\n]+\n$/);
  });

  test("of a driver that throws ends with exit code 1 and the driver's words", async () => {
    const run = await softbarAlone("replay", path("whole.pcap"), "--driver", fixture("throwing"));
    expect(run).toMatchObject({ code: 1, stdout: "" });
    expect(run.stderr).toMatch(/EEPROM checksum is 0xbeef/);
  });

  test("of a driver that loses a frame ends with exit code 1", async () => {
    const run = await softbar("replay", path("whole.pcap"), "--driver", fixture("lossy"));
    expect(run.code).toBe(1);
    expect(run.stdout).toMatch(/1 frame lost between ring and consumer/);
  });

  test("ends in good order on Ctrl-C", async () => {
    // The session is recorded over more than a minute, so it is under way when the first frames are traced.
    const { child, run } = start(["replay", "--speed", "recorded", "--trace"]);
    let isInterrupted = false;
    child.stdout?.on("data", (text: string) => {
      // Once: the second one would end it the hard way.
      if (isInterrupted || !text.includes("frame in")) return;
      isInterrupted = true;
      child.kill("SIGINT");
    });
    const { code, stdout } = await run;
    expect(code).toBe(130);
    expect(stdout).toMatch(/stopped early/);
    expect(stdout).toMatch(/none unaccounted for/);
  });
});

describe("the other verbs", () => {
  test("--version and --help", async () => {
    expect(await softbar("--version")).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    for (const words of [[], ["--help"], ["help"]]) {
      expect(await softbar(...words)).toMatchObject({ code: 0, stdout: expect.stringContaining("replay") });
    }
  });

  test.each([
    "replay",
    "capture",
    "run",
    "explore",
    "rerun",
    "report",
    "trace",
    "devices",
    "regs",
    "rules",
    "vm",
    "serve",
    "new",
  ])("%s --help lists its flags, asked for in any way", async (verb) => {
    const run = await softbar(verb, "--help");
    expect(run).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("--json") });
    for (const words of [
      ["help", verb],
      [verb, "-h"],
      ["-h", verb],
      [verb, "--trace", "-h"],
    ]) {
      expect(await softbar(...words), words.join(" ")).toEqual(run);
    }
  });

  test("help is one JSON object with --json", async () => {
    for (const words of [
      ["--help", "--json"],
      ["--json", "-h"],
      ["help", "--json"],
    ]) {
      const { verbs } = JSON.parse((await softbar(...words)).stdout) as { verbs: { name: string }[] };
      expect(verbs.map(({ name }) => name)).toEqual([
        "replay",
        "capture",
        "run",
        "explore",
        "rerun",
        "faults",
        "report",
        "trace",
        "devices",
        "regs",
        "rules",
        "vm",
        "serve",
        "new",
      ]);
    }
    for (const words of [
      ["regs", "--help", "--json"],
      ["help", "--json", "regs"],
    ]) {
      expect(JSON.parse((await softbar(...words)).stdout)).toMatchObject({ name: "regs", operands: "DEVICE [NAME]" });
    }
  });

  test("devices lists them", async () => {
    expect((await softbar("devices")).stdout).toMatch(/^ixgbe +8086:/m);
    const { devices } = JSON.parse((await softbar("devices", "--json")).stdout) as { devices: { name: string }[] };
    expect(devices.map(({ name }) => name)).toEqual(["ixgbe", "exanic", "edu", "feed-handler"]);
  });

  test.each(["ixgbe", "exanic", "edu", "feed-handler"])("regs %s fits 100 columns", async (device) => {
    const lines = (await softbar("regs", device)).stdout.split("\n");
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
  });

  test("regs finds the register at an offset, that of another element and range too", async () => {
    const byName = await softbar("regs", "ixgbe", "RXDCTL");
    for (const offset of ["0x1028", "0x01068", "0xD028"])
      expect(await softbar("regs", "ixgbe", offset)).toEqual(byName);
  });

  test("regs prints a register with its fields", async () => {
    const { stdout } = await softbar("regs", "ixgbe", "rxdctl");
    expect(stdout).toMatch(/^0x01028 \+ 0x40 n.*RXDCTL\(0-127\)/m);
    expect(stdout).toMatch(/^ +25 {2}ENABLE/m);
    const { registers } = JSON.parse((await softbar("regs", "edu", "--json")).stdout) as { registers: unknown[] };
    expect(registers.length).toBeGreaterThan(5);
  });
});
