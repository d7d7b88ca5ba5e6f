import { expect, test } from "vitest";
import { lineWidth } from "../../../harness/cli/terminal.ts";

test("lines are as wide as the terminal, within what can be read; where there is none, 100", () => {
  const widths = [40, 60, 80, 132, 300].map((columns) => lineWidth({ isTTY: true, columns }));
  expect(widths).toEqual([60, 60, 80, 132, 140]);
  expect(lineWidth({ columns: 300 })).toBe(100);
  expect(lineWidth({ isTTY: true })).toBe(100);
});
