import { ixgbe } from "../../devices/ixgbe/index.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import { frames } from "../../harness/frames.ts";
import type { GuestFiles } from "../../harness/vm/guest-files.ts";
import { complaintsOf } from "../../harness/vm/network-trial.ts";
import { QemuGuest } from "./qemu-guest.ts";
import { type Say, stopwatch } from "./stopwatch.ts";
import { countersOf, Testpmd } from "./testpmd.ts";
import { WireTraffic } from "./wire-traffic.ts";

const FRAME_COUNT = 10_000;
const CYCLE_COUNT = 10;
const CYCLE_FRAME_COUNT = 100;
const STEP_LIMIT_MS = 180_000;
const DEVICE_ID = 0x10f7;
const MAC: readonly number[] = [0x02, 0x00, 0x00, 0x82, 0x59, 0x90];

/** testpmd wants two threads, its own and one that forwards: both on the one processor. Descriptors need physical addresses. */
const EAL_WORDS: readonly string[] = ["--lcores=(0-1)@0", "-n", "1", "--iova-mode=pa", "--no-telemetry"];
/** What is opened by name: the ring of buffers, and what the C library ends threads by. */
const PLUGINS: readonly string[] = ["librte_mempool_ring.so.23", "libgcc_s.so.1"];
const DRIVER_WORDS: readonly string[] = ["-d", "librte_mempool_ring.so.23", "-d", "librte_net_ixgbe.so.23"];
/** So that it says which functions it has chosen. */
const LOG_WORDS: readonly string[] = ["--log-level=pmd.net.ixgbe.init:debug"];
const TESTPMD_WORDS: readonly string[] = ["-i", "--total-num-mbufs=4096", "--rxd=512", "--txd=512"];

/** A pair of receive and transmit functions of the driver's, and what makes it choose them. */
interface DataPath {
  readonly name: string;
  readonly ealWords: readonly string[];
  readonly words: readonly string[];
  /** What the driver then says. */
  readonly chosen: readonly RegExp[];
}

const NO_VECTORS = "--force-max-simd-bitwidth=64";
const PATHS: readonly DataPath[] = [
  { name: "vector", ealWords: [], words: [], chosen: [/Vector rx enabled/, /Vector tx enabled/] },
  {
    name: "bulk",
    ealWords: [NO_VECTORS],
    words: [],
    chosen: [/Rx Burst Bulk Alloc function will be used/, /Using simple tx code path/],
  },
  {
    // Buffers of 1 KiB, so that long frames take two; a free threshold for which there is no bulk function.
    name: "scattered",
    ealWords: [NO_VECTORS],
    words: ["--mbuf-size=1152", "--rxfreet=16", "--rx-offloads=0x2000", "--tx-offloads=0x8000"],
    chosen: [/Using Regular \(non-vector, single allocation\) Scattered Rx/, /Using full-featured tx code path/],
  },
];

/** DPDK's poll mode driver under testpmd. False when something was not as it should be, which is said. */
export async function dpdkTrial(qemu: string, guest: GuestFiles, say: Say): Promise<boolean> {
  const step = stopwatch(say);
  await using machine = await QemuGuest.boot({
    qemu,
    guest,
    device: ixgbe({ deviceId: DEVICE_ID }),
    descriptors: "auto",
    memoryMegabytes: 768,
    modules: ["uio_pci_generic"],
    programs: [{ name: "dpdk-testpmd", plugins: PLUGINS }],
    kernelWords: "hugepages=96",
    say,
  });
  const { device } = machine.server;
  const wire = new WireTraffic(device);
  const bad: string[] = [];
  try {
    step(`Linux ${guest.kernelRelease}, DPDK ${guest.packages["dpdk-dev"]}`);
    await machine.loadModules();
    const hex = DEVICE_ID.toString(16);
    await machine.mustRun(`echo 8086 ${hex} >/sys/bus/pci/drivers/uio_pci_generic/new_id && ls /dev/uio0`);
    await machine.mustRun("mkdir -p /dev/hugepages /var/run && mount -t hugetlbfs nodev /dev/hugepages");
    for (const path of PATHS)
      bad.push(...(await trial(machine, wire, path, step)).map((text) => `${path.name}: ${text}`));
    const interrupts = await machine.run("grep uio /proc/interrupts");
    step(`interrupts of the link: ${interrupts.output.replace(/\s+/g, " ").trim() || "none"}`);
    bad.push(...(await complaintsOf(machine, ["uio"])).map((line) => `kernel log: ${line}`));
  } catch (error) {
    bad.push((error as Error).message);
    say(machine.consoleEnd());
  }
  const violations = device.findings.filter(({ kind }) => kind === "violation");
  bad.push(...violations.map(({ message }) => message));
  step(`rules of the card broken: ${violations.length}; ${notesOf(device.findings)}`);
  for (const text of bad) say(`  NOT AS IT SHOULD BE: ${text}`);
  return bad.length === 0;
}

