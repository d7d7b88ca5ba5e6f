import type { Clock } from "../../clock/clock.ts";
import { crc32 } from "../crc32.ts";
import type { ArbiterOptions } from "./arbiter-options.ts";
import type { ArbiterSink } from "./arbiter-sink.ts";
import { HeldPackets } from "./held-packets.ts";
import type { LinePositions } from "./line-positions.ts";
import type { LineTally } from "./line-tally.ts";
import { BROUGHT_BY_ANY, DECLARED_LOST, SequenceWindow } from "./sequence-window.ts";

// Marks. Every sequence below FRONTIER is passed or lost, and every one below KNOWN has been heard of.
const BASE = 0; // the oldest sequence that is remembered
const FRONTIER = 1;
const KNOWN = 2;

/**
 * Lets each sequence of one count through once, and declares lost what nobody brings: the part of a
 * {@link StreamArbiter} that knows no sessions and no restarts.
 */
export class MessageGate {
  /** [0]: when the oldest hole is declared lost; Infinity when there is none. */
  readonly next: Float64Array = new Float64Array([Number.POSITIVE_INFINITY]);
  readonly marks: Float64Array = new Float64Array(3);
  readonly held: HeldPackets | undefined;
  passedCount = 0;
  lostCount = 0;
  /** What the sink is told of the stream. */
  streamKey = 0;
  readonly #now: Float64Array;
  readonly #sink: ArbiterSink;
  readonly #options: Required<ArbiterOptions>;
  readonly #positions: LinePositions;
  readonly #lines: readonly LineTally[];
  readonly #window: SequenceWindow;
  readonly #range = new Float64Array(2);
  // Argument of the private methods that take a sequence: as a Number it would be boxed.
  readonly #target = new Float64Array(1);

  constructor(
    clock: Clock,
    sink: ArbiterSink,
    options: Required<ArbiterOptions>,
    positions: LinePositions,
    lines: readonly LineTally[],
  ) {
    this.#now = clock.now;
    this.#sink = sink;
    this.#options = options;
    this.#positions = positions;
    this.#lines = lines;
    this.#window = new SequenceWindow(options.windowSequences);
    if (options.mode === "reliability") this.held = new HeldPackets(options.heldPacketLimit, options.packetByteLimit);
  }

  /** A new count begins at `sequence[0]`; {@link close} ended the one before. */
  begin(sequence: Float64Array): void {
    this.marks.fill(sequence[0] as number);
  }

  /** The count is over: holes are lost, held packets passed, and what the lines missed is counted. */
  close(): void {
    this.#target[0] = this.marks[KNOWN] as number;
    this.#forceUpToTarget();
    this.#forgetUpToTarget();
    this.next[0] = Number.POSITIVE_INFINITY;
  }

