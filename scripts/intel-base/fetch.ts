import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMPLETE, type SharedCode, SOURCES, sharedCode } from "./shared-code.ts";

/** The suite whose release this was written with: 22.11. */
const SUITE = "bookworm";
const PACKAGE = "dpdk";
const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * Brings the sources of DPDK from Debian's archive and unpacks the shared code into `folder`; nothing is built of the rest.
 * Works on Debian and its like without root, with lists and state of apt's own there. Throws what apt or tar said.
 */
export function fetchSharedCode(folder: string, say: (line: string) => void): SharedCode {
  const apt = join(folder, "apt");
  rmSync(join(folder, COMPLETE), { force: true });
  for (const part of ["lists/partial", "cache/archives/partial", "state", "sources"])
    mkdirSync(join(apt, part), { recursive: true });
  writeFileSync(join(apt, "state/status"), "");
  writeFileSync(join(apt, "sources.list"), `deb-src [signed-by=${KEYS}] http://deb.debian.org/debian ${SUITE} main\n`);
  const options = Object.entries({
    "Dir::State": join(apt, "state"),
    "Dir::State::lists": join(apt, "lists"),
    "Dir::State::status": join(apt, "state/status"),
    "Dir::Cache": join(apt, "cache"),
    "Dir::Etc::sourcelist": join(apt, "sources.list"),
    "Dir::Etc::sourceparts": "/dev/null",
    "APT::Sandbox::User": "",
    "Debug::NoLocking": "true",
  }).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  const archives = join(apt, "sources");
  const run = (name: string, words: readonly string[]): void => {
    execFileSync(name, [...words], { cwd: archives, stdio: ["ignore", "ignore", "inherit"] });
  };
  say(`the sources of ${PACKAGE} from Debian's ${SUITE} (16 MB) …`);
  run("apt-get", ["-qq", ...options, "update"]);
  run("apt-get", ["-qq", ...options, "source", "--download-only", PACKAGE]);
  const files = readdirSync(archives);
  const [archive = ""] = files.filter((name) => name.includes(".orig.tar."));
  const [, version = ""] = /^[^_]+_(.*)\.dsc$/.exec(files.find((name) => name.endsWith(".dsc")) ?? "") ?? [];
  run("tar", ["-xf", archive, "--strip-components=1", "--wildcards", `*/${SOURCES}`]);
  rmSync(join(folder, "drivers"), { recursive: true, force: true });
  renameSync(join(archives, "drivers"), join(folder, "drivers"));
  rmSync(apt, { recursive: true });
  writeFileSync(join(folder, COMPLETE), `${JSON.stringify({ release: `${PACKAGE} ${version}` })}\n`);
  return sharedCode(folder) as SharedCode;
}
