import type { HostMemory } from "../memory/host-memory.ts";
import { DMA_READ, type Iommu } from "../memory/iommu.ts";
import type { MemoryView } from "../memory/memory-view.ts";
import type { FindingRecorder } from "../registers/finding-text.ts";
import { Allocation } from "./allocation.ts";
import { DescriptorRing } from "./descriptor-ring.ts";
import { EntryRing } from "./entry-ring.ts";
import { type Hold, Holds } from "./holds.ts";
import * as report from "./memory-findings.ts";
import type {
  DescriptorRingView,
  EntryRingView,
  Handover,
  MemoryOwnership,
  RegionView,
  TransferView,
  WatchedEntries,
  WatchedRegion,
  WatchedRing,
  WatchedTransfer,
  WatchedWindow,
  WindowView,
} from "./ownership.ts";
import { Region } from "./region.ts";
import { Transfer } from "./transfer.ts";
import { Window } from "./window.ts";
import type { WrittenBy } from "./written-by.ts";

/** What one load can take. */
const WORD_BYTES = 8;

/** See {@link MemoryWatch.save}. */
interface MemoryState {
  readonly allocations: readonly (readonly [Allocation, unknown])[];
  /** Of what a device has told of, in order. What it tells of only later has no state here. */
  readonly rings: readonly unknown[];
  readonly entries: readonly unknown[];
  readonly regions: readonly unknown[];
  readonly windows: readonly unknown[];
  readonly transfers: readonly unknown[];
}

/** Whose the memory of one function is, and what its driver does with memory that is the device's. */
export class MemoryWatch implements Handover {
  readonly findings: FindingRecorder;
  /** What is said of the device, also while a fault is at work for which nobody is blamed. */
  readonly deviceFindings: FindingRecorder;
  readonly holds: Holds = new Holds();
  /** The device's part; absent where it tells nothing. */
  ownership: MemoryOwnership | undefined;
  readonly #iommu: Iommu;
  readonly #host: HostMemory;
  readonly #isRaw: boolean;
  /** By first IOVA. */
  readonly #allocations = new Map<number, Allocation>();
  readonly #rings: DescriptorRing[] = [];
  readonly #entries: EntryRing[] = [];
  readonly #regions: Region[] = [];
  /** Those that want to know what is read in them. */
  readonly #toldRegions: Region[] = [];
  readonly #windows: Window[] = [];
  readonly #transfers: Transfer[] = [];

  /** `iommu` is this watch's own view. `isRaw`: the driver reaches all of its memory past the accessors. */
  constructor(
    findings: FindingRecorder,
    iommu: Iommu,
    host: HostMemory,
    isRaw: boolean = false,
    deviceFindings: FindingRecorder = findings,
  ) {
    this.#isRaw = isRaw;
    this.findings = findings;
    this.deviceFindings = deviceFindings;
    this.#iommu = iommu;
    this.#host = host;
  }

  // ---- the device ---------------------------------------------------------------------------------------------------

  ring(view: DescriptorRingView): WatchedRing {
    const ring = new DescriptorRing(view, this);
    this.#rings.push(ring);
    return ring;
  }

  entries(view: EntryRingView): WatchedEntries {
    const entries = new EntryRing(view, this);
    this.#entries.push(entries);
    return entries;
  }

  region(view: RegionView): WatchedRegion {
    const region = new Region(view, this.holds);
    this.#regions.push(region);
    if (view.loaded !== undefined) this.#toldRegions.push(region);
    return region;
  }

  window(view: WindowView): WatchedWindow {
    const window = new Window(view, this.findings);
    this.#windows.push(window);
    return window;
  }

  transfer(view: TransferView): WatchedTransfer {
    const transfer = new Transfer(view, this.holds);
    this.#transfers.push(transfer);
    return transfer;
  }

