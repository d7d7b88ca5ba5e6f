import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { reportPage } from "../../harness/page/report/report-page.ts";
import type { TraceContents } from "../../harness/page/report/trace-contents.ts";
import { chromiumPath, overflowOf, PATIENTLY, problemsOf, TestBrowser, tabWalk } from "./browser.ts";
import { traced } from "./traced.ts";

describe.skipIf(chromiumPath === undefined)("where one looks first in a report", () => {
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await TestBrowser.start();
  });
  afterAll(() => browser?.close());

  test.each([
    { width: 1280, colours: "dark" },
    { width: 390, colours: "light" },
  ] as const)(
    "a long counterexample, $width px, $colours: where it fails is in sight, and a link away",
    async (view) => {
      const { contents } = await traced(900);
      const [deviation, fault] = [310, 871];
      const marks = [
        { seq: fault, kind: "fault", text: "races" },
        { seq: fault + 9, kind: "fault", text: "races" },
        { seq: 500, kind: "deviation", text: "kept back: later than usual" },
        { seq: deviation, kind: "deviation", text: "later than usual" },
      ];
      const rows = contents.trace?.entries.map((_, seq) => seq) ?? [];
      const trace = {
        ...contents.trace,
        header: { ...contents.trace?.header, picture: { rows, marks } },
      } as TraceContents;
      const { page, complaints } = await browser.open(reportPage({ ...contents, trace }).text, {
        ...view,
        height: 800,
      });
      await page.waitForSelector("[data-ready] .row");
      // The list begins where it fails, before anybody has asked for anything; the page at its top.
      const inSight = (seq: number): Promise<boolean> =>
        page.evaluate(`(() => {
        const row = document.getElementById("row-${seq}")?.getBoundingClientRect();
        const list = document.querySelector(".grid").getBoundingClientRect();
        return row !== undefined && row.top >= list.top && row.bottom <= list.bottom;
      })()`);
      await expect.poll(() => inSight(fault), PATIENTLY).toBe(true);
      expect(await page.evaluate("scrollY")).toBe(0);
      expect(await page.$("[aria-selected=true]")).toBeNull();

      // By keyboard: the links come right behind the skip link, and lead to the event, which the list has as its active one.
      const stops = await tabWalk(page, 3);
      expect(stops.map(({ name, isSeen }) => [name, isSeen])).toEqual([
        ["Skip to the contents", true],
        ["Jump to the failure", true],
        ["Jump to the first deviation", true],
      ]);
      const chosen = (): Promise<string | null> => page.getAttribute(".grid", "aria-activedescendant");
      const isInWindow = (seq: number): Promise<boolean> =>
        page.evaluate(`(() => {
        const { top, bottom } = document.getElementById("row-${seq}").getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight;
      })()`);
      await page.keyboard.press("Enter");
      await expect.poll(chosen, PATIENTLY).toBe(`row-${deviation}`);
      expect(await isInWindow(deviation)).toBe(true);
      expect(await page.evaluate("document.activeElement.getAttribute('role')")).toBe("grid");
      expect(await page.textContent(".details .reason")).toBe("Not the ordinary order: later than usual");
      await page.focus(".jumps a");
      await page.keyboard.press("Enter");
      await expect.poll(chosen, PATIENTLY).toBe(`row-${fault}`);
      expect(await isInWindow(fault)).toBe(true);
      await page.keyboard.press("ArrowUp");
      expect(await chosen()).toBe(`row-${fault - 1}`);
      // The same link once more.
      await page.click(".jumps a");
      await expect.poll(chosen, PATIENTLY).toBe(`row-${fault}`);
      expect(await overflowOf(page)).toBe(0);
      expect(await problemsOf(page)).toEqual([]);
      expect(complaints).toEqual([]);
      await page.close();
    },
  );

  test("a run without marks leads to its first broken rule, and one without any to nothing", async () => {
    const { trace, contents } = await traced(2_300);
    const broken = trace.events.find((event) => event.kind === "finding" && event.severity === "violation");
    const { page } = await browser.open(reportPage(contents).text);
    await page.waitForSelector("[data-ready] .row");
    const links = await page.$$eval(".jumps a", (all) =>
      all.map((link) => [link.textContent, link.getAttribute("href")]),
    );
    expect(links).toEqual([["Jump to the first broken rule", `#event-${broken?.seq}`]]);
    await page.close();
    const entries = contents.trace?.entries.filter(({ kind }) => kind !== "finding") ?? [];
    const { text } = reportPage({ ...contents, trace: { ...contents.trace, entries } as TraceContents });
    expect(text).not.toContain("Jump to");
  });
});
