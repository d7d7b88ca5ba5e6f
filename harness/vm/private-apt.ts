import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { GuestError } from "./vm-error.ts";

const run = promisify(execFile);
const STEP_LIMIT_MS = 600_000;
const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Which packages apt shall see. */
export interface AptOptions {
  readonly architecture: "i386" | "amd64";
  /** Suites of Debian's archive ("trixie"), instead of the system's own sources. The last one is preferred. */
  readonly suites?: readonly string[];
  /** The suites' lists are those of sources, for {@link PrivateApt.source}, and not those of packages. */
  readonly ofSources?: boolean;
}

/** apt with the system's keys, and with lists, cache and state of its own, so that nobody needs to be root. */
export class PrivateApt {
  readonly #folder: string;
  readonly #options: readonly string[];

  constructor(folder: string, { architecture, suites, ofSources = false }: AptOptions) {
    this.#folder = folder;
    for (const part of ["lists/partial", "cache/archives/partial", "state", "debs"]) {
      mkdirSync(join(folder, part), { recursive: true });
    }
    writeFileSync(join(folder, "state/status"), "");
    this.#options = Object.entries({
      "Dir::State": join(folder, "state"),
      "Dir::State::lists": join(folder, "lists"),
      "Dir::State::status": join(folder, "state/status"),
      "Dir::Cache": join(folder, "cache"),
      "APT::Architecture": architecture,
      "APT::Architectures::": architecture,
      "APT::Sandbox::User": "",
      "Debug::NoLocking": "true",
      ...(suites === undefined ? {} : this.#sources(suites, ofSources ? "deb-src" : "deb")),
    }).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  }

  /** A list that cannot be had is not the end: the packages may stand in another. What is missing is told by name later. */
  async update(): Promise<void> {
    try {
      await command("apt-get", ["-q", ...this.#options, "update"]);
    } catch (error) {
      if (!existsSync(join(this.#folder, "lists")) || readdirSync(join(this.#folder, "lists")).length < 3) throw error;
    }
  }

  /** Names that packages depend on and that `wanted` likes; of alternatives the first. */
  async dependencies(names: readonly string[], wanted: (name: string) => boolean): Promise<string[]> {
    const text = await command("apt-cache", [...this.#options, "show", "--no-all-versions", ...names]);
    const fields = [...text.matchAll(/^(?:Pre-)?Depends: (.*)$/gm)].map(([, list = ""]) => list);
    const found = fields
      .flatMap((list) => list.split(","))
      .map((each) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(each)?.[1] ?? "");
    return [...new Set(found.filter(wanted))];
  }

  /**
   * Brings packages, and the libraries that they depend on, directly or not, and unpacks them into `root`, which then has
   * nothing else. Returns versions by name. `say` is told each package.
   */
  async unpack(names: readonly string[], root: string, say: (line: string) => void): Promise<Record<string, string>> {
    const all = [...new Set([...names, ...(await this.#libraries(names))])];
    say(`${all.length} packages …`);
    const unpacked = `${root}.new`;
    rmSync(unpacked, { recursive: true, force: true });
    mkdirSync(unpacked, { recursive: true });
    const versions: Record<string, string> = {};
    for (const file of await this.#download(all)) {
      const [name = "", version = ""] = basename(file).split("_");
      versions[name] = decodeURIComponent(version);
      say(`${name} ${versions[name]}`);
      await command("dpkg-deb", ["-x", file, unpacked]);
      rmSync(file);
    }
    rmSync(root, { recursive: true, force: true });
    renameSync(unpacked, root);
    return versions;
  }

  /** Brings the source of a package into a folder of apt's own, as Debian has it; returns its files. Nothing is unpacked. */
  source(name: string): Promise<string[]> {
    return this.#brought(["source", "--download-only", name]);
  }

  /** Sources of its own; returns apt's options that name them. */
  #sources(suites: readonly string[], kind: "deb" | "deb-src"): Record<string, string> {
    const path = join(this.#folder, "sources.list");
    const lines = suites.map((suite) => `${kind} [signed-by=${KEYS}] http://deb.debian.org/debian ${suite} main\n`);
    writeFileSync(path, lines.join(""));
    return {
      "Dir::Etc::sourcelist": path,
      "Dir::Etc::sourceparts": "/dev/null",
      "APT::Default-Release": suites.at(-1) ?? "",
    };
  }

  /** What a program's loader may ask for; headers it does not. */
  async #libraries(names: readonly string[]): Promise<string[]> {
    const isLibrary = (name: string): boolean => name.startsWith("lib") && !name.endsWith("-dev");
    const found = new Set<string>();
    for (let open = [...names]; open.length > 0; ) {
      open = (await this.dependencies(open, isLibrary)).filter((each) => !found.has(each));
      for (const each of open) found.add(each);
    }
    return [...found];
  }

  /** The packages' files. */
  #download(names: readonly string[]): Promise<string[]> {
    return this.#brought(["download", ...names]);
  }

  /** What a command of apt-get's leaves in its working folder. */
  async #brought(words: readonly string[]): Promise<string[]> {
    const folder = join(this.#folder, "debs");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    await command("apt-get", ["-q", ...this.#options, ...words], folder);
    return readdirSync(folder).map((file) => join(folder, file));
  }
}

async function command(name: string, words: readonly string[], cwd?: string): Promise<string> {
  try {
    const options = { timeout: STEP_LIMIT_MS, maxBuffer: 64 << 20, ...(cwd === undefined ? {} : { cwd }) };
    const { stdout } = await run(name, [...words], options);
    return stdout;
  } catch (error) {
    const { code, stderr = "", message } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === "ENOENT") {
      throw new GuestError(
        `${name} is not here. It is made of Debian's packages: fetch it on Debian, Ubuntu or their like, and copy the folder.`,
      );
    }
    const said = stderr.split("\n").filter((line) => line.startsWith("E:") || line.startsWith("dpkg-deb:"));
    throw new GuestError(`${name} failed: ${said.join(" ") || message}`, { cause: error });
  }
}
