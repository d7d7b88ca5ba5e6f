/**
 * QEMU with a stock amd64 kernel drives the simulated 82599 over vfio-user, by Node alone and with descriptors: link up,
 * echo requests, nothing to complain of in the kernel's log. For a Debian or its like; takes about a minute.
 *
 * node scripts/qemu-trial.ts [FOLDER]      what it fetches is kept in the folder, by default in the user's cache
 */

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ixgbe } from "../devices/ixgbe/index.ts";
import { layServedWire } from "../harness/vfio-user/served-wire.ts";
import { VfioUserServer } from "../harness/vfio-user/server.ts";
import { fetchGuest, type GuestFiles, guestCacheFolder, guestFiles } from "../harness/vm/guest-files.ts";
import { guestRoot } from "../harness/vm/guest-root.ts";
import { GuestShell } from "../harness/vm/guest-shell.ts";

const ECHO_COUNT = 300;
const LIMIT_MS = 300_000;
/** QEMU speaks vfio-user from 10.1 on, and Debian's stable has an older one: it comes from the suite behind it. */
const SUITES: readonly string[] = ["trixie", "trixie-backports"];
const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

const folder = process.argv[2] ?? join(guestCacheFolder(), "../qemu");
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** QEMU and its libraries, unpacked beside the system's own. */
function fetchQemu(): string {
  const root = join(folder, "qemu");
  if (existsSync(join(root, "usr/bin/qemu-system-x86_64"))) return root;
  const apt = join(folder, "qemu-apt");
  for (const part of ["lists/partial", "cache/archives/partial", "state"])
    mkdirSync(join(apt, part), { recursive: true });
  writeFileSync(join(apt, "state/status"), "");
  const lines = SUITES.map((suite) => `deb [signed-by=${KEYS}] http://deb.debian.org/debian ${suite} main\n`);
  writeFileSync(join(apt, "sources.list"), lines.join(""));
  const options = Object.entries({
    "Dir::State": join(apt, "state"),
    "Dir::State::lists": join(apt, "lists"),
    "Dir::State::status": join(apt, "state/status"),
    "Dir::Cache": join(apt, "cache"),
    "Dir::Etc::sourcelist": join(apt, "sources.list"),
    "Dir::Etc::sourceparts": "/dev/null",
    "APT::Architecture": "amd64",
    "APT::Architectures::": "amd64",
    "APT::Sandbox::User": "",
    "Debug::NoLocking": "true",
  }).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  say(`QEMU from ${SUITES.at(-1)} …`);
  execFileSync("apt-get", ["-qq", ...options, "update"], { stdio: ["ignore", "ignore", "inherit"] });
  const install = [
    "-t",
    SUITES.at(-1) as string,
    "install",
    "--download-only",
    "--no-install-recommends",
    "qemu-system-x86",
  ];
  execFileSync("apt-get", ["-qq", "-y", ...options, ...install], { stdio: ["ignore", "ignore", "inherit"] });
  mkdirSync(root, { recursive: true });
  const archives = join(apt, "cache/archives");
  for (const file of readdirSync(archives)) {
    if (file.endsWith(".deb")) execFileSync("dpkg-deb", ["-x", join(archives, file), root]);
  }
  rmSync(apt, { recursive: true });
  return root;
}

async function fetchKernel(): Promise<GuestFiles> {
  const place = join(folder, "guest");
  try {
    return guestFiles(place);
  } catch {
    return fetchGuest(place, say, {
      architecture: "amd64",
      kernelPackage: "linux-image-amd64",
      packages: ["busybox-static"],
    });
  }
}

