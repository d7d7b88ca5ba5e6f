import { VirtualClock } from "../../clock/clock.ts";
import { DriverInterrupt } from "../../driver/interrupt.ts";
import { type DriverFunctionState, DriverPciFunction } from "../../driver/pci-function.ts";
import { Iommu, iovaName } from "../../memory/iommu.ts";
import type { Interrupt, PciFunction } from "../../pcie/driver-view.ts";
import type { Endpoint } from "../../pcie/endpoint.ts";
import { NO_REGISTER } from "../../registers/register-map.ts";
import type { Finding } from "../../run/findings.ts";
import { FoldedLink } from "../../run/folded-link.ts";
import {
  createTables,
  declarationOf,
  type LoadedDevice,
  type MachineOptions,
  Machine as RunMachine,
} from "../../run/machine.ts";
import { TestbedError } from "../../run/testbed-error.ts";
import { type DriverWatch, watchesOf } from "../../sanitize/driver-watch.ts";
import { isWatching } from "../../sanitize/rule.ts";
import { watchedFunctions } from "../../sanitize/watched-function.ts";
import { WatchedInterrupt } from "../../sanitize/watched-interrupt.ts";
import type { DeviceHook } from "../device-hook.ts";
import { Execution } from "../execution.ts";
import type { LinkLatitude, MachineLatitude } from "../latitude.ts";
import { Machine } from "../machine.ts";
import { AddressSpace, CONFIG_READ, CONFIG_WRITE, DEVICE_SHIFT } from "./address-space.ts";
import { Awaits } from "./awaits.ts";
import { Checkpoint } from "./checkpoint.ts";
import { ExploredCpu } from "./explored-cpu.ts";
import { exploredFunction } from "./explored-function.ts";
import { ExploredLink } from "./explored-link.ts";
import { ExploredUplink, eventName, FRAME_EVENT, TIMER_EVENT } from "./explored-uplink.ts";
import { ExploredWires, type SentFrames } from "./explored-wires.ts";
import { type CpuProgram, FurtherCpus } from "./further-cpu.ts";
import { FurtherWatch } from "./further-watch.ts";
import type { Surroundings } from "./surroundings.ts";

/** Small tables: of a driver that leaks, all that it ever had is copied to set a run back. */
const HOST_MEMORY_BYTES = 1 << 24;
const IOMMU = { windowBytes: 1 << 25, mappingCount: 256 } as const;
const WIRE_QUEUE_BYTES = 4096;

/** How often an event of a device overtakes a driver that could go on; see MachineLatitude. */
const PROMPT_EVENT_PROBABILITY = 0.25;

/** See {@link ExploredMachine.save}. */
export interface SetUpState {
  readonly checkpoint: Checkpoint;
  readonly seenSequence: number;
  readonly functions: readonly PciFunction[];
  readonly drivers: readonly DriverFunctionState[];
  readonly sent: SentFrames;
  /** By device: what its driver has done wrong. */
  readonly findings: readonly (readonly Finding[])[];
  readonly watches: readonly unknown[];
  readonly labels: ReadonlyMap<number, { readonly label: string; readonly byteLength: number }>;
  readonly memory: readonly { readonly start: number; readonly bytes: Uint8Array }[];
}

/** Real devices under an explorer: what they do and what the driver does are steps of one run. */
export class ExploredMachine {
  readonly explorer: Machine;
  readonly execution: Execution;
  readonly cpu: ExploredCpu;
  readonly addresses: AddressSpace;
  /** The functions in the driver's hands: new ones in each run. */
  functions: readonly PciFunction[] = [];
  readonly wires: ExploredWires;
  readonly thread: number;
  readonly awaits: Awaits;
  /** Label of each DMA buffer of this run, by where it begins. */
  readonly labels: Map<number, { readonly label: string; readonly byteLength: number }> = new Map();
  #drivers: readonly DriverPciFunction[] = [];
  readonly #machine: RunMachine;
  readonly #checkpoint: Checkpoint;
  readonly #folded: FoldedLink[] = [];
  readonly #links: ExploredLink[] = [];
  readonly #uplinks: ExploredUplink[] = [];
  /** By device, as are the generations that they had when the set-up had ended. */
  readonly #iommus: readonly Iommu[];
  readonly #generations: number[] = [];
  readonly #onLine: ((asserted: boolean) => void)[] = [];
  /** The sanitizers, by device. */
  readonly watches: readonly DriverWatch[];
  /** CPU 1 and so on. */
  readonly furtherCpus: FurtherCpus;
  readonly #furtherWatch: FurtherWatch | undefined;
  readonly #surroundings: Surroundings | undefined;

