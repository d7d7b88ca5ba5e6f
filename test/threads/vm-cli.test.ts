import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { main } from "../../harness/cli/main.ts";
import { linuxTrial } from "../../harness/vm/linux-trial.ts";
import { CATALOGUE } from "../../scenarios/catalogue.ts";
import { start } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "softbar-vm-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("what cannot be done is told in a sentence that says what to do", async () => {
  const script = join(folder, "driver.ko");
  writeFileSync(script, "#!/bin/sh\n");
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["vm"], /Say what to do: "softbar vm fetch, then softbar vm linux"/],
    [["vm", "linx"], /There is no "softbar vm linx".*linux/],
    [
      ["vm", "linux", "--device", "edu"],
      /Linux has no driver for edu: name a module of yours, --modules \.\/driver\.ko/,
    ],
    [["vm", "linux", "--capture", "none.pcap"], /--capture none\.pcap: there is no such file/],
    [["vm", "linux", "--modules", "none.ko"], /--modules none\.ko: there is no such file/],
    [["vm", "linux", "--memory", "4"], /--memory 4 makes no sense: want a whole number, 96 or more/],
    [["vm", "linux", "--memory", "4000"], /more than the 1024 MB that the emulated PC takes/],
    [["vm", "linux", "--file", "x"], /want HOST:GUEST, two paths/],
    [["vm", "linux", "--speed", "fast"], /fast/],
    [["vm", "linux", "--folder", folder], /There is no guest in .*"softbar vm fetch" brings one there/],
  ];
  const told: string[] = [];
  const { error } = console;
  console.error = (text: string) => void told.push(text);
  try {
    for (const [words, pattern] of cases) {
      told.length = 0;
      expect(await main(words, CATALOGUE), words.join(" ")).toBe(2);
      expect(told.join("\n"), words.join(" ")).toMatch(pattern);
    }
  } finally {
    console.error = error;
  }
  const { code, stdout } = await start(["vm", "--help"]).run;
  expect(code).toBe(0);
  expect(stdout).toContain("10.0.0.1 answers ARP and echo requests");
});

const guest = process.env.SOFTBAR_GUEST;

test("a stock kernel's driver brings the 82599 up", { timeout: 200_000 }, async ({ skip }) => {
  if (guest === undefined) {
    skip("takes half a minute: set SOFTBAR_GUEST to a folder that `softbar vm fetch --folder` filled");
    return;
  }
  const entry = CATALOGUE.find(({ name }) => name === "ixgbe")?.linux;
  const report = await linuxTrial({
    folder: guest,
    device: (entry as NonNullable<typeof entry>).spec(),
    modules: entry?.modules ?? [],
    pingCount: 20,
    cycleCount: 1,
    command: "echo said; (exit 3)",
  });
  expect(report.complaints).toEqual([]);
  expect(report.ping).toEqual({ sentCount: 20, receivedCount: 20 });
  expect(report.cycles).toEqual({ wantedCount: 1, linkCount: 1, moduleCount: 1 });
  expect(report.networkDevices).toEqual(["eth0"]);
  expect(report.statistics.device.counters.rxFrames).toBeGreaterThanOrEqual(22);
  expect(report.command).toEqual({ code: 3, output: "said" });
  expect(report.isGood).toBe(false);
});
