import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { ProgressLine } from "../../../harness/cli/progress-line.ts";
import { shortPicture } from "../../../harness/explore/short-picture.ts";

const STATE = {
  runs: 2500,
  runsMax: 10_000,
  elapsedMs: 1000,
  coverage: { racingPairs: 9, inBothOrders: 4, newInFirstThousand: 13, newInLastThousand: 0, isFull: false },
};

function written(isTTY: boolean, timeLimitMs?: number): string {
  let text = "";
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const line = new ProgressLine(Object.assign(stream, { isTTY }) as unknown as NodeJS.WriteStream);
  line.search(STATE, timeLimitMs);
  line.clear();
  return text;
}

test("a search shows on a terminal how far it is, by schedules or by time", () => {
  expect(written(true)).toMatch(/ 25 % .*2,500 schedules {2}2,500\/s {2}4 racing pairs in both orders/);
  expect(written(true, 2000)).toMatch(/ 50 % /);
  expect(written(false)).toBe("");
});

test("a loop in a picture is told once", () => {
  const rows = (count: number, text: (index: number) => string): string[] =>
    Array.from({ length: count }, (_, index) => ` ${index + 1}  ${text(index)}`);
  const looping = ["head", ...rows(62, (index) => (index < 60 ? (index % 2 === 0 ? "read" : "relax") : "end"))];
  expect(shortPicture(looping.join("\n"))).toBe(
    ["head", " 1  read", " 2  relax", " (the same 29 times more)", " 61  end", " 62  end"].join("\n"),
  );
  const straight = ["head", ...rows(70, (index) => `step ${index}`)];
  expect(shortPicture(straight.join("\n")).split("\n").slice(0, 3)).toEqual([
    "head",
    " (10 lines before are left out)",
    " 11  step 10",
  ]);
  const short = ["head", ...rows(5, (index) => `step ${index}`)].join("\n");
  expect(shortPicture(short)).toBe(short);
});