  /** A packet of `line` whose first message has sequence `sequence[0]`. */
  take(
    line: number,
    sequence: Float64Array,
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    messageCount: number,
  ): void {
    const { marks } = this;
    const first = sequence[0] as number;
    const end = first + messageCount;
    this.#target[0] = end - this.#options.windowSequences;
    if ((this.#target[0] as number) > (marks[BASE] as number)) this.#slideToTarget();
    this.#openUpTo(sequence);
    if (messageCount > 0) {
      const tally = this.#lines[line] as LineTally;
      const behind = (marks[BASE] as number) - first;
      const skippedCount = behind <= 0 ? 0 : Math.min(behind, messageCount);
      tally.behindWindow += skippedCount;
      if (skippedCount === 0) this.#compare(line, sequence, bytes, offset, byteLength, messageCount);
      if (end > (marks[KNOWN] as number)) marks[KNOWN] = end;
      this.#mark(line, sequence, bytes, offset, byteLength, skippedCount, messageCount);
    }
    this.settle();
  }

  /** Advances over what is settled, and declares lost what every line is past or what has waited too long. */
  settle(): void {
    const { marks } = this;
    const { flags, timeNs } = this.#window;
    const { gapLimitNs } = this.#options;
    const now = this.#now[0] as number;
    for (;;) {
      this.#advance();
      this.#positions.findLeast();
      const pastEnd = (this.#positions.least[0] as number) - this.#options.reorderSequences;
      let sequence = marks[FRONTIER] as number;
      let slot = this.#window.slotOf(marks, FRONTIER);
      while (sequence < (marks[KNOWN] as number) && (flags[slot] as number) === 0) {
        // The sum that `next` is, to the bit: times have fractions, and now - gapLimitNs may be rounded the other way.
        if (sequence >= pastEnd && (timeNs[slot] as number) + gapLimitNs > now) break;
        flags[slot] = DECLARED_LOST;
        slot = this.#window.after(slot);
        sequence++;
      }
      if (sequence === marks[FRONTIER]) break;
      this.#target[0] = sequence;
      this.#loseUpToTarget();
    }
    const waits = (marks[FRONTIER] as number) < (marks[KNOWN] as number);
    const slot = this.#window.slotOf(marks, FRONTIER);
    this.next[0] = waits ? (timeNs[slot] as number) + gapLimitNs : Number.POSITIVE_INFINITY;
  }

  /** Holes from what was known up to `sequence[0]`, as of now. */
  #openUpTo(sequence: Float64Array): void {
    const { marks } = this;
    const { timeNs } = this.#window;
    const first = sequence[0] as number;
    if (first <= (marks[KNOWN] as number)) return;
    let slot = this.#window.slotOf(marks, KNOWN);
    for (let left = first - (marks[KNOWN] as number); left > 0; left--) {
      timeNs[slot] = this.#now[0] as number;
      slot = this.#window.after(slot);
    }
    marks[KNOWN] = first;
  }

  /** Against the packet that first began at the same sequence: the bytes, and which of them came first. */
  #compare(
    line: number,
    sequence: Float64Array,
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    messageCount: number,
  ): void {
    const { flags, timeNs, firstLine, packetMessageCount, packetCrc } = this.#window;
    const tally = this.#lines[line] as LineTally;
    const slot = this.#window.slotOf(sequence, 0);
    const known = packetMessageCount[slot] as number;
    const crc = this.#options.comparesPayloads ? crc32(bytes, offset, byteLength) : 0;
    if (known === 0) {
      packetMessageCount[slot] = messageCount;
      packetCrc[slot] = crc;
    } else if (known !== messageCount) tally.uncomparedPackets++;
    else if (packetCrc[slot] !== crc) tally.payloadMismatches++;

    const brought = flags[slot] as number;
    if ((brought & BROUGHT_BY_ANY) === 0 || (brought & ((1 << line) | DECLARED_LOST)) !== 0) return;
    const first = this.#lines[firstLine[slot] as number] as LineTally;
    const leadNs = (this.#now[0] as number) - (timeNs[slot] as number);
    tally.leads.leadNs[0] = -leadNs;
    tally.leads.record();
    // With three lines and more, the first one's lead is that over the second.
    if ((brought & (brought - 1)) !== 0) return;
    first.leads.leadNs[0] = leadNs;
    first.leads.record();
  }

  /** Counts the messages one by one, and lets those through that nobody had brought. */
  #mark(
    line: number,
    sequence: Float64Array,
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    skippedCount: number,
    messageCount: number,
  ): void {
    const { flags, timeNs, firstLine } = this.#window;
    const tally = this.#lines[line] as LineTally;
    const bit = 1 << line;
    const firstBefore = tally.firstMessages;
    let slot = this.#window.slotOf(sequence, 0);
    for (let index = 0; index < skippedCount; index++) slot = this.#window.after(slot);
    let runStart = -1;
    for (let index = skippedCount; index < messageCount; index++) {
      const had = flags[slot] as number;
      flags[slot] = had | bit;
      if (had === 0) {
        tally.firstMessages++;
        timeNs[slot] = this.#now[0] as number;
        firstLine[slot] = line;
        if (runStart < 0) runStart = index;
      } else {
        if ((had & bit) !== 0) tally.duplicates++;
        else if ((had & DECLARED_LOST) === 0) tally.secondMessages++;
        if (runStart >= 0) this.#letThrough(line, sequence, bytes, offset, byteLength, runStart, index - runStart);
        runStart = -1;
        if ((had & (bit | DECLARED_LOST)) === DECLARED_LOST) {
          tally.lateMessages++;
          this.#range[0] = (sequence[0] as number) + index;
          this.#range[1] = this.#range[0] + 1;
          this.#sink.late?.(this.streamKey, line, this.#range, bytes, offset, byteLength, index);
        }
      }
      slot = this.#window.after(slot);
    }
    if (runStart >= 0) this.#letThrough(line, sequence, bytes, offset, byteLength, runStart, messageCount - runStart);
    if (tally.firstMessages > firstBefore) tally.firstPackets++;
  }

  /** Passes a run of new messages on, or keeps it until what is missing before it has come. */
  #letThrough(
    line: number,
    sequence: Float64Array,
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    messageIndex: number,
    messageCount: number,
  ): void {
    const { marks, held } = this;
    const range = this.#range;
    const first = (sequence[0] as number) + messageIndex;
    if (held !== undefined) {
      this.#advance();
      // With the oldest hole goes at least the packet behind it, so that there is room again.
      if (held.isFull && (marks[FRONTIER] as number) < first) this.#loseOldestHole();
      if ((marks[FRONTIER] as number) < first) {
        const packet = held.hold(line, sequence, bytes, offset, byteLength);
        range[0] = first;
        let slot = this.#window.slotOf(range, 0);
        for (let left = messageCount; left > 0; left--) {
          this.#window.heldIndex[slot] = packet;
          slot = this.#window.after(slot);
        }
        return;
      }
    }
    range[0] = first;
    range[1] = first + messageCount;
    this.passedCount += messageCount;
    if (marks[FRONTIER] === first) marks[FRONTIER] = range[1] as number;
    this.#sink.pass(this.streamKey, line, range, bytes, offset, byteLength, messageIndex, messageCount);
  }

