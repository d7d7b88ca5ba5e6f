import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { PrivateApt } from "./private-apt.ts";
import { GuestError } from "./vm-error.ts";

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
  const apt = new PrivateApt(join(folder, "apt"), { architecture });
  rmSync(join(folder, COMPLETE), { force: true });
  say(`Package lists for ${architecture} …`);
  await apt.update();
  const [kernelPackage] = await apt.dependencies([metaPackage], (name) => name.startsWith("linux-image-"));
  if (kernelPackage === undefined) throw new GuestError(`${metaPackage} names no kernel package to depend on.`);
  const root = join(folder, "root");
  const packages = await apt.unpack([kernelPackage, ...kind.packages], root, say);
  const kernelRelease = kernelPackage.replace("linux-image-", "");
  writeFileSync(join(folder, COMPLETE), `${JSON.stringify({ kernelRelease, packages }, undefined, 2)}\n`);
  return { root, kernelRelease, packages };
}
