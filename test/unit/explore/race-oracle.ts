/**
 * A second opinion on data races: what happened in a run as a graph, its transitive closure, and every pair of accesses looked
 * at. Slow, and with nothing of the vector clocks in it but the rules of the memory model.
 */
import * as k from "../../../emulator/explore/kinds.ts";
import { isRace, SYNCHRONISES, siteOf } from "../../../emulator/explore/races/access-marks.ts";
import { RaceDetector } from "../../../emulator/explore/races/race-detector.ts";
import type { ExplorerState } from "../../../emulator/explore/state.ts";

interface Access {
  readonly node: number;
  readonly actor: number;
  readonly site: number;
  readonly isWrite: boolean;
  readonly address: number;
  readonly byteLength: number;
  /** False for a read that has been given an older version. */
  readonly isNewest: boolean;
  /** What reads of it learn. */
  release: number;
  tick: number;
}

interface Operation {
  readonly kind: number;
  readonly address: number;
  readonly site: number;
}

/** Chains of nodes: what an actor's loads, stores, and so on come behind. */
type Chain = Map<string, number>;

/** Listens to what a run tells the detector, and makes a graph of it. For generator programs with one device. */
export class RaceOracle extends RaceDetector {
  readonly #state: ExplorerState;
  readonly #before: number[][] = [];
  readonly #chains: Chain = new Map();
  readonly accesses: Access[] = [];
  readonly #operations = new Map<number, Operation[]>();
  /** By place of what is on its way: the node that it comes behind, and the store that it is. */
  readonly #entryNode = new Map<number, number>();
  readonly #entryStore = new Map<number, { site: number; node: number; release: number }>();

  constructor(state: ExplorerState) {
    super(state);
    this.#state = state;
    const { order } = this;
    const { moved, writeArrived, messageLanded } = order;
    order.moved = (from, to) => {
      this.#entryNode.set(to, this.#entryNode.get(from) as number);
      moved.call(order, from, to);
    };
    order.writeArrived = (at, device) => {
      for (const chain of ["device", "pushed"]) this.#extend(`${chain} ${device}`, this.#entryNode.get(at) as number);
      writeArrived.call(order, at, device);
    };
    order.messageLanded = (at, vector) => {
      this.#extend(`vector ${vector}`, this.#entryNode.get(at) as number);
      messageLanded.call(order, at, vector);
    };
  }

  override reset(): void {
    super.reset();
    this.#before.length = 0;
    this.#chains.clear();
    this.accesses.length = 0;
    this.#operations.clear();
    this.#entryNode.clear();
    this.#entryStore.clear();
  }

  override operation(thread: number): void {
    super.operation(thread);
    const { cpuOf, kind, address, steps } = this.#state;
    const cpu = cpuOf[thread] as number;
    if (cpu < 0) return;
    const what = kind[thread] as number;
    const site = siteOf(thread, (steps[thread] as number) - 1);
    const operations = this.#operations.get(thread) ?? [];
    this.#operations.set(thread, operations);
    operations.push({ kind: what, address: address[thread] as number, site });
    if (what === k.RMB || what === k.DMA_RMB || what === k.MB) this.#readBarrier(cpu);
    if ([k.WMB, k.DMA_WMB, k.MB, k.STORE_RELEASE, k.MMIO_WRITE, k.UNLOCK].includes(what))
      this.#writeBarrier(cpu, what !== k.DMA_WMB && what !== k.UNLOCK);
  }

  override load(thread: number, address: number, byteLength: number, tick: number, isPoll: boolean): void {
    super.load(thread, address, byteLength, tick, isPoll);
    const { cpuOf, kind, model } = this.#state;
    const cpu = cpuOf[thread] as number;
    const isAcquire = kind[thread] === k.LOAD_ACQUIRE || model !== k.RELAXED;
    const read = this.#access(cpu, `loads ${cpu}`, thread, false, address, byteLength, tick < 0);
    this.#extend(`stores ${cpu}`, read.node);
    for (const { release } of this.#seen(read, tick)) {
      this.#extend(`stores ${cpu}`, release);
      if (isAcquire) this.#extend(`loads ${cpu}`, release);
    }
  }

  override storeNow(thread: number, address: number, byteLength: number): void {
    super.storeNow(thread, address, byteLength);
    const cpu = this.#state.cpuOf[thread] as number;
    const write = this.#access(cpu, `stores ${cpu}`, thread, true, address, byteLength, true);
    this.#extend(`stores ${cpu}`, write.node);
    write.release = this.#chain(`stores ${cpu}`);
  }

