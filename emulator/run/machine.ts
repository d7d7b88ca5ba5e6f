import type { Clock } from "../clock/clock.ts";
import { VirtualClock } from "../clock/clock.ts";
import { WallClock } from "../clock/wall-clock.ts";
import { Arena, type ArenaTables } from "../memory/arena.ts";
import { HostMemory, type HostMemoryTables } from "../memory/host-memory.ts";
import { Iommu, type IommuOptions, type IommuTables } from "../memory/iommu.ts";
import type { OptionNames } from "../option-names.ts";
import { COMMAND, COMMAND_BUS_MASTER, COMMAND_MEMORY_SPACE } from "../pcie/config-header.ts";
import type { DeviceDeclaration, DeviceModel, DeviceModule, DevicePort, DeviceSpec } from "../pcie/device-model.ts";
import { Endpoint } from "../pcie/endpoint.ts";
import { InterruptController } from "../pcie/interrupt-controller.ts";
import { DmaMarks } from "../sanitize/dma-marks.ts";
import { createRaceTables, type RaceTables } from "../sanitize/race-tables.ts";
import { checkRuleNames, type RaceSampling, type SanitizeOptions, silencedRules } from "../sanitize/rule.ts";
import { allRules } from "../sanitize/rules.ts";
import { type FrameQueue, FrameQueue as Queue } from "../wire/frame-queue.ts";
import { OpenWire, WireLane, type WireSink } from "../wire/wire.ts";
import { DeviceHost } from "./device-host.ts";
import { mappedAccessLimits } from "./mirror.ts";
import { WireInjector } from "./wire-injector.ts";

/** Up to 16 functions: INTx lines 0–15. */
const FUNCTION_LIMIT = 16;
/** Frames that a wire delivers in one turn: as many as the completions that a sender gets in one. */
const LANE_FRAMES_PER_TURN = 256;

export interface MachineOptions {
  /** Bytes of the arena that `dma.alloc` serves. Default 64 MiB. */
  readonly hostMemoryBytes?: number;
  readonly iommu?: IommuOptions;
  /** The arena in memory that a driver brings along, instead of a new one. */
  readonly ownMemory?: OwnMemory;
  /**
   * `wall` (default of threaded runs): CLOCK_MONOTONIC. `virtual` (default of folded runs): time moves to the next planned
   * event, delay or limit when the devices have nothing to do now. In a threaded run it does not wait for a driver's
   * thread that computes: between two accesses of it any amount may pass, if something is planned.
   */
  readonly clock?: "wall" | "virtual";
  /** Hands functions over with bus mastering on, for drivers that set it through the kernel's files. Default false. */
  readonly busMaster?: boolean;
  /** Size of the queue that carries sent frames of a port to the test, and of the one that brings frames in. Default 4 MiB. */
  readonly wireQueueBytes?: number;
  /** Which ports are connected: `[[[0, 0], [1, 0]]]` joins port 0 of device 0 with port 0 of device 1. The others lead to the test. */
  readonly cables?: readonly (readonly [PortName, PortName])[];
  /** What becomes of frames sent on an unconnected port: kept for the test, or only counted. Default "keep". */
  readonly sentFrames?: "keep" | "count";
  /**
   * Which rules are minded. Default all of them; `false`: only what the devices themselves see, and nothing is watched on
   * the driver's side; `{ "unmask-without-recheck": false }`: all but this. `softbar rules` lists them. How much of a
   * threaded run is looked at for data races: `{ "data-race": { every: 65_536, transfers: 2_048 } }` is the default.
   */
  readonly sanitize?: SanitizeOptions;
}

/** To refuse others: see checkOptionNames. */
export const MACHINE_OPTION_NAMES: OptionNames<MachineOptions> = {
  hostMemoryBytes: true,
  iommu: true,
  ownMemory: true,
  clock: true,
  busMaster: true,
  wireQueueBytes: true,
  cables: true,
  sentFrames: true,
  sanitize: true,
};

/**
 * Memory that a driver reaches by instructions of its own: the linear memory of a WebAssembly driver. What `dma.alloc`
 * gives lies in it, the raw memory of the BARs lies in it, and DMA addresses are offsets in it. Structured-cloneable.
 */
export interface OwnMemory {
  readonly buffer: SharedArrayBuffer;
  /** Bytes at its beginning that are the driver's own: its code's data and stack. */
  readonly reservedBytes: number;
}

/** Device number and wire port. */
export type PortName = readonly [device: number, port: number];