  /** `awaitCount`: promises that an async driver may wait for at the same time. */
  constructor(
    devices: readonly LoadedDevice[],
    options: MachineOptions = {},
    awaitCount: number = 0,
    programs: readonly CpuProgram[] = [],
    surroundings?: Surroundings,
  ) {
    this.#surroundings = surroundings;
    const tables = createTables(devices, {
      hostMemoryBytes: HOST_MEMORY_BYTES,
      wireQueueBytes: WIRE_QUEUE_BYTES,
      ...options,
      iommu: { ...IOMMU, ...options.iommu },
      clock: "virtual",
    });
    const machine = new RunMachine(devices, tables, surroundings?.wrap);
    machine.host.settle();
    this.#machine = machine;
    this.#iommus = tables.functions.map(({ iommu }) => new Iommu(iommu));
    this.addresses = new AddressSpace(tables.arena.memory.byteLength, devices.map(declarationOf));
    const explorer = new Machine(new Uint8Array(tables.arena.memory), DEVICE_SHIFT);
    const { state } = explorer;
    this.explorer = explorer;
    explorer.allow({ promptEventProbability: PROMPT_EVENT_PROBABILITY });
    explorer.nameOther = (address) => this.nameOf(address);
    explorer.nameEvent = eventName;
    explorer.nameAwait = (operand) => this.awaits.nameOf(operand);
    const seat = explorer.plainCpu("driver");
    const vector = explorer.vector();
    const { thread: handlerThread } = explorer.handlePlain(vector, seat.cpu, "handler", () =>
      this.cpu.takeInterrupts(),
    );
    this.thread = seat.thread;
    this.awaits = new Awaits(state, explorer.awaits(seat.cpu, awaitCount));
    for (const endpoint of machine.endpoints) this.#folded.push(new FoldedLink(machine.host, endpoint));
    const first = this.#folded[0];
    if (first === undefined) throw new TestbedError("no device is plugged in");
    this.execution = new Execution(explorer);
    this.cpu = new ExploredCpu({ ...seat, handlerThread, vector }, first, machine.interrupts, this.execution);
    this.wires = new ExploredWires(machine, { host: machine.host, state, isExploring: () => this.cpu.isExploring });
    for (const [device, endpoint] of machine.endpoints.entries()) {
      const onLine = (asserted: boolean): void => {
        machine.interrupts.setLine(device, asserted);
        if (asserted) state.arrive(this.#vectorOf(device));
      };
      this.#onLine.push(onLine);
      const vectorOf = (irq: number): number => this.#vectorOf(irq);
      this.#uplinks.push(new ExploredUplink(state, endpoint, device, vectorOf, onLine));
      this.#links.push(new ExploredLink(this.#folded[device] ?? first, this.cpu, this.addresses, device));
      explorer.device(endpoint.declaration.name, undefined, this.#hook(endpoint, device));
    }
    this.watches = isWatching(options.sanitize)
      ? watchesOf(machine, { isShared: programs.length > 0, isExplored: true })
      : [];
    this.furtherCpus = new FurtherCpus(explorer, tables, this.addresses, programs);
    if (programs.length > 0 && this.watches.length > 0) {
      const { endpoints } = machine;
      const names = explorer.cpuNames;
      this.#furtherWatch = new FurtherWatch(state, this.addresses, names, this.watches, endpoints, tables.functions);
      this.execution.operationWatch = this.#furtherWatch;
    }
    this.cpu.reset();
    this.#checkpoint = new Checkpoint(machine);
  }

  /** What processors and links may do beyond the defaults. Holds for all devices and runs. */
  allow(latitude: MachineLatitude & LinkLatitude): void {
    this.explorer.allow(latitude);
    for (const device of this.explorer.devices) this.explorer.allowLink(device, latitude);
  }

  /** From the next run on, data races on host memory are looked for. */
  detectRaces(): void {
    this.explorer.detectRaces();
  }

  /** A byte of host memory as the driver and its device know it: "rx ring 0+0x8 (IOVA 0x1_0001_0008)". */
  placeOf(address: number): string {
    for (const iommu of this.#iommus)
      for (const { segmentOffset, byteLength, iova } of iommu.mappings())
        if (address >= segmentOffset && address < segmentOffset + byteLength)
          return `${this.nameOf(address)} (IOVA ${iovaName(iova + address - segmentOffset)})`;
    return this.nameOf(address);
  }

  /** Directs an interrupt of a driver of this testbed at another CPU. */
  direct(interrupt: Interrupt, cpu: number): void {
    const inner = interrupt instanceof WatchedInterrupt ? interrupt.inner : interrupt;
    if (!(inner instanceof DriverInterrupt)) throw new TestbedError("an interrupt of another testbed");
    if (!(cpu >= 0 && cpu < this.explorer.cpuNames.length))
      throw new RangeError(`CPU ${cpu}: this run has CPU 0 to ${this.explorer.cpuNames.length - 1}`);
    this.#machine.interrupts.direct(inner.irq, cpu);
  }

  get endpoints(): readonly Endpoint[] {
    return this.#machine.endpoints;
  }

  /** What its devices and drivers share. */
  get tables(): RunMachine["tables"] {
    return this.#machine.tables;
  }

  /** Sets everything back: the devices have just been plugged in, and what happens next is not explored. */
  reset(): void {
    for (const endpoint of this.endpoints) endpoint.uplink = undefined;
    this.#checkpoint.restore();
    this.labels.clear();
    this.cpu.reset();
    this.wires.reset();
    const { tables, memory } = this.#machine;
    this.#drivers = tables.functions.map((functionTables, index) => {
      const link = this.#links[index] as ExploredLink;
      return new DriverPciFunction(link, tables, functionTables, memory, this.cpu, this.endpoints[index]);
    });
    for (const watch of this.watches) watch.clear();
    this.#furtherWatch?.forget();
    const functions = this.#drivers.map((driver) =>
      exploredFunction(driver, this.cpu, (start, label, byteLength) => {
        this.labels.set(start, { label, byteLength });
        return () => this.labels.delete(start);
      }),
    );
    const watched = watchedFunctions(functions, this.watches);
    this.functions = this.#surroundings?.functions(watched) ?? watched;
  }

