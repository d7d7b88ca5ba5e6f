import type { CpuLink } from "../../driver/cpu-link.ts";
import type { FoldedLink } from "../../run/folded-link.ts";
import * as k from "../kinds.ts";
import { FIRST_DEVICE } from "../races/clocks.ts";
import type { RaceDetector } from "../races/race-detector.ts";
import type { ExplorerState } from "../state.ts";
import type { FoldedRaceCpu } from "./folded-race-cpu.ts";

/** A place for what is on its way: nothing else is, as everything arrives at once. */
const ON_ITS_WAY: number = k.IN_FLIGHT_LIMIT - 1;

/** The way of the CPU to one function in a folded run that is watched: what it does, and the detector hears of it. */
export class FoldedRaceLink implements CpuLink {
  readonly #inner: FoldedLink;
  readonly #state: ExplorerState;
  readonly #races: RaceDetector;
  readonly #device: number;
  /** Set when it is there: the CPU is made over its first link. */
  cpu: FoldedRaceCpu | undefined;

  constructor(inner: FoldedLink, state: ExplorerState, races: RaceDetector, device: number) {
    this.#inner = inner;
    this.#state = state;
    this.#races = races;
    this.#device = device;
  }

  get readHigh(): number {
    return this.#inner.readHigh;
  }

  write(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    this.#sent(k.MMIO_WRITE);
    this.#inner.write(bar, offset, byteLength, low, high);
  }

  writeRelaxed(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    this.#sent(k.MMIO_WRITE_RELAXED);
    this.#inner.write(bar, offset, byteLength, low, high);
  }

  writeCombining(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    this.#sent(k.WC_WRITE);
    this.#inner.write(bar, offset, byteLength, low, high);
  }

  read(bar: number, offset: number, byteLength: number): number {
    this.#begin(k.MMIO_READ);
    const low = this.#inner.read(bar, offset, byteLength);
    this.#completed();
    return low;
  }

  configRead(offset: number, byteLength: number): number {
    this.#begin(k.MMIO_READ);
    const value = this.#inner.configRead(offset, byteLength);
    this.#completed();
    return value;
  }

  configWrite(offset: number, byteLength: number, value: number): void {
    // Not posted: the CPU waits for the completion.
    this.#sent(k.MMIO_WRITE);
    this.#inner.configWrite(offset, byteLength, value);
    this.#completed();
  }

  announce(): void {
    this.#inner.announce();
  }

  mapBar(bar: number): never {
    return this.#inner.mapBar(bar);
  }

  relax(): void {
    this.#inner.relax();
  }

  waitForInterrupt(cpu: number, seenSequence: number, limitMs: number): number {
    this.#begin(k.WAIT_INTERRUPT);
    return this.#inner.waitForInterrupt(cpu, seenSequence, limitMs);
  }

  delay(durationNs: number): void {
    this.#inner.delay(durationNs);
  }

  nowNs(): number {
    return this.#inner.nowNs();
  }

  get #thread(): number {
    return this.cpu?.thread ?? 0;
  }

  /** An operation that is none of memory. */
  #begin(kind: number): void {
    const thread = this.#thread;
    this.#state.publish(thread, kind, 0, 0, 0, 0);
    this.#state.steps[thread] = (this.#state.steps[thread] as number) + 1;
    this.#races.operation(thread);
  }

  #sent(kind: number): void {
    this.#begin(kind);
    this.#races.mmioSent(this.#thread, ON_ITS_WAY);
    this.#races.order.writeArrived(ON_ITS_WAY, this.#device);
  }

  #completed(): void {
    this.#races.order.setOut(ON_ITS_WAY, this.#device);
    this.#races.order.clocks.endEpoch(FIRST_DEVICE + this.#device);
    this.#races.completed(ON_ITS_WAY, this.#thread);
  }
}
