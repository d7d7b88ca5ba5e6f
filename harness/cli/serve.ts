import { ShmServer, type ShmServerOptions } from "../shm/shm-server.ts";
import { layServedWire } from "../vfio-user/served-wire.ts";
import { VfioUserServer } from "../vfio-user/server.ts";
import { type CatalogueEntry, deviceNamed } from "./catalogue.ts";
import { EXIT_INCORRECT, EXIT_INTERRUPTED, EXIT_PASSED, UsageError } from "./exit-codes.ts";
import { onInterrupt } from "./interrupt.ts";
import { counted } from "./terminal.ts";
import { type Arguments, type Verb, wholeNumber } from "./verb.ts";

const PEER_ADDRESS: readonly number[] = [10, 0, 0, 1];
const FINDINGS_INTERVAL_MS = 200;

/** `softbar serve ixgbe --vfio-user SOCKET`: a device for processes that are not Node. */
export const serve: Verb = {
  name: "serve",
  about: "offers a device to another process: QEMU and other clients of vfio-user, or a driver in C by shared memory",
  operands: "DEVICE",
  operandLimit: 1,
  flags: [
    { name: "vfio-user", value: "SOCKET", about: "the socket's path" },
    {
      name: "shm",
      value: "DIR",
      about: "a folder of files to map: BARs and memory; /dev/shm/NAME never goes to disk; needs koffi",
    },
    { name: "dma-bytes", value: "N", about: "with --shm: memory that the device reaches; default 64 MiB" },
    { name: "loopback", about: "with --shm: what is sent comes back" },
    { name: "once", about: "with --vfio-user: end when the first client has gone" },
    { name: "no-descriptors", about: "by Node alone, without koffi: MSI instead of MSI-X, DMA by messages" },
  ],
  notes: [
    "By --shm a driver in C maps the files: harness/shm/include/softbar.h of the package has the calls and says how to compile it. The server needs\nthe optional package koffi: npm install -D koffi.",
    'QEMU 10.1 or later: -device \'{"driver":"vfio-user-pci","socket":{"type":"unix","path":"SOCKET"}}\'. With its memory in a\nsealed memfd (-object memory-backend-memfd,id=m,size=1G,share=on -machine memory-backend=m) and the package koffi here\n(npm install -D koffi) DMA goes in place and MSI-X works; memory that can shrink is copied, a call each time; without koffi\nDMA goes by messages, with MSI. A driver that rewrites a doorbell in a loop wants\n"x-no-posted-writes":true. At the far end of the device\'s wire 10.0.0.1 answers ARP and echo requests.',
  ],
  examples: [
    "softbar serve ixgbe --vfio-user /tmp/ixgbe.sock",
    "softbar serve ixgbe --shm /dev/shm/ixgbe --loopback   # then: ./driver /dev/shm/ixgbe",
    "softbar serve ./my-device --vfio-user /tmp/mine.sock --once --json",
  ],
  async run(given, catalogue) {
    const [name] = given.positionals;
    const path = given.value("vfio-user");
    if (name === undefined) throw new UsageError('Which device: "softbar serve ixgbe --vfio-user SOCKET"?');
    const folder = given.value("shm");
    const entry = deviceNamed(catalogue, name);
    if (path !== undefined && folder !== undefined)
      throw new UsageError("--vfio-user and --shm are two ways: choose one.");
    if (path !== undefined) return serveSocket(entry, path, given);
    if (folder !== undefined) return serveFolder(entry, folder, given);
    throw new UsageError(`Where: "softbar serve ${name} --vfio-user SOCKET" or "softbar serve ${name} --shm DIR".`);
  },
};

