import type { DeviceHook } from "./device-hook.ts";
import { InFlight } from "./in-flight.ts";
import {
  CPU_LIMIT,
  DEVICE_LIMIT,
  DMA_FETCH,
  DMA_LANDING,
  DORMANT,
  DOWN,
  EVENT,
  EVENTS,
  FETCHES,
  INTERRUPT,
  INTERRUPTS,
  LINE_LANDING,
  MESSAGE_LANDING,
  STORE_BUFFER,
  THREAD_LIMIT,
  UP,
  VECTOR_LIMIT,
} from "./kinds.ts";
import { Latitude } from "./latitude.ts";
import type { RaceDetector } from "./races/race-detector.ts";
import { ReadFloors } from "./read-floors.ts";
import { Timeline } from "./timeline.ts";

/** Bytes of registers that a device of a small program has. */
export const BAR_BYTES = 256;
/** Bytes of DMA writes longer than 8 that are under way at the same time. */
const PAYLOAD_BYTES = 1 << 17;
/** DMA writes up to this length leave versions behind: descriptors and flags do, frames do not. */
const VERSIONED_BYTES = 64;
/** What a thread reads between two relaxes and is watched byte for byte. */
const WATCH_LIMIT = 64;
/** Relaxes in a row, without a read, that a plain function may make before it waits for time to pass. */
const BLIND_LIMIT = 16;
/** Mark of a DMA write whose bytes are kept apart. */
export const HAS_PAYLOAD = 1;

/** What a generator yields: its operation is already in {@link ExplorerState}; the word itself says nothing. */
export type Pending = 0;
export type Actor = Generator<Pending, void, number>;
/** What the engine needs of an actor: take the answer, go on, publish the next operation or end. */
export interface Steps {
  next(answer: number): { readonly done?: boolean | undefined };
}

/** A CPU may be kept from its work for so long at a time, not for ever: an event that is further away does not overtake it. */
const PROMPT_REACH_NS = 1_000_000;

/**
 * Everything that one explored run changes, in arrays that are set back and never made anew: what a thread wants next,
 * what is on its way, memory, interrupts, time. It decides nothing; the steps in thread-step.ts and entry-step.ts do.
 */
export class ExplorerState {
  readonly timeline: Timeline;
  readonly flight: InFlight = new InFlight();
  readonly floors: ReadFloors = new ReadFloors();
  readonly latitude: Latitude = new Latitude();
  /** Whether the link lets a write with relaxed ordering, number `ordinal` of its queue, pass the ones before it. */
  honoursRelaxedOrdering: (device: number, ordinal: number) => boolean = () => true;
  /** Whether an event of a device comes while the CPUs, which could go on, have not: they are slow. */
  comesPromptly: (device: number, ordinal: number) => boolean = () => false;
  /** Who looks for data races; nobody does when undefined. */
  races: RaceDetector | undefined;
  /** SC, TSO or RELAXED. */
  model = 0;
  nowNs = 0;

