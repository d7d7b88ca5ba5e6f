import type { PciFunction } from "../emulator/pcie/driver-view.ts";
import type { DeviceStatistics } from "../emulator/run/device-thread.ts";
import type { Finding } from "../emulator/run/findings.ts";
import type { MachineOptions } from "../emulator/run/machine.ts";
import type { BedFaults } from "./faults/bed-faults.ts";
import type { FaultRule } from "./faults/fault-rules.ts";
import type { TestWire } from "./test-wire.ts";
import type { RunTrace } from "./trace/run-trace.ts";
import type { TraceOptions } from "./trace/trace-options.ts";

export interface PlugInOptions extends MachineOptions {
  /**
   * `threaded` (default): the devices run in a worker thread of their own, over shared memory. `folded`: they run inside
   * the driver's accesses, in one thread and virtual time: deterministic, and quick to start.
   */
  readonly run?: "threaded" | "folded";
  /**
   * In a folded run: looks for data races on DMA memory, as `explore` does, in the one order of events that the run has.
   * What orders them is what would in the memory model `relaxed`. Some ten times slower, and without `dma.map`. Default
   * false. Threaded runs are looked at in windows: see {@link MachineOptions.sanitize}.
   */
  readonly races?: boolean;
  /** How long `quiesce` waits for rest, in milliseconds. Default 5,000. */
  readonly quiesceLimitMs?: number;
  /**
   * How long the device thread may show no sign of life before accesses and control calls throw DeviceStuckError, in
   * milliseconds. Default 5,000. This and every other limit of the testbed stands still under a debugger.
   */
  readonly answerLimitMs?: number;
  /**
   * Records what devices and drivers do: {@link Testbed.trace} hands it out. Accesses through raw memory are not seen on
   * the driver's side. Default false: then nothing stands between device and driver.
   */
  readonly trace?: boolean | TraceOptions;
  /**
   * Puts the wrappers of all faults around the devices, and arms these rules; `[]` arms none. Without it there is nothing
   * around them, and nothing to pay for.
   */
  readonly faults?: readonly FaultRule[];
  /** What chance of faults comes from. Default 1. */
  readonly faultSeed?: number;
}

/** A CPU of the testbed on which a driver module can run in a thread of its own. */
export interface TestbedCpu {
  readonly index: number;
  /**
   * Starts a worker thread, gives it this CPU's view of the PCI functions and calls the module's default export with
   * (functions, argument). Resolves with what it returns. `argument` and result are structured-cloneable.
   * Rejects with what the driver throws, and with DeviceGoneError when the device dies meanwhile.
   */
  run<Result>(moduleUrl: string | URL, argument?: unknown): Promise<Result>;
}

/** Devices plugged in, and everything around them. Close it: `await using bed = await plugIn(…)`. */
export interface Testbed {
  /** The first device, as a kernel hands it to its driver, on the test's own thread (CPU 0). */
  readonly pci: PciFunction;
  /** All devices, in the order of plugging in. */
  readonly functions: readonly PciFunction[];
  /** Port 0 of the first device that has a wire. Throws TestbedError when none has. */
  readonly wire: TestWire;
  /** A wire port that no cable takes. Throws RangeError when it is not there. */
  wireOf(device: number, port?: number): TestWire;
  /** Rules that the driver broke, although the run went on. Exact after a read of the device or {@link quiesce}. */
  readonly violations: readonly Finding[];
  /** What the driver touched that is not modelled, and accesses without effect. */
  readonly notes: readonly Finding[];
  /** Faults to arm while it runs. Throws TestbedError when the testbed was plugged in without {@link PlugInOptions.faults}. */
  readonly faults: BedFaults;
  /** A further CPU, 1 to 15. Threaded runs only. */
  cpu(index: number): TestbedCpu;
  /** Resolves when rings, wires and engines are at rest. Rejects with DeviceStuckError after the limit, DeviceGoneError when the device died. */
  quiesce(): Promise<void>;
  statistics(): Promise<DeviceStatistics[]>;
  /** What has been recorded. Throws TestbedError where nothing is: plug in with `trace: true`. */
  trace(): RunTrace;
  /** Lets virtual time pass. Folded runs only. */
  advance(durationNs: number): void;
  /** Ends the device thread and all CPUs. Safe to call twice. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
