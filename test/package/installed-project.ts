import { execFile, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
export const root: string = resolve(import.meta.dirname, "../..");
/** Longer than anything that a test here starts takes on a busy machine: what runs into it hangs. */
const HANG_MS = 150_000;
/** What a project has installed beside softbar. The first two are softbar's own. */
const NEIGHBOURS = ["comlink", "fast-check", "vitest", "typescript", "@types"];

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Of what vitest's JSON reporter writes, what the tests here look at. */
export interface VitestReport {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly failureMessages: readonly string[] }[];
  }[];
}

/** An empty project outside the repository, with the package as `npm install` would leave it, built anew. */
export class InstalledProject {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<InstalledProject> {
    const folder = await mkdtemp(join(tmpdir(), "softbar-project-"));
    const installed = join(folder, "node_modules/softbar");
    mkdirSync(installed, { recursive: true });
    for (const name of NEIGHBOURS) symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
    const tsc = join(root, "node_modules/.bin/tsc");
    await run(tsc, ["-p", join(root, "tsconfig.build.json"), "--outDir", join(installed, "dist")], { cwd: root });
    for (const name of ["package.json", "templates", "docs"]) {
      cpSync(join(root, name), join(installed, name), { recursive: true });
    }
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
    return new InstalledProject(folder);
  }

  /** `npx softbar …` in a folder of the project. */
  softbar(words: readonly string[], place = "."): Promise<Ended> {
    return this.#node([join(this.folder, "node_modules/softbar/dist/scenarios/softbar.js"), ...words], place);
  }

  /** `npx vitest …`, with what it reports. */
  async vitest(words: readonly string[]): Promise<VitestReport> {
    const file = join(this.folder, "vitest-report.json");
    rmSync(file, { force: true });
    const vitest = join(this.folder, "node_modules/vitest/vitest.mjs");
    const { stdout, stderr } = await this.#node([vitest, ...words, "--reporter=json", `--outputFile=${file}`], ".");
    if (!existsSync(file)) throw new Error(`vitest ${words.join(" ")} reported nothing:\n${stdout}${stderr}`);
    return JSON.parse(readFileSync(file, "utf8")) as VitestReport;
  }

  /** The compiler on a folder with a tsconfig.json. What it finds is on standard output. */
  tsc(place: string): Promise<Ended> {
    return this.#node([join(this.folder, "node_modules/typescript/bin/tsc")], place);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #node(words: readonly string[], place: string): Promise<Ended> {
    // A user's processes know nothing of the tests around them.
    const own = Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|NODE_OPTIONS|INIT_CWD)/i.test(name));
    const child = spawn(process.execPath, words, {
      cwd: join(this.folder, place),
      env: { ...Object.fromEntries(own), NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: HANG_MS,
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    return new Promise((settle) => child.on("close", (code) => settle({ code, stdout, stderr })));
  }
}