  // ---- threads: the pending operation of each ---------------------------------------------------------------------
  readonly status: Uint8Array = new Uint8Array(THREAD_LIMIT);
  readonly kind: Uint8Array = new Uint8Array(THREAD_LIMIT);
  readonly address: Int32Array = new Int32Array(THREAD_LIMIT);
  readonly byteLength: Uint8Array = new Uint8Array(THREAD_LIMIT);
  readonly low: Int32Array = new Int32Array(THREAD_LIMIT);
  readonly high: Int32Array = new Int32Array(THREAD_LIMIT);
  /** Second operand: what a compare-exchange expects, the vector of a wait, the count of a notify. */
  readonly operand: Int32Array = new Int32Array(THREAD_LIMIT);
  readonly limitNs: Float64Array = new Float64Array(THREAD_LIMIT);
  readonly predicates: (((value: number) => boolean) | undefined)[] = new Array(THREAD_LIMIT).fill(undefined);
  /** Operations begun, by thread: the next one has this number. */
  readonly steps: Int32Array = new Int32Array(THREAD_LIMIT);
  readonly cpuOf: Int8Array = new Int8Array(THREAD_LIMIT).fill(-1);
  readonly deviceOf: Int8Array = new Int8Array(THREAD_LIMIT).fill(-1);
  /** High word of the last 8-byte answer, and whether the last wait ended by its limit. */
  readonly answerHigh: Int32Array = new Int32Array(THREAD_LIMIT);
  readonly timedOut: Uint8Array = new Uint8Array(THREAD_LIMIT);
  /** Order in which sleepers went to sleep. */
  readonly sleepOrder: Int32Array = new Int32Array(THREAD_LIMIT);
  sleepCount = 0;
  /** Words of a device's multi-word fetch: four addresses asked for, four answers, and how many are missing. */
  readonly fetchAddresses: Int32Array = new Int32Array(THREAD_LIMIT * 4);
  readonly fetched: Int32Array = new Int32Array(THREAD_LIMIT * 4);
  readonly fetchesLeft: Uint8Array = new Uint8Array(THREAD_LIMIT);
  /** What a thread has read since it last relaxed: it parks until one of these changes. */
  readonly watchCount: Uint8Array = new Uint8Array(THREAD_LIMIT);
  readonly watchAddress: Int32Array = new Int32Array(THREAD_LIMIT * WATCH_LIMIT);
  readonly watchLength: Int32Array = new Int32Array(THREAD_LIMIT * WATCH_LIMIT);
  readonly watchTick: Int32Array = new Int32Array(THREAD_LIMIT * WATCH_LIMIT);
  /** When it first read more than it can watch: whatever lands after that may be what it waits for. */
  readonly unwatchedTick: Int32Array = new Int32Array(THREAD_LIMIT);
  /** How often in a row it has relaxed without having read anything. */
  readonly blindRelaxes: Uint8Array = new Uint8Array(THREAD_LIMIT);
  /** 1 when it must look again although nothing that it has read has changed. */
  readonly mustLook: Uint8Array = new Uint8Array(THREAD_LIMIT);
  /** 1 for a plain function, for which time passes when it can only wait. */
  readonly isPlain: Uint8Array = new Uint8Array(THREAD_LIMIT);

  // ---- CPUs and interrupts ------------------------------------------------------------------------------------------
  /** The handler that runs on a CPU, or -1. */
  readonly handlerOn: Int8Array = new Int8Array(CPU_LIMIT);
  /** The thread that runs on a CPU when no handler does, or -1. */
  readonly mainOf: Int8Array = new Int8Array(CPU_LIMIT).fill(-1);
  readonly irqHeld: Uint8Array = new Uint8Array(CPU_LIMIT);
  /** The handler thread of a vector, or -1. */
  readonly handlerOf: Int8Array = new Int8Array(VECTOR_LIMIT).fill(-1);
  readonly arrived: Int32Array = new Int32Array(VECTOR_LIMIT);
  readonly taken: Int32Array = new Int32Array(VECTOR_LIMIT);
  readonly lineUp: Uint8Array = new Uint8Array(VECTOR_LIMIT);

  // ---- devices ------------------------------------------------------------------------------------------------------
  readonly hooks: (DeviceHook | undefined)[] = new Array(DEVICE_LIMIT).fill(undefined);
  /** Where the registers of device 0 begin in the address space of the program. */
  readonly barBase: number;
  /** Each device has 2 to the power of this many addresses. */
  readonly windowBits: number;
  #payload: Uint8Array | undefined;
  #payloadEnd = 0;
  #hasWrapped = false;

  constructor(bytes: Uint8Array, barBase: number, windowBits: number) {
    this.timeline = new Timeline(bytes);
    this.barBase = barBase;
    this.windowBits = windowBits;
  }