/** What is shared about one function. Structured-cloneable. */
export interface FunctionTables {
  /** What the driver's side has to know of the declaration; the register tables stay with the device. */
  readonly declaration: Omit<DeviceDeclaration, "registerMaps" | "rules">;
  /** By BAR: what a driver that maps it as raw memory has to know. */
  readonly mappedLimits: Readonly<Record<number, readonly string[]>>;
  /** Raw memory of each BAR, for mapped access. By BAR index. */
  readonly bars: Readonly<Record<number, SharedArrayBuffer>>;
  /** Where each BAR begins in that memory: 0 but for {@link OwnMemory}. By BAR index. */
  readonly barOffsets: Readonly<Record<number, number>>;
  readonly iommu: IommuTables;
  readonly functionIndex: number;
  /** By wire port; undefined where a cable leads to a device. */
  readonly ports: readonly (WirePort | undefined)[];
}

/** The two queues between a wire port and the test: {@link FrameQueue}s. */
export interface WirePort {
  readonly inbound: SharedArrayBuffer;
  readonly outbound: SharedArrayBuffer;
}

/** Everything that the threads of one testbed share. Structured-cloneable. */
export interface MachineTables {
  readonly options: MachineOptions;
  readonly arena: ArenaTables;
  readonly memory: HostMemoryTables;
  readonly interrupts: SharedArrayBuffer;
  /** Virtual time in nanoseconds, one double: driver threads read what the device thread writes. */
  readonly clockNow: SharedArrayBuffer;
  readonly functions: readonly FunctionTables[];
  /** Where data races are looked for while threads run. */
  readonly races?: RaceTables | undefined;
}

/** A device module as loaded, with the options it is to be created with. */
export interface LoadedDevice {
  readonly module: DeviceModule;
  readonly options: unknown;
}

/** The declaration of a device with its options. */
export function declarationOf(device: LoadedDevice): DeviceDeclaration {
  const { declaration } = device.module;
  return typeof declaration === "function" ? declaration(device.options) : declaration;
}

/** What a module exports that puts something between a device and its port, wherever the device runs. */
export interface WrapperModule {
  wrapDevice(device: LoadedDevice, options: unknown): LoadedDevice;
}

/** Loads a device's module, and the wrappers around it. Throws Error naming the URL when it is no device module. */
export async function loadDevice(spec: DeviceSpec): Promise<LoadedDevice> {
  if (spec.around !== undefined) {
    const wrapper = (await import(spec.moduleUrl)) as Partial<WrapperModule>;
    if (typeof wrapper.wrapDevice !== "function")
      throw new Error(`${spec.moduleUrl} wraps no device: it must export \`wrapDevice(device, options)\``);
    return wrapper.wrapDevice(await loadDevice(spec.around), spec.options);
  }
  const module = (await import(spec.moduleUrl)) as Partial<DeviceModule>;
  if (typeof module.create !== "function" || module.declaration === undefined) {
    throw new Error(
      `${spec.moduleUrl} is no device module: it must export \`declaration\` and \`create(port, options)\``,
    );
  }
  return { module: module as DeviceModule, options: spec.options };
}

/** The clock of a testbed as one thread sees it. */
export function clockFor(tables: MachineTables): Clock {
  return tables.options.clock === "virtual" ? new VirtualClock(new Float64Array(tables.clockNow)) : new WallClock();
}

/**
 * Lays out the shared memory of a testbed. `sampling`: how a threaded run is looked at for data races; not at all where it is
 * absent, or where the driver reaches its memory past the accessors.
 */
export function createTables(
  devices: readonly LoadedDevice[],
  options: MachineOptions,
  sampling?: Required<RaceSampling>,
): MachineTables {
  if (devices.length > FUNCTION_LIMIT)
    throw new RangeError(`${devices.length} devices: a testbed takes ${FUNCTION_LIMIT}`);
  const { ownMemory } = options;
  const arena =
    ownMemory === undefined
      ? Arena.create(options.hostMemoryBytes ?? 64 << 20)
      : Arena.over(ownMemory.buffer, ownMemory.reservedBytes);
  const functions = devices.map((device, index) => functionTables(declarationOf(device), index, options, arena));
  checkCables(functions, options);
  checkRuleNames(options.sanitize, allRules(devices.map(declarationOf)));
  return {
    options,
    arena: arena.tables,
    memory: HostMemory.tablesFor(arena.tables.memory),
    interrupts: InterruptController.createWords(),
    clockNow: new SharedArrayBuffer(8),
    functions,
    ...(sampling === undefined || ownMemory !== undefined
      ? {}
      : { races: createRaceTables(arena.tables.memory.byteLength, sampling) }),
  };
}

