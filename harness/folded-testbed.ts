import type { CpuLink } from "../emulator/driver/cpu-link.ts";
import { DriverPciFunction } from "../emulator/driver/pci-function.ts";
import type { PciFunction } from "../emulator/pcie/driver-view.ts";
import type { DeviceStatistics } from "../emulator/run/device-thread.ts";
import type { Finding } from "../emulator/run/findings.ts";
import { FoldedLink } from "../emulator/run/folded-link.ts";
import { createTables, type LoadedDevice, Machine, type MachineOptions } from "../emulator/run/machine.ts";
import { TestbedError } from "../emulator/run/testbed-error.ts";
import { type DriverWatch, watchesOf } from "../emulator/sanitize/driver-watch.ts";
import { isWatching } from "../emulator/sanitize/rule.ts";
import { watchedFunctions } from "../emulator/sanitize/watched-function.ts";
import { driverCallers, findingLine, keepStack } from "./explore/code-line.ts";
import { WatchedRun } from "./explore/watched-run.ts";
import { type AskDevice, BedFaults, type kernelSide } from "./faults/bed-faults.ts";
import { noteLeaks } from "./open-testbeds.ts";
import { TestWire } from "./test-wire.ts";
import type { PlugInOptions, Testbed, TestbedCpu } from "./testbed.ts";
import type { RunTrace } from "./trace/run-trace.ts";
import { TestbedTracing } from "./trace/testbed-tracing.ts";

/** Planned events that `quiesce` follows before it says that the device never rests. */
const QUIESCE_EVENT_LIMIT = 100_000;

/** Planned events that a full wire waits for. */
const ROOM_TRIES = 5000;

/** What may stand around the functions of a testbed. */
export interface FoldedParts {
  /** The kernel's side of faults; absent where the devices have no wrappers for them. */
  readonly kernel?: ReturnType<typeof kernelSide> | undefined;
  /** Stands between the CPU and each function. */
  readonly link?: (link: CpuLink) => CpuLink;
}

/** Devices folded into the calling thread, on the virtual clock unless told otherwise. Holds no thread and needs no closing. */
export class FoldedTestbed implements Testbed {
  readonly functions: readonly PciFunction[];
  readonly #machine: Machine;
  readonly #races: WatchedRun | undefined;
  readonly #wires = new Map<string, TestWire>();
  readonly #watches: readonly DriverWatch[];
  readonly #tracing: TestbedTracing | undefined;
  #isClosed = false;
  readonly #faults: BedFaults | undefined;