  override storeBuffered(thread: number, at: number): void {
    super.storeBuffered(thread, at);
    const { cpuOf, steps, model } = this.#state;
    const cpu = cpuOf[thread] as number;
    const node = this.#node(this.#chain(`stores ${cpu}`));
    this.#extend(`stores ${cpu}`, node);
    const release = this.#chain(model === k.RELAXED ? `fenced ${cpu}` : `stores ${cpu}`);
    this.#entryStore.set(at, { node, release, site: siteOf(thread, (steps[thread] as number) - 1) });
  }

  override storeLanded(at: number, cpu: number, address: number, byteLength: number): void {
    super.storeLanded(at, cpu, address, byteLength);
    const { node, release, site } = this.#entryStore.get(at) as { site: number; node: number; release: number };
    const { tick } = this.#state.timeline;
    this.accesses.push({ node, actor: cpu, site, isWrite: true, address, byteLength, isNewest: true, release, tick });
  }

  override atomic(thread: number, address: number, byteLength: number, hasWritten: boolean): void {
    super.atomic(thread, address, byteLength, hasWritten);
    const cpu = this.#state.cpuOf[thread] as number;
    const read = this.#access(cpu, `loads ${cpu}`, thread, false, address, byteLength, true);
    this.#extend(`stores ${cpu}`, read.node);
    for (const { release } of this.#seen(read, -1)) this.#extend(`stores ${cpu}`, release);
    this.#readBarrier(cpu);
    if (hasWritten) {
      const write = this.#access(cpu, `stores ${cpu}`, thread, true, address, byteLength, true);
      this.#extend(`stores ${cpu}`, write.node);
      write.release = this.#chain(`stores ${cpu}`);
    }
    this.#writeBarrier(cpu, true);
  }

  override mmioSent(thread: number, at: number): void {
    super.mmioSent(thread, at);
    const { cpuOf, kind, model } = this.#state;
    const cpu = cpuOf[thread] as number;
    const isOrdered = kind[thread] === k.MMIO_WRITE || model !== k.RELAXED;
    this.#entryNode.set(at, this.#chain(`${isOrdered ? "stores" : "fenced io"} ${cpu}`));
  }

  override sentUp(device: number, at: number): void {
    super.sentUp(device, at);
    const before = this.#chain(`device ${device}`);
    this.#entryNode.set(at, before);
    const { flight } = this.#state;
    if (flight.kind[at] !== k.DMA_LANDING) return;
    const node = this.#node(before);
    this.#extend(`device ${device}`, node);
    const release = this.#chain(`device ${device}`);
    this.#entryStore.set(at, { node, release, site: siteOf(16 + device, flight.ordinal[at] as number) });
  }

  override mayPass(at: number, device: number): void {
    super.mayPass(at, device);
    (this.#entryStore.get(at) as { release: number }).release = this.#chain(`pushed ${device}`);
  }

  override dmaLanded(at: number, device: number, address: number, byteLength: number, before: number): void {
    super.dmaLanded(at, device, address, byteLength, before);
    const { node, release, site } = this.#entryStore.get(at) as { site: number; node: number; release: number };
    const { tick } = this.#state.timeline;
    const actor = k.CPU_LIMIT + device;
    this.accesses.push({ node, actor, site, isWrite: true, address, byteLength, isNewest: true, release, tick });
  }

  override asked(device: number, at: number): void {
    super.asked(device, at);
    this.#entryNode.set(at, this.#chain(`device ${device}`));
  }

  override fetched(at: number, device: number, address: number, byteLength: number): void {
    super.fetched(at, device, address, byteLength);
    const node = this.#node(this.#entryNode.get(at) as number);
    const site = siteOf(16 + device, this.#state.flight.ordinal[at] as number);
    const actor = k.CPU_LIMIT + device;
    const read = { node, actor, site, isWrite: false, address, byteLength, isNewest: true, release: -1, tick: 0 };
    this.accesses.push(read);
    this.#extend(`device ${device}`, node);
    for (const { release } of this.#seen(read, -1))
      for (const chain of ["device", "pushed"]) this.#extend(`${chain} ${device}`, release);
    if (!this.#state.flight.hasOf(k.DMA_LANDING, k.UP + device))
      this.#extend(`pushed ${device}`, this.#chain(`device ${device}`));
  }

  override completed(at: number, thread: number): void {
    super.completed(at, thread);
    const { cpuOf, kind, model } = this.#state;
    const cpu = cpuOf[thread] as number;
    this.#extend(`stores ${cpu}`, this.#entryNode.get(at) as number);
    if (kind[thread] !== k.MMIO_READ_RELAXED || model !== k.RELAXED) this.#readBarrier(cpu);
  }

  override interrupted(cpu: number, vector: number): void {
    super.interrupted(cpu, vector);
    if (vector >= 0) this.#extend(`stores ${cpu}`, this.#chain(`vector ${vector}`));
    this.#readBarrier(cpu);
  }

  /** The races of the run: "site site byte" each, those that the detector should have found. */
  findRaces(): Set<string> {
    const found = new Set<string>();
    const reaches = this.#closure();
    for (const [at, second] of this.accesses.entries())
      for (let byte = second.address; byte < second.address + second.byteLength; byte++)
        for (const first of this.#lastBefore(at, byte)) {
          if (first.actor === second.actor || !(first.isWrite || second.isWrite)) continue;
          if (reaches[first.node]?.has(second.node) === true) continue;
          const isSwapped = first.isWrite && !second.isWrite && !second.isNewest;
          const [earlier, later] = isSwapped ? [second, first] : [first, second];
          const marks = [this.#markOf(earlier), this.#markOf(later)] as const;
          const isRelaxed = this.#state.model === k.RELAXED;
          if (!isRace(earlier.isWrite, marks[0], later.isWrite, marks[1], isRelaxed)) continue;
          found.add(`${earlier.site} ${later.site} ${byte}`);
        }
    return found;
  }

  /**
   * Store buffering: of two CPUs each stores and then, without a full barrier between, loads what the other stores, and neither
   * store is before the other. True for such a load, and the store that it may miss.
   */
  isStoreLoadRace(loadSite: number, storeSite: number): boolean {
    const reaches = this.#closure();
    const load = this.accesses.find((each) => each.site === loadSite && !each.isWrite);
    const store = this.accesses.find((each) => each.site === storeSite && each.isWrite);
    if (load === undefined || store === undefined || !overlap(load, store)) return false;
    for (const before of this.#storesBefore(load))
      for (const after of this.#loadsAfter(store))
        if (
          overlap(before, after) &&
          !overlap(before, load) &&
          reaches[before.node]?.has(store.node) !== true &&
          reaches[store.node]?.has(before.node) !== true
        )
          return true;
    return false;
  }

  #storesBefore({ site }: Access): Access[] {
    return this.accesses.filter((each) => each.isWrite && each.site < site && !this.#isFenced(each.site, site));
  }

  #loadsAfter({ site }: Access): Access[] {
    return this.accesses.filter((each) => !each.isWrite && each.site > site && !this.#isFenced(site, each.site));
  }

  /** True for accesses of two threads too. */
  #isFenced(from: number, to: number): boolean {
    const operations = this.#operations.get(from >>> 24) ?? [];
    const [first, last] = [from, to].map((site) => operations.findIndex((each) => each.site === site));
    if (first === -1 || last === -1) return true;
    return operations.slice(first, last).some(({ kind }) => isFullBarrier(kind));
  }

  /** The last write to a byte, and each actor's last read since; without the write where it has been read by the one who writes. */
  #lastBefore(at: number, byte: number): Access[] {
    const second = this.accesses[at] as Access;
    const found: Access[] = [];
    const readers = new Set<number>();
    for (let index = at - 1; index >= 0; index--) {
      const first = this.accesses[index] as Access;
      if (byte < first.address || byte >= first.address + first.byteLength) continue;
      if (first.isWrite) {
        if (!second.isWrite || !readers.has(second.actor)) found.push(first);
        break;
      }
      if (!readers.has(first.actor)) found.push(first);
      readers.add(first.actor);
    }
    return found;
  }

  #markOf({ actor, site, isWrite }: Access): number {
    if (actor >= k.CPU_LIMIT) return SYNCHRONISES;
    const operations = this.#operations.get(site >>> 24) ?? [];
    const at = operations.findIndex((each) => each.site === site);
    const { kind, address } = operations[at] as Operation;
    if (kind !== k.LOAD && kind !== k.STORE) return SYNCHRONISES;
    const kinds = operations.map((each) => each.kind);
    if (isWrite) {
      const last = kinds
        .slice(0, at)
        .findLastIndex((each) => isFullBarrier(each) || each === k.WMB || each === k.DMA_WMB);
      if (last >= 0 && !kinds.slice(last, at).includes(k.STORE)) return SYNCHRONISES;
      const next = kinds.slice(at + 1).find((each) => isFullBarrier(each) || ACCESSES.has(each));
      return next !== undefined && isFullBarrier(next) ? SYNCHRONISES : 0;
    }
    const last = kinds.slice(0, at).findLastIndex(isFullBarrier);
    if (last >= 0 && !kinds.slice(last, at).includes(k.LOAD)) return SYNCHRONISES;
    const holds = (each: number): boolean => isFullBarrier(each) || HOLD_LOADS.has(each);
    const next = operations.slice(at + 1).find((each) => holds(each.kind) || LOADS.has(each.kind));
    if (next !== undefined) return holds(next.kind) || next.address === address ? SYNCHRONISES : 0;
    // The last load of its program: whether one at another place came before it without a barrier.
    const since = operations.slice(kinds.findLastIndex(holds) + 1, at + 1).filter((each) => LOADS.has(each.kind));
    const isLoose = since.some(
      (each, index) =>
        index > 0 && since[index - 1]?.kind !== k.LOAD_ACQUIRE && since[index - 1]?.address !== each.address,
    );
    return isLoose ? 0 : SYNCHRONISES;
  }

  #seen(read: Access, tick: number): Access[] {
    const seen = new Set<Access>();
    if (tick >= 0) for (const write of this.accesses) if (write.isWrite && write.tick === tick) seen.add(write);
    for (let byte = read.address; byte < read.address + read.byteLength && tick < 0; byte++) {
      const covers = ({ isWrite, address, byteLength }: Access): boolean =>
        isWrite && byte >= address && byte < address + byteLength;
      const write = this.accesses.findLast(covers);
      if (write !== undefined) seen.add(write);
    }
    return [...seen].filter(({ release }) => release >= 0);
  }

  #access(
    actor: number,
    chain: string,
    thread: number,
    isWrite: boolean,
    address: number,
    byteLength: number,
    isNewest: boolean,
  ): Access {
    const site = siteOf(thread, (this.#state.steps[thread] as number) - 1);
    const node = this.#node(this.#chain(chain));
    const { tick } = this.#state.timeline;
    const access = { node, actor, site, isWrite, address, byteLength, isNewest, release: -1, tick: isWrite ? tick : 0 };
    this.accesses.push(access);
    return access;
  }

  #readBarrier(cpu: number): void {
    this.#extend(`loads ${cpu}`, this.#chain(`stores ${cpu}`));
  }

  #writeBarrier(cpu: number, isForIo: boolean): void {
    for (const chain of isForIo ? ["fenced", "fenced io"] : ["fenced"])
      this.#extend(`${chain} ${cpu}`, this.#chain(`stores ${cpu}`));
  }

  #node(...before: number[]): number {
    return this.#before.push(before.filter((node) => node >= 0)) - 1;
  }

  /** The end of a chain, or -1. */
  #chain(name: string): number {
    return this.#chains.get(name) ?? -1;
  }

  #extend(name: string, node: number): void {
    this.#chains.set(name, this.#node(this.#chain(name), node));
  }

