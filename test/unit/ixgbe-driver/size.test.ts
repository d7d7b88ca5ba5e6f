import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const folder = resolve(import.meta.dirname, "../../../scenarios/drivers");
const read = (name: string): string => readFileSync(resolve(folder, name), "utf8");
const lineCountOf = (name: string): number => read(name).split("\n").length - 1;

/** The reference driver; the mapped one is another driver. */
const files = readdirSync(folder).filter((name) => /^(ixgbe(?!-mapped).*|packet-pool)\.ts$/.test(name));

test("what there is to learn of the reference driver is in one file of less than 400 lines", () => {
  const lesson = read("ixgbe.ts");
  expect(lineCountOf("ixgbe.ts")).toBeLessThan(400);
  // Reset, both doorbells, both write-backs, waiting and closing.
  for (const part of ["CTRL_RST", "reg.RDT(", "reg.TDT(", "RXD_STAT_DD", "TXD_STA_DD", "waitForTraffic(", "close()"]) {
    expect(lesson, part).toContain(part);
  }
});

test("its header says how large the whole set is", () => {
  const [, told = ""] =
    /The whole driver has ([\d,]+) lines in (?:nine) files/.exec(read("ixgbe.ts").replaceAll("\n * ", " ")) ?? [];
  const lineCount = files.reduce((sum, name) => sum + lineCountOf(name), 0);
  expect(files).toHaveLength(9);
  expect(Math.abs(Number(told.replaceAll(",", "")) - lineCount)).toBeLessThanOrEqual(10);
});
