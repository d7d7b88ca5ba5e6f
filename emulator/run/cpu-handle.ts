import { MessageChannel, type MessagePort } from "node:worker_threads";
import { DriverPciFunction } from "../driver/pci-function.ts";
import { HostMemory } from "../memory/host-memory.ts";
import { Iommu } from "../memory/iommu.ts";
import type { PciFunction } from "../pcie/driver-view.ts";
import { InterruptController } from "../pcie/interrupt-controller.ts";
import type { RaceFinder } from "../sanitize/race-findings.ts";
import { RaceSampler } from "../sanitize/race-sampler.ts";
import type { RaceTables } from "../sanitize/race-tables.ts";
import { silencedRules } from "../sanitize/rule.ts";
import { sampledFunctions } from "../sanitize/sampled-function.ts";
import { type Finding, FindingLog } from "./findings.ts";
import { clockFor, type FunctionTables, type MachineTables } from "./machine.ts";
import { createRequestRing } from "./request-ring.ts";
import { RingLink } from "./ring-link.ts";
import { ThreadStatus } from "./thread-status.ts";

/** A CPU's way to the devices, to be given to the one thread that is this CPU. Structured-cloneable; the ports are transferred. */
export interface CpuHandle {
  readonly cpuIndex: number;
  readonly machine: MachineTables;
  readonly status: SharedArrayBuffer;
  /** By function. */
  readonly rings: readonly SharedArrayBuffer[];
  /** One double: the virtual time that this CPU waits for. */
  readonly wantedNs: SharedArrayBuffer;
  /** Over which this CPU announces memory of its own. */
  readonly port: MessagePort;
  /** How long the device thread may be silent before it is taken for stuck; Infinity under a debugger. */
  readonly answerLimitMs: number;
}

/** A CPU as the device thread sees it. Structured-cloneable; the port is transferred. */
export interface CpuSeat {
  readonly cpuIndex: number;
  readonly rings: readonly SharedArrayBuffer[];
  readonly wantedNs: SharedArrayBuffer;
  readonly port: MessagePort;
}

/** Lays out a CPU: the handle for its own thread, and the seat for the device thread. */
export function createCpu(
  cpuIndex: number,
  machine: MachineTables,
  status: SharedArrayBuffer,
  answerLimitMs: number,
): { handle: CpuHandle; seat: CpuSeat } {
  const { port1, port2 } = new MessageChannel();
  // Neither end keeps its thread alive: announcements are fetched, not listened for.
  port1.unref();
  port2.unref();
  const rings = machine.functions.map(() => createRequestRing());
  const wantedNs = new SharedArrayBuffer(8);
  return {
    handle: { cpuIndex, machine, status, rings, wantedNs, port: port1, answerLimitMs },
    seat: { cpuIndex, rings, wantedNs, port: port2 },
  };
}

/** What a person is told when a BAR is mapped; once for each BAR of a thread. */
export type Notice = (lines: readonly string[]) => void;

/** What the thread of a CPU finds of its own driver: buffers that are used or freed again after they were freed. */
export interface DriverSideFindings {
  onFinding(finding: Finding): void;
  /** The driver's line under way; "" for none. */
  lineOf(): string;
}

/** The PCI functions as the thread of this CPU sees them. To be called once, in that thread. */
export function openCpu(handle: CpuHandle, notice: Notice, finder?: DriverSideFindings): PciFunction[] {
  const { machine } = handle;
  const memory = new HostMemory(machine.memory);
  const status = new ThreadStatus(handle.status);
  const controller = new InterruptController(machine.interrupts);
  const functions: DriverPciFunction[] = [];
  for (const [index, tables] of machine.functions.entries()) {
    const link = new RingLink({
      name: tables.declaration.name,
      cpuIndex: handle.cpuIndex,
      ring: handle.rings[index] as SharedArrayBuffer,
      status,
      controller,
      clock: clockFor(machine),
      wantedNs: handle.wantedNs,
      port: handle.port,
      bars: tables.bars,
      onMap: noticeOnce(tables, notice),
      answerLimitMs: handle.answerLimitMs,
    });
    const cpu = functions[0]?.cpu ?? handle.cpuIndex;
    const findings = finder === undefined ? undefined : driverSideLog(tables, machine, finder);
    functions.push(new DriverPciFunction(link, machine, tables, memory, cpu, findings));
  }
  const { races } = machine;
  return races === undefined || finder === undefined ? functions : sampled(functions, handle, races, finder);
}

/** The same with every access looked at for data races, now and then. */
function sampled(
  functions: readonly PciFunction[],
  { machine, cpuIndex }: CpuHandle,
  races: RaceTables,
  { onFinding, lineOf }: DriverSideFindings,
): PciFunction[] {
  const raceFinder: RaceFinder = {
    cpuIndex,
    deviceNames: machine.functions.map(({ declaration }) => declaration.name),
    log: new Int32Array(races.log),
    lineOf,
    line: "",
  };
  const parts = machine.functions.map((tables) => {
    const iommu = new Iommu(tables.iommu);
    return {
      // A race is found when it is clear that it is one: its line is that of the access, and known before.
      findings: driverSideLog(tables, machine, { onFinding, lineOf: () => raceFinder.line }),
      arena: machine.arena.memory,
      labelAt: (iova: number) => iommu.mappingAt(iova)?.label ?? "",
    };
  });
  return sampledFunctions(functions, parts, new RaceSampler(races, cpuIndex, raceFinder));
}

function driverSideLog(
  tables: FunctionTables,
  { options }: MachineTables,
  { onFinding, lineOf }: DriverSideFindings,
): FindingLog {
  // Whoever finds it has no time of the device's at hand: it is 0.
  const log = new FindingLog(tables.declaration.name, new Float64Array(1), silencedRules(options.sanitize));
  log.onFinding = onFinding;
  log.lineOf = lineOf;
  return log;
}

function noticeOnce(tables: FunctionTables, notice: Notice): (bar: number) => void {
  const told = new Set<number>();
  return (bar) => {
    const limits = tables.mappedLimits[bar];
    if (told.has(bar) || limits === undefined || limits.length === 0) return;
    told.add(bar);
    notice(limits);
  };
}
