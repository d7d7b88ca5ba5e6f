import { copyMemory, MemoryView } from "../../emulator/memory/memory-view.ts";
import { type DevicePort, FRAME_BAD_FCS } from "../../emulator/pcie/device-model.ts";
import { fieldOf } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { crc32OfMemory, FCS_BYTE_LENGTH } from "../../emulator/wire/crc32.ts";
import { FrameFifo } from "../../emulator/wire/frame-fifo.ts";
import * as chunks from "./chunks.ts";
import type { Counters } from "./counters.ts";
import * as counters from "./counters.ts";
import { CHUNK_TIMER, GIGABITS_PER_SECOND } from "./declaration.ts";
import { recordNoMsi } from "./findings.ts";
import type { HardwareClock } from "./hardware-clock.ts";
import type { Link } from "./link.ts";
import type { Regions } from "./regions.ts";
import * as reg from "./registers.ts";
import { DEFAULT_BUFFER, type Steering } from "./steering.ts";

// Local names: the engine folds a constant of its own module, and looks one of another module up.
const {
  RX_CHUNK_BYTE_LENGTH,
  RX_FILTER_SHIFT,
  RX_GENERATION_SHIFT,
  RX_LENGTH_SHIFT,
  RX_PAYLOAD_BYTE_LENGTH,
  RX_REGION_SHIFT,
  RX_STATE_AT,
  RX_STATUS_CORRUPT,
  RX_STATUS_HARDWARE_OVERFLOW,
  RX_STATUS_OK,
  RX_TIMESTAMP_AT,
} = chunks;
const {
  RX_CHUNKS,
  RX_CORRUPT,
  RX_DELIVERED,
  RX_DROP_ERROR,
  RX_DROP_FILTER,
  RX_DROP_NOT_READY,
  RX_DROP_NO_BUFFER,
  RX_DROP_OVERFLOW,
} = counters;
const FCS_BYTES: number = FCS_BYTE_LENGTH;
const BAD_FCS: number = FRAME_BAD_FCS;
const PORTS_OWN: number = DEFAULT_BUFFER;
const PROMISCUOUS: number = reg.PORT_FLAGS.fields.PROMISCUOUS.mask;

const NS_PER_BYTE = 8 / GIGABITS_PER_SECOND;
/** Time of a chunk on the wire. */
const CHUNK_NS = RX_PAYLOAD_BYTE_LENGTH * NS_PER_BYTE;
const PREAMBLE_BYTE_LENGTH = 8;
const HEADER_BYTE_LENGTH = 14;
/** Beside the flags of the wire: frames were lost in front of this one. */
const AFTER_OVERFLOW = 1 << 16;
/** What a port takes in while its chunks go out at the speed of the wire. */
const FIFO_BYTES = 0x8000;

/** The frame that a port is writing, as words: none while its length is 0. */
const FRAME_WORDS = 8;
const LENGTH = 0;
const DONE = 1;
const REGION = 2;
const TIMESTAMP = 3;
const FCS = 4;
/** Status and matched filter, where they stand in the info word. */
const STATE = 5;

/** What the receive engine works with. */
export interface ReceiveParts {
  readonly link: Link;
  readonly regions: Regions;
  readonly steering: Steering;
  readonly clock: HardwareClock;
  readonly counters: Counters;
}

/**
 * Frames on their way into host memory: cut into chunks of 120 bytes, FCS included, each written with its info word into
 * the next place of the region, as they come in. Nobody is asked whether the place is free.
 *
 * A wire hands a frame over when its last bit is there, so cutting through begins then: the first chunk goes out at once
 * and each further one as much later as it took on the wire. On the wall clock, where no timer is that fine, they all go
 * out together.
 */
export class Receive {
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #parts: ReceiveParts;
  readonly #fifos: readonly FrameFifo[];
  readonly #frames = new Int32Array(reg.PORT_COUNT * FRAME_WORDS);
  /** By port: frames were lost since the last one that was taken. */
  readonly #overflowed = new Uint8Array(reg.PORT_COUNT);
  /** By port: an interrupt is armed, and at which position. */
  readonly #armed = new Uint8Array(reg.PORT_COUNT);
  readonly #armedAt = new Int32Array(reg.PORT_COUNT);
  readonly #chunk = MemoryView.ofSize(RX_CHUNK_BYTE_LENGTH);
  /** Words of its payload that are not 0. */
  #filledWords = 0;
  readonly #flagsAt: number;
  readonly #macOuiAt: number;
  readonly #macNicAt: number;
  readonly #isPaced: boolean;