  allSeen(): void {
    for (const ring of this.#rings) ring.doneSeen();
    for (const entries of this.#entries) entries.doneSeen();
    for (const window of this.#windows) window.doneSeen();
    for (const transfer of this.#transfers) transfer.seen();
  }

  /** The device writes these bytes, with a flag among them. */
  written(iova: number, memory: MemoryView, offset: number, byteLength: number, by: WrittenBy): void {
    for (const ring of this.#rings) ring.written(iova, memory, offset, byteLength, by);
    for (const entries of this.#entries) entries.written(iova, memory, offset, byteLength, by);
  }

  // ---- the driver ---------------------------------------------------------------------------------------------------

  allocated(iova: number, byteLength: number, label: string, isRaw: boolean): Allocation {
    const allocation = new Allocation(iova, byteLength, label, isRaw || this.#isRaw);
    this.#allocations.set(iova, allocation);
    if (isRaw && this.ownership !== undefined) report.recordRaw(this.findings, allocation);
    return allocation;
  }

  /** The driver is about to give a buffer back. */
  beforeFree(allocation: Allocation): void {
    const { iova, byteLength } = allocation;
    for (const ring of this.#rings) {
      const slot = ring.heldSlotIn(iova, byteLength);
      if (slot >= 0) report.recordFreed(this.findings, ring, slot, allocation, iova);
      ring.dropMemory(iova, byteLength);
    }
    for (const entries of this.#entries) {
      const slot = entries.busySlotIn(iova, byteLength);
      if (slot >= 0) report.recordFreed(this.findings, entries, slot, allocation, iova);
      entries.dropMemory(iova, byteLength);
    }
    for (let hold = this.holds.find(iova, byteLength); hold !== undefined; hold = this.holds.find(iova, byteLength)) {
      if (hold.use !== "streams" || hold.holder.isBusy(hold.slot))
        report.recordFreed(this.findings, hold.holder, hold.slot, allocation, hold.iova);
      hold.holder.drop(hold.slot);
    }
    this.#allocations.delete(iova);
  }

  /** The driver has asked for the raw memory of a buffer. */
  becameRaw(allocation: Allocation): void {
    if (allocation.isRaw) return;
    allocation.isRaw = true;
    if (this.ownership !== undefined) report.recordRaw(this.findings, allocation);
    for (const ring of this.#rings) ring.dropMemory(allocation.iova, allocation.byteLength);
    for (const entries of this.#entries) entries.dropMemory(allocation.iova, allocation.byteLength);
  }

  /**
   * The driver has just loaded these bytes. Looked at then, and not before: in explored runs others go on until an access has
   * its turn.
   */
  checkLoad(allocation: Allocation, offset: number, byteLength: number): void {
    if (allocation.isRaw) return;
    const iova = allocation.iova + offset;
    for (const entries of this.#entries) entries.checkLoad(iova, byteLength, allocation);
    const hold = this.holds.find(iova, byteLength);
    if (hold === undefined || hold.use === "reads" || hold.use === "streams") return;
    if (hold.holder instanceof Transfer && byteLength <= WORD_BYTES && isLast(hold, iova, byteLength)) {
      // Without a descriptor, the last word of what arrives is as good a flag as any: this may be the look for it.
      hold.holder.seen();
      return;
    }
    report.recordLoad(this.findings, hold, allocation.nameAt(iova), byteLength);
    hold.holder.drop(hold.slot);
  }

  /** What up to 8 of them were. */
  loaded(allocation: Allocation, offset: number, byteLength: number, low: number, high: number): void {
    if (allocation.isRaw) return;
    const iova = allocation.iova + offset;
    for (const ring of this.#rings) ring.loaded(iova, byteLength, low, high);
    for (const entries of this.#entries) entries.loaded(iova, byteLength, low, high);
    for (const region of this.#toldRegions) region.loaded(iova, byteLength, low, high);
  }

  /** The same for any number, which are in an array now. */
  copied(allocation: Allocation, offset: number, target: Uint8Array, targetOffset: number, byteLength: number): void {
    if (allocation.isRaw) return;
    const iova = allocation.iova + offset;
    if (!this.#hasLooks(iova, byteLength)) return;
    for (let at = 0; at < byteLength; at++) this.loaded(allocation, offset + at, 1, target[targetOffset + at] ?? 0, 0);
  }

  /** Whether what lies in these bytes may show that something is done. */
  #hasLooks(iova: number, byteLength: number): boolean {
    for (const ring of this.#rings) if (ring.isLook(iova, byteLength)) return true;
    for (const entries of this.#entries) if (entries.covers(iova, byteLength)) return true;
    for (const region of this.#toldRegions) if (region.covers(iova, byteLength)) return true;
    return false;
  }

  /** The driver has just stored to these bytes. */
  stored(allocation: Allocation, offset: number, byteLength: number): void {
    allocation.noteStore(offset, byteLength);
    if (allocation.isRaw) return;
    const iova = allocation.iova + offset;
    for (const ring of this.#rings) ring.stored(iova, byteLength, allocation);
    for (const entries of this.#entries) entries.stored(iova, byteLength, allocation);
    const hold = this.holds.find(iova, byteLength);
    if (hold === undefined) return;
    if (hold.holder instanceof Region && !hold.holder.hasAt(iova, byteLength)) return;
    report.recordStore(this.findings, hold, allocation.nameAt(iova), byteLength);
    // A region stays where it is.
    if (hold.use !== "streams") hold.holder.drop(hold.slot);
  }

  /** The driver waits, or lets time pass. */
  paused(): void {
    for (const ring of this.#rings) ring.paused();
  }

  /** The driver has just stored into a BAR. */
  barStored(bar: number, offset: number, byteLength: number): void {
    for (const window of this.#windows) if (window.view.bar === bar) window.stored(offset, byteLength);
  }

  /** Buffers that were never given back. */
  get allocations(): Iterable<Allocation> {
    return this.#allocations.values();
  }

  // ---- for the rings ------------------------------------------------------------------------------------------------

  /** The buffer of this driver that holds all of these bytes. */
  allocationAt(iova: number, byteLength: number): Allocation | undefined {
    const there = this.#allocations.get(iova);
    if (there !== undefined && iova + byteLength <= there.end) return there;
    for (const each of this.#allocations.values()) if (iova >= each.iova && iova + byteLength <= each.end) return each;
    return undefined;
  }

  /** The descriptor with which the buffer at an IOVA came back last; undefined where none has. */
  cameBackWith(iova: number): string | undefined {
    for (const ring of this.#rings) {
      const name = ring.cameBackWith(iova);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  /** Host memory as the device would read it now. False where nothing is mapped. */
  readWords(iova: number, words: Int32Array): boolean {
    const iommu = this.#iommu;
    const high = Math.floor(iova / 2 ** 32) | 0;
    if (!iommu.translate(high, (iova % 2 ** 32) | 0, 4 * words.length, DMA_READ) || iommu.offset % 4 !== 0)
      return false;
    const memory = this.#host.segment(iommu.segment);
    if (memory === undefined) return false;
    const first = iommu.offset >> 2;
    for (let index = 0; index < words.length; index++) words[index] = memory.words[first + index] as number;
    return true;
  }

  // ---- state --------------------------------------------------------------------------------------------------------

  clear(): void {
    for (const ring of this.#rings) ring.forget();
    for (const entries of this.#entries) entries.forget();
    for (const window of this.#windows) window.forget();
    for (const region of this.#regions) region.drop();
    for (const transfer of this.#transfers) transfer.drop();
    this.holds.clear();
    this.#allocations.clear();
  }

  save(): MemoryState {
    return {
      allocations: [...this.#allocations.values()].map((each) => [each, each.save()] as const),
      rings: this.#rings.map((ring) => ring.save()),
      entries: this.#entries.map((entries) => entries.save()),
      regions: this.#regions.map((region) => region.save()),
      windows: this.#windows.map((window) => window.save()),
      transfers: this.#transfers.map((transfer) => transfer.save()),
    };
  }

  restore(state: unknown): void {
    this.clear();
    const { allocations, rings, entries, regions, windows, transfers } = state as MemoryState;
    for (const [allocation, kept] of allocations) {
      allocation.restore(kept);
      this.#allocations.set(allocation.iova, allocation);
    }
    restoreAll(this.#rings, rings);
    restoreAll(this.#entries, entries);
    restoreAll(this.#regions, regions);
    restoreAll(this.#windows, windows);
    restoreAll(this.#transfers, transfers);
  }
}

/** Whether bytes that are loaded are among the last that one load can take of a buffer: what arrives there arrives last. */
function isLast({ iova, byteLength }: Hold, loadedIova: number, loadedBytes: number): boolean {
  return loadedIova + loadedBytes > iova + byteLength - WORD_BYTES;
}

function restoreAll(all: readonly { restore(state: unknown): void }[], states: readonly unknown[]): void {
  for (const [index, each] of all.entries()) if (index < states.length) each.restore(states[index]);
}
