import { copyMemory, type MemoryView } from "../../memory/memory-view.ts";
import type { Uplink } from "../../pcie/endpoint-slot.ts";
import type { InterruptController } from "../../pcie/interrupt-controller.ts";
import * as k from "../kinds.ts";
import type { RaceDetector } from "../races/race-detector.ts";
import type { ExplorerState } from "../state.ts";
import { VECTOR } from "./folded-race-cpu.ts";

/** A place for what is on its way: everything lands at once. */
const ON_ITS_WAY: number = k.IN_FLIGHT_LIMIT - 2;

/** What a function sends up in a folded run that is watched: it lands within the call, and the detector hears of it. */
export class FoldedRaceUplink implements Uplink {
  readonly #state: ExplorerState;
  readonly #races: RaceDetector;
  readonly #memory: MemoryView;
  readonly #interrupts: InterruptController;
  readonly #device: number;
  #writeCount = 0;
  #readCount = 0;

  /** `memory`: the arena, in which all DMA memory of a watched run lies. */
  constructor(
    state: ExplorerState,
    races: RaceDetector,
    memory: MemoryView,
    interrupts: InterruptController,
    device: number,
  ) {
    this.#state = state;
    this.#races = races;
    this.#memory = memory;
    this.#interrupts = interrupts;
    this.#device = device;
  }

  write(
    address: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
    isRelaxed: boolean,
  ): void {
    const races = this.#races;
    this.#setOut(k.DMA_LANDING, address, byteLength, this.#writeCount++);
    races.sentUp(this.#device, ON_ITS_WAY);
    if (flagOffset >= 0) races.hasFlag(ON_ITS_WAY, address + flagOffset);
    if (isRelaxed) races.mayPass(ON_ITS_WAY, this.#device);
    copyMemory(this.#memory, address, memory, offset, byteLength);
    races.dmaLanded(ON_ITS_WAY, this.#device, address, byteLength, this.#state.timeline.tick);
  }

  read(address: number, byteLength: number): void {
    this.#setOut(k.DMA_FETCH, address, byteLength, this.#readCount++);
    this.#races.asked(this.#device, ON_ITS_WAY);
    this.#races.fetched(ON_ITS_WAY, this.#device, address, byteLength);
  }

  message(data: number): void {
    this.#setOut(k.MESSAGE_LANDING, 0, 0, 0);
    this.#races.sentUp(this.#device, ON_ITS_WAY);
    this.#races.order.messageLanded(ON_ITS_WAY, VECTOR);
    this.#interrupts.arrive(data);
  }

  line(asserted: boolean): void {
    if (asserted) this.#races.order.lineRaised(this.#device, VECTOR);
    this.#interrupts.setLine(this.#device, asserted);
  }

  timer(): void {
    // The machine looks at the timers itself.
  }

  #setOut(kind: number, address: number, byteLength: number, ordinal: number): void {
    const { flight } = this.#state;
    flight.kind[ON_ITS_WAY] = kind;
    flight.address[ON_ITS_WAY] = address;
    flight.byteLength[ON_ITS_WAY] = byteLength;
    flight.ordinal[ON_ITS_WAY] = ordinal;
  }
}