function functionTables(
  declaration: DeviceDeclaration,
  functionIndex: number,
  options: MachineOptions,
  arena: Arena,
): FunctionTables {
  const queueBytes = options.wireQueueBytes ?? 4 << 20;
  const bars: Record<number, SharedArrayBuffer> = {};
  const barOffsets: Record<number, number> = {};
  for (const { index, byteLength } of declaration.bars) {
    const isOwn = options.ownMemory !== undefined;
    bars[index] = isOwn ? arena.tables.memory : new SharedArrayBuffer(byteLength);
    barOffsets[index] = isOwn ? arena.alloc(byteLength) : 0;
  }
  const { registerMaps, rules: _rules, ...rest } = declaration;
  const mappedLimits: Record<number, readonly string[]> = {};
  for (const [bar, map] of Object.entries(registerMaps)) {
    mappedLimits[Number(bar)] = mappedAccessLimits(declaration.name, Number(bar), map);
  }
  return {
    declaration: rest,
    mappedLimits,
    bars,
    barOffsets,
    functionIndex,
    iommu: Iommu.create(iommuOptionsFor(declaration, options)).tables,
    ports: Array.from({ length: declaration.wirePortCount }, (_, port) =>
      isCabled(options, functionIndex, port)
        ? undefined
        : { inbound: Queue.createBuffer(queueBytes), outbound: Queue.createBuffer(queueBytes) },
    ),
  };
}

function isCabled(options: MachineOptions, device: number, port: number): boolean {
  return (options.cables ?? []).flat().some((end) => end[0] === device && end[1] === port);
}

/** Throws RangeError for a cable to a port that is not there, or to one that has a cable already. */
function checkCables(functions: readonly FunctionTables[], options: MachineOptions): void {
  const taken = new Set<string>();
  for (const [near, far] of options.cables ?? []) {
    // A cable from a port to itself is a loopback plug: one end, named twice.
    const ends = near[0] === far[0] && near[1] === far[1] ? [near] : [near, far];
    for (const [device, port] of ends) {
      if (!(port >= 0 && port < (functions[device]?.declaration.wirePortCount ?? 0))) {
        throw new RangeError(`a cable leads to port ${port} of device ${device}, which is not there`);
      }
      const name = `${device}:${port}`;
      if (taken.has(name)) throw new RangeError(`two cables lead to port ${port} of device ${device}`);
      taken.add(name);
    }
  }
}

/**
 * Where the DMA addresses of a device begin: one with few address bits gets them below its limit, the others above 4 GiB,
 * so that a forgotten high half is not right by accident.
 */
export function firstIova({ dmaAddressBits = 48 }: DeviceDeclaration): number {
  return dmaAddressBits > 32 ? 2 ** 32 : 2 ** dmaAddressBits / 16;
}

function iommuOptionsFor(declaration: DeviceDeclaration, options: MachineOptions): IommuOptions {
  const bits = declaration.dmaAddressBits ?? 48;
  const limit = 2 ** bits;
  if (options.ownMemory !== undefined) {
    const { byteLength } = options.ownMemory.buffer;
    if (byteLength > limit)
      throw new RangeError(`${declaration.name} has ${bits} address bits: it cannot reach all of ${byteLength} bytes`);
    return { ...options.iommu, baseIova: 0, windowBytes: byteLength };
  }
  if (bits > 32) return options.iommu ?? {};
  const baseIova = firstIova(declaration);
  return { baseIova, windowBytes: limit - baseIova, ...options.iommu };
}

/** The devices' side of a testbed, built in the thread that runs them. */
export class Machine {
  readonly host: DeviceHost;
  readonly tables: MachineTables;
  readonly memory: HostMemory;
  readonly interrupts: InterruptController;
  readonly endpoints: readonly Endpoint[];
  readonly #silenced: ReadonlySet<string>;
  readonly #marks: DmaMarks | undefined;
  /** Outbound ends of unconnected ports, with the device they belong to. */
  readonly #outbound: { readonly device: number; readonly wire: OpenWire }[] = [];

  constructor(devices: readonly LoadedDevice[], tables: MachineTables, wrap: DeviceWrapper = identity) {
    this.#silenced = silencedRules(tables.options.sanitize);
    const clock: Clock = clockFor(tables);
    this.host = new DeviceHost(clock);
    this.tables = tables;
    this.memory = new HostMemory(tables.memory);
    this.interrupts = new InterruptController(tables.interrupts);
    this.#marks = tables.races === undefined ? undefined : new DmaMarks(tables.races, this.memory);
    this.endpoints = devices.map((device, index) =>
      this.#plug(device, tables.functions[index] as FunctionTables, wrap),
    );
    this.#layWires();
  }

