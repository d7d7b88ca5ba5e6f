import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PcapWriter } from "../../emulator/wire/capture/write-pcap.ts";
import { frames } from "../../harness/frames.ts";
import { writeSession } from "../unit/replay/stream-bench.ts";
import { CommandProcess, type Run, root, watch } from "./command-line.ts";

const commands = new CommandProcess();
const softbar = (...words: string[]): Promise<Run> => commands.run(words);
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};

/** What npm does with the words behind it, without npm: half a second each time. */
function typed([program, ...words]: readonly string[]): Promise<Run> {
  expect(program).toBe("npm");
  const [name = "", ...behind] = words[0] === "run" ? words.slice(1) : words;
  const [node, entry, ...first] = (scripts[name] ?? expect.fail(`there is no script ${name}`)).split(" ");
  expect([node, entry]).toEqual(["node", "scenarios/softbar.ts"]);
  expect(["--", undefined]).toContain(behind[0]);
  return softbar(...first, ...behind.slice(1));
}

const byNpm = ([program = "", ...words]: readonly string[]): Promise<Run> =>
  watch(spawn(program, words, { cwd: root, stdio: ["ignore", "pipe", "pipe"] })).run;

let folder = "";
const path = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "softbar-readme-"));
  const whole = new PcapWriter();
  for (const [index, frame] of frames(50, { maxByteLength: 200 }).entries()) whole.append(1, index * 1000, frame);
  writeFileSync(path("whole.pcap"), whole.bytes);
  writeFileSync(path("whole.pcap.gz"), gzipSync(whole.bytes));
  writeSession(path("ab.pcap"), 1, 60, 2);
});

afterAll(() => {
  commands.close();
  rmSync(folder, { recursive: true });
});

describe("what the documentation says works from a clone, in which nothing is built", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [, block = ""] = /## Replay a capture\n\n```sh\n([\s\S]*?)```/.exec(readme) ?? [];
  const page = readFileSync(join(root, "docs/replay.md"), "utf8");
  const [, more = ""] = /```sh\n([\s\S]*?)```/.exec(page) ?? [];
  const told = `${block}${more}`.split("\n").flatMap((line) => (/^[^#]+/.exec(line) ?? []).map((text) => text.trim()));

  test("there are such commands, and none needs an installed package", () => {
    expect(block.split("\n").length).toBeGreaterThan(3);
    expect(more.split("\n").length).toBeGreaterThan(3);
    expect(told.filter((command) => /^npx softbar/.test(command))).toEqual([]);
  });

  test.each(told)("%s", async (command) => {
    const words = command
      .replace("session.pcapng.gz", path("whole.pcap.gz"))
      // Made by the first of them.
      .replace("session.pcapng", path("session.pcapng"))
      .replace(/session\.pcap(?= |$)/, path(command.includes("--recover") ? "ab.pcap" : "whole.pcap"))
      .replace(/ ab\.pcap/, ` ${path("ab.pcap")}`)
      .replace(" a.pcap b.pcap", ` ${path("ab.pcap")} ${path("whole.pcap")}`)
      .replace("./my-replay.ts", resolve(import.meta.dirname, "readme-replay.driver.ts"))
      .replace("./my-decoder.ts", resolve(import.meta.dirname, "fixtures/counting.decoder.ts"))
      // What is written stays out of the checkout.
      .replace(/(events\.txt|ledger\.jsonl)/, (name) => path(`readme-${name}`))
      .split(" ");
    const { code, stderr } = await (command === told[0] ? byNpm(words) : typed(words));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  test("what is seen of a run, by the commands of its section, one after the other", { timeout: 60_000 }, async () => {
    const [, shown = ""] = /## See it\n\n```sh\n([\s\S]*?)```/.exec(readme) ?? [];
    const lines = shown.split("\n").flatMap((line) => (/^[^#]+/.exec(line) ?? []).map((text) => text.trim()));
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) {
      const words = line
        .replace("session.pcap", path("whole.pcap"))
        .replaceAll(/(run\.html|race\.html|run\.jsonl)/g, (name) => path(`readme-${name}`))
        .replace("--html", `--html --force --out ${path("readme-regs.html")}`)
        .replace("--out ", "--force --out ")
        .replace("--force --force", "--force")
        .split(" ");
      const { code, stderr } = await typed(words);
      // A search that finds what it looks for ends with 3.
      expect([line, code, stderr]).toEqual([line, words.includes("lost-interrupt") ? 3 : 0, expect.any(String)]);
    }
    expect(readFileSync(path("readme-race.html"), "utf8")).toContain("race2~lost-interrupt");
  });

  test("what a made-up session says at its end, too", async () => {
    const { stdout } = await softbar("replay", "--frames", "500");
    const [, advice = ""] = /your capture +(.+)\n/.exec(stdout) ?? [];
    const words = advice.replace("session.pcap", path("whole.pcap")).split(" ");
    expect(words.slice(0, 2)).toEqual(["npm", "start"]);
    const run = await byNpm(words);
    expect(run).toMatchObject({ code: 0, stdout: expect.stringContaining("50 delivered") });
  });
});
