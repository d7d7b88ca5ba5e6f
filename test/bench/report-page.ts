import { reportPage } from "../../harness/page/report/report-page.ts";
import { TraceCollector } from "../../harness/page/report/trace-contents.ts";
import { chromiumPath, TestBrowser } from "../page/browser.ts";
import { SyntheticTrace } from "../page/synthetic-trace.ts";

const EVENT_COUNT = 100_000;

/** How long a browser takes with a report, in milliseconds. */
export interface PageFigures {
  readonly eventCount: number;
  readonly megabytes: number;
  /** From opening the file until the first events can be seen and chosen. */
  readonly readyMs: readonly number[];
  /** Until the browser painted anything of it. */
  readonly firstPaintMs: readonly number[];
  /** The same page with one event, until it is ready: what the browser itself takes. */
  readonly floorMs: readonly number[];
}

/** Opens a report of 100,000 events and one of a single event by turns. Undefined where there is no browser. */
export async function pageFigures(rounds: number): Promise<PageFigures | undefined> {
  if (chromiumPath === undefined) return undefined;
  const [large, small] = [pageOf(EVENT_COUNT), pageOf(1)];
  const [readyMs, firstPaintMs, floorMs]: [number[], number[], number[]] = [[], [], []];
  const browser = await TestBrowser.start();
  try {
    for (let round = 0; round < rounds; round++) {
      floorMs.push((await timesOf(browser, small)).readyMs);
      const times = await timesOf(browser, large);
      readyMs.push(times.readyMs);
      firstPaintMs.push(times.firstPaintMs);
    }
  } finally {
    await browser.close();
  }
  return { eventCount: EVENT_COUNT, megabytes: large.length / 1e6, readyMs, firstPaintMs, floorMs };
}

function pageOf(eventCount: number): string {
  const trace = new SyntheticTrace(eventCount, 1);
  const collector = new TraceCollector(eventCount);
  for (const record of trace.records()) collector.take(record);
  const contents = collector.contents();
  if (contents === undefined) throw new Error("a trace without a header");
  return reportPage({ title: trace.header.title, trace: contents, declarations: new Map() }).text;
}

/** By the browser's own clock, from the start of the navigation. */
async function timesOf(browser: TestBrowser, text: string): Promise<{ readyMs: number; firstPaintMs: number }> {
  const { page } = await browser.show(text);
  await page.waitForSelector("[data-ready] .row");
  const [readyMs = 0, firstPaintMs = 0] = await page.evaluate<number[]>(
    "[performance.getEntriesByName('report ready')[0]?.startTime, performance.getEntriesByName('first-contentful-paint')[0]?.startTime]",
  );
  await page.close();
  return { readyMs, firstPaintMs };
}