async function serveSocket(entry: CatalogueEntry, path: string, given: Arguments): Promise<number> {
  const isJson = given.has("json");
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const interrupt = onInterrupt();
  let clientCount = 0;
  const faults: unknown[] = [];
  let end: () => void = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
    interrupt.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const server = await listen(entry, path, {
    descriptors: given.has("no-descriptors") ? "never" : "auto",
    onConnect: () => {
      clientCount++;
      say("a client has come");
    },
    onMemory: say,
    onDisconnect: (reason) => {
      say(reason === undefined ? "the client has gone" : `hung up on the client: ${reason}`);
      if (given.has("once")) end();
    },
    // Told when the server ends: it goes on for the next client.
    onFault: (error) => void faults.push(error),
  });
  const findings = server.device.endpoint.findings;
  let toldCount = 0;
  const tell = (): void => {
    for (; toldCount < findings.findings.length; toldCount++) {
      const found = findings.findings[toldCount];
      if (found?.kind === "violation") say(`rule broken: ${found.message}`);
    }
  };
  const timer = setInterval(tell, FINDINGS_INTERVAL_MS);
  try {
    const peer = layServedWire(server.device.machine, PEER_ADDRESS);
    const form = server.hasDescriptors
      ? "MSI-X, and DMA in place where the client shares its memory"
      : "MSI, and DMA by messages (koffi would bring MSI-X and DMA in place: npm install -D koffi)";
    say(`${entry.name} at ${path}: ${form}. Ctrl-C ends.`);
    await over;
    tell();
    const violations = findings.findings.filter(({ kind }) => kind === "violation");
    const { endpoint } = server.device;
    const report = {
      device: entry.name,
      clientCount,
      hasDescriptors: server.hasDescriptors,
      counters: endpoint.device.statistics(),
      bus: endpoint.busStatistics(),
      peer: peer?.report(),
      findings: findings.findings,
    };
    if (isJson) console.log(JSON.stringify(report));
    else console.log(`${counted(clientCount, "client")}, ${counted(violations.length, "rule")} broken`);
    if (faults.length > 0) throw faults[0];
    if (interrupt.signal.aborted) return EXIT_INTERRUPTED;
    return violations.length === 0 ? EXIT_PASSED : EXIT_INCORRECT;
  } finally {
    clearInterval(timer);
    interrupt.restore();
    await server.close();
  }
}

async function serveFolder(entry: CatalogueEntry, folder: string, given: Arguments): Promise<number> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const dmaBytes = wholeNumber(given, "dma-bytes", 4096);
  const interrupt = onInterrupt();
  const over = new Promise<void>((resolve) =>
    interrupt.signal.addEventListener("abort", () => resolve(), { once: true }),
  );
  const server = await shmServer(entry, folder, {
    loopback: given.has("loopback"),
    ...(dmaBytes === undefined ? {} : { dmaBytes }),
  });
  let toldCount = 0;
  const timer = setInterval(() => {
    for (const { message } of server.violations.slice(toldCount)) say(`rule broken: ${message}`);
    toldCount = server.violations.length;
  }, FINDINGS_INTERVAL_MS);
  try {
    for (const line of server.limits) say(line);
    say(`${entry.name} in ${folder}; Ctrl-C ends.`);
    await over;
    const [statistics] = await server.statistics();
    const clients = await server.clients();
    const report = { ...statistics, ...clients, violations: server.violations, notes: server.notes };
    if (given.has("json")) console.log(JSON.stringify(report));
    else {
      const lost = clients.lostCount === 0 ? "" : `, ${clients.lostCount} of them lost`;
      console.log(
        `${counted(clients.clientCount, "client")}${lost}, ${counted(server.violations.length, "rule")} broken`,
      );
    }
    return EXIT_INTERRUPTED;
  } finally {
    clearInterval(timer);
    interrupt.restore();
    await server.close();
  }
}

async function shmServer(entry: CatalogueEntry, folder: string, options: ShmServerOptions): Promise<ShmServer> {
  try {
    return await ShmServer.start(entry.spec(), folder, options);
  } catch (error) {
    throw new UsageError(`Nothing can be served in ${folder}: ${(error as Error).message}.`);
  }
}

async function listen(
  entry: CatalogueEntry,
  path: string,
  options: Parameters<typeof VfioUserServer.listen>[2],
): Promise<VfioUserServer> {
  try {
    return await VfioUserServer.listen((entry.linux?.spec ?? entry.spec)(), path, options);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined && !(error as Error).message.includes(path) && !(error as Error).message.includes("errno"))
      throw error;
    throw new UsageError(`No socket can be made at ${path}: ${(error as Error).message}.`);
  }
}
