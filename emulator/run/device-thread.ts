import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { DeviceModel, DevicePort, DeviceSpec } from "../pcie/device-model.ts";
import type { Endpoint } from "../pcie/endpoint.ts";
import type { CpuSeat } from "./cpu-handle.ts";
import type { EventSource } from "./device-host.ts";
import { runDeviceLoop } from "./device-loop.ts";
import type { Finding } from "./findings.ts";
import { inlineDeeply } from "./inlining.ts";
import { LIFE_PROBE } from "./life-watch.ts";
import { type DeviceWrapper, loadDevice, Machine, type MachineTables } from "./machine.ts";
import { Mirror } from "./mirror.ts";
import { RequestRing } from "./request-ring.ts";
import { STATUS_CLOSED, ThreadStatus } from "./thread-status.ts";
import { TimeRequest } from "./time-request.ts";

/** What a device thread is started with. Structured-cloneable. */
export interface DeviceThreadData {
  readonly specs: readonly DeviceSpec[];
  readonly tables: MachineTables;
  readonly status: SharedArrayBuffer;
  /** Modules that add sources of events, wrappers and the like: see {@link Attachment}. */
  readonly attachments: readonly AttachmentSpec[];
  /** Over which each new finding goes to the test's thread. */
  readonly findingsPort: MessagePort;
}

/** Names something to add to the device thread: a replayer, a tracer. Structured-cloneable. */
export interface AttachmentSpec {
  readonly moduleUrl: string;
  readonly options: unknown;
}

/** What a module of an attachment exports: either function or both. */
export interface Attachment {
  /** Called for each device before it is created: gets between the device and its port. */
  wrap?(endpoint: Endpoint, options: unknown): WrappedDevice;
  /** Called once the devices are plugged in, before the first turn. */
  attach?(machine: Machine, options: unknown): AttachedPart;
}

/** What stands between a device and its port. Either function may return its argument. */
export interface WrappedDevice {
  /** What the device gets as its port. */
  port(port: DevicePort): DevicePort;
  /** What the endpoint gets as its device. */
  model(device: DeviceModel): DeviceModel;
}

/** Answers questions of the control plane: statistics of a replayer, say. */
export interface AttachedPart {
  report?(): unknown;
}

/** What `statistics()` gives for one device. */
export interface DeviceStatistics {
  readonly device: string;
  /** The device's own counters, by the names of its data sheet. */
  readonly counters: Record<string, number>;
  /** What crossed the bus. */
  readonly bus: Record<string, number>;
  /** Frames that left through unconnected wires. */
  readonly sentFrameCount: number;
}

/** Wraps a device in every attachment that wants to be around it, the first one innermost. */
function wrapAll(attachments: readonly (readonly [Attachment, unknown])[]): DeviceWrapper {
  return (endpoint) => {
    const wrappers = attachments.flatMap(([attachment, options]) => attachment.wrap?.(endpoint, options) ?? []);
    return {
      port: wrappers.reduce((port, wrapper) => wrapper.port(port), endpoint as DevicePort),
      model: (device) => wrappers.reduce((model, wrapper) => wrapper.model(model), device),
    };
  };
}

/** The control plane of a device thread. Every method is cheap and none blocks. */
export class DeviceThread {
  readonly #machine: Machine;
  readonly #status: ThreadStatus;
  readonly #cpus = new Map<number, { readonly port: MessagePort; readonly sources: readonly EventSource[] }>();
  readonly #parts: AttachedPart[] = [];
  /** By function, then by BAR: what drivers have mapped as raw memory. */
  readonly #mirrors = new Map<number, Map<number, Mirror>>();

  private constructor(machine: Machine, status: ThreadStatus) {
    this.#machine = machine;
    this.#status = status;
    machine.memory.onMissing = () => this.#takeAnnouncements();
  }

  /** Loads the devices and plugs them in. Throws when a module cannot be loaded or a device refuses its options. */
  static async start(data: DeviceThreadData): Promise<DeviceThread> {
    inlineDeeply();
    const devices = await Promise.all(data.specs.map(loadDevice));
    const attachments: (readonly [Attachment, unknown])[] = [];
    for (const spec of data.attachments) attachments.push([await import(spec.moduleUrl), spec.options]);
    const machine = new Machine(devices, data.tables, wrapAll(attachments));
    const thread = new DeviceThread(machine, new ThreadStatus(data.status));
    data.findingsPort.unref();
    for (const { findings } of machine.endpoints) {
      for (const found of findings.findings) data.findingsPort.postMessage(found);
      findings.onFinding = (found) => data.findingsPort.postMessage(found);
    }
    for (const [attachment, options] of attachments) thread.#parts.push(attachment.attach?.(machine, options) ?? {});
    return thread;
  }

