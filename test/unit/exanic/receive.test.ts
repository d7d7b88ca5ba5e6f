import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as reg from "../../../devices/exanic/registers.ts";
import { FRAME_BAD_FCS } from "../../../emulator/pcie/device-model.ts";
import { IOVA_HIGH } from "../ixgbe/test-port.ts";
import { Card, CHUNK_BYTES, CHUNK_COUNT, frameOf, withFcs } from "./card.ts";

/** A second card, as fifo_if.h describes it: every chunk of every frame in the order in which they come. */
function chunksOf(frames: readonly { readonly frame: Uint8Array; readonly damaged: boolean }[]) {
  return frames.flatMap(({ frame, damaged }) => {
    const whole = withFcs(frame, damaged);
    const count = Math.ceil(whole.length / 120);
    return Array.from({ length: count }, (_, index) => {
      const payload = whole.slice(120 * index, 120 * (index + 1));
      return { payload, isLast: index === count - 1, damaged };
    });
  });
}

const anyFrames = fc.array(
  fc.record({
    byteLength: fc.oneof(fc.integer({ min: 14, max: 1600 }), fc.constantFrom(60, 115, 116, 117, 236, 237)),
    damaged: fc.boolean(),
  }),
  { minLength: 1, maxLength: 60 },
);

describe("the ring", () => {
  test("holds every frame in chunks of 120 bytes with its FCS, lap after lap, newest over oldest", () => {
    fc.assert(
      fc.property(anyFrames, (list) => {
        const frames = list.map(({ byteLength, damaged }, index) => ({ frame: frameOf(byteLength, index), damaged }));
        const card = Card.running();
        for (const { frame, damaged } of frames) {
          card.receive(frame, damaged ? FRAME_BAD_FCS : 0);
          card.port.advance(2000);
        }
        const expected = chunksOf(frames);
        for (let at = Math.max(0, expected.length - CHUNK_COUNT); at < expected.length; at++) {
          const chunk = card.chunk(at % CHUNK_COUNT);
          const { payload, isLast, damaged } = expected[at] as (typeof expected)[0];
          expect(chunk.generation).toBe(Math.floor(at / CHUNK_COUNT) & 0xff);
          expect(chunk.length).toBe(isLast ? payload.length : 0);
          expect(chunk.status).toBe(damaged ? 2 : 0);
          expect(Buffer.compare(chunk.payload.subarray(0, payload.length), payload)).toBe(0);
        }
        // What was never written is as the driver left it.
        for (let at = expected.length; at < CHUNK_COUNT; at++) expect(card.chunk(at).generation).toBe(0xff);
        expect(card.get(reg.STAT_RX)).toBe(frames.filter(({ damaged }) => !damaged).length);
        expect(card.get(reg.STAT_RX_ERROR)).toBe(frames.filter(({ damaged }) => damaged).length);
        expect(card.violations()).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  test("counts its laps in eight bits", () => {
    const card = Card.running();
    for (let frame = 0; frame < 256 * CHUNK_COUNT; frame++) card.receive(frameOf(60, frame));
    expect(card.chunk(CHUNK_COUNT - 1).generation).toBe(255);
    card.receive(frameOf(60, 0));
    expect(card.chunk(0).generation).toBe(0);
    expect(card.chunk(1).generation).toBe(255);
  });

  test("asks nobody: each chunk is one write whose last word is the one with the generation", () => {
    const card = Card.running();
    card.port.keepsEvents = true;
    for (let frame = 0; frame < 2 * CHUNK_COUNT; frame++) card.receive(frameOf(60, frame));
    expect(card.port.events).toEqual(
      Array.from({ length: 2 * CHUNK_COUNT }, (_, index) => ({
        kind: "write",
        offset: card.region + (index % CHUNK_COUNT) * CHUNK_BYTES,
        byteLength: CHUNK_BYTES,
        flagOffset: 124,
      })),
    );
    expect(card.port.outstandingReads).toBe(0);
  });
});

describe("a long frame cuts through", () => {
  test("chunk by chunk as it comes from the wire: 96 ns each at 10 Gb/s", () => {
    const card = Card.running();
    card.receive(frameOf(1000, 1));
    for (let chunk = 0; chunk < 9; chunk++) {
      expect(card.chunk(chunk).generation).toBe(0);
      expect(card.chunk(chunk + 1).generation).toBe(0xff);
      card.port.advance(95);
      expect(card.chunk(chunk + 1).generation).toBe(0xff);
      card.port.advance(1);
    }
    expect(card.chunk(8).length).toBe(1004 - 8 * 120);
  });

  test("and those behind it wait their turn", () => {
    const card = Card.running();
    card.receive(frameOf(300, 1));
    card.receive(frameOf(60, 2));
    expect(card.chunk(1).generation).toBe(0xff);
    card.port.advance(1000);
    expect([0, 1, 2, 3].map((chunk) => card.chunk(chunk).length)).toEqual([0, 0, 64, 64]);
  });

  test("until there is no more room for them: they are lost, and the next frame says so", () => {
    const card = Card.running();
    for (let frame = 0; frame < 40; frame++) card.receive(frameOf(1500, frame));
    const lost = card.get(reg.STAT_RX_DROPPED);
    expect(lost).toBeGreaterThan(0);
    expect(card.device.hasRoomForFrame?.(0, 1500)).toBe(false);
    card.port.advance(1_000_000);
    expect(card.device.hasRoomForFrame?.(0, 1500)).toBe(true);
    expect(card.get(reg.STAT_RX) + lost).toBe(40);
    // The frames that were already waiting are as good as ever.
    const before = card.device.statistics().rxChunks ?? 0;
    expect(card.chunk((before - 1) % CHUNK_COUNT).status).toBe(0);
    card.receive(frameOf(60, 1));
    card.receive(frameOf(60, 2));
    expect(card.chunk(before % CHUNK_COUNT).status).toBe(3);
    expect(card.chunk((before + 1) % CHUNK_COUNT).status).toBe(0);
  });

  test("and still lands when the port is disabled in the middle of it", () => {
    const card = Card.running();
    card.receive(frameOf(300, 1));
    card.set(reg.PORT_ENABLED, 0);
    card.receive(frameOf(60, 2));
    card.port.advance(1000);
    expect(card.chunk(2).length).toBe(64);
    expect(card.chunk(3).generation).toBe(0xff);
    expect(card.device.statistics()).toMatchObject({ rxDelivered: 1, rxDropNotReady: 1 });
  });
});

describe("a port takes", () => {
  const to = (address: readonly number[]): Uint8Array => {
    const frame = frameOf(60, 1);
    frame.set(address);
    return frame;
  };

  test("its own address and groups, and all when it is promiscuous", () => {
    const card = Card.running({ macAddress: "64:3f:5f:00:00:10" });
    card.set(reg.PORT_FLAGS, 0);
    card.receive(to([0x64, 0x3f, 0x5f, 0, 0, 0x10]));
    card.receive(to([0x01, 0x00, 0x5e, 1, 2, 3]));
    card.receive(to([0x64, 0x3f, 0x5f, 0, 0, 0x11]));
    expect([card.get(reg.STAT_RX), card.get(reg.STAT_RX_IGNORED)]).toEqual([2, 1]);
    card.set(reg.PORT_FLAGS, 1);
    card.receive(to([0x64, 0x3f, 0x5f, 0, 0, 0x11]));
    expect(card.get(reg.STAT_RX)).toBe(3);
    card.set(reg.STAT_RESET, 1);
    expect([card.get(reg.STAT_RX), card.get(reg.STAT_RX_IGNORED)]).toEqual([0, 0]);
  });

  test("nothing before it is enabled and has its link, which it loses when it is disabled", () => {
    const card = Card.running({ linkUpNs: 500 });
    card.receive(frameOf(60, 1));
    card.port.advance(499);
    card.receive(frameOf(60, 2));
    expect(card.get(reg.PORT_STATUS) & 9).toBe(1);
    card.port.advance(1);
    expect(card.get(reg.PORT_STATUS) & 9).toBe(9);
    card.receive(frameOf(60, 3));
    expect(card.device.statistics()).toMatchObject({ rxDropNotReady: 2, rxDelivered: 1 });
    card.set(reg.PORT_ENABLED, 0);
    expect(card.get(reg.PORT_STATUS) & 9).toBe(0);
  });

  test("what is its own: two ports write into two regions", () => {
    const card = Card.running();
    const other = card.allocate(CHUNK_COUNT * CHUNK_BYTES);
    card.set(reg.PORT_RX_DMA_BASE_LO, other, 1);
    card.set(reg.PORT_RX_DMA_BASE_HI, IOVA_HIGH, 1);
    card.set(reg.PORT_ENABLED, 1, 1);
    card.receive(frameOf(60, 7), 0, 1);
    card.receive(frameOf(60, 8), 0, 0);
    expect(card.chunk(0, other).payload[20]).toBe(frameOf(60, 7)[20]);
    expect(card.chunk(0).payload[20]).toBe(frameOf(60, 8)[20]);
  });
});

describe("the clock", () => {
  test("counts cycles, and stamps the beginning of each frame", () => {
    const card = Card.running();
    card.port.advance(1_000_000_000);
    expect(card.get(reg.HW_TIME)).toBe(reg.CLOCK_HZ);
    card.receive(frameOf(60, 1));
    // Preamble 8, frame 60, FCS 4 bytes before.
    expect(card.chunk(0).timestamp).toBe(Math.floor((1e9 - 72 * 0.8) * (reg.CLOCK_HZ / 1e9)));
    card.receive(frameOf(500, 2));
    card.port.advance(10_000);
    const stamps = [1, 2, 3, 4, 5].map((chunk) => card.chunk(chunk).timestamp);
    expect(new Set(stamps).size).toBe(1);
  });

  test("is set, and gains or loses a cycle in every n", () => {
    const card = Card.running();
    card.set(reg.CLK_SET, 0xffff_fff0);
    card.port.advance(1000);
    expect(card.get(reg.HW_TIME)).toBe(161 - 16);
    const { INCREMENT } = reg.CLK_ADJ.fields;
    for (const [value, rate] of [
      [1000 | INCREMENT.mask, 1.001],
      [1000, 0.999],
      [0, 1],
    ] as const) {
      card.set(reg.CLK_ADJ, value);
      card.set(reg.CLK_SET, 0);
      card.port.advance(1_000_000_000);
      expect(card.get(reg.HW_TIME)).toBe(Math.floor(reg.CLOCK_HZ * rate));
    }
  });
});

describe("an interrupt", () => {
  const { ENABLE } = reg.PORT_IRQ_CONFIG.fields;
  const arm = (card: Card, generation: number, chunk: number): void =>
    card.set(reg.PORT_IRQ_CONFIG, ENABLE.mask | (generation << 14) | chunk);

  test("comes once, with the chunk that it was armed for, behind it", () => {
    const card = Card.running();
    card.port.advance(1);
    arm(card, 1, 3);
    for (let frame = 0; frame < CHUNK_COUNT + 3; frame++) card.receive(frameOf(60, frame));
    expect(card.port.risingEdges).toBe(0);
    card.receive(frameOf(60, 1));
    expect(card.port.risingEdges).toBe(1);
    for (let frame = 0; frame < 3 * CHUNK_COUNT; frame++) card.receive(frameOf(60, frame));
    expect(card.port.risingEdges).toBe(1);
  });

  test("comes at once for a chunk that is there already, and never when it is disarmed", () => {
    const card = Card.running();
    card.receive(frameOf(60, 0));
    arm(card, 0, 0);
    expect(card.port.risingEdges).toBe(1);
    arm(card, 0, 1);
    card.set(reg.PORT_IRQ_CONFIG, 0);
    card.receive(frameOf(60, 1));
    expect(card.port.risingEdges).toBe(1);
  });

  test("is lost, and said, while MSI is off", () => {
    const card = Card.running();
    card.port.mode = "intx";
    arm(card, 0, 0);
    card.receive(frameOf(60, 0));
    expect(card.violations()).toEqual(["interrupt-without-msi"]);
  });
});