  /** Where the addresses of a device begin. */
  windowOf(device: number): number {
    return this.barBase + (device << this.windowBits);
  }

  reset(): void {
    this.timeline.reset();
    this.flight.reset();
    this.floors.reset();
    this.latitude.reset();
    this.races?.reset();
    this.nowNs = 0;
    this.sleepCount = 0;
    this.#payloadEnd = 0;
    this.#hasWrapped = false;
    for (let thread = 0; thread < THREAD_LIMIT; thread++) {
      this.status[thread] = DORMANT;
      this.kind[thread] = 0;
      this.steps[thread] = 0;
      this.watchCount[thread] = 0;
      this.blindRelaxes[thread] = 0;
      this.mustLook[thread] = 0;
      this.timedOut[thread] = 0;
    }
    for (let cpu = 0; cpu < CPU_LIMIT; cpu++) {
      this.handlerOn[cpu] = -1;
      this.irqHeld[cpu] = 0;
    }
    this.arrived.fill(0);
    this.taken.fill(0);
    this.lineUp.fill(0);
  }

  /** The device whose register is at `address`. */
  deviceAt(address: number): number {
    return (address - this.barBase) >> this.windowBits;
  }

  /** Publishes what a thread does next. */
  publish(thread: number, kind: number, address: number, byteLength: number, low: number, high: number): Pending {
    this.kind[thread] = kind;
    this.address[thread] = address;
    this.byteLength[thread] = byteLength;
    this.low[thread] = low;
    this.high[thread] = high;
    return 0;
  }

  // ---- what a device asks for: takes a place in a queue and happens in a later step ---------------------------------

  /** Appends to the posted writes that go down to a device. */
  postWrite(device: number, kind: number, address: number, byteLength: number, low: number, high: number): number {
    return this.flight.put(kind, DOWN + device, address, byteLength, low, high);
  }

  /** Appends to what goes up from a device: DMA writes, messages, completions. */
  postUp(device: number, kind: number, address: number, byteLength: number, low: number, high: number): number {
    const at = this.flight.put(kind, UP + device, address, byteLength, low, high);
    if (this.races !== undefined) this.races.sentUp(device, at);
    return at;
  }

  /** A device asks for host memory; {@link DeviceHook.onDmaRead} brings it in a later step. Reads have no order among each other. */
  requestRead(device: number, address: number, byteLength: number, tag: number, context: number): void {
    const at = this.flight.put(DMA_FETCH, FETCHES + device, address, byteLength, tag, 0);
    this.flight.context[at] = context;
    if (this.races !== undefined) this.races.asked(device, at);
  }

