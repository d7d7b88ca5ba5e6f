import { ixgbe } from "../../devices/ixgbe/index.ts";
import { layServedWire } from "../../harness/vfio-user/served-wire.ts";
import type { GuestFiles } from "../../harness/vm/guest-files.ts";
import { complaintsOf, NetworkTrial } from "../../harness/vm/network-trial.ts";
import { QemuGuest } from "./qemu-guest.ts";
import { type Say, stopwatch } from "./stopwatch.ts";

const ECHO_COUNT = 300;
const CYCLE_COUNT = 10;

/** The kernel's own driver, by Node alone and with descriptors. False when something was not as it should be, which is said. */
export async function kernelTrial(qemu: string, guest: GuestFiles, say: Say): Promise<boolean> {
  let isGood = true;
  for (const descriptors of ["never", "auto"] as const) {
    say(descriptors === "never" ? "By Node alone: MSI, DMA by messages" : "With descriptors: MSI-X");
    isGood = (await trial(qemu, guest, descriptors, say)) && isGood;
  }
  return isGood;
}

async function trial(qemu: string, guest: GuestFiles, descriptors: "auto" | "never", say: Say): Promise<boolean> {
  const step = stopwatch(say);
  await using machine = await QemuGuest.boot({
    qemu,
    guest,
    device: ixgbe({ deviceId: 0x10f7 }),
    descriptors,
    memoryMegabytes: 512,
    modules: ["ixgbe"],
    say,
  });
  layServedWire(machine.server.device.machine, [10, 0, 0, 1]);
  try {
    step(`Linux ${guest.kernelRelease}`);
    await machine.loadModules();
    const network = new NetworkTrial(machine, "eth0", machine.modulePaths);
    step(`eth0 ${await network.bringUp()}`);
    const interrupts = await machine.mustRun("grep eth0 /proc/interrupts");
    const [first = ""] = interrupts.split("\n");
    step(`${interrupts.split("\n").length} interrupts of eth0, ${first.replace(/\s+/g, " ").trim()}`);
    const { receivedCount } = await network.ping(ECHO_COUNT);
    step(`${receivedCount} of ${ECHO_COUNT} echo requests answered`);
    const linkCount = await network.cycleLink(CYCLE_COUNT);
    step(`down and up ${linkCount} of ${CYCLE_COUNT}`);
    const complaints = await complaintsOf(machine, ["ixgbe", "eth0"]);
    for (const line of complaints) say(`  kernel log: ${line}`);
    return receivedCount === ECHO_COUNT && linkCount === CYCLE_COUNT && complaints.length === 0;
  } catch (error) {
    say(`  ${(error as Error).message}`);
    say(machine.consoleEnd());
    return false;
  }
}