  constructor(port: DevicePort, registers: RegisterFile, parts: ReceiveParts) {
    this.#port = port;
    this.#registers = registers;
    this.#parts = parts;
    this.#isPaced = port.clock.kind === "virtual";
    this.#fifos = Array.from({ length: reg.PORT_COUNT }, () => new FrameFifo(this.#isPaced ? FIFO_BYTES : 64));
    this.#flagsAt = registers.map.ordinal(reg.PORT_FLAGS);
    this.#macOuiAt = registers.map.ordinal(reg.PORT_MAC_ADDR_OUI);
    this.#macNicAt = registers.map.ordinal(reg.PORT_MAC_ADDR_NIC);
    registers.onWrite(reg.PORT_IRQ_CONFIG, (index, value) => this.#arm(index, value));
  }

  /** A frame has arrived. */
  onFrame(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    const { counters: count, link } = this.#parts;
    if (!link.isReady(port)) {
      count.count(RX_DROP_NOT_READY, -1, port);
      return;
    }
    const fifo = this.#fifos[port] as FrameFifo;
    const isBehind = fifo.count > 0;
    const marked = this.#overflowed[port] === 1 ? flags | AFTER_OVERFLOW : flags;
    if (isBehind || (this.#isPaced && byteLength + FCS_BYTES > RX_PAYLOAD_BYTE_LENGTH)) {
      if (!fifo.push(memory, offset, byteLength, marked)) {
        this.#overflowed[port] = 1;
        count.count(RX_DROP_OVERFLOW, count.rxDropped, port);
        return;
      }
      this.#overflowed[port] = 0;
      if (!isBehind) this.#goOn(port);
    } else if (this.#begin(port, memory, offset, byteLength, marked)) {
      this.#overflowed[port] = 0;
      while (!this.#writeChunk(port, memory, offset)) {
        // The next chunk of the frame.
      }
    }
  }

  /** The ring takes everything; what is behind the wire waits in front of it. */
  hasRoom(port: number, byteLength: number): boolean {
    const fifo = this.#fifos[port] as FrameFifo;
    return fifo.count === 0 || fifo.usedBytes + 2 * byteLength < FIFO_BYTES / 2;
  }

  /** The next chunk of what waits has come in. */
  onTimer(port: number): void {
    this.#goOn(port);
  }

  /** Whether a frame is under way into a region. */
  isWriting(region: number): boolean {
    const at = this.#parts.regions.portOf(region) * FRAME_WORDS;
    return this.#frames[at + LENGTH] !== 0 && this.#frames[at + REGION] === region;
  }

  isIdle(port: number): boolean {
    return (this.#fifos[port] as FrameFifo).count === 0;
  }

  reset(): void {
    this.#frames.fill(0);
    this.#overflowed.fill(0);
    this.#armed.fill(0);
    for (const fifo of this.#fifos) while (fifo.peek()) fifo.release();
  }

  snapshot(): unknown {
    return {
      frames: this.#frames.slice(),
      overflowed: this.#overflowed.slice(),
      armed: this.#armed.slice(),
      armedAt: this.#armedAt.slice(),
      waiting: this.#fifos.map(contentsOf),
    } satisfies ReceiveState;
  }

  restore(state: unknown): void {
    const saved = state as ReceiveState;
    this.reset();
    this.#frames.set(saved.frames);
    this.#overflowed.set(saved.overflowed);
    this.#armed.set(saved.armed);
    this.#armedAt.set(saved.armedAt);
    for (const [port, waiting] of saved.waiting.entries()) refill(this.#fifos[port] as FrameFifo, waiting);
  }

  /** Writes a chunk of the oldest frame that waits, begins the next frame when it was the last, and plans the next chunk. */
  #goOn(port: number): void {
    const fifo = this.#fifos[port] as FrameFifo;
    while (fifo.peek()) {
      const isBegun = this.#frames[port * FRAME_WORDS + LENGTH] !== 0;
      if (isBegun || this.#begin(port, fifo.memory, fifo.offset, fifo.byteLength, fifo.flags)) {
        if (!this.#writeChunk(port, fifo.memory, fifo.offset)) {
          this.#port.startTimer(CHUNK_TIMER + port, CHUNK_NS);
          return;
        }
      }
      fifo.release();
    }
  }

  /** Decides whether a frame is taken, and where it goes. */
  #begin(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): boolean {
    const { counters: count, regions, steering } = this.#parts;
    const { bytes } = memory;
    const isDamaged = (flags & BAD_FCS) !== 0;
    if (byteLength < HEADER_BYTE_LENGTH) return this.#refuse(RX_DROP_ERROR, count.rxError, port);
    if (!this.#isForUs(port, bytes, offset)) return this.#refuse(RX_DROP_FILTER, count.rxIgnored, port);
    const buffer = steering.choose(port, bytes, offset, byteLength);
    const region = regions.regionOf(port, buffer);
    if (!regions.exists(region)) return this.#refuse(RX_DROP_NO_BUFFER, count.rxDropped, port);
    const crc = crc32OfMemory(memory, offset, byteLength);
    let status = isDamaged ? RX_STATUS_CORRUPT : RX_STATUS_OK;
    if ((flags & AFTER_OVERFLOW) !== 0) status = RX_STATUS_HARDWARE_OVERFLOW;
    const base = port * FRAME_WORDS;
    const frame = this.#frames;
    frame[base + LENGTH] = byteLength + FCS_BYTES;
    frame[base + DONE] = 0;
    frame[base + REGION] = region;
    const onWireBytes = PREAMBLE_BYTE_LENGTH + byteLength + FCS_BYTES;
    frame[base + TIMESTAMP] = this.#parts.clock.cycles(this.#isPaced ? onWireBytes * NS_PER_BYTE : 0);
    frame[base + FCS] = isDamaged ? ~crc : crc;
    frame[base + STATE] = status | (steering.region << RX_REGION_SHIFT) | (steering.rule << RX_FILTER_SHIFT);
    if (isDamaged) count.count(RX_CORRUPT, count.rxError, port);
    count.count(RX_DELIVERED, isDamaged ? -1 : count.rx, port);
    return true;
  }

  #refuse(total: number, register: number, port: number): false {
    this.#parts.counters.count(total, register, port);
    return false;
  }

  /** The port's own address, or a group's; everything when it is promiscuous. */
  #isForUs(port: number, bytes: Uint8Array, offset: number): boolean {
    const { values } = this.#registers;
    const flags = values[this.#flagsAt + port] as number;
    if ((flags & PROMISCUOUS) !== 0 || ((bytes[offset] as number) & 1) !== 0) return true;
    return (
      threeBytes(bytes, offset) === ((values[this.#macOuiAt + port] as number) & 0xff_ffff) &&
      threeBytes(bytes, offset + 3) === ((values[this.#macNicAt + port] as number) & 0xff_ffff)
    );
  }

  /** Writes the next chunk of the frame under way. True when it was the last. */
  #writeChunk(port: number, memory: MemoryView, offset: number): boolean {
    const { regions, counters: count } = this.#parts;
    const frame = this.#frames;
    const base = port * FRAME_WORDS;
    const total = frame[base + LENGTH] as number;
    const done = frame[base + DONE] as number;
    const region = frame[base + REGION] as number;
    const rest = total - done;
    const isLast = rest <= RX_PAYLOAD_BYTE_LENGTH;
    const length = isLast ? rest : RX_PAYLOAD_BYTE_LENGTH;
    this.#fillPayload(memory, offset, total - FCS_BYTES, done, length, frame[base + FCS] as number);
    const words = this.#chunk.words;
    words[RX_TIMESTAMP_AT >> 2] = frame[base + TIMESTAMP] as number;
    words[RX_STATE_AT >> 2] =
      (frame[base + STATE] as number) |
      ((isLast ? length : 0) << RX_LENGTH_SHIFT) |
      (regions.generation(region) << RX_GENERATION_SHIFT);
    regions.locate(region);
    // Payload first, then the info word, its upper half last: a driver that sees the generation finds the rest. And all
    // of it behind what was written before: a driver concludes from an old chunk that newer ones are untouched.
    this.#port.dmaWrite(regions.high, regions.low, this.#chunk, 0, RX_CHUNK_BYTE_LENGTH, RX_STATE_AT);
    const position = regions.position(region);
    regions.advance(region);
    count.count(RX_CHUNKS, -1, port);
    if (this.#armed[port] === 1 && this.#armedAt[port] === position && region === regions.regionOf(port, PORTS_OWN))
      this.#fire(port);
    frame[base + DONE] = done + length;
    if (isLast) frame[base + LENGTH] = 0;
    return isLast;
  }

  /** `byteLength` is the frame's without FCS, which follows it; behind the end zeros. */
  #fillPayload(
    memory: MemoryView,
    offset: number,
    byteLength: number,
    done: number,
    length: number,
    fcs: number,
  ): void {
    const chunk = this.#chunk;
    const ofFrame = Math.max(0, Math.min(length, byteLength - done));
    const { words } = chunk;
    const first = length >> 2;
    for (let word = first; word < this.#filledWords; word++) words[word] = 0;
    this.#filledWords = (length + 3) >> 2;
    // The last word of a length that is no multiple of four: its end is not copied over.
    if (first < this.#filledWords) words[first] = 0;
    if (ofFrame > 0) copyMemory(chunk, 0, memory, offset + done, ofFrame);
    // A chunk begins at a whole word of the frame, and most frames end at one.
    if (length - ofFrame === FCS_BYTES && (ofFrame & 3) === 0) words[ofFrame >> 2] = fcs;
    else for (let at = ofFrame; at < length; at++) chunk.bytes[at] = fcs >>> (8 * (done + at - byteLength));
  }

  // ---- interrupts --------------------------------------------------------------------------------------------------

  /** Armed for a chunk that is there already it fires at once: a driver arms and looks no more. */
  #arm(port: number, value: number): void {
    const { ENABLE, GENERATION, CHUNK } = reg.PORT_IRQ_CONFIG.fields;
    const { regions } = this.#parts;
    this.#armed[port] = 0;
    if ((value & ENABLE.mask) === 0) return;
    const position = regions.positionOf(fieldOf(value, GENERATION), fieldOf(value, CHUNK));
    this.#armedAt[port] = position;
    this.#armed[port] = 1;
    const region = regions.regionOf(port, PORTS_OWN);
    if (regions.isWritten(region, position)) this.#fire(port);
  }

  #fire(port: number): void {
    this.#armed[port] = 0;
    if (this.#port.interruptMode() !== "msi") {
      recordNoMsi(this.#port, port);
      return;
    }
    // A message for each event: falling first makes the edge that sends it, behind the chunk.
    this.#port.setLegacyInterrupt(false);
    this.#port.setLegacyInterrupt(true);
  }
}

interface ReceiveState {
  readonly frames: Int32Array;
  readonly overflowed: Uint8Array;
  readonly armed: Uint8Array;
  readonly armedAt: Int32Array;
  readonly waiting: readonly (readonly WaitingFrame[])[];
}

interface WaitingFrame {
  readonly bytes: Uint8Array;
  readonly flags: number;
}

/** All frames of a queue, oldest first; it holds the same afterwards. */
function contentsOf(fifo: FrameFifo): WaitingFrame[] {
  const waiting: WaitingFrame[] = [];
  while (fifo.peek()) {
    const bytes = fifo.memory.bytes.slice(fifo.offset, fifo.offset + fifo.byteLength);
    waiting.push({ bytes, flags: fifo.flags });
    fifo.release();
  }
  refill(fifo, waiting);
  return waiting;
}

function refill(fifo: FrameFifo, waiting: readonly WaitingFrame[]): void {
  for (const { bytes, flags } of waiting) {
    const frame = MemoryView.ofSize(bytes.length);
    frame.bytes.set(bytes);
    fifo.push(frame, 0, bytes.length, flags);
  }
}

function threeBytes(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
}
