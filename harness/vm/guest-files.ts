import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { GuestError } from "./vm-error.ts";

const run = promisify(execFile);

/** Debian's packages that make up a guest; the libraries of its programs come along. */
export interface GuestKind {
  readonly architecture: "i386" | "amd64";
  readonly kernelPackage: string;
  readonly packages: readonly string[];
}

/** For the emulated PC: a kernel without PAE, its BIOS, and tcpdump to count what arrives. */
const PC_GUEST: GuestKind = {
  architecture: "i386",
  kernelPackage: "linux-image-686",
  packages: ["busybox-static", "seabios", "tcpdump"],
};
/** Written when everything is there: a folder without it was given up half-way. */
const COMPLETE = "complete.json";
const STEP_LIMIT_MS = 600_000;

/** What a guest is made of, as files on this machine. */
export interface GuestFiles {
  /** The folder that the packages are unpacked into, as a root. */
  readonly root: string;
  /** "6.1.0-50-686". */
  readonly kernelRelease: string;
  /** Package versions, by name. */
  readonly packages: Readonly<Record<string, string>>;
}

/** Where the unpacked packages are kept: `$XDG_CACHE_HOME/softbar/vm`, or below `~/.cache`. */
export function guestCacheFolder(): string {
  const { XDG_CACHE_HOME } = process.env;
  return join(
    XDG_CACHE_HOME === undefined || XDG_CACHE_HOME === "" ? join(homedir(), ".cache") : XDG_CACHE_HOME,
    "softbar",
    "vm",
  );
}

/** The files that {@link fetchGuest} brought. @throws GuestError that says how to get them when they are not there. */
export function guestFiles(folder: string): GuestFiles {
  const listed = join(folder, COMPLETE);
  if (!existsSync(listed)) {
    throw new GuestError(
      `There is no guest in ${folder}. "softbar vm fetch" brings one there: Debian's packages ${[PC_GUEST.kernelPackage, ...PC_GUEST.packages].join(", ")} (60 MB), unpacked without root.`,
    );
  }
  const { kernelRelease, packages } = JSON.parse(readFileSync(listed, "utf8")) as GuestFiles;
  return { root: join(folder, "root"), kernelRelease, packages };
}

/**
 * Brings kernel, modules, BIOS, busybox and tcpdump from Debian's archive, by package name, and unpacks them into
 * `folder`. Works on Debian and its like without root: apt keeps lists and state of its own there. `say` is told each
 * step. @throws GuestError with what apt said.
 */
export async function fetchGuest(
  folder: string,
  say: (line: string) => void,
  kind: GuestKind = PC_GUEST,
): Promise<GuestFiles> {
  const { architecture, kernelPackage: metaPackage } = kind;
  const apt = new PrivateApt(join(folder, "apt"), architecture);
  rmSync(join(folder, COMPLETE), { force: true });
  say(`Package lists for ${architecture} …`);
  await apt.update();
  const kernel = await apt.dependencies(metaPackage, (name) => name.startsWith("linux-image-"));
  const [kernelPackage] = kernel;
  if (kernelPackage === undefined) throw new GuestError(`${metaPackage} names no kernel package to depend on.`);
  const libraries = await Promise.all(kind.packages.map((name) => apt.libraries(name)));
  const names = [...new Set([kernelPackage, ...kind.packages, ...libraries.flat()])];
  const unpacked = join(folder, "root.new");
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(unpacked, { recursive: true });
  const packages: Record<string, string> = {};
  say(`${names.length} packages …`);
  for (const file of await apt.download(names)) {
    const [name = "", version = ""] = basename(file).split("_");
    packages[name] = decodeURIComponent(version);
    say(`${name} ${packages[name]}`);
    await command("dpkg-deb", ["-x", file, unpacked]);
    rmSync(file);
  }
  const root = join(folder, "root");
  rmSync(root, { recursive: true, force: true });
  renameSync(unpacked, root);
  const kernelRelease = kernelPackage.replace("linux-image-", "");
  writeFileSync(join(folder, COMPLETE), `${JSON.stringify({ kernelRelease, packages }, undefined, 2)}\n`);
  return { root, kernelRelease, packages };
}

/** apt with the system's sources and keys, and with lists, cache and state of its own, so that nobody needs to be root. */
class PrivateApt {
  readonly #folder: string;
  readonly #options: readonly string[];

  constructor(folder: string, architecture: string) {
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

  /** Names that a package depends on and that `wanted` likes; of alternatives the first. */
  async dependencies(name: string, wanted: (name: string) => boolean): Promise<string[]> {
    const text = await command("apt-cache", [...this.#options, "show", "--no-all-versions", name]);
    const fields = [...text.matchAll(/^(?:Pre-)?Depends: (.*)$/gm)].map(([, list = ""]) => list);
    const names = fields
      .flatMap((list) => list.split(","))
      .map((each) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(each)?.[1] ?? "");
    return [...new Set(names.filter(wanted))];
  }

  /** All libraries that a package depends on, directly or not. */
  async libraries(name: string): Promise<string[]> {
    const found = new Set<string>();
    const open = [name];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const library of await this.dependencies(next, (each) => each.startsWith("lib"))) {
        if (found.has(library)) continue;
        found.add(library);
        open.push(library);
      }
    }
    return [...found];
  }

  /** The packages' files. */
  async download(names: readonly string[]): Promise<string[]> {
    const folder = join(this.#folder, "debs");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    await command("apt-get", ["-q", ...this.#options, "download", ...names], folder);
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
        `${name} is not here. A guest is made of Debian's packages: fetch it on Debian, Ubuntu or their like, and copy the folder.`,
      );
    }
    const said = stderr.split("\n").filter((line) => line.startsWith("E:") || line.startsWith("dpkg-deb:"));
    throw new GuestError(`${name} failed: ${said.join(" ") || message}`, { cause: error });
  }
}
