import fc from "fast-check";
import { expect, test } from "vitest";
import * as bits from "../../../devices/ixgbe/descriptors.ts";
import { Rings, RUNNING } from "../../../devices/ixgbe/queues.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { TransmitBuffer } from "../../../devices/ixgbe/transmit-buffer.ts";
import { TransmitGather } from "../../../devices/ixgbe/transmit-gather.ts";
import { TransmitOffload } from "../../../devices/ixgbe/transmit-offload.ts";
import { TransmitRoom } from "../../../devices/ixgbe/transmit-room.ts";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import { RegisterFile } from "../../../emulator/registers/register-file.ts";
import { TestPort } from "./test-port.ts";

const CACHE_SLOTS = 40;
const RING_SLOTS = 64;
const WORDS_OF_FRAME = 16;
const NOT_CALLED = {} as never;

/** Keeps what was asked for. */
class RecordingPort extends TestPort {
  readonly reads: (readonly number[])[] = [];

  override dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void {
    this.reads.push([high, low, byteLength, tag, context]);
  }
}

/** The part of the card between descriptors and requests, with descriptors of one queue on it. */
class GatherBench {
  readonly port = new RecordingPort(4096, 80);
  readonly rings: Rings;
  readonly buffer = new TransmitBuffer();
  readonly room: TransmitRoom;
  readonly gather: TransmitGather;

  constructor() {
    const file = new RegisterFile(reg.IXGBE_REGISTER_MAP, { registerFinding: () => {} });
    this.rings = new Rings(this.port, file, reg.TDH, { cacheSlots: CACHE_SLOTS, tag: 1, timer: 0 });
    this.room = new TransmitRoom(this.port, file, this.buffer);
    this.gather = new TransmitGather(this.port, {
      rings: this.rings,
      buffer: this.buffer,
      room: this.room,
      offload: new TransmitOffload(this.port, NOT_CALLED, NOT_CALLED),
      writeBack: NOT_CALLED,
      master: NOT_CALLED,
      statistics: NOT_CALLED,
      dataTag: 2,
    });
  }

  /** Nothing under way, and these descriptors on the card. */
  begin(queue: number, cacheStart: number, head: number, freeBytes: number, descriptors: readonly number[][]): void {
    const { rings } = this;
    this.port.reads.length = 0;
    this.port.log.clear();
    this.gather.reset();
    this.buffer.frames.fill(0);
    rings.reset();
    this.room.freeBytes = freeBytes;
    rings.state[queue] = RUNNING;
    rings.slotCount[queue] = RING_SLOTS;
    rings.cacheStart[queue] = cacheStart;
    rings.head[queue] = head;
    rings.next[queue] = (head + descriptors.length) % RING_SLOTS;
    const memory = MemoryView.ofSize(CACHE_SLOTS * bits.DESCRIPTOR_BYTE_LENGTH);
    memory.words.set(descriptors.flat());
    rings.store(queue, memory, 0, descriptors.length * bits.DESCRIPTOR_BYTE_LENGTH);
  }

  /** All that frames which have begun leave behind; the memory for their data is still empty. */
  state(queue: number): unknown {
    const { rings, buffer, gather, room, port } = this;
    const { head, tail, next, fetching, cached, cacheStart, state } = rings;
    const { count, first, usedBytes } = buffer;
    return {
      ring: [head, tail, next, fetching, cached, cacheStart, state].map((array) => array[queue]),
      frames: [...buffer.frames.subarray(0, count * WORDS_OF_FRAME)],
      numbers: { count, first, usedBytes, freeBytes: room.freeBytes, readsUnderWay: gather.readsUnderWay },
      framesUnderWay: gather.framesUnderWay[queue],
      reads: port.reads,
      findings: port.log.findings,
    };
  }
}