  /** By node: all that are behind it. */
  #closure(): Set<number>[] {
    const ancestors = this.#before.map(() => new Set<number>());
    for (const [node, before] of this.#before.entries())
      for (const each of before) {
        (ancestors[node] as Set<number>).add(each);
        for (const further of ancestors[each] as Set<number>) (ancestors[node] as Set<number>).add(further);
      }
    const reaches = this.#before.map(() => new Set<number>());
    for (const [node, all] of ancestors.entries()) for (const each of all) (reaches[each] as Set<number>).add(node);
    return reaches;
  }
}

function isFullBarrier(kind: number): boolean {
  return kind === k.MB || kind === k.ADD || kind === k.EXCHANGE || kind === k.LOCK;
}

function overlap(one: Access, other: Access): boolean {
  return one.address < other.address + other.byteLength && other.address < one.address + one.byteLength;
}

const LOADS = new Set([k.LOAD, k.LOAD_ACQUIRE, k.POLL]);
const HOLD_LOADS = new Set([k.RMB, k.DMA_RMB, k.MMIO_READ, k.RELAX, k.WAIT_INTERRUPT]);
const ACCESSES = new Set([
  ...LOADS,
  k.STORE,
  k.STORE_RELEASE,
  k.MMIO_WRITE,
  k.MMIO_WRITE_RELAXED,
  k.MMIO_READ,
  k.UNLOCK,
]);
