import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { Initramfs } from "./cpio.ts";
import { ElfFile } from "./elf.ts";
import type { GuestFiles } from "./guest-files.ts";
import { GuestError } from "./vm-error.ts";

/** A file of this machine that the guest gets. */
export interface GuestFile {
  readonly guestPath: string;
  readonly hostPath: string;
}

/** A program of the guest's packages. */
export interface GuestProgram {
  readonly name: string;
  /** Libraries that it opens by name while it runs, which its file does not tell. */
  readonly plugins?: readonly string[];
}

/** What the guest is to have besides busybox. */
export interface GuestRootOptions {
  /** Kernel modules by name, as `modprobe` knows them; what they need comes along. */
  readonly modules: readonly string[];
  /** Modules of one's own: files on this machine. They are loaded after the others, in this order. */
  readonly ownModules: readonly string[];
  readonly files: readonly GuestFile[];
  /** Programs besides tcpdump, which is there when its package is. They stand in /bin. */
  readonly programs?: readonly GuestProgram[];
}

/** What {@link guestRoot} made. */
export interface GuestRoot {
  readonly archive: Uint8Array;
  /** Paths in the guest, in the order in which `insmod` takes them. */
  readonly modulePaths: readonly string[];
}

const INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /bin /sbin /usr/bin /usr/sbin
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/ PS1='# '
ip link set lo up
stty -F /dev/ttyS1 raw -echo
# Behind a pipe a shell neither prompts nor echoes.
while true; do
  setsid sh -c 'sh -s </dev/ttyS1 2>&1 | cat >/dev/ttyS1'
done
`;

/** The root file system of a guest: busybox, programs with their libraries, and kernel modules with what they need. */
export function guestRoot(guest: GuestFiles, options: GuestRootOptions): GuestRoot {
  const root = new Initramfs();
  root.file("init", INIT, 0o755);
  root.file("bin/busybox", readFileSync(find(guest.root, "busybox", ["bin", "usr/bin"])), 0o755);
  const tcpdump = guest.packages.tcpdump === undefined ? [] : [{ name: "tcpdump" }];
  for (const program of [...tcpdump, ...(options.programs ?? [])]) addProgram(root, guest.root, program);
  root.file("etc/passwd", "root:x:0:0:root:/:/bin/sh\n");
  root.file("etc/group", "root:x:0:\n");
  const modules = new ModuleFolder(guest);
  const modulePaths = modules.inOrder(options.modules).map((path) => {
    const guestPath = `lib/modules/${basename(path)}`;
    root.file(guestPath, readFileSync(path));
    return `/${guestPath}`;
  });
  for (const own of options.ownModules) {
    const bytes = readFileSync(own);
    for (const needed of modules.inOrder(dependenciesOf(new ElfFile(bytes, own)))) {
      const guestPath = `lib/modules/${basename(needed)}`;
      if (modulePaths.includes(`/${guestPath}`)) continue;
      root.file(guestPath, readFileSync(needed));
      modulePaths.push(`/${guestPath}`);
    }
    root.file(`lib/modules/own/${basename(own)}`, bytes);
    modulePaths.push(`/lib/modules/own/${basename(own)}`);
  }
  for (const { guestPath, hostPath } of options.files) {
    root.file(guestPath.replace(/^\/+/, ""), readFileSync(hostPath), 0o755);
  }
  return { archive: root.pack(), modulePaths };
}

/** Kernel modules of a release, by name. */
class ModuleFolder {
  readonly #paths = new Map<string, string>();
  readonly #release: string;

  constructor(guest: GuestFiles) {
    this.#release = guest.kernelRelease;
    const folder = [join(guest.root, "lib/modules"), join(guest.root, "usr/lib/modules")]
      .map((each) => join(each, guest.kernelRelease))
      .find((each) => readFolder(each).length > 0);
    if (folder === undefined) throw new GuestError(`${guest.root} has no modules of ${guest.kernelRelease}.`);
    for (const path of readFolder(folder)) {
      if (path.endsWith(".ko")) this.#paths.set(moduleName(path), join(folder, path));
    }
  }

  /** Files of the modules and of all that they depend on, each behind what it needs. What is built into the kernel has no file. */
  inOrder(names: readonly string[]): string[] {
    const order = new Set<string>();
    const visit = (name: string, isAsked: boolean): void => {
      const path = this.#paths.get(moduleName(name));
      if (path === undefined) {
        if (isAsked) throw new GuestError(`The guest's kernel ${this.#release} has no module ${name}.`);
        return;
      }
      if (order.has(path)) return;
      const elf = new ElfFile(readFileSync(path), path);
      for (const needed of [...dependenciesOf(elf), ...softDependenciesOf(elf)]) visit(needed, false);
      order.add(path);
    };
    for (const name of names) visit(name, true);
    return [...order];
  }
}

function dependenciesOf(elf: ElfFile): string[] {
  return elf.moduleInfo("depends").flatMap((list) => list.split(",").filter((name) => name !== ""));
}

/** "pre: mdio_devres": what is to be loaded before, if there is such a thing. */
function softDependenciesOf(elf: ElfFile): string[] {
  return elf
    .moduleInfo("softdep")
    .flatMap((text) => /pre:\s*(.*?)(?:post:|$)/.exec(text)?.[1]?.split(/\s+/).filter(Boolean) ?? []);
}

function moduleName(path: string): string {
  return basename(path, ".ko").replaceAll("-", "_");
}

function readFolder(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return [];
  }
}

function find(root: string, name: string, folders: readonly string[]): string {
  for (const folder of folders) {
    const path = join(root, folder, name);
    if (readFolder(join(root, folder)).includes(name)) return path;
  }
  throw new GuestError(`${root} has no ${name}: "softbar vm fetch" brings it.`);
}

/** A program and the libraries that its loader will ask for. */
function addProgram(archive: Initramfs, root: string, { name, plugins = [] }: GuestProgram): void {
  const path = find(root, name, ["usr/bin", "usr/sbin"]);
  const program = new ElfFile(readFileSync(path), path);
  archive.file(`bin/${name}`, readFileSync(path), 0o755);
  const triplet = program.is64Bit ? "x86_64-linux-gnu" : "i386-linux-gnu";
  const folders = [`lib/${triplet}`, `usr/lib/${triplet}`, "lib", "usr/lib"];
  const library = (needed: string): string => {
    const found = folders.map((folder) => libraryIn(root, folder, needed)).find((each) => each !== undefined);
    if (found === undefined) throw new GuestError(`${relative(root, path)} needs ${needed}, which no package brought.`);
    return found;
  };
  // The loader stands in the program by its path and not among what is needed.
  const loader = program.interpreter();
  if (loader !== undefined) archive.file(loader.slice(1), readFileSync(library(basename(loader))), 0o755);
  const open = [...plugins, ...program.neededLibraries()];
  const done = new Set<string>();
  for (let needed = open.pop(); needed !== undefined; needed = open.pop()) {
    if (done.has(needed)) continue;
    done.add(needed);
    const found = library(needed);
    const bytes = readFileSync(found);
    archive.file(`lib/${needed}`, bytes, 0o755);
    open.push(...new ElfFile(bytes, found).neededLibraries());
  }
}

function libraryIn(root: string, folder: string, name: string): string | undefined {
  try {
    return realpathSync(join(root, folder, name));
  } catch {
    return undefined;
  }
}