  /** Runs until the testbed is closed or a device throws. */
  async run(): Promise<void> {
    await runDeviceLoop(this.#machine.host, this.#status, { mustPoll: () => this.#mirrors.size > 0 });
  }

  /** A CPU joins: one request ring for each function, and the port over which it announces memory. */
  addCpu({ cpuIndex, rings, wantedNs, port }: CpuSeat): void {
    const { endpoints, host } = this.#machine;
    const sources: EventSource[] = endpoints.map((endpoint, index) => {
      const ring = rings[index];
      if (ring === undefined) throw new RangeError(`${rings.length} rings for ${endpoints.length} functions`);
      const pushStores = (): void => {
        for (const mirror of this.#mirrors.get(index)?.values() ?? []) mirror.push();
      };
      return new RequestRing(ring, endpoint, (bar) => this.#mirror(index, bar), pushStores);
    });
    if (host.clock.kind === "virtual") {
      sources.push(new TimeRequest(host.clock, wantedNs, this.#machine.interrupts, cpuIndex));
    }
    this.#cpus.set(cpuIndex, { port, sources });
    host.sources.push(...sources);
    host.wake();
  }

  /** A CPU's thread has ended: what it posted still happens, then nobody looks at its rings any more. */
  removeCpu(cpuIndex: number): void {
    const cpu = this.#cpus.get(cpuIndex);
    if (cpu === undefined) return;
    const { sources } = this.#machine.host;
    for (const source of cpu.sources) {
      while (source.poll()) {
        // A ring's worth at most: its producer is gone.
      }
      sources.splice(sources.indexOf(source), 1);
    }
    this.#takeAnnouncements();
    cpu.port.close();
    this.#cpus.delete(cpuIndex);
  }

  statistics(): DeviceStatistics[] {
    return this.#machine.endpoints.map((endpoint, index) => ({
      device: endpoint.declaration.name,
      counters: endpoint.device.statistics(),
      bus: endpoint.busStatistics(),
      sentFrameCount: this.#machine.sentFrameCount(index),
    }));
  }

  /** Findings so far, with their counts. */
  findings(): Finding[] {
    return this.#machine.endpoints.flatMap((endpoint) => endpoint.findings.findings);
  }

  /** True when no device, wire or ring has anything to do. */
  isAtRest(): boolean {
    const { host } = this.#machine;
    return host.isIdle() && (host.clock.kind === "wall" || host.nextEventNs() === Number.POSITIVE_INFINITY);
  }

  /** Reports of the attachments, in order. */
  reports(): unknown[] {
    return this.#parts.map((part) => part.report?.());
  }

  /** Ends the loop. */
  close(): void {
    this.#status.status = STATUS_CLOSED;
    for (const cpu of this.#cpus.values()) cpu.port.close();
  }

  /** False when the BAR has no registers, and so nothing that its memory could show. */
  #mirror(functionIndex: number, bar: number): boolean {
    const known = this.#mirrors.get(functionIndex)?.get(bar);
    if (known !== undefined) {
      // Whoever maps it next begins with what a read would give, too: the card may have been reset since.
      known.compareAll();
      return true;
    }
    const endpoint = this.#machine.endpoints[functionIndex];
    const tables = this.#machine.tables.functions[functionIndex];
    const memory = tables?.bars[bar];
    const file = endpoint?.device.registerFile?.(bar);
    if (endpoint === undefined || memory === undefined || file === undefined) return false;
    const mirror = new Mirror(bar, endpoint, file, memory, tables?.barOffsets[bar]);
    const ofFunction = this.#mirrors.get(functionIndex) ?? new Map<number, Mirror>();
    this.#mirrors.set(functionIndex, ofFunction.set(bar, mirror));
    this.#machine.host.sources.push(mirror);
    return true;
  }

  /** Takes in the memory that drivers announced. Works while the driver never returns to its event loop. */
  #takeAnnouncements(): void {
    const { memory } = this.#machine;
    for (const { port } of this.#cpus.values()) {
      for (let message = receiveMessageOnPort(port); message !== undefined; message = receiveMessageOnPort(port)) {
        if (message.message === LIFE_PROBE) continue;
        const { segment, buffer } = message.message as { segment: number; buffer: SharedArrayBuffer | undefined };
        if (buffer === undefined) memory.remove(segment);
        else memory.install(segment, buffer);
      }
    }
  }
}
