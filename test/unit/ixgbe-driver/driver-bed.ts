import { ixgbe } from "../../../devices/ixgbe/index.ts";
import type { Bar, Dma, DmaBuffer, Interrupt, PciFunction } from "../../../emulator/pcie/driver-view.ts";
import { buildUdpFrame, ipv4Address, type UdpFlow } from "../../../emulator/wire/build-frame.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import type { Testbed } from "../../../harness/testbed.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";
import type { IxgbeOptions } from "../../../scenarios/drivers/ixgbe-options.ts";

/** A simulated 82599 in this thread and in virtual time. */
export function openCard(): Promise<Testbed> {
  return plugIn(ixgbe(), { run: "folded" });
}

/** A card with a driver on it. */
export interface DriverBed {
  readonly bed: Testbed;
  readonly driver: IxgbeDriver;
  /** What the driver was given, with what it asked for. */
  readonly pci: TappedFunction;
  /** Its accesses to BAR 0, oldest first; a test may clear it. */
  readonly log: Access[];
}

/** The card with the driver on it, promiscuous unless told otherwise, so that any frame passes. */
export async function openDriver(options: IxgbeOptions = {}, tap: Tap = {}): Promise<DriverBed> {
  const bed = await openCard();
  const log: Access[] = [];
  tap.onAccess ??= (access) => log.push(access);
  const pci = tapped(bed.pci, tap);
  return { bed, pci, log, driver: IxgbeDriver.probe(pci, { promiscuous: true, ...options }) };
}

/** Everything that has arrived, until nothing more comes. */
export function takeAll(bed: Testbed, driver: IxgbeDriver): Uint8Array[] {
  const taken: Uint8Array[] = [];
  for (;;) {
    letPass(bed);
    const before = taken.length;
    for (let frame = driver.receive(); frame !== undefined; frame = driver.receive()) taken.push(frame);
    if (taken.length === before) return taken;
  }
}

/** Time for everything that is on the wire and on the card to come through. */
export function letPass(bed: Testbed): void {
  bed.advance(10_000_000);
}

/** A UDP frame with right checksums, between two made-up hosts. */
export function udpFrame(flow: Partial<UdpFlow>, payload: Uint8Array = new Uint8Array(64)): Uint8Array {
  const bytes = new Uint8Array(2048);
  const whole: UdpFlow = {
    sourceMac: 0x0200_0000_0001,
    destinationMac: 0x0200_0000_0002,
    sourceIp: ipv4Address("10.0.0.1"),
    destinationIp: ipv4Address("10.0.0.2"),
    sourcePort: 1000,
    destinationPort: 2000,
    ...flow,
  };
  return bytes.slice(0, buildUdpFrame(bytes, 0, whole, payload));
}

/** One access of BAR 0 as a driver made it. */
export interface Access {
  readonly isWrite: boolean;
  readonly offset: number;
  readonly value: number;
}

/** What stands between a driver and its function: it sees accesses, and may change what they give. */
export interface Tap {
  onAccess?(access: Access): void;
  /** What a read of BAR 0 gives. */
  changeRead?(offset: number, value: number): number;
  /** What an acquiring load from DMA memory gives. */
  changeLoad?(label: string, offset: number, value: number): number;
}

/** A function that remembers what its driver asked for. */
export interface TappedFunction extends PciFunction {
  /** DMA memory by label. */
  readonly buffers: Map<string, DmaBuffer>;
  readonly vectors: Interrupt[];
}

/** The same function with a tap in it. */
export function tapped(pci: PciFunction, tap: Tap): TappedFunction {
  const bar = pci.bar(0);
  const changed: Bar = {
    index: 0,
    byteLength: bar.byteLength,
    read32(offset) {
      const read = bar.read32(offset);
      const value = tap.changeRead?.(offset, read) ?? read;
      tap.onAccess?.({ isWrite: false, offset, value });
      return value;
    },
    write32(offset, value) {
      tap.onAccess?.({ isWrite: true, offset, value: value >>> 0 });
      bar.write32(offset, value);
    },
    writeRelaxed32: (offset, value) => changed.write32(offset, value),
    writeCombining32: (offset, value) => changed.write32(offset, value),
    read16: (offset) => bar.read16(offset),
    read8: (offset) => bar.read8(offset),
    read64: (offset) => bar.read64(offset),
    write16: (offset, value) => bar.write16(offset, value),
    write8: (offset, value) => bar.write8(offset, value),
    write64: (offset, value) => bar.write64(offset, value),
    map: () => bar.map(),
    mappedOffset: bar.mappedOffset,
  };
  const buffers = new Map<string, DmaBuffer>();
  const vectors: Interrupt[] = [];
  const dma: Dma = {
    alloc(byteLength, options) {
      const label = options?.label ?? "";
      const buffer = tappedBuffer(pci.dma.alloc(byteLength, options), label, tap);
      buffers.set(label, buffer);
      return buffer;
    },
    open: (iova) => pci.dma.open(iova),
    map: (buffer, options) => pci.dma.map(buffer, options),
    get mappingCount() {
      return pci.dma.mappingCount;
    },
  };
  return {
    name: pci.name,
    cpu: pci.cpu,
    config: pci.config,
    dma,
    buffers,
    vectors,
    bar: (index) => (index === 0 ? changed : pci.bar(index)),
    interrupts(kind, count) {
      vectors.push(...pci.interrupts(kind, count));
      return [...vectors];
    },
  };
}

function tappedBuffer(buffer: DmaBuffer, label: string, tap: Tap): DmaBuffer {
  const readAcquire32 = (offset: number): number => {
    const loaded = buffer.readAcquire32(offset);
    return tap.changeLoad?.(label, offset, loaded) ?? loaded;
  };
  return new Proxy(buffer, {
    get(target, name) {
      if (name === "readAcquire32") return readAcquire32;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
