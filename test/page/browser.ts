import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { scriptOf } from "../../harness/page/inline-script.ts";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser of this machine; these tests install none. SOFTBAR_CHROMIUM can name one. */
export const chromiumPath: string | undefined = [process.env.SOFTBAR_CHROMIUM, ...PLACES].find(
  (path) => path !== undefined && existsSync(path),
);

/** Read when the first page is checked: the benches, which are compiled, only open pages. */
let checks: string | undefined;

export interface View {
  readonly width?: number;
  readonly height?: number;
  readonly colours?: "light" | "dark";
  /** Behind the #. */
  readonly anchor?: string;
}

/** A page that was opened from its file, and what it did besides. */
export interface Opened {
  readonly page: Page;
  /** Errors and warnings that it wrote, and exceptions that nobody caught. */
  readonly complaints: readonly string[];
  /** Everything that it loaded: its file, and nothing else. */
  readonly requests: readonly string[];
}

/** For `expect.poll`: longer than any page takes on a machine that is busy with something else. */
export const PATIENTLY = { timeout: 10_000 } as const;

/** One browser for the tests of a file. */
export class TestBrowser {
  readonly folder: string = mkdtempSync(join(tmpdir(), "softbar-page-"));
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(): Promise<TestBrowser> {
    // Inside a container there is no user to whom a sandbox could drop its rights.
    return new TestBrowser(await chromium.launch({ executablePath: chromiumPath as string, args: ["--no-sandbox"] }));
  }

  /** Writes a page into a file and opens it, as a reader would. */
  async open(text: string, view: View = {}): Promise<Opened> {
    const opened = await this.show(text, view);
    checks ??= scriptOf(new URL("./in-browser/page-problems.ts", import.meta.url).href);
    await opened.page.evaluate(`(() => {${checks}})()`);
    return opened;
  }

  /** The same without the checks of the tests in the page. */
  async show(text: string, { width = 1280, height = 900, colours = "light", anchor = "" }: View = {}): Promise<Opened> {
    const file = join(this.folder, "page.html");
    writeFileSync(file, text);
    const page = await this.#browser.newPage({ viewport: { width, height }, colorScheme: colours });
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on("console", (message) => {
      if (message.type() !== "info" && message.type() !== "log") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("dialog", (dialog) => {
      complaints.push(`a dialog says ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(`${pathToFileURL(file).href}${anchor === "" ? "" : `#${anchor}`}`);
    return { page, complaints, requests };
  }

  async close(): Promise<void> {
    await this.#browser.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** What a reader with a keyboard, a screen reader or weak eyes would stumble over. */
export function problemsOf(page: Page): Promise<string[]> {
  return page.evaluate("pageProblems()");
}

/** How far the page is wider than the window: 0 when nobody must scroll sideways. */
export function overflowOf(page: Page): Promise<number> {
  return page.evaluate("Math.max(0, document.documentElement.scrollWidth - innerWidth)");
}

export interface Focus {
  readonly name: string;
  readonly what: string;
  readonly isSeen: boolean;
  /** In the order of the document. */
  readonly place: number;
}

/** Where the Tab key leads, so many times. */
export async function tabWalk(page: Page, steps: number): Promise<Focus[]> {
  const stops: Focus[] = [];
  for (let step = 0; step < steps; step++) {
    await page.keyboard.press("Tab");
    stops.push(await page.evaluate("focused()"));
  }
  return stops;
}