async function trial(qemu: string, guest: GuestFiles, descriptors: "auto" | "never"): Promise<boolean> {
  const place = mkdtempSync(join(tmpdir(), "softbar-qemu-"));
  const socket = join(place, "ixgbe.sock");
  const startedAtMs = performance.now();
  const elapsed = (): string => `${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`;
  await using server = await VfioUserServer.listen(ixgbe({ deviceId: 0x10f7 }), socket, {
    descriptors,
    onDisconnect: (reason) => reason !== undefined && say(`hung up: ${reason}`),
  });
  layServedWire(server.device.machine, [10, 0, 0, 1]);
  const root = guestRoot(guest, { modules: ["ixgbe"], ownModules: [], files: [] });
  writeFileSync(join(place, "initrd.gz"), root.archive);
  const device = { driver: "vfio-user-pci", socket: { type: "unix", path: socket }, "x-no-posted-writes": true };
  const words = [
    ["--library-path", join(qemu, "usr/lib/x86_64-linux-gnu"), join(qemu, "usr/bin/qemu-system-x86_64")],
    ["-L", join(qemu, "usr/share/qemu"), "-L", join(qemu, "usr/share/seabios"), "-nodefaults", "-no-user-config"],
    ["-machine", "q35,memory-backend=memory", "-accel", "tcg", "-cpu", "max", "-m", "512"],
    ["-object", "memory-backend-memfd,id=memory,size=512M,share=on"],
    ["-kernel", join(guest.root, "boot", `vmlinuz-${guest.kernelRelease}`), "-initrd", join(place, "initrd.gz")],
    ["-append", "console=ttyS0 panic=-1 mitigations=off"],
    ["-display", "none", "-serial", `file:${join(place, "console")}`, "-serial", "stdio"],
    ["-device", JSON.stringify(device)],
  ].flat();
  const child = spawn(join(qemu, "usr/lib64/ld-linux-x86-64.so.2"), words, { stdio: ["pipe", "pipe", "pipe"] });
  const shell = new GuestShell((bytes) => void child.stdin.write(bytes));
  let complaint = "";
  child.stdout.on("data", (bytes: Buffer) => shell.take(bytes));
  child.stderr.on("data", (bytes: Buffer) => {
    complaint += bytes.toString();
  });
  child.once("exit", (code) => shell.end(new Error(`QEMU ended with ${code}: ${complaint}`)));
  const must = async (command: string): Promise<string> => {
    const { code, output } = await shell.run(command, LIMIT_MS);
    if (code !== 0) throw new Error(`"${command}" ended with ${code}: ${output}`);
    return output;
  };
  try {
    await shell.untilUp(LIMIT_MS);
    say(`  ${elapsed()}  Linux ${guest.kernelRelease}`);
    for (const path of root.modulePaths) await must(`insmod ${path}`);
    await must("ip addr add 10.0.0.2/24 dev eth0 && ip link set eth0 up");
    await must('for i in $(seq 100); do [ "$(cat /sys/class/net/eth0/carrier)" = 1 ] && break; sleep 0.1; done');
    say(
      `  ${elapsed()}  ${await must("grep -c eth0 /proc/interrupts")} interrupts of eth0, ${(await must("grep eth0 /proc/interrupts | head -n 1")).replace(/\s+/g, " ").trim()}`,
    );
    const echoes = await must(`ping -q -c ${ECHO_COUNT} -i 0.01 -W 5 10.0.0.1`);
    const [, received = "0"] = /(\d+) packets received/.exec(echoes) ?? [];
    say(`  ${elapsed()}  ${received} of ${ECHO_COUNT} echo requests answered`);
    const log = await must("dmesg -r");
    const bad = log.split("\n").filter((line) => /^<[0-4]>/.test(line) && /ixgbe|eth0/.test(line));
    for (const line of bad) say(`  kernel log: ${line}`);
    return Number(received) === ECHO_COUNT;
  } catch (error) {
    say(`  ${(error as Error).message}`);
    say(readFileSync(join(place, "console"), "latin1").split("\n").slice(-15).join("\n"));
    return false;
  } finally {
    child.kill("SIGKILL");
    rmSync(place, { recursive: true });
  }
}

const qemu = fetchQemu();
const guest = await fetchKernel();
let isGood = true;
for (const form of process.argv[3] === undefined
  ? (["never", "auto"] as const)
  : ([process.argv[3]] as ("never" | "auto")[])) {
  say(form === "never" ? "By Node alone: MSI, DMA by messages" : "With descriptors: MSI-X, DMA in place");
  isGood = (await trial(qemu, guest, form)) && isGood;
}
process.exitCode = isGood ? 0 : 1;
