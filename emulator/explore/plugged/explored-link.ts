import type { CpuLink } from "../../driver/cpu-link.ts";
import { TestbedError } from "../../run/testbed-error.ts";
import * as k from "../kinds.ts";
import type { AddressSpace } from "./address-space.ts";
import type { ExploredCpu } from "./explored-cpu.ts";

const NS_PER_MS = 1e6;

/** The way of one CPU to one function in an explored run: posted writes and reads take their place in its queues. */
export class ExploredLink implements CpuLink {
  readHigh = 0;
  readonly #folded: CpuLink;
  readonly #cpu: ExploredCpu;
  readonly #addresses: AddressSpace;
  readonly #device: number;

  /** `folded`: the way while nothing is explored. */
  constructor(folded: CpuLink, cpu: ExploredCpu, addresses: AddressSpace, device: number) {
    this.#folded = folded;
    this.#cpu = cpu;
    this.#addresses = addresses;
    this.#device = device;
  }

  write(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    if (!this.#cpu.isExploring) this.#folded.write(bar, offset, byteLength, low, high);
    else this.#cpu.access(k.MMIO_WRITE, this.#addresses.ofBar(this.#device, bar, offset), byteLength, low, high);
  }

  writeRelaxed(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    if (!this.#cpu.isExploring) this.#folded.write(bar, offset, byteLength, low, high);
    else {
      const address = this.#addresses.ofBar(this.#device, bar, offset);
      this.#cpu.access(k.MMIO_WRITE_RELAXED, address, byteLength, low, high);
    }
  }

  writeCombining(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    if (!this.#cpu.isExploring) this.#folded.write(bar, offset, byteLength, low, high);
    else this.#cpu.access(k.WC_WRITE, this.#addresses.ofBar(this.#device, bar, offset), byteLength, low, high);
  }

  read(bar: number, offset: number, byteLength: number): number {
    if (!this.#cpu.isExploring) {
      const low = this.#folded.read(bar, offset, byteLength);
      this.readHigh = this.#folded.readHigh;
      return low;
    }
    return this.#ask(this.#addresses.ofBar(this.#device, bar, offset), byteLength);
  }

  configRead(offset: number, byteLength: number): number {
    if (!this.#cpu.isExploring) return this.#folded.configRead(offset, byteLength);
    return this.#ask(this.#addresses.ofConfigRead(this.#device, offset), byteLength);
  }

  configWrite(offset: number, byteLength: number, value: number): void {
    if (!this.#cpu.isExploring) {
      this.#folded.configWrite(offset, byteLength, value);
      return;
    }
    // Non-posted: it goes its way as a read does, with the value on it, and the CPU waits for the completion.
    this.#ask(this.#addresses.ofConfigWrite(this.#device, offset), byteLength, value);
  }

  announce(): void {
    // All host memory is the arena.
  }

  mapBar(bar: number): never {
    throw new TestbedError(
      `BAR${bar} cannot be mapped in an explored run: a load or store of raw memory calls nobody, so no order could be chosen for it. Use the accessors.`,
    );
  }

  relax(): void {
    if (!this.#cpu.isExploring) this.#folded.relax();
    else this.#cpu.relax();
  }

  waitForInterrupt(cpu: number, seenSequence: number, limitMs: number): number {
    const explored = this.#cpu;
    if (!explored.isExploring) return this.#folded.waitForInterrupt(cpu, seenSequence, limitMs);
    if (explored.hasArrived(seenSequence)) return limitMs;
    const { state } = explored.port;
    const limitNs = state.nowNs + limitMs * NS_PER_MS;
    state.limitNs[explored.thread] = limitNs;
    state.operand[explored.thread] = explored.vector;
    explored.access(k.WAIT_INTERRUPT, 0, 0, 0, 0);
    return Math.max(0, (limitNs - state.nowNs) / NS_PER_MS);
  }

  delay(durationNs: number): void {
    if (!this.#cpu.isExploring) this.#folded.delay(durationNs);
    else this.#cpu.delay(durationNs);
  }

  nowNs(): number {
    return this.#cpu.isExploring ? this.#cpu.nowNs() : this.#folded.nowNs();
  }

  #ask(address: number, byteLength: number, sent: number = 0): number {
    const cpu = this.#cpu;
    const low = cpu.access(k.MMIO_READ, address, byteLength, sent, 0);
    this.readHigh = cpu.port.state.answerHigh[cpu.thread] as number;
    return low;
  }
}
