/**
 * QEMU with a stock amd64 kernel drives the simulated 82599 over vfio-user: its own `ixgbe`, or DPDK's poll mode driver.
 * For a Debian or its like, without root; opt-in, since it fetches packages and takes minutes.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fetchGuest, type GuestFiles, guestCacheFolder, guestFiles } from "../harness/vm/guest-files.ts";
import { PrivateApt } from "../harness/vm/private-apt.ts";
import { dpdkTrial } from "./qemu/dpdk-trial.ts";
import { kernelTrial } from "./qemu/kernel-trial.ts";

const USAGE = `npm run qemu [-- --dpdk] [FOLDER]

QEMU, a stock Debian kernel and the simulated 82599 over vfio-user.

  (nothing)   the kernel's ixgbe: link, 300 echo requests, down and up ten times; by Node alone, and with descriptors where
              the guest's memory can shrink and where it cannot
  --dpdk      DPDK's ixgbe poll mode driver under testpmd, vector and scalar paths: 10,000 frames each way and there
              and back, ten stops and starts of the port
  --help      this

FOLDER is where what is fetched is kept: by default in the user's cache. 130 MB of packages, for --dpdk 200 MB more.`;

/** QEMU speaks vfio-user from 10.1 on, and Debian's stable has an older one: it comes from the suite behind it. */
const QEMU_SUITES: readonly string[] = ["trixie", "trixie-backports"];
const QEMU_PACKAGES: readonly string[] = ["qemu-system-x86", "qemu-system-data", "seabios", "zlib1g"];
const KERNEL_PACKAGES: readonly string[] = ["busybox-static"];
/** testpmd is linked against drivers of other cards, and those against libraries that are not named lib-something. */
const DPDK_PACKAGES: readonly string[] = [...KERNEL_PACKAGES, "dpdk-dev", "ibverbs-providers", "zlib1g"];

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** QEMU and its libraries, unpacked beside the system's own. */
async function fetchQemu(folder: string): Promise<string> {
  const root = join(folder, "qemu");
  if (existsSync(join(root, "usr/bin/qemu-system-x86_64"))) return root;
  say(`QEMU from ${QEMU_SUITES.at(-1)} …`);
  const apt = new PrivateApt(join(folder, "qemu-apt"), { architecture: "amd64", suites: QEMU_SUITES });
  await apt.update();
  await apt.unpack(QEMU_PACKAGES, root, say);
  return root;
}

async function fetchKernel(place: string, packages: readonly string[]): Promise<GuestFiles> {
  try {
    return guestFiles(place);
  } catch {
    return fetchGuest(place, say, { architecture: "amd64", kernelPackage: "linux-image-amd64", packages });
  }
}

const { values, positionals } = parseArgs({
  options: { dpdk: { type: "boolean" }, help: { type: "boolean" } },
  allowPositionals: true,
});
if (values.help === true) console.log(USAGE);
else {
  const folder = positionals[0] ?? join(guestCacheFolder(), "../qemu");
  const qemu = await fetchQemu(folder);
  const isGood =
    values.dpdk === true
      ? await dpdkTrial(qemu, await fetchKernel(join(folder, "dpdk-guest"), DPDK_PACKAGES), say)
      : await kernelTrial(qemu, await fetchKernel(join(folder, "guest"), KERNEL_PACKAGES), say);
  process.exitCode = isGood ? 0 : 1;
}
