import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Schedule } from "../../emulator/explore/schedule.ts";
import { picture } from "../../harness/explore/picture.ts";
import { recordRun } from "../../harness/explore/recorded-run.ts";
import { Session } from "../../harness/explore/session.ts";
import { readToken } from "../../harness/explore/token.ts";
import { atOnce } from "../../harness/explore/work.ts";
import { recordsOfRun } from "../../harness/explore/write-explored-trace.ts";
import { replay } from "../../harness/index.ts";
import { entryText } from "../../harness/page/report/entry-text.ts";
import { reportPage } from "../../harness/page/report/report-page.ts";
import { TraceCollector, type TraceContents } from "../../harness/page/report/trace-contents.ts";
import { isEvent, type TraceEvent } from "../../harness/trace/trace-event.ts";
import { ixgbeTarget } from "../../scenarios/index.ts";
import { races } from "../../scenarios/races/index.ts";
import { exchangeSessions, recorded, schedulesOf } from "../unit/trace/explored-runs.ts";
import { chromiumPath, overflowOf, PATIENTLY, problemsOf, TestBrowser, tabWalk } from "./browser.ts";
import { traced } from "./traced.ts";

/** The rows in sight: the text of each, by the number of its event. */
function rowsOf(page: Page): Promise<Record<string, string>> {
  return page.$$eval(".row", (rows) =>
    Object.fromEntries(
      rows.map((row) => [
        row.querySelector(".number")?.textContent ?? "",
        row.querySelector(".what")?.textContent ?? "",
      ]),
    ),
  );
}

const selectedOf = (page: Page): Promise<string> =>
  page.textContent("[aria-selected=true] .number").then((text) => text ?? "");

