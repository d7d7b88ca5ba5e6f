import { expect, test } from "vitest";
import type { Cpu, DmaBuffer } from "../../../emulator/pcie/driver-view.ts";
import { ExanicReader } from "../../../scenarios/drivers/exanic-reader.ts";
import { RX_CHUNK_BYTES, RX_PAYLOAD_BYTES, RX_STATE_AT } from "../../../scenarios/drivers/exanic-registers.ts";

const CHUNK_COUNT = 4;
/** Far beyond the time in which the rest of a frame comes. */
const HOUR_NS = 3_600e9;
const END_BYTES = 10;

/** A reader in the middle of a frame, whose CPU is held up for an hour between its look at the ring and its second look at the time. */
function heldUp(meanwhile: (states: Int32Array) => void): ExanicReader {
  const states = new Int32Array(CHUNK_COUNT);
  // A frame that ended in the last lap; and the first chunk of one in this lap.
  states[CHUNK_COUNT - 1] = END_BYTES << 8;
  const read = (at: number): number => states[(at - RX_STATE_AT) / RX_CHUNK_BYTES] ?? 0;
  const memory = { byteLength: CHUNK_COUNT * RX_CHUNK_BYTES, readAcquire32: read, read32: read, copyTo: () => {} };
  let looks = 0;
  const cpu = {
    relax: () => {},
    beginRacy: () => {},
    endRacy: () => {},
    dmaRmb: () => {},
    nowNs: () => {
      // The first two set the limit.
      if (++looks < 3) return 0;
      meanwhile(states);
      return looks * HOUR_NS;
    },
  };
  const reader = new ExanicReader(memory as unknown as DmaBuffer, cpu as unknown as Cpu);
  states[0] = 1 << 24;
  return reader;
}

test("a reader that is held up behind its look at the ring looks once more before it gives a frame up", () => {
  const reader = heldUp((states) => {
    states[1] = (1 << 24) | (END_BYTES << 8);
  });
  expect(reader.receive(new Uint8Array(2 * RX_PAYLOAD_BYTES))).toBe(RX_PAYLOAD_BYTES + END_BYTES);
});

test("and gives it up when nothing has come", () => {
  expect(() => heldUp(() => {}).receive(new Uint8Array(RX_PAYLOAD_BYTES))).toThrow(
    "chunk 1 of the receive region never came",
  );
});
