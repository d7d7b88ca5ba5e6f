import { MemoryView } from "../../emulator/memory/memory-view.ts";
import { type DevicePort, FRAME_BAD_FCS } from "../../emulator/pcie/device-model.ts";
import type { Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { MoldUdp64Packet } from "../../emulator/wire/feeds/mold-udp64.ts";
import { FrameHeaders, IP_PROTOCOL_UDP } from "../../emulator/wire/frame.ts";
import * as reg from "./registers.ts";

/** Packets that wait behind a hole. */
const HOLD_COUNT = 32;
const PACKET_BYTES = 1536;
/** Messages that one call may hand over: two packets full of empty messages, which are two bytes each. */
export const BURST_MESSAGES: number = 2 * (PACKET_BYTES / 2);
const TWO_TO_32 = 0x1_0000_0000;
const NO_PACKET = -1;

// Where the registers of line 0 are among the values of the file; those of line 1 follow.
const ordinal = (register: Register): number => reg.FEED_HANDLER_REGISTER_MAP.ordinal(register);
const [GROUP, PORT] = [ordinal(reg.LINE_GROUP), ordinal(reg.LINE_PORT)];
const [PACKETS, FIRST, DUPLICATES] = [ordinal(reg.LINE_PACKETS), ordinal(reg.LINE_FIRST), ordinal(reg.LINE_DUPLICATES)];
const [OTHER, BAD] = [ordinal(reg.LINE_OTHER), ordinal(reg.LINE_BAD)];
const [NEXT_LOW, NEXT_HIGH] = [ordinal(reg.NEXT_SEQUENCE_LOW), ordinal(reg.NEXT_SEQUENCE_HIGH)];

/** Takes messages in their order, each once. The memory is the arbiter's. At most {@link BURST_MESSAGES} in a row. */
export interface MessageSink {
  /** `sequenceLow`: bits 31–0 of its sequence, as an int32. */
  message(line: number, sequenceLow: number, memory: MemoryView, offset: number, byteLength: number): void;
}

/**
 * Hardware arbitration: of the copies of a message that the lines bring, the first one wins. A packet behind a hole waits
 * for the other line, GAP_WAIT_NS at most; then the hole is a gap, and the feed goes on behind it.
 */
export class Arbiter {
  /** `[0]`: when the oldest hole is given up; Infinity when there is none. */
  readonly giveUpNs: Float64Array = new Float64Array([Number.POSITIVE_INFINITY]);
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #sink: MessageSink;
  readonly #headers = new FrameHeaders();
  readonly #packet = new MoldUdp64Packet();
  /** `[0]`: the sequence that is waited for, 0 before the first packet. */
  readonly #next = new Float64Array(1);
  /** Session of the feed, as words of the packet. */
  readonly #session = new Int32Array(3);
  readonly #held = MemoryView.ofSize(HOLD_COUNT * PACKET_BYTES);
  /** By held packet: its first sequence (0: free), its bytes, its line. */
  readonly #heldFirst = new Float64Array(HOLD_COUNT);
  readonly #heldBytes = new Int32Array(HOLD_COUNT);
  readonly #heldLine = new Uint8Array(HOLD_COUNT);
  #heldCount = 0;

  constructor(port: DevicePort, registers: RegisterFile, sink: MessageSink) {
    this.#port = port;
    this.#registers = registers;
    this.#sink = sink;
  }

  /** A frame has come through the stage. */
  arbitrate(line: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    const headers = this.#headers;
    if ((flags & FRAME_BAD_FCS) !== 0) {
      this.#countLine(BAD, line, 1);
      return;
    }
    headers.parse(memory.bytes, offset, byteLength);
    if (!this.#isFeed(line)) {
      this.#countLine(OTHER, line, 1);
      return;
    }
    const packet = this.#packet;
    if (headers.truncated || !packet.parse(memory.bytes, offset + headers.payloadOffset, headers.payloadByteLength)) {
      this.#countLine(BAD, line, 1);
      return;
    }
    if (!this.#isSession()) {
      this.#countLine(OTHER, line, 1);
      return;
    }
    this.#countLine(PACKETS, line, 1);
    const { sequence } = packet;
    if ((this.#next[0] as number) === 0) this.#moveTo(sequence);
    if (sequence <= (this.#next[0] as number)) this.#pass(line, memory);
    else this.#hold(line, memory, offset + headers.payloadOffset, headers.payloadByteLength);
  }

  /** The oldest hole has waited long enough: what is missing is lost. */
  giveUp(): void {
    const first = this.#oldestHeld();
    if (first === NO_PACKET) return;
    const sequence = this.#heldFirst[first] as number;
    this.#count(reg.GAP_COUNT, 1);
    this.#count(reg.GAP_MESSAGES, sequence - (this.#next[0] as number));
    this.#registers.set(reg.STATUS, this.#registers.get(reg.STATUS) | reg.STATUS.fields.GAP.mask);
    this.#moveTo(sequence);
  }

  /** Packets that wait behind a hole. */
  get heldCount(): number {
    return this.#heldCount;
  }

  /** True when a packet that waited is not behind a hole any more: {@link release} is due before the next frame. */
  get isReady(): boolean {
    const oldest = this.#oldestHeld();
    return oldest !== NO_PACKET && (this.#heldFirst[oldest] as number) <= (this.#next[0] as number);
  }

  /** Hands over the oldest of the packets that waited. */
  release(): void {
    const oldest = this.#oldestHeld();
    if (oldest === NO_PACKET) return;
    this.#packet.parse(this.#held.bytes, oldest * PACKET_BYTES, this.#heldBytes[oldest] as number);
    this.#heldFirst[oldest] = 0;
    this.#heldCount--;
    this.#pass(this.#heldLine[oldest] as number, this.#held);
    if (this.#heldCount === 0) this.giveUpNs[0] = Number.POSITIVE_INFINITY;
    else this.#waitAnew();
  }

  clear(): void {
    this.#next[0] = 0;
    this.#session.fill(0);
    this.#heldFirst.fill(0);
    this.#heldCount = 0;
    this.giveUpNs[0] = Number.POSITIVE_INFINITY;
  }

  snapshot(): ArbiterState {
    return {
      next: this.#next.slice(),
      session: this.#session.slice(),
      giveUpNs: this.giveUpNs.slice(),
      held: this.#heldCount === 0 ? undefined : this.#held.bytes.slice(),
      heldFirst: this.#heldFirst.slice(),
      heldBytes: this.#heldBytes.slice(),
      heldLine: this.#heldLine.slice(),
    };
  }

  restore(state: ArbiterState): void {
    this.#next.set(state.next);
    this.#session.set(state.session);
    this.giveUpNs.set(state.giveUpNs);
    if (state.held !== undefined) this.#held.bytes.set(state.held);
    this.#heldFirst.set(state.heldFirst);
    this.#heldBytes.set(state.heldBytes);
    this.#heldLine.set(state.heldLine);
    this.#heldCount = this.#heldFirst.reduce((count, first) => count + (first > 0 ? 1 : 0), 0);
  }

  #isFeed(line: number): boolean {
    const { ipVersion, ipProtocol, l4Offset, ipv4Destination, destinationPort } = this.#headers;
    if (ipVersion !== 4 || ipProtocol !== IP_PROTOCOL_UDP || l4Offset < 0) return false;
    const { values } = this.#registers;
    const group = values[GROUP + line];
    const port = values[PORT + line];
    return (group === 0 || group === ipv4Destination) && (port === 0 || port === destinationPort);
  }

  /** The first packet's session is the feed's, until the book is cleared. */
  #isSession(): boolean {
    const packet = this.#packet;
    const session = this.#session;
    if ((this.#next[0] as number) === 0) {
      session[0] = packet.sessionWord0;
      session[1] = packet.sessionWord1;
      session[2] = packet.sessionWord2;
      return true;
    }
    const [word0, word1] = [packet.sessionWord0, packet.sessionWord1];
    return session[0] === word0 && session[1] === word1 && session[2] === packet.sessionWord2;
  }

  /** Hands over what of the packet is new. */
  #pass(line: number, memory: MemoryView): void {
    const packet = this.#packet;
    const next = this.#next[0] as number;
    const { messageCount } = packet;
    // Where the packet begins is not behind `next`: so many of its messages were there already.
    let known = next - packet.sequence < messageCount ? (next - packet.sequence) | 0 : messageCount;
    const firstCopies = messageCount - known;
    this.#countLine(DUPLICATES, line, known);
    let sequenceLow = next | 0;
    while (packet.nextMessage()) {
      if (known-- > 0) continue;
      this.#sink.message(line, sequenceLow, memory, packet.messageOffset, packet.messageByteLength);
      sequenceLow = (sequenceLow + 1) | 0;
    }
    if (firstCopies === 0) return;
    this.#countLine(FIRST, line, firstCopies);
    this.#next[0] = next + firstCopies;
    this.#show();
  }

  /** A heartbeat that is ahead tells of a hole, too, and waits as a packet without messages. */
  #hold(line: number, memory: MemoryView, offset: number, byteLength: number): void {
    if (byteLength > PACKET_BYTES) {
      this.#countLine(BAD, line, 1);
      return;
    }
    if (this.#heldCount === HOLD_COUNT) {
      this.giveUp();
      this.release();
    }
    const index = this.#heldFirst.indexOf(0);
    for (let at = 0; at < byteLength; at++)
      this.#held.bytes[index * PACKET_BYTES + at] = memory.bytes[offset + at] as number;
    this.#packet.parse(this.#held.bytes, index * PACKET_BYTES, byteLength);
    this.#heldFirst[index] = this.#packet.sequence;
    this.#heldBytes[index] = byteLength;
    this.#heldLine[index] = line;
    if (this.#heldCount++ === 0) this.#waitAnew();
  }

  #waitAnew(): void {
    const { clock } = this.#port;
    clock.refresh();
    this.giveUpNs[0] = (clock.now[0] as number) + (this.#registers.get(reg.GAP_WAIT_NS) >>> 0);
  }

  #oldestHeld(): number {
    if (this.#heldCount === 0) return NO_PACKET;
    let oldest = NO_PACKET;
    for (let index = 0; index < HOLD_COUNT; index++) {
      const first = this.#heldFirst[index] as number;
      if (first > 0 && (oldest === NO_PACKET || first < (this.#heldFirst[oldest] as number))) oldest = index;
    }
    return oldest;
  }

  #moveTo(sequence: number): void {
    this.#next[0] = sequence;
    this.#show();
  }

  #show(): void {
    const { values } = this.#registers;
    values[NEXT_LOW] = (this.#next[0] as number) | 0;
    values[NEXT_HIGH] = Math.floor((this.#next[0] as number) / TWO_TO_32);
  }

  /** `counter`: where the one of line 0 is among the values. */
  #countLine(counter: number, line: number, amount: number): void {
    const { values } = this.#registers;
    values[counter + line] = ((values[counter + line] as number) + amount) | 0;
  }

  #count(register: Register, amount: number): void {
    this.#registers.set(register, (this.#registers.get(register) + amount) | 0);
  }
}

export interface ArbiterState {
  readonly next: Float64Array;
  readonly session: Int32Array;
  readonly giveUpNs: Float64Array;
  readonly held: Uint8Array | undefined;
  readonly heldFirst: Float64Array;
  readonly heldBytes: Int32Array;
  readonly heldLine: Uint8Array;
}
