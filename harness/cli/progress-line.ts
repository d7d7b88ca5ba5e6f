import type { CampaignProgress } from "../explore/campaign.ts";
import type { ReplayProgress } from "../replay/replay-progress.ts";
import { grouped, painter } from "./terminal.ts";

const BAR_WIDTH = 24;
const READING_INTERVAL_MS = 100;
const CLEAR_LINE = "\r\u001b[2K";

/** One line on the terminal that says how far a replay is. Writes nothing where there is no terminal. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #paint: ReturnType<typeof painter>;
  readonly #isShown: boolean;
  #isDirty = false;
  /** Nothing is shown of what is over at once. */
  #shownAtMs = performance.now();

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#paint = painter(stream);
    this.#isShown = stream.isTTY === true;
  }

  show(progress: ReplayProgress): void {
    if (!this.#isShown) return;
    const { fraction, elapsedMs, deliveredCount, droppedCount } = progress;
    const rate = elapsedMs > 0 ? (deliveredCount * 1000) / elapsedMs : 0;
    const counts = `${grouped(deliveredCount)} frames  ${grouped(rate)}/s${droppedCount > 0 ? `  ${grouped(droppedCount)} dropped` : ""}`;
    const line = `${fraction === undefined ? "" : `${this.#bar(fraction)}  `}${counts}`;
    this.#stream.write(`${CLEAR_LINE}${line}`);
    this.#isDirty = true;
  }

  /** How far a search is, by schedules or by time. */
  search({ runs, runsMax, elapsedMs, coverage }: CampaignProgress, timeLimitMs: number | undefined): void {
    if (!this.#isShown) return;
    const byTime = timeLimitMs === undefined ? 0 : elapsedMs / timeLimitMs;
    const pairs = coverage === undefined ? "" : `  ${grouped(coverage.inBothOrders)} racing pairs in both orders`;
    const rate = grouped((runs * 1000) / elapsedMs);
    const line = `${this.#bar(Math.max(byTime, runs / runsMax))}  ${grouped(runs)} schedules  ${rate}/s${pairs}`;
    this.#stream.write(`${CLEAR_LINE}${line}`);
    this.#isDirty = true;
  }

  /** What is being done, where nobody knows how far it is. */
  step(text: string): void {
    if (!this.#isShown) return;
    this.#stream.write(`${CLEAR_LINE}${text} …`);
    this.#isDirty = true;
  }

  /** How much of a file has been read; about ten times a second is enough. */
  reading(name: string, fraction: number | undefined, packetCount: number): void {
    const nowMs = performance.now();
    if (!this.#isShown || nowMs - this.#shownAtMs < READING_INTERVAL_MS) return;
    this.#shownAtMs = nowMs;
    const bar = fraction === undefined ? "" : `${this.#bar(fraction)}  `;
    this.#stream.write(`${CLEAR_LINE}${bar}${grouped(packetCount)} packets  ${name}`);
    this.#isDirty = true;
  }

  /** Takes the line away, so that other text can be written. */
  clear(): void {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    this.#stream.write(CLEAR_LINE);
  }

  #bar(fraction: number): string {
    const filled = Math.round(Math.min(1, Math.max(0, fraction)) * BAR_WIDTH);
    const percent = `${Math.floor(fraction * 100)}`.padStart(3);
    return `${this.#paint("green", "━".repeat(filled))}${this.#paint("dim", "─".repeat(BAR_WIDTH - filled))} ${percent} %`;
  }
}
