import { copyMemory, MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { MIN_FRAME_BYTE_LENGTH, wireByteLength } from "../../emulator/wire/line-rate.ts";
import * as chunks from "./chunks.ts";
import type { Counters } from "./counters.ts";
import * as counters from "./counters.ts";
import { TRANSMIT_TIMER } from "./declaration.ts";
import { recordChunkChanged, recordTransmit } from "./findings.ts";
import type { HardwareClock } from "./hardware-clock.ts";
import type { Link } from "./link.ts";
import type { Receive } from "./receive.ts";
import type { Regions } from "./regions.ts";
import * as reg from "./registers.ts";

/** Entries of a port's command queue, as libexanic reckons them: a power of two. */
const COMMAND_COUNT: number = reg.TX_PORT_BYTE_LENGTH / chunks.TX_BYTES_PER_COMMAND;
/** On the wall clock the wire is asked once for so many bytes, and may be so far ahead: a timer is no finer. */
const BYTES_PER_LOOK = 2048;
const AHEAD_NS = 4000;

/** What the transmit engine works with. */
export interface TransmitParts {
  readonly link: Link;
  readonly regions: Regions;
  readonly receive: Receive;
  readonly clock: HardwareClock;
  readonly counters: Counters;
}

/**
 * Frames on their way out. A driver puts a chunk into the TX region and its offset into PORT_TX_COMMAND, which is a queue;
 * the card sends straight out of the region, so the chunk is the card's until its feedback is there.
 */
export class Transmit {
  readonly region: MemoryView = MemoryView.ofSize(reg.TX_REGION_BYTE_LENGTH);
  /** Bytes of the region that were ever written: what a snapshot has to hold. */
  #usedBytes = 0;
  readonly #commands = new Int32Array(reg.PORT_COUNT * COMMAND_COUNT);
  readonly #heads = new Int32Array(reg.PORT_COUNT);
  readonly #counts = new Int32Array(reg.PORT_COUNT);
  /** By port: commands that were taken since the card was made, resets and snapshots or not. */
  readonly #takenCounts = new Float64Array(reg.PORT_COUNT);
  /** By port: the oldest chunk is on the wire. */
  readonly #isSending = new Uint8Array(reg.PORT_COUNT);
  readonly #isWaiting = new Uint8Array(reg.PORT_COUNT);
  /** By port: bytes that may go out before the wire is asked again. */
  readonly #credits = new Int32Array(reg.PORT_COUNT);
  readonly #short = MemoryView.ofSize(MIN_FRAME_BYTE_LENGTH);
  readonly #feedback = MemoryView.ofSize(4);
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #parts: TransmitParts;
  readonly #isPaced: boolean;

  constructor(port: DevicePort, registers: RegisterFile, parts: TransmitParts) {
    this.#port = port;
    this.#registers = registers;
    this.#parts = parts;
    this.#isPaced = port.clock.kind === "virtual";
    registers.onWrite(reg.PORT_TX_COMMAND, (index, value) => this.#command(index, value));
  }

  // ---- the TX region -----------------------------------------------------------------------------------------------

  /** A store of 1, 2, 4 or 8 bytes, aligned. */
  write(offset: number, byteLength: number, low: number, high: number): void {
    for (let port = 0; port < reg.PORT_COUNT; port++) {
      if ((this.#counts[port] as number) > 0) this.#checkUnused(port, offset, byteLength);
    }
    const { bytes, words } = this.region;
    if (byteLength >= 4) {
      words[offset >> 2] = low;
      if (byteLength === 8) words[(offset >> 2) + 1] = high;
    } else {
      bytes[offset] = low;
      if (byteLength === 2) bytes[offset + 1] = low >>> 8;
    }
    if (offset + byteLength > this.#usedBytes) this.#usedBytes = offset + byteLength;
  }

  /** The low word at an aligned offset, cut to `byteLength`. */
  read(offset: number, byteLength: number): number {
    const word = this.region.words[offset >> 2] as number;
    return byteLength >= 4 ? word : (word >>> (8 * (offset & 3))) & (byteLength === 1 ? 0xff : 0xffff);
  }

  // ---- commands ----------------------------------------------------------------------------------------------------

  #command(port: number, value: number): void {
    const offset = value >>> 0;
    const first = port * reg.TX_PORT_BYTE_LENGTH;
    const end = first + reg.TX_PORT_BYTE_LENGTH;
    const count = this.#counts[port] as number;
    if ((this.#registers.get(reg.PORT_ENABLED, port) & 1) === 0) {
      const advice = "Enable the port first.";
      this.#reject(port, "transmit-on-disabled-port", offset, "the port is not enabled", advice);
    } else if (offset < first || offset + chunks.TX_HEADER_BYTE_LENGTH > end) {
      const advice = "Add PORT_TX_REGION_OFFSET to offsets within the port's part.";
      this.#reject(port, "transmit-outside-region", offset, `the port's part is ${first} to ${end - 1}`, advice);
    } else if ((offset & (chunks.TX_CHUNK_ALIGNMENT - 1)) !== 0) {
      const advice = "Begin chunks at multiples of 8.";
      this.#reject(port, "transmit-misaligned", offset, "a chunk begins at a multiple of 8", advice);
    } else if (count === COMMAND_COUNT) {
      const advice = "Ask for feedback, and wait for it before the queue is full.";
      this.#reject(port, "transmit-queue-full", offset, `${COMMAND_COUNT} commands wait already`, advice);
    } else {
      const at = ((this.#heads[port] as number) + count) % COMMAND_COUNT;
      this.#commands[port * COMMAND_COUNT + at] = offset;
      this.#counts[port] = count + 1;
      this.#takenCounts[port] = (this.#takenCounts[port] as number) + 1;
      if (count === 0) this.#goOn(port);
    }
  }

  /** Commands of a port that broke no rule, up to now. */
  takenCount(port: number): number {
    return this.#takenCounts[port] as number;
  }

  /** Whether the chunk at an offset waits or is being sent. */
  isWaiting(port: number, offset: number): boolean {
    for (let nth = 0; nth < (this.#counts[port] as number); nth++) if (this.#chunkAt(port, nth) === offset) return true;
    return false;
  }

  #chunkAt(port: number, nth: number): number {
    return this.#commands[port * COMMAND_COUNT + (((this.#heads[port] as number) + nth) % COMMAND_COUNT)] as number;
  }

  /** A wait for the wire is over. */
  onTimer(port: number): void {
    this.#isWaiting[port] = 0;
    this.#goOn(port);
  }

  isIdle(port: number): boolean {
    // Virtual time does not pass while anybody is busy; on the wall clock a wait for the wire is work that goes on.
    return this.#isPaced || this.#counts[port] === 0;
  }

  reset(): void {
    this.#heads.fill(0);
    this.#counts.fill(0);
    this.#isSending.fill(0);
    this.#isWaiting.fill(0);
    this.#credits.fill(0);
    if (this.#usedBytes > 0) this.region.bytes.fill(0, 0, this.#usedBytes);
    this.#usedBytes = 0;
  }

  snapshot(): unknown {
    return {
      used: this.region.bytes.slice(0, this.#usedBytes),
      commands: this.#commands.slice(),
      heads: this.#heads.slice(),
      counts: this.#counts.slice(),
      isSending: this.#isSending.slice(),
      isWaiting: this.#isWaiting.slice(),
    } satisfies TransmitState;
  }

  restore(state: unknown): void {
    const saved = state as TransmitState;
    this.reset();
    this.region.bytes.set(saved.used);
    this.#usedBytes = saved.used.length;
    this.#commands.set(saved.commands);
    this.#heads.set(saved.heads);
    this.#counts.set(saved.counts);
    this.#isSending.set(saved.isSending);
    this.#isWaiting.set(saved.isWaiting);
  }

  /** Ends what has left, sends what waits, until the wire is busy. */
  #goOn(port: number): void {
    while ((this.#counts[port] as number) > 0 && this.#isWaiting[port] === 0 && !this.#mustWait(port)) {
      const offset = this.#commands[port * COMMAND_COUNT + (this.#heads[port] as number)] as number;
      if (this.#isSending[port] === 0) {
        this.#isSending[port] = 1;
        this.#send(port, offset);
        // In virtual time the chunk is read as it goes out, and done when the wire is free again.
        if (this.#isPaced) continue;
      }
      this.#isSending[port] = 0;
      this.#heads[port] = ((this.#heads[port] as number) + 1) % COMMAND_COUNT;
      this.#counts[port] = (this.#counts[port] as number) - 1;
      this.#report(port, offset);
    }
  }

  /** Whether the wire has enough to do. If so, the timer runs. */
  #mustWait(port: number): boolean {
    if (!this.#isPaced && (this.#credits[port] as number) > 0) return false;
    let backlogNs = this.#port.wireBacklogNs(port);
    if (!this.#isPaced && backlogNs > AHEAD_NS) {
      // The wire may have gone on since the last look at the clock.
      this.#port.clock.refresh();
      backlogNs = this.#port.wireBacklogNs(port);
    }
    this.#credits[port] = BYTES_PER_LOOK;
    if (backlogNs <= (this.#isPaced ? 0 : AHEAD_NS)) return false;
    this.#credits[port] = 0;
    this.#isWaiting[port] = 1;
    this.#port.startTimer(TRANSMIT_TIMER + port, this.#isPaced ? backlogNs : backlogNs - AHEAD_NS / 2);
    return true;
  }

  #send(port: number, offset: number): void {
    const { words } = this.region;
    const frameBytes = ((words[(offset >> 2) + 1] as number) & 0xffff) - chunks.TX_PADDING_BYTE_LENGTH;
    const type = ((words[(offset >> 2) + 1] as number) >>> 16) & 0xff;
    const from = offset + chunks.TX_HEADER_BYTE_LENGTH + chunks.TX_PADDING_BYTE_LENGTH;
    const end = (port + 1) * reg.TX_PORT_BYTE_LENGTH;
    if (type !== chunks.TX_TYPE_RAW) {
      this.#reject(port, "transmit-type", offset, `its type is ${type}`, "The card sends raw frames, type 1, alone.");
      return;
    }
    if (frameBytes < 14 || from + frameBytes > end) {
      const what = `its length ${frameBytes + chunks.TX_PADDING_BYTE_LENGTH} is not that of two bytes of padding and a frame within the port's part`;
      this.#reject(port, "transmit-length", offset, what, "Count padding and frame, without header and FCS.");
      return;
    }
    const { clock, counters: count, link } = this.#parts;
    this.#credits[port] = (this.#credits[port] as number) - wireByteLength(frameBytes);
    this.#registers.set(reg.PORT_TX_LAST_TIME, clock.cycles(0), port);
    if (!link.isReady(port)) {
      // A frame without a link goes nowhere, and nobody is told.
      count.count(counters.TX_REJECTED, -1, port);
      return;
    }
    const flags = this.#registers.get(reg.PORT_FLAGS, port);
    if (frameBytes < MIN_FRAME_BYTE_LENGTH && (flags & reg.PORT_FLAGS.fields.DISABLE_TX_PADDING.mask) === 0) {
      this.#short.words.fill(0);
      copyMemory(this.#short, 0, this.region, from, frameBytes);
      this.#put(port, flags, this.#short, 0, MIN_FRAME_BYTE_LENGTH);
    } else this.#put(port, flags, this.region, from, frameBytes);
    count.count(counters.TX_SENT, count.tx, port);
  }

  #put(port: number, flags: number, memory: MemoryView, offset: number, byteLength: number): void {
    if ((flags & reg.PORT_FLAGS.fields.LOOPBACK.mask) === 0) this.#port.transmit(port, memory, offset, byteLength, 0);
    else this.#parts.receive.onFrame(port, memory, offset, byteLength, 0);
  }

  /** Writes the chunk's id into its feedback slot, if it asks for that. */
  #report(port: number, offset: number): void {
    const header = this.region.words[offset >> 2] as number;
    const slot = header >>> 16;
    if ((slot & chunks.TX_NO_FEEDBACK) !== 0) return;
    if (slot >= chunks.TX_FEEDBACK_SLOT_COUNT) {
      const what = `its feedback slot is ${slot}, and the page has ${chunks.TX_FEEDBACK_SLOT_COUNT}`;
      recordTransmit(
        this.#port,
        "transmit-feedback-slot",
        port,
        offset,
        what,
        "told nobody that it is done",
        "Use a slot from 0 to 255.",
      );
      return;
    }
    const { regions } = this.#parts;
    regions.checkFormat(reg.TX_FEEDBACK_BASE_HI, reg.TX_FEEDBACK_BASE_LO, 0);
    regions.locateFeedback(slot);
    this.#feedback.words[0] = header & 0xffff;
    this.#port.dmaWrite(regions.high, regions.low, this.#feedback, 0, 2, -1);
  }

  #reject(port: number, rule: string, offset: number, what: string, advice: string): void {
    this.#parts.counters.count(counters.TX_REJECTED, -1, port);
    recordTransmit(this.#port, rule, port, offset, what, "sent nothing", advice);
  }

  /** A store into a chunk that waits or is on the wire goes out with it, or half of it does. */
  #checkUnused(port: number, offset: number, byteLength: number): void {
    for (let nth = 0; nth < (this.#counts[port] as number); nth++) {
      const first = this.#chunkAt(port, nth);
      const length = (this.region.words[(first >> 2) + 1] as number) & 0xffff;
      if (offset + byteLength <= first || offset >= first + chunks.TX_HEADER_BYTE_LENGTH + length) continue;
      recordChunkChanged(this.#port, port, first, offset);
      return;
    }
  }
}

interface TransmitState {
  readonly used: Uint8Array;
  readonly commands: Int32Array;
  readonly heads: Int32Array;
  readonly counts: Int32Array;
  readonly isSending: Uint8Array;
  readonly isWaiting: Uint8Array;
}
