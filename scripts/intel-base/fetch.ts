import { execFileSync } from "node:child_process";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { PrivateApt } from "../../harness/vm/private-apt.ts";
import { COMPLETE, type SharedCode, SOURCES, sharedCode } from "./shared-code.ts";

/** The suite whose release this was written with: 22.11. */
const SUITE = "bookworm";
const PACKAGE = "dpdk";

/**
 * Brings the sources of DPDK from Debian's archive and unpacks the shared code into `folder`; nothing is built of the rest.
 * Works on Debian and its like without root. Rejects with GuestError for what apt said, and throws what tar did.
 */
export async function fetchSharedCode(folder: string, say: (line: string) => void): Promise<SharedCode> {
  const place = join(folder, "apt");
  rmSync(join(folder, COMPLETE), { force: true });
  const apt = new PrivateApt(place, { architecture: "amd64", suites: [SUITE], ofSources: true });
  say(`the sources of ${PACKAGE} from Debian's ${SUITE} (16 MB) …`);
  await apt.update();
  const files = await apt.source(PACKAGE);
  const archive = files.find((file) => basename(file).includes(".orig.tar.")) ?? "";
  const description = basename(files.find((file) => file.endsWith(".dsc")) ?? "");
  const [, version = ""] = /^[^_]+_(.*)\.dsc$/.exec(description) ?? [];
  execFileSync("tar", ["-xf", archive, "--strip-components=1", "--wildcards", `*/${SOURCES}`], {
    cwd: place,
    stdio: ["ignore", "ignore", "inherit"],
  });
  rmSync(join(folder, "drivers"), { recursive: true, force: true });
  renameSync(join(place, "drivers"), join(folder, "drivers"));
  rmSync(place, { recursive: true });
  writeFileSync(join(folder, COMPLETE), `${JSON.stringify({ release: `${PACKAGE} ${version}` })}\n`);
  return sharedCode(folder) as SharedCode;
}
