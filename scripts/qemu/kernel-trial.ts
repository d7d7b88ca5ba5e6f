import { ixgbe } from "../../devices/ixgbe/index.ts";
import { layServedWire } from "../../harness/vfio-user/served-wire.ts";
import type { GuestFiles } from "../../harness/vm/guest-files.ts";
import { complaintsOf, NetworkTrial } from "../../harness/vm/network-trial.ts";
import { QemuGuest } from "./qemu-guest.ts";
import { type Say, stopwatch } from "./stopwatch.ts";

const ECHO_COUNT = 300;
const CYCLE_COUNT = 10;
/** What the driver says of a card that shows it no MSI-X. */
const NO_MSIX = /Failed to allocate MSI-X|Disabling (SR-IOV|RSS) support/;

/** How the card is reached: what the guest's kernel sees, and how its memory is read and written. */
interface Form {
  readonly name: string;
  readonly descriptors: "auto" | "never";
  readonly canShrink: boolean;
}

const FORMS: readonly Form[] = [
  { name: "By Node alone: MSI, DMA by messages", descriptors: "never", canShrink: false },
  { name: "With descriptors, memory that can shrink: MSI-X, DMA by copies", descriptors: "auto", canShrink: true },
  { name: "With descriptors: MSI-X, DMA in place", descriptors: "auto", canShrink: false },
];

/** The kernel's own driver, in each form. False when something was not as it should be, which is said. */
export async function kernelTrial(qemu: string, guest: GuestFiles, say: Say): Promise<boolean> {
  let isGood = true;
  for (const form of FORMS) {
    say(form.name);
    isGood = (await trial(qemu, guest, form, say)) && isGood;
  }
  return isGood;
}

async function trial(qemu: string, guest: GuestFiles, form: Form, say: Say): Promise<boolean> {
  const step = stopwatch(say);
  await using machine = await QemuGuest.boot({
    qemu,
    guest,
    device: ixgbe({ deviceId: 0x10f7 }),
    descriptors: form.descriptors,
    canShrink: form.canShrink,
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
    step(`interrupt vectors of eth0: ${interrupts.split("\n").length}, ${first.replace(/\s+/g, " ").trim()}`);
    const { receivedCount } = await network.ping(ECHO_COUNT);
    step(`${receivedCount} of ${ECHO_COUNT} echo requests answered`);
    const linkCount = await network.cycleLink(CYCLE_COUNT);
    step(`down and up ${linkCount} of ${CYCLE_COUNT}`);
    const isExpected = (line: string): boolean => form.descriptors === "never" && NO_MSIX.test(line);
    const complaints = (await complaintsOf(machine, ["ixgbe", "eth0"])).filter((line) => !isExpected(line));
    for (const line of complaints) say(`  kernel log: ${line}`);
    return receivedCount === ECHO_COUNT && linkCount === CYCLE_COUNT && complaints.length === 0;
  } catch (error) {
    say(`  ${(error as Error).message}`);
    say(machine.consoleEnd());
    return false;
  }
}