  /** A device writes host memory: the bytes are taken at once, and land together in a later step. */
  postDmaWrite(
    device: number,
    address: number,
    from: Uint8Array,
    fromOffset: number,
    byteLength: number,
    isRelaxedOrdering: boolean,
  ): void {
    if (this.#payload === undefined) this.#payload = new Uint8Array(PAYLOAD_BYTES);
    const payload = this.#payload;
    if (this.#payloadEnd + byteLength > PAYLOAD_BYTES) {
      this.#payloadEnd = 0;
      this.#hasWrapped = true;
    }
    const start = this.#payloadEnd;
    if (byteLength > PAYLOAD_BYTES || (this.#hasWrapped && this.#holdsPayload(start, byteLength)))
      this.flight.exceed(`more than ${PAYLOAD_BYTES} bytes of DMA writes on their way in an explored run`);
    for (let index = 0; index < byteLength; index++) payload[start + index] = from[fromOffset + index] as number;
    this.#payloadEnd = start + byteLength;
    const at = this.postUp(device, DMA_LANDING, address, byteLength, start, 0);
    if (isRelaxedOrdering) this.relaxOrder(device, at);
    this.flight.context[at] = HAS_PAYLOAD;
  }

  /** True when bytes in this range of the payload belong to a write that has not landed. */
  #holdsPayload(start: number, byteLength: number): boolean {
    const { flight } = this;
    for (let index = 0; index < flight.count; index++) {
      const at = flight.order[index] as number;
      if (flight.kind[at] !== DMA_LANDING || flight.context[at] !== HAS_PAYLOAD) continue;
      const other = flight.low[at] as number;
      if (other < start + byteLength && start < other + (flight.byteLength[at] as number)) return true;
    }
    return false;
  }

  /** A DMA write with the relaxed-ordering bit is on its way. */
  relaxOrder(device: number, at: number): void {
    const mayPass = this.honoursRelaxedOrdering(device, this.flight.ordinal[at] as number);
    this.flight.detail[at] = mayPass ? 1 : 0;
    if (mayPass && this.races !== undefined) this.races.mayPass(at, device);
  }

  /** A device changes its line: at once, or behind its DMA writes. */
  changeLine(device: number, vector: number, isUp: boolean): void {
    if (this.latitude.intxOvertakesDma[device] === 1) {
      if (isUp && this.races !== undefined) this.races.order.lineRaised(device, vector);
      this.setLine(vector, isUp);
    } else this.postUp(device, LINE_LANDING, vector, 4, isUp ? 1 : 0, 0);
  }

  /** The payload of a DMA write lands: 8 bytes at a time, so that a load may still be offered what was there before. */
  landPayload(address: number, start: number, byteLength: number): void {
    const payload = this.#payload as Uint8Array;
    if (byteLength > VERSIONED_BYTES) {
      this.timeline.landBytes(address, payload, start, byteLength);
      return;
    }
    for (let done = 0; done < byteLength; ) {
      // The largest aligned piece: a descriptor word lands whole.
      let piece = 8;
      while (piece > byteLength - done || (address + done) % piece !== 0) piece >>= 1;
      const low = wordAt(payload, start + done, Math.min(4, piece));
      this.timeline.land(address + done, piece, low, piece === 8 ? wordAt(payload, start + done + 4, 4) : 0);
      done += piece;
    }
  }

  /** A device sends a message interrupt, behind its DMA writes. `data` is for {@link DeviceHook.onMessage}. */
  postMessage(device: number, vector: number, data: number = 0): void {
    this.postUp(device, MESSAGE_LANDING, vector, 4, data, 0);
  }

  /** An event of a device comes due after `delayNs`: a timer, a frame from the wire. */
  schedule(device: number, delayNs: number, tag: number, context: number): void {
    const at = this.flight.put(EVENT, EVENTS + device, 0, 0, 0, 0);
    this.flight.detail[at] = tag;
    this.flight.context[at] = context;
    this.flight.dueNs[at] = this.nowNs + delayNs;
    const mayBePrompt = delayNs > 0 && delayNs <= PROMPT_REACH_NS;
    this.flight.isPrompt[at] = mayBePrompt && this.comesPromptly(device, this.flight.ordinal[at] as number) ? 1 : 0;
  }

  /**
   * The devices have come to rest, and the testbed has waited for it on this CPU, a second long: caches are coherent by
   * then, so that no load finds what is older, in any memory model.
   */
  settled(cpu: number): void {
    this.floors.raise(cpu, this.timeline.tick);
    this.races?.order.settled(cpu);
  }

  /** An interrupt reaches its CPU's interrupt controller. It is an edge: a second one before the handler ran is the same. */
  arrive(vector: number): void {
    this.arrived[vector] = (this.arrived[vector] as number) + 1;
    this.interrupt(vector);
  }

  /** What has arrived waits to be taken, if there is a handler and it does not wait already. */
  interrupt(vector: number): void {
    if ((this.handlerOf[vector] as number) < 0 || this.flight.queued[INTERRUPTS + vector] !== 0) return;
    this.flight.put(INTERRUPT, INTERRUPTS + vector, 0, 0, 0, 0);
  }

  /** The interrupt controller sees a line change. */
  setLine(vector: number, isUp: boolean): void {
    if (isUp === (this.lineUp[vector] === 1)) return;
    this.lineUp[vector] = isUp ? 1 : 0;
    if (isUp) this.arrive(vector);
    else this.cancelInterrupt(vector);
  }

  /** What has arrived is not taken any more: the line is down, or the handler is gone. */
  cancelInterrupt(vector: number): void {
    if (this.flight.queued[INTERRUPTS + vector] === 0) return;
    for (let index = 0; index < this.flight.count; index++) {
      const at = this.flight.order[index] as number;
      if (this.flight.queue[at] !== INTERRUPTS + vector) continue;
      this.flight.remove(at);
      return;
    }
  }

  // ---- what a CPU sees ----------------------------------------------------------------------------------------------

  /** Loads into the timeline's words what a CPU sees at `address`: its own buffered stores over a version of memory. */
  loadVisible(cpu: number, address: number, byteLength: number, version: number): void {
    const { timeline, flight } = this;
    timeline.load(address, byteLength, version);
    const queue = STORE_BUFFER + cpu;
    if (cpu < 0 || flight.queued[queue] === 0) return;
    for (let index = 0; index < flight.count; index++) {
      const at = flight.order[index] as number;
      if (flight.queue[at] === queue && flight.kind[at] === 1 && flight.overlaps(at, address, byteLength))
        timeline.overlay(
          address,
          byteLength,
          flight.address[at] as number,
          flight.byteLength[at] as number,
          flight.low[at] as number,
          flight.high[at] as number,
        );
    }
  }

  /** A thread has read a byte range whose version landed at `tick`. */
  watch(thread: number, address: number, byteLength: number, tick: number): void {
    const count = this.watchCount[thread] as number;
    if (count < WATCH_LIMIT) {
      const at = thread * WATCH_LIMIT + count;
      this.watchAddress[at] = address;
      this.watchLength[at] = byteLength;
      this.watchTick[at] = tick;
    } else {
      if (count === WATCH_LIMIT) this.unwatchedTick[thread] = this.timeline.tick;
      // An older version was read, and nothing need land before another look returns the newer one.
      if (this.timeline.changedSince(address, byteLength, tick) > 0) this.mustLook[thread] = 1;
    }
    if (count <= WATCH_LIMIT) this.watchCount[thread] = count + 1;
  }

  /** True when something that a thread has read since it last relaxed is not what it was. */
  hasWatchedChange(thread: number): boolean {
    if (this.mustLook[thread] === 1) return true;
    const count = this.watchCount[thread] as number;
    // Without a read it waits for the time, or for its own handler. A few rounds may also be mere politeness.
    if (count === 0) return this.isPlain[thread] === 0 || (this.blindRelaxes[thread] as number) < BLIND_LIMIT;
    if (count > WATCH_LIMIT && this.timeline.tick > (this.unwatchedTick[thread] as number)) return true;
    const watched = Math.min(count, WATCH_LIMIT);
    for (let at = thread * WATCH_LIMIT, end = at + watched; at < end; at++) {
      const tick = this.watchTick[at] as number;
      if (this.timeline.changedSince(this.watchAddress[at] as number, this.watchLength[at] as number, tick) > 0)
        return true;
    }
    return false;
  }

  /** A thread has relaxed: what it watches is from now on what it reads from now on. */
  relaxed(thread: number): void {
    const blind = this.blindRelaxes[thread] as number;
    this.blindRelaxes[thread] = this.watchCount[thread] === 0 ? Math.min(blind + 1, BLIND_LIMIT) : 0;
    this.watchCount[thread] = 0;
    this.mustLook[thread] = 0;
  }
}

function wordAt(bytes: Uint8Array, at: number, byteLength: number): number {
  let word = 0;
  for (let byte = 0; byte < byteLength; byte++) word |= (bytes[at + byte] as number) << (8 * byte);
  return word;
}