  /** Moves the frontier over what is lost or was passed, and passes what was held for it. */
  #advance(): void {
    const { marks, held } = this;
    const { flags, heldIndex } = this.#window;
    let slot = this.#window.slotOf(marks, FRONTIER);
    while ((marks[FRONTIER] as number) < (marks[KNOWN] as number)) {
      const flag = flags[slot] as number;
      if (flag === 0) return;
      if (held === undefined || (flag & DECLARED_LOST) !== 0) {
        marks[FRONTIER] = (marks[FRONTIER] as number) + 1;
        slot = this.#window.after(slot);
        continue;
      }
      const packet = heldIndex[slot] as number;
      // It belongs to the packet at hand, which will pass it.
      if (packet < 0) return;
      const messageCount = this.#releaseRun(held, packet);
      for (let left = messageCount; left > 0; left--) slot = this.#window.after(slot);
    }
  }

  /** Passes what packet `packet` was held for, which begins at the frontier; returns how many messages that were. */
  #releaseRun(held: HeldPackets, packet: number): number {
    const { marks } = this;
    const range = this.#range;
    const { heldIndex } = this.#window;
    let messageCount = 0;
    let slot = this.#window.slotOf(marks, FRONTIER);
    while (heldIndex[slot] === packet) {
      heldIndex[slot] = -1;
      messageCount++;
      slot = this.#window.after(slot);
    }
    range[0] = marks[FRONTIER] as number;
    range[1] = range[0] + messageCount;
    marks[FRONTIER] = range[1];
    this.passedCount += messageCount;
    const messageIndex = range[0] - (held.first[packet] as number);
    const offset = packet * held.packetByteLimit;
    const byteLength = held.byteLength[packet] as number;
    const line = held.line[packet] as number;
    this.#sink.pass(this.streamKey, line, range, held.bytes, offset, byteLength, messageIndex, messageCount);
    held.release(packet);
    return messageCount;
  }

  #loseOldestHole(): void {
    this.#target[0] = this.marks[KNOWN] as number;
    this.#loseHoleBeforeTarget();
    this.#advance();
  }

  /** Everything below the target is passed or declared lost. */
  #forceUpToTarget(): void {
    const target = this.#target;
    const limit = target[0] as number;
    for (this.#advance(); (this.marks[FRONTIER] as number) < limit; this.#advance()) {
      target[0] = limit;
      this.#loseHoleBeforeTarget();
    }
    target[0] = limit;
  }

  /** Declares the hole at the frontier lost, but nothing from the target on. Moves the target. */
  #loseHoleBeforeTarget(): void {
    const { marks } = this;
    const { flags } = this.#window;
    const limit = this.#target[0] as number;
    let sequence = marks[FRONTIER] as number;
    let slot = this.#window.slotOf(marks, FRONTIER);
    for (; sequence < limit && (flags[slot] as number) === 0; sequence++) {
      flags[slot] = DECLARED_LOST;
      slot = this.#window.after(slot);
    }
    this.#target[0] = sequence;
    this.#loseUpToTarget();
  }

  /** Declares lost what lies between the frontier and the target, where the frontier comes to stand. */
  #loseUpToTarget(): void {
    const range = this.#range;
    range[0] = this.marks[FRONTIER] as number;
    range[1] = this.#target[0] as number;
    this.marks[FRONTIER] = range[1];
    this.lostCount += range[1] - range[0];
    this.#sink.lose(this.streamKey, range);
  }

  /** Makes the target the oldest sequence that is remembered; what falls out is lost, unless it was passed. */
  #slideToTarget(): void {
    const { marks } = this;
    const target = this.#target;
    const base = target[0] as number;
    const heardOf = Math.min(base, marks[KNOWN] as number);
    target[0] = heardOf;
    this.#forceUpToTarget();
    this.#forgetUpToTarget();
    if (base === heardOf) return;
    // A jump over more than the window: sequences that never had a slot.
    this.#range[0] = heardOf;
    this.#range[1] = base;
    this.#positions.countMissed(this.#lines, this.#range);
    marks[BASE] = base;
    marks[KNOWN] = base;
    target[0] = base;
    this.#loseUpToTarget();
  }

  /** Counts what the lines did not bring of the oldest sequences, and makes their slots free. */
  #forgetUpToTarget(): void {
    const { marks } = this;
    const base = this.#target[0] as number;
    let slot = this.#window.slotOf(marks, BASE);
    for (; (marks[BASE] as number) < base; marks[BASE] = (marks[BASE] as number) + 1) {
      // BASE is the first of the marks, which is where it is read from.
      this.#positions.countBrought(this.#lines, marks, this.#window.flags[slot] as number);
      this.#window.forget(slot);
      slot = this.#window.after(slot);
    }
  }
}
