import { DriverPciFunction } from "../../emulator/driver/pci-function.ts";
import type { Attachment } from "../../emulator/run/device-thread.ts";
import { type LoadedDevice, loadDevice, Machine } from "../../emulator/run/machine.ts";
import { TestbedError } from "../../emulator/run/testbed-error.ts";
import { watchesOf } from "../../emulator/sanitize/driver-watch.ts";
import { isWatching } from "../../emulator/sanitize/rule.ts";
import { watchedFunctions } from "../../emulator/sanitize/watched-function.ts";
import { loadDriver } from "../driver-module.ts";
import { findingLine } from "../explore/code-line.ts";
import { traced } from "../trace/driver-trace.ts";
import { FrameEventLog } from "./frame-event-log.ts";
import { PollingLink } from "./polling-link.ts";
import { Replayer } from "./replayer.ts";
import type { VirtualBedData, VirtualResult, VirtualRun } from "./virtual-bed.ts";

/** Planned events that are followed after the driver's end, before it is said that the card never rests. */
const QUIESCE_EVENT_LIMIT = 100_000;
/** How long to wait for a reader that is behind before looking again. */
const INPUT_WAIT_MS = 1;
const INPUT_WORD = new Int32Array(new SharedArrayBuffer(4));

/**
 * A replay in virtual time, in the calling thread: the card is stepped inside its driver's accesses. Returns when the
 * driver does, and blocks meanwhile: somebody else fills the queue, or it is full and closed before.
 */
export async function foldedReplay(data: VirtualBedData, run: VirtualRun): Promise<VirtualResult> {
  const { tables } = data;
  const { driverUrl, argument } = run;
  const device = await loadDevice(data.device);
  const drive = await loadDriver(driverUrl);
  const machine = await machineOf(data, device);
  const { clock } = machine.host;
  const log = data.eventLogPath === undefined ? undefined : new FrameEventLog(data.eventLogPath, clock);
  try {
    const awaitInput = (): void => void Atomics.wait(INPUT_WORD, 0, 0, INPUT_WAIT_MS);
    const replayer = new Replayer(machine, data.replayer, { log, awaitInput });
    const alarm = new Float64Array([Number.POSITIVE_INFINITY]);
    // Nothing happens by itself then: a consumer that polls in vain goes there and no further.
    machine.host.sources.push(...replayer.sources, { poll: () => false, isIdle: () => true, next: alarm });
    const [endpoint] = machine.endpoints;
    const [functionTables] = tables.functions;
    if (endpoint === undefined || functionTables === undefined) throw new TestbedError("no device is plugged in");
    const link = new PollingLink(machine.host, endpoint);
    const pci = new DriverPciFunction(link, tables, functionTables, machine.memory, 0);
    // Innermost, as in a testbed: a trace is of what the driver does, and sanitizers are nothing of that.
    const watches = isWatching(tables.options.sanitize) ? watchesOf(machine) : [];
    endpoint.findings.lineOf = (_kind, _rule, _place, kept) => findingLine(kept);
    const watched = watchedFunctions([pci], watches);
    machine.host.settle();
    const company = { clock, alarm, ...(log === undefined ? {} : { log }) };
    const functions = data.driverTrace === undefined ? watched : traced(watched, data.driverTrace, tables);
    const result = await drive(functions, { ...argument, company });
    quiesce(machine);
    for (const watch of watches) watch.end();
    return {
      result,
      card: { replayer: replayer.report(), after: endpoint.device.statistics() },
      findings: endpoint.findings.findings,
    };
  } finally {
    log?.close();
  }
}

/** The machine, with the tracer around its card where one is asked for. */
async function machineOf(data: VirtualBedData, device: LoadedDevice): Promise<Machine> {
  const { trace, tables } = data;
  if (trace === undefined) return new Machine([device], tables);
  const attachment = (await import(trace.moduleUrl)) as Attachment;
  const machine = new Machine([device], tables, (endpoint) => {
    const wrapped = attachment.wrap?.(endpoint, trace.options);
    return { port: wrapped?.port(endpoint) ?? endpoint, model: (model) => wrapped?.model(model) ?? model };
  });
  attachment.attach?.(machine, trace.options);
  return machine;
}

/** The replay is over for the driver; what its last accesses have set off comes to its end. */
function quiesce({ host }: Machine): void {
  host.settle();
  for (let events = 0; host.leap(); events++) {
    if (events === QUIESCE_EVENT_LIMIT) {
      throw new TestbedError(`the card did not come to rest within ${QUIESCE_EVENT_LIMIT} events`);
    }
  }
}