describe.skipIf(chromiumPath === undefined)("the report in a browser", () => {
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await TestBrowser.start();
  });
  afterAll(() => browser?.close());

  test("a run of 100,000 events is there at once, and can be scrolled, filtered and followed", async () => {
    const { trace, contents } = await traced(100_000);
    const { text } = reportPage(contents);
    const { page, complaints, requests } = await browser.open(text);
    await page.waitForSelector("[data-ready] .row");
    const [paintedMs, readyMs] = await page.evaluate<number[]>(
      "['first-contentful-paint', 'report ready'].map((name) => Math.round(performance.getEntriesByName(name)[0]?.startTime))",
    );
    console.log(
      `100,000 events: ${(text.length / 1e6).toFixed(1)} MB, first paint ${paintedMs} ms, usable ${readyMs} ms`,
    );

    // Wherever one scrolls, the rows are those of the trace; few of them exist.
    const grid = page.locator(".grid");
    for (const share of [0, 0.37, 0.99]) {
      await grid.evaluate((element, at) => {
        element.scrollTop = at * element.scrollHeight;
      }, share);
      const expected = Math.floor(share * trace.events.length);
      await expect
        .poll(
          async () => Object.keys(await rowsOf(page)).some((seq) => Math.abs(Number(seq) - expected) < 60),
          PATIENTLY,
        )
        .toBe(true);
      const rows = await rowsOf(page);
      expect(Object.keys(rows).length).toBeLessThan(150);
      for (const [seq, shown] of Object.entries(rows))
        expect(shown).toBe(entryText(trace.events[Number(seq)] as never));
    }

    // From finding to finding, and along an edge.
    const findings = trace.events.filter(({ kind }) => kind === "finding").map(({ seq }) => `${seq}`);
    await page.click("#finding-next");
    expect(await selectedOf(page)).toBe(findings[0]);
    await page.click("#finding-next");
    expect(await selectedOf(page)).toBe(findings[1]);
    await page.click("#finding-previous");
    expect(await selectedOf(page)).toBe(findings[0]);
    const handler = trace.events.find((event) => event.kind === "handler-enter" && event.seq > 50_000);
    await page.evaluate(`location.hash = "event-${handler?.seq}"`);
    await expect.poll(() => selectedOf(page), PATIENTLY).toBe(`${handler?.seq}`);
    await page.click(".details .steps button");
    expect(await selectedOf(page)).toBe(`${handler?.after?.[0]?.from}`);

    // The filter counts what the trace has.
    await page.fill("#event-text", "frame out, port 0, 1018 B");
    const count = trace.events.filter((event) => entryText(event) === "frame out, port 0, 1018 B").length;
    await expect.poll(() => page.textContent("#event-count"), PATIENTLY).toBe(`${count} of 100,000 events`);
    await page.fill("#event-text", "");
    for (const box of await page.$$("[name=group]:not([value=interrupt])")) await box.uncheck();
    const interrupts = trace.events.filter(({ kind }) => kind === "interrupt" || kind.startsWith("handler-")).length;
    // A kind that has no box, a reset, stays.
    await expect
      .poll(() => page.textContent("#event-count"), PATIENTLY)
      .toBe(`${interrupts.toLocaleString("en-US")} of 100,000 events`);
    expect(complaints).toEqual([]);
    expect(requests).toHaveLength(1);
    await page.close();
  });

  test("the keyboard alone reaches everything: the parts, the tools, the events, along the edges and back", async () => {
    const { trace, contents } = await traced(2_300);
    const { page } = await browser.open(reportPage(contents).text);
    const stops = await tabWalk(page, 24);
    for (const { name, what, isSeen } of stops)
      expect({ what, isSeen, isNamed: name !== "" }).toEqual({ what, isSeen: true, isNamed: true });
    const places = stops.map(({ place }) => place);
    expect(places).toEqual([...places].sort((one, other) => one - other));
    expect(stops.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["Skip to the contents", "Interleaving", "Find", "Next finding"]),
    );

    // Behind the last of the kinds comes the list of events, as one stop.
    await page.focus(".check:last-child input");
    const [list] = await tabWalk(page, 1);
    expect(list).toMatchObject({ name: expect.stringContaining("arrow keys move the selection"), isSeen: true });
    expect(await page.getAttribute(".grid", "tabindex")).toBe("0");
    for (const key of ["Home", "ArrowDown", "ArrowDown"]) await page.keyboard.press(key);
    expect(await selectedOf(page)).toBe("2");
    const active = await page.getAttribute(".grid", "aria-activedescendant");
    expect(await page.getAttribute(`#${active}`, "aria-selected")).toBe("true");
    expect(await page.getAttribute(`#${active}`, "aria-rowindex")).toBe("4");
    await page.keyboard.press("End");
    expect(await selectedOf(page)).toBe("2299");
    await page.keyboard.press("PageUp");
    expect(Number(await selectedOf(page))).toBeLessThan(2_295);
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowDown");
    // From the events on, Tab comes to the buttons of the selected one: from the posted write to its arrival.
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    const arrival = trace.events.find(({ after }) => after?.some(({ from }) => from === 1));
    expect(await selectedOf(page)).toBe(`${arrival?.seq}`);
    expect(await page.evaluate("document.activeElement.className")).toContain("grid");
    await page.close();
  });

  test.each([
    { width: 1280, colours: "light" },
    { width: 390, colours: "dark" },
    { width: 1280, colours: "dark" },
    { width: 390, colours: "light" },
  ] as const)("$width px, $colours: no sideways scrolling, and nothing to stumble over", async (view) => {
    const { contents } = await traced(2_300);
    const { page, complaints } = await browser.open(reportPage({ ...contents, replay: await replayed() }).text, view);
    await page.click("#finding-next");
    await page.$$eval("details", (all) => {
      for (const each of all) (each as unknown as { open: boolean }).open = true;
    });
    expect(await problemsOf(page)).toEqual([]);
    expect(await overflowOf(page)).toBe(0);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("what a replay counted stands in the page: traffic, drops, gaps, streams, books", async () => {
    const result = await replayed();
    const { page } = await browser.open(
      reportPage({ title: "a replay", replay: result, declarations: new Map() }).text,
    );
    const text = ((await page.textContent("main")) ?? "").replace(/\s+/g, " ");
    const { sentCount, deliveredCount, feed, streams, damage } = result;
    for (const count of [sentCount, deliveredCount]) expect(text).toContain(count.toLocaleString("en-US"));
    const cells = await page.$$eval("#feeds table:first-of-type tbody tr", (rows) =>
      rows.map((row) => [...row.cells].map((cell) => cell.textContent)),
    );
    const [line] = feed.lines;
    const [stream] = line?.streams ?? [];
    expect(stream?.gaps).toBeGreaterThan(0);
    expect(cells[0]?.slice(0, 3)).toEqual([stream?.stream, line?.line, line?.format]);
    expect(cells[0]?.slice(4, 8)).toEqual(
      [stream?.packets, stream?.messages, stream?.gaps, stream?.missing].map((count) => count?.toLocaleString("en-US")),
    );
    expect(text).toContain(streams?.books?.[0]?.stateHash);
    expect(damage?.counts.lost).toBeGreaterThan(0);
    await page.close();
  });

  test("text of drivers and captures is text: it cannot end the script, nor begin one", async () => {
    const hostile = "</script><script>alert(1)</script><!--<script><img src=x onerror=alert(2)>\"'\u2028";
    const { contents } = await traced(20);
    const entries =
      contents.trace?.entries.map((entry) => ({
        ...entry,
        line: hostile,
        register: hostile,
        buffer: hostile,
        purpose: hostile,
      })) ?? [];
    const finding = {
      kind: "finding",
      seq: 20,
      timeNs: 9e9,
      actor: "device0",
      device: 0,
      severity: "violation",
      rule: hostile,
      message: hostile,
    };
    const header = { ...contents.trace?.header, title: hostile };
    const trace = { ...contents.trace, header, entries: [...entries, finding], findings: [finding] } as never;
    const { page, complaints, requests } = await browser.open(reportPage({ ...contents, title: hostile, trace }).text, {
      anchor: "event-20",
    });
    await page.waitForSelector("[data-ready] [aria-selected=true]");
    expect(await page.textContent("h1")).toBe(hostile);
    expect(await page.textContent(".details .what")).toBe(`violation ${hostile}: ${hostile}`);
    expect(await page.textContent("#findings .finding-text")).toContain(hostile);
    expect(await page.$$eval("script:not([type='application/json']), img", (all) => all.length)).toBe(1);
    expect(complaints).toEqual([]);
    expect(requests).toHaveLength(1);
    await page.close();
  });

  test("an explored run begins with its first decision, and has frames and descriptors in its details", async () => {
    const { plain, traced: session } = await exchangeSessions();
    const [[model, schedule] = ["sc", new Schedule()] as const] = schedulesOf(plain, 4, 3);
    const records = recorded(session, model, schedule);
    const events = records.filter(isEvent);
    const decided = events.filter(({ setUp }) => setUp === undefined);
    const collector = new TraceCollector(events.length);
    for (const record of records) collector.take(record);
    const contents = { title: "explored", trace: collector.contents() as TraceContents, declarations: new Map() };
    const { page, complaints } = await browser.open(reportPage(contents).text);
    await page.waitForSelector("[data-ready]");
    expect(await page.textContent("#event-count")).toBe(`${decided.length} of ${events.length} events`);
    // Numbers are the lines of the run as text; rows are known by their events.
    const asText = records.flatMap((record) => (record.kind === "header" ? (record.picture ?? []) : []))[0];
    const chosen = (): Promise<string> =>
      page.$eval(".row", (row) => row.parentElement?.querySelector("[aria-selected=true]")?.id ?? "");
    const rowOf = (event: TraceEvent | undefined): string => `row-${event?.seq}`;
    const drawn = await page.$$eval(".row", (rows) =>
      rows.map((row) => [row.id, row.querySelector(".number")?.textContent ?? ""]),
    );
    expect(drawn[0]?.[0]).toBe(rowOf(decided[0]));
    for (const [id = "", number] of drawn) {
      const line = asText?.rows.indexOf(Number(id.slice("row-".length))) ?? -1;
      expect([id, number]).toEqual([id, line < 0 ? "" : `${line + 1}`]);
    }

    const fetched = decided.find((event) => event.kind === "dma-data" && event.records !== undefined);
    const descriptor = fetched?.kind === "dma-data" ? fetched.records?.[0] : undefined;
    await page.evaluate(`location.hash = "event-${fetched?.seq}"`);
    await expect.poll(chosen, PATIENTLY).toBe(rowOf(fetched));
    const told = await page.$$eval(".details dl.fields div", (rows) =>
      rows.map((row) => [row.querySelector("dt")?.textContent ?? "", row.querySelector("dd")?.textContent ?? ""]),
    );
    expect(told.map(([name, value = ""]) => [name, value.replace(/ .*/, "")])).toEqual(
      Object.entries(descriptor?.fields ?? {}).map(([name, value]) => [name, `${value}`]),
    );
    expect(told.length).toBeGreaterThan(4);

    const frame = decided.find(({ kind }) => kind === "frame-in");
    await page.evaluate(`location.hash = "event-${frame?.seq}"`);
    await expect.poll(chosen, PATIENTLY).toBe(rowOf(frame));
    const dump = (await page.textContent(".details pre")) ?? "";
    const bytes = dump.split("\n").map((line) => line.slice(6, 6 + 3 * 8).replaceAll(" ", ""));
    expect(bytes.join("")).toBe(frame?.kind === "frame-in" ? frame.bytes : "");

    // An edge that leads back into the set-up shows it.
    await page.evaluate(`location.hash = "event-0"`);
    await expect.poll(chosen, PATIENTLY).toBe("row-0");
    expect(await page.isChecked("[name=set-up]")).toBe(true);
    expect(await page.textContent("#event-count")).toBe(`${events.length} events`);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("a deadlock ends with the wait that is at fault, marked for whoever sees and whoever hears it", async () => {
    const session = new Session(races.find(({ name }) => name === "lost-interrupt") as (typeof races)[number]);
    const { schedule } = readToken("race2~lost-interrupt~44db129a~sc~portfolio~1~P1.2.0.0~1be3749e");
    atOnce(recordRun(session, "sc", schedule));
    const explored = { program: "p", model: "sc", strategy: "s", seed: 1, token: "", violation: "" } as const;
    const collector = new TraceCollector(1000);
    for (const record of recordsOfRun(session, { ...explored, verdict: "deadlock", failure: "deadlock" }))
      collector.take(record);
    const contents = { title: "lost", trace: collector.contents() as TraceContents, declarations: new Map() };
    const last = /(\d+) +waits for interrupt 0$/.exec(picture(session.machine, session.execution.trace))?.[1] ?? "";
    const { page, complaints } = await browser.open(reportPage(contents).text);
    await page.waitForSelector("[data-ready]");
    expect(await page.textContent(".row.fault:last-child .what")).toBe(
      "✕ nothing comes any more waits for interrupt 0",
    );
    expect(await page.textContent(".row.fault:last-child .number")).toBe(last);
    expect(await page.textContent(".row.deviation .what")).toMatch(/^↷ later than usual: nic goes first/);
    await page.click("#finding-next");
    expect(await page.textContent(".details h3")).toBe(`Line ${last}`);
    expect(await page.textContent(".details .reason")).toBe("At fault: nothing comes any more");
    // A narrow screen has no arrows, and names the causes.
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.isVisible(".row .cause")).toBe(true);
    expect(await page.textContent("#row-1 .cause")).toBe("← 1");
    expect(await overflowOf(page)).toBe(0);
    expect(await problemsOf(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("a page without a run says so", async () => {
    const { page } = await browser.open(reportPage({ title: "nothing", declarations: new Map() }).text);
    expect(await page.textContent("main")).toContain("There is nothing in it");
    expect(await problemsOf(page)).toEqual([]);
    await page.close();
  });
});

let result: ReturnType<typeof replay> | undefined;

/** A replay in virtual time over a wire that loses, with books. */
function replayed(): ReturnType<typeof replay> {
  result ??= replay({
    target: ixgbeTarget(),
    clock: "virtual",
    session: { seed: 3, frameCount: 400 },
    damage: { seed: 5, rules: [{ loss: 0.03 }] },
    books: true,
  });
  return result;
}