  constructor(
    devices: readonly LoadedDevice[],
    options: MachineOptions & Pick<PlugInOptions, "trace" | "races"> = {},
    { kernel, link }: FoldedParts = {},
  ) {
    const { trace = false, ...machineOptions } = options;
    const tables = createTables(devices, { clock: "virtual", ...machineOptions });
    if (trace !== false) this.#tracing = new TestbedTracing(devices, tables, "folded", trace === true ? {} : trace);
    this.#machine = new Machine(devices, tables, this.#tracing?.wrap);
    this.#tracing?.plugged(this.#machine);
    for (const { findings } of this.#machine.endpoints) {
      findings.lineOf = (_kind, _rule, _place, kept) => findingLine(kept);
      findings.callersOf = driverCallers;
      findings.keepStack = keepStack;
    }
    this.#races = options.races === true ? new WatchedRun(this.#machine) : undefined;
    // Innermost: what faults keep from the driver it does not do.
    this.#watches = isWatching(options.sanitize) ? watchesOf(this.#machine) : [];
    const watched = watchedFunctions(this.#races?.functions ?? this.#plainFunctions(link), this.#watches);
    const functions = watched.map((pci, index) => kernel?.around(pci, index) ?? pci);
    this.functions = this.#tracing?.functions(functions) ?? functions;
    if (kernel !== undefined) {
      const ask: AskDevice = async (device, command) => this.#machine.endpoints[device]?.device.control?.(command);
      this.#faults = new BedFaults(ask, kernel.kernels, () => this.quiesce());
    }
    this.#machine.host.settle();
  }

  #plainFunctions(link: FoldedParts["link"]): DriverPciFunction[] {
    const { tables } = this.#machine;
    const own: DriverPciFunction[] = [];
    let cpu: DriverPciFunction["cpu"] | undefined;
    for (const [index, functionTables] of tables.functions.entries()) {
      const endpoint = this.#machine.endpoints[index];
      if (endpoint === undefined) throw new TestbedError(`function ${index} has no endpoint`);
      const folded = new FoldedLink(this.#machine.host, endpoint);
      const way = link?.(folded) ?? folded;
      const pci = new DriverPciFunction(way, tables, functionTables, this.#machine.memory, cpu ?? 0, endpoint);
      cpu = pci.cpu;
      own.push(pci);
    }
    return own;
  }

  get pci(): PciFunction {
    const first = this.functions[0];
    if (first === undefined) throw new TestbedError("no device is plugged in");
    return first;
  }

  get wire(): TestWire {
    const device = this.#machine.tables.functions.findIndex((tables) => tables.ports.length > 0);
    if (device < 0) throw new TestbedError("no device of this testbed has a wire");
    return this.wireOf(device);
  }

  wireOf(device: number, port = 0): TestWire {
    const key = `${device}:${port}`;
    const known = this.#wires.get(key);
    if (known !== undefined) return known;
    const shared = this.#machine.tables.functions[device]?.ports[port];
    if (shared === undefined) throw new RangeError(`device ${device} has no wire port ${port} that no cable takes`);
    const kept = this.#machine.tables.options.sentFrames !== "count";
    const { host } = this.#machine;
    // Frames arrive at the line rate: a queue that is full gets room when time moves to the next arrival.
    const side = { nudge: () => host.settle(), makeRoom: () => void host.leap(), roomTries: () => ROOM_TRIES };
    const wire = new TestWire(shared.inbound, shared.outbound, kept, side);
    this.#wires.set(key, wire);
    return wire;
  }

  get violations(): readonly Finding[] {
    return this.#findings("violation");
  }

  get notes(): readonly Finding[] {
    return this.#findings("note");
  }

  get faults(): BedFaults {
    return this.#faults ?? noFaults();
  }

  cpu(): TestbedCpu {
    throw new TestbedError(
      'a folded testbed has one CPU, the thread that plugged it in; further ones need run: "threaded"',
    );
  }

  async quiesce(): Promise<void> {
    this.settle();
  }

  /** The same at once. */
  settle(): void {
    const { host } = this.#machine;
    host.settle();
    for (let events = 0; host.leap(); events++) {
      if (events === QUIESCE_EVENT_LIMIT) {
        throw new TestbedError(
          `the devices did not come to rest within ${QUIESCE_EVENT_LIMIT} events: a timer starts itself anew`,
        );
      }
    }
    this.#races?.settled();
    if (!host.isIdle())
      throw new TestbedError("the devices wait for something that nobody will do: a request is stuck");
  }

  /** Clock time of the next planned event, Infinity when there is none. */
  protected get nextEventNs(): number {
    return this.#machine.host.nextEventNs();
  }

  async statistics(): Promise<DeviceStatistics[]> {
    return this.#machine.endpoints.map((endpoint, index) => ({
      device: endpoint.declaration.name,
      counters: endpoint.device.statistics(),
      bus: endpoint.busStatistics(),
      sentFrameCount: this.#machine.sentFrameCount(index),
    }));
  }

  advance(durationNs: number): void {
    const { host } = this.#machine;
    if (host.clock.kind === "wall") throw new TestbedError('the wall clock passes by itself; leave out clock: "wall"');
    const until = (host.clock.now[0] as number) + durationNs;
    while (host.leap(until)) {
      // One planned event at a time, up to the limit.
    }
    host.settle();
  }

  trace(): RunTrace {
    if (this.#tracing === undefined) throw new TestbedError("nothing is recorded: plug in with { trace: true }");
    return this.#tracing.trace;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const watch of this.#watches) watch.end();
    noteLeaks(this.#findings("note"));
    this.#tracing?.end("complete", "");
    await this.#faults?.warnOfWaiting();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #findings(kind: Finding["kind"]): Finding[] {
    this.#races?.report();
    return this.#machine.endpoints.flatMap((endpoint) =>
      endpoint.findings.findings.filter((found) => found.kind === kind),
    );
  }
}

/** There is nothing around the devices that could be armed. */
export function noFaults(): never {
  throw new TestbedError("this testbed has no faults to arm: plug it in with them, plugIn(device, { faults: [] })");
}