  /** Keeps what the set-up has brought about, so that {@link restore} can take its place in the next runs. */
  save(): SetUpState {
    this.#machine.host.settle();
    const memory = new Uint8Array(this.#machine.tables.arena.memory);
    return {
      checkpoint: new Checkpoint(this.#machine),
      seenSequence: this.cpu.seenSequence,
      functions: this.functions,
      drivers: this.#drivers.map((driver) => driver.save()),
      sent: this.wires.save(),
      findings: this.endpoints.map(({ findings }) => findings.findings.slice()),
      watches: this.watches.map((watch) => watch.save()),
      labels: new Map(this.labels),
      memory: [...this.labels].map(([start, { byteLength }]) => {
        return { start, bytes: memory.slice(start, start + byteLength) };
      }),
    };
  }

  /** Back to where a set-up has ended. */
  restore(state: SetUpState): void {
    for (const endpoint of this.endpoints) endpoint.uplink = undefined;
    state.checkpoint.restore();
    const memory = new Uint8Array(this.#machine.tables.arena.memory);
    for (const { start, bytes } of state.memory) memory.set(bytes, start);
    this.labels.clear();
    for (const [start, buffer] of state.labels) this.labels.set(start, buffer);
    this.wires.restore(state.sent);
    for (const [device, { findings }] of this.endpoints.entries()) findings.restore(state.findings[device] ?? []);
    for (const [device, watch] of this.watches.entries()) watch.restore(state.watches[device]);
    this.#furtherWatch?.forget();
    this.cpu.resume(state.seenSequence);
    for (const [index, driver] of this.#drivers.entries()) {
      const kept = state.drivers[index];
      if (kept !== undefined) driver.restore(kept);
    }
    this.functions = state.functions;
  }

  /** From here on every access is a scheduling point. The set-up is over, and its execution has begun. */
  explore(): void {
    const { state } = this.explorer;
    this.#machine.host.settle();
    state.nowNs = this.#machine.host.clock.now[0] as number;
    for (const [device, endpoint] of this.endpoints.entries()) {
      endpoint.uplink = this.#uplinks[device];
      this.#uplinks[device]?.begin();
      this.#generations[device] = (this.#iommus[device] as Iommu).generation;
    }
    this.cpu.explore();
  }

  /** The name of a byte in memory or of a register. */
  nameOf(address: number): string {
    if (address < 0) return "memory that is not mapped";
    const { barBase } = this.addresses;
    if (address < barBase) {
      for (const [start, { label, byteLength }] of this.labels) {
        if (address >= start && address < start + byteLength) return bufferName(label, address - start);
      }
      return this.#nameOfMapped(address) ?? `0x${address.toString(16)}`;
    }
    const device = (address - barBase) >> DEVICE_SHIFT;
    const place = this.addresses.placeAt(device, (address - barBase) & ((1 << DEVICE_SHIFT) - 1));
    if (place.bar < 0) return `config+0x${place.offset.toString(16)}`;
    const map = this.endpoints[device]?.device.registerFile?.(place.bar)?.map;
    const ordinal = map?.ordinalAt(place.offset) ?? NO_REGISTER;
    if (map !== undefined && ordinal !== NO_REGISTER) return map.nameOf(ordinal);
    return `BAR${place.bar}+0x${place.offset.toString(16)}`;
  }

  /** The explorer's vector on which the CPU is interrupted that an interrupt is directed at. */
  #vectorOf(irq: number): number {
    return this.furtherCpus.vectors[this.#machine.interrupts.targetOf(irq)] ?? this.cpu.vector;
  }

  /** What another CPU has allocated is known to the IOMMU alone. */
  #nameOfMapped(address: number): string | undefined {
    for (const iommu of this.#iommus)
      for (const { segmentOffset: start, byteLength, label } of iommu.mappings())
        if (address >= start && address < start + byteLength) return bufferName(label, address - start);
    return undefined;
  }

  #hook(endpoint: Endpoint, device: number): DeviceHook {
    const { addresses, explorer } = this;
    const { state } = explorer;
    const { clock } = this.#machine.host;
    const { interrupts } = this.#machine;
    const room = addresses.barBase + (device << DEVICE_SHIFT);
    const changed = (): void => state.timeline.touch(room, 1 << DEVICE_SHIFT);
    const sync = (): void => {
      if (clock instanceof VirtualClock) clock.advanceTo(state.nowNs);
    };
    const iommu = this.#iommus[device] as Iommu;
    const hook: DeviceHook = {
      readHigh: 0,
      mayLand: (address, byteLength) => {
        // Translated when it was posted: what has been unmapped since is told only where anything has.
        if (iommu.generation === this.#generations[device] || isMapped(iommu, address, byteLength)) return true;
        endpoint.record("violation", "dma-after-unmap", `0x${address.toString(16)}`, () => {
          const name = endpoint.declaration.name;
          return (
            `DMA write of ${byteLength} bytes by ${name}, posted before its buffer was unmapped, arrives after: an IOMMU ` +
            "faults, and without one somebody else's memory is written. Stop the card and read one of its registers before " +
            "the buffer is freed: the read drives out what is on its way."
          );
        });
        return false;
      },
      onWrite: (within, byteLength, low, high) => {
        sync();
        const { bar, offset } = addresses.placeAt(device, within);
        endpoint.write(bar, offset, byteLength, low, high);
        changed();
      },
      onRead: (within, byteLength, sent) => {
        sync();
        const { bar, offset } = addresses.placeAt(device, within);
        if (bar === CONFIG_READ) return endpoint.configRead(offset, byteLength) | 0;
        if (bar === CONFIG_WRITE) {
          endpoint.configWrite(offset, byteLength, sent);
          changed();
          return 0;
        }
        const low = endpoint.read(bar, offset, byteLength);
        hook.readHigh = endpoint.readHigh;
        return low;
      },
      onDmaRead: (tag, context) => {
        sync();
        endpoint.answerRead(tag, context);
        changed();
      },
      onEvent: (tag) => {
        sync();
        if (tag === TIMER_EVENT) {
          endpoint.runTimers();
          this.#uplinks[device]?.timersRan();
        } else {
          this.wires.arrive(device, tag - FRAME_EVENT);
        }
        changed();
      },
      onLine: (asserted) => this.#onLine[device]?.(asserted),
      onMessage: (data) => {
        interrupts.arrive(data);
        state.arrive(this.#vectorOf(data));
      },
    };
    return hook;
  }
}

function isMapped(iommu: Iommu, address: number, byteLength: number): boolean {
  return iommu
    .mappings()
    .some((each) => address >= each.segmentOffset && address + byteLength <= each.segmentOffset + each.byteLength);
}

function bufferName(label: string, offset: number): string {
  return `${label === "" ? "buffer" : label}+0x${offset.toString(16)}`;
}