const DATA = bits.TX_DEXT | bits.TX_DTYP_DATA | bits.TX_EOP;
const anyWord = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const legalLength = fc.oneof(fc.integer({ min: 17, max: 70 }), fc.integer({ min: 17, max: 15_872 }));
/** IFCS and RS may be set or not; CC and the context's index mean nothing where nothing is asked for. */
const plain = fc
  .tuple(
    anyWord,
    anyWord,
    legalLength,
    fc.constantFrom(0, bits.TX_IFCS, bits.TX_RS, bits.TX_IFCS | bits.TX_RS),
    fc.nat(15),
  )
  .map(([low, high, length, flags, status]) => ({
    isPlain: true,
    words: [low, high, DATA | flags | length, (length << bits.TX_PAYLEN_SHIFT) | status | bits.TX_CONTEXT_INDEX],
  }));
/** One thing about it is not plain. What asks for an offload, what is cut or wrong, a context, a legacy descriptor. */
const other = fc
  .tuple(
    plain,
    fc.constantFrom(
      ([low, high, command, options]: number[]) => [low, high, (command as number) & ~bits.TX_EOP, options],
      ([low, high, command, options]: number[]) => [low, high, (command as number) | bits.TX_VLE, options],
      ([low, high, command, options]: number[]) => [low, high, (command as number) | bits.TX_TSE, options],
      ([low, high, command, options]: number[]) => [low, high, (command as number) | bits.TX_IC, options],
      ([low, high, command, options]: number[]) => [low, high, (command as number) & ~bits.TX_DEXT, options],
      ([low, high, command, options]: number[]) => [low, high, (command as number) ^ (1 << 20), options],
      ([low, high, command, options]: number[]) => [low, high, command, (options as number) | bits.TX_TXSM],
      ([low, high, command, options]: number[]) => [low, high, command, (options as number) | bits.TX_IXSM],
      ([low, high, command, options]: number[]) => [low, high, command, (options as number) | bits.TX_IPSEC],
      ([low, high, command, options]: number[]) => [
        low,
        high,
        command,
        (options as number) + (1 << bits.TX_PAYLEN_SHIFT),
      ],
      ([low, high]: number[]) => [low, high, DATA | 16, 16 << bits.TX_PAYLEN_SHIFT],
      ([low, high]: number[]) => [low, high, DATA | 15_873, 15_873 << bits.TX_PAYLEN_SHIFT],
    ),
  )
  .map(([{ words }, change]) => ({ isPlain: false, words: change(words) as number[] }));

const bursts = fc.record({
  queue: fc.nat(127),
  cacheStart: fc.nat(CACHE_SLOTS - 1),
  head: fc.nat(RING_SLOTS - 1),
  freeBytes: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 1 << 20 })),
  limit: fc.integer({ min: 1, max: 40 }),
  descriptors: fc.array(fc.oneof({ weight: 12, arbitrary: plain }, { weight: 1, arbitrary: other }), {
    minLength: 1,
    maxLength: CACHE_SLOTS,
    size: "max",
  }),
});

test("frames that begin in one go leave the card as frames that begin one by one, and none but plain ones do", () => {
  const together = new GatherBench();
  const apart = new GatherBench();
  fc.assert(
    fc.property(bursts, ({ queue, cacheStart, head, freeBytes, limit, descriptors }) => {
      const words = descriptors.map((descriptor) => descriptor.words);
      together.begin(queue, cacheStart, head, freeBytes, words);
      apart.begin(queue, cacheStart, head, freeBytes, words);
      const count = together.gather.beginPlain(queue, limit);
      for (let nth = 0; nth < count; nth++) {
        expect(apart.room.freeBytes).toBeGreaterThan(0);
        expect(apart.gather.begin(queue)).toBe(true);
      }
      expect(together.state(queue)).toEqual(apart.state(queue));
      expect(together.port.log.findings).toEqual([]);
      // And it stops only where it has to.
      const isPlain = descriptors[count]?.isPlain ?? false;
      const hasRoom = apart.room.freeBytes > 0 && apart.buffer.usedBytes < 0x0007_0000;
      expect(count < limit && isPlain && hasRoom).toBe(false);
    }),
  );
});
