import { ExploredMachine } from "../../emulator/explore/plugged/explored-machine.ts";
import { Replay } from "../../emulator/explore/strategies/replay.ts";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import { loadDevice } from "../../emulator/run/machine.ts";
import type { Testbed } from "../testbed.ts";

/** In virtual time, and longer than anything that a device does by itself. */
const REST_NS = 2_000_000_000;

/**
 * One explored run under the empty schedule, as a testbed: the test is the driver, and each of its accesses is a
 * scheduling point at which nothing out of the ordinary is chosen.
 */
export async function openExplored(spec: DeviceSpec, model: number): Promise<Testbed> {
  const machine = new ExploredMachine([await loadDevice(spec)]);
  machine.reset();
  machine.execution.stepLimit = Number.POSITIVE_INFINITY;
  machine.execution.begin(new Replay(), model, 0);
  machine.explore();
  const absent = (): never => {
    throw new Error("an explored run has no such thing");
  };
  const findings = (kind: Finding["kind"]): Finding[] =>
    machine.endpoints.flatMap((endpoint) => endpoint.findings.findings.filter((found) => found.kind === kind));
  return {
    get pci(): PciFunction {
      return machine.functions[0] ?? absent();
    },
    functions: machine.functions,
    get wire() {
      return absent();
    },
    wireOf: absent,
    get violations() {
      return findings("violation");
    },
    get notes() {
      return findings("note");
    },
    cpu: absent,
    trace: absent,
    quiesce: async () => machine.cpu.delay(REST_NS),
    statistics: async () =>
      machine.endpoints.map((endpoint) => ({
        device: endpoint.declaration.name,
        counters: endpoint.device.statistics(),
        bus: endpoint.busStatistics(),
        sentFrameCount: 0,
      })),
    advance: (durationNs) => machine.cpu.delay(durationNs),
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}