  /** Frames that a device sent through unconnected ports. */
  sentFrameCount(device: number): number {
    return this.#outbound.reduce((sum, end) => sum + (end.device === device ? end.wire.frameCount : 0), 0);
  }

  #plug(device: LoadedDevice, tables: FunctionTables, wrap: DeviceWrapper): Endpoint {
    const iommu = new Iommu(tables.iommu);
    const endpoint = new Endpoint(declarationOf(device), {
      clock: this.host.clock,
      iommu,
      memory: this.memory,
      interrupts: this.interrupts,
      functionIndex: tables.functionIndex,
      silenced: this.#silenced,
      parts: this.#marks?.partsOf(tables.functionIndex, iommu),
    });
    const wrapped = wrap(endpoint);
    endpoint.attach(wrapped.model(device.module.create(wrapped.port, device.options)));
    // What firmware and kernel have done before a driver is probed: the BARs are assigned and decoded.
    const command = COMMAND_MEMORY_SPACE | (this.tables.options.busMaster === true ? COMMAND_BUS_MASTER : 0);
    assignBars(endpoint, tables.functionIndex);
    endpoint.configWrite(COMMAND, 2, command);
    this.host.endpoints.push(endpoint);
    return endpoint;
  }

  #layWires(): void {
    for (const [near, far] of this.tables.options.cables ?? []) {
      this.#connect(near, far);
      if (near[0] !== far[0] || near[1] !== far[1]) this.#connect(far, near);
    }
    for (const [device, tables] of this.tables.functions.entries()) {
      for (const [port, queues] of tables.ports.entries()) {
        if (queues !== undefined) this.#leadOutside(queues, device, port);
      }
    }
  }

  #connect([fromDevice, fromPort]: PortName, [toDevice, toPort]: PortName): void {
    const from = this.#endpointOf(fromDevice);
    const to = this.#endpointOf(toDevice);
    const receiver = { deliver: receiverOf(to, toPort) };
    from.wires[fromPort] = this.#layLane(receiver, lineRateOf(from.declaration));
  }

  #layLane(receiver: WireSink, gigabitsPerSecond: number): WireLane {
    const lane = new WireLane(this.host.clock, receiver, gigabitsPerSecond);
    this.host.sources.push({
      poll: () => lane.pump(LANE_FRAMES_PER_TURN),
      isIdle: () => lane.isIdle,
      next: lane.next,
    });
    return lane;
  }

  #leadOutside(shared: WirePort, device: number, port: number): void {
    const endpoint = this.#endpointOf(device);
    const rate = lineRateOf(endpoint.declaration);
    const { clock } = this.host;
    const kept = this.tables.options.sentFrames === "count" ? undefined : new Queue(shared.outbound);
    const wire = new OpenWire(clock, kept, rate);
    this.#outbound.push({ device, wire });
    // In virtual time a frame has left when its last bit has; on the wall clock nobody waits for that.
    endpoint.wires[port] = clock.kind === "virtual" ? this.#layLane(wire, rate) : wire;
    this.host.sources.push(new WireInjector(this.host.clock, new Queue(shared.inbound), endpoint, port, rate));
  }

  #endpointOf(device: number): Endpoint {
    const endpoint = this.endpoints[device];
    if (endpoint === undefined) throw new RangeError(`there is no device ${device}`);
    return endpoint;
  }
}

/** Wraps the device and its port: how a tracer or a fault gets in between, without a flag in either. */
export type DeviceWrapper = (endpoint: Endpoint) => {
  readonly port: DevicePort;
  model(device: DeviceModel): DeviceModel;
};

function identity(endpoint: Endpoint): ReturnType<DeviceWrapper> {
  return { port: endpoint, model: (device) => device };
}

function receiverOf(endpoint: Endpoint, port: number): FrameQueue["deliver"] {
  return (memory, offset, byteLength, flags) => endpoint.device.onFrame(port, memory, offset, byteLength, flags);
}

function lineRateOf(declaration: DeviceDeclaration): number {
  return declaration.gigabitsPerSecond ?? 10;
}

/** Gives each BAR an address of its own, as firmware does. They only have to be distinct and aligned. */
function assignBars(endpoint: Endpoint, functionIndex: number): void {
  let address = 0x8000_0000 + functionIndex * 0x0400_0000;
  for (const bar of endpoint.declaration.bars) {
    address = Math.ceil(address / bar.byteLength) * bar.byteLength;
    endpoint.configWrite(0x10 + 4 * bar.index, 4, address);
    address += bar.byteLength;
  }
}