/** One run of testpmd from its start to its end. Returns what was not as it should be. */
async function trial(
  machine: QemuGuest,
  wire: WireTraffic,
  path: (typeof PATHS)[number],
  step: Say,
): Promise<string[]> {
  const bad: string[] = [];
  const expect = (isGood: boolean, text: string): void => {
    step(`${path.name}: ${text}${isGood ? "" : "  ✗"}`);
    if (!isGood) bad.push(text);
  };
  const testpmd = await Testpmd.start(machine, [
    ...EAL_WORDS,
    ...DRIVER_WORDS,
    ...LOG_WORDS,
    ...path.ealWords,
    "--",
    ...TESTPMD_WORDS,
    ...path.words,
  ]);
  const missing = path.chosen.filter((pattern) => !pattern.test(testpmd.transcript));
  expect(missing.length === 0, `functions as expected ${missing.join(", ")}`);
  await until(() => testpmd.isLinkUp(), "the link is up");
  expect(true, "link up, 10 Gb/s");

  await testpmd.command("clear port stats all");
  await testpmd.command("set fwd txonly");
  wire.expectOne();
  await testpmd.command("start");
  await until(() => wire.receivedCount >= FRAME_COUNT, `${FRAME_COUNT} frames are sent`);
  const sent = countersOf(await testpmd.command("stop"))["TX-packets"] ?? 0;
  await until(() => wire.receivedCount >= sent, "the ring is empty");
  const txStats = await testpmd.counters();
  expect(
    sent >= FRAME_COUNT &&
      wire.receivedCount === sent &&
      txStats["TX-packets"] === sent &&
      txStats["TX-errors"] === 0 &&
      wire.faults.length === 0,
    `txonly: sent ${sent}, at the wire ${wire.receivedCount}, by the card's counter ${txStats["TX-packets"]}, errors ${txStats["TX-errors"]} ${wire.faults.join("; ")}`,
  );

  const batch = frames(FRAME_COUNT, { destination: MAC });
  await testpmd.command("clear port stats all");
  await testpmd.command("set fwd rxonly");
  await testpmd.command("start");
  wire.send(batch, "none");
  await until(async () => ((await testpmd.counters())["RX-packets"] ?? 0) >= FRAME_COUNT, "all are received");
  const received = countersOf(await testpmd.command("stop"));
  const rxStats = await testpmd.counters();
  const { "RX-missed": missed, "RX-errors": errors, "RX-nombuf": noBuffer } = rxStats;
  expect(
    received["RX-packets"] === FRAME_COUNT &&
      rxStats["RX-packets"] === FRAME_COUNT &&
      missed === 0 &&
      errors === 0 &&
      noBuffer === 0,
    `rxonly: of ${FRAME_COUNT} received ${received["RX-packets"]}, by the card's counter ${rxStats["RX-packets"]}, missed ${missed}, errors ${errors}, without a buffer ${noBuffer}`,
  );

  await testpmd.command("set fwd macswap");
  await testpmd.command("start");
  wire.send(batch, "swapped");
  await until(() => wire.receivedCount >= FRAME_COUNT, "all are back");
  const swapped = countersOf(await testpmd.command("stop"));
  expect(
    wire.swappedCount === FRAME_COUNT && wire.faults.length === 0,
    `macswap: of ${FRAME_COUNT} back in order and right ${wire.swappedCount}, by testpmd ${swapped["RX-packets"]} in, ${swapped["TX-packets"]} out ${wire.faults.join("; ")}`,
  );

  let cycleCount = 0;
  for (let index = 0; index < CYCLE_COUNT; index++) {
    await testpmd.command("port stop 0");
    await testpmd.command("port start 0");
    await until(() => testpmd.isLinkUp(), "the link is up again");
    await testpmd.command("start");
    wire.send(batch.slice(0, CYCLE_FRAME_COUNT), "swapped");
    await until(() => wire.receivedCount >= CYCLE_FRAME_COUNT, "all are back");
    await testpmd.command("stop");
    if (wire.swappedCount === CYCLE_FRAME_COUNT) cycleCount++;
  }
  expect(
    cycleCount === CYCLE_COUNT,
    `port stopped and started ${CYCLE_COUNT} times, ${cycleCount} times all of ${CYCLE_FRAME_COUNT} frames were back`,
  );
  await testpmd.quit();
  return bad;
}

/** Waits until something is so. @throws Error that names it. */
async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + STEP_LIMIT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${STEP_LIMIT_MS / 1000} s until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** "24 notes: 22 feature-not-modelled, 2 …". */
function notesOf(findings: readonly Finding[]): string {
  const counts = new Map<string, number>();
  for (const { kind, rule } of findings) if (kind === "note") counts.set(rule, (counts.get(rule) ?? 0) + 1);
  const texts = [...counts].map(([rule, count]) => `${count} ${rule}`);
  return texts.length === 0 ? "no notes" : `notes: ${texts.join(", ")}`;
}
