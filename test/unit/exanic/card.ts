import { create, declaration, type ExanicOptions } from "../../../devices/exanic/exanic.ts";
import * as reg from "../../../devices/exanic/registers.ts";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { DeviceModel } from "../../../emulator/pcie/device-model.ts";
import type { Register } from "../../../emulator/registers/declare.ts";
import { crc32 } from "../../../emulator/wire/crc32.ts";
import { IOVA_HIGH, TestPort } from "../ixgbe/test-port.ts";

export const CHUNK_BYTES = 128;
/** The chunks of a region in these tests: lapped soon. */
export const CHUNK_COUNT = 16;

/** fifo_if.h, struct rx_chunk, as it lies in memory. */
export interface Chunk {
  readonly payload: Uint8Array;
  readonly timestamp: number;
  readonly status: number;
  readonly length: number;
  readonly filter: number;
  readonly generation: number;
}

/** A card in a test, started, with the few things that a driver does over and over. */
export class Card {
  readonly port: TestPort;
  readonly device: DeviceModel;
  readonly #wire = MemoryView.ofSize(0x8000);
  #nextFree = 4096;

  constructor(options: ExanicOptions = {}) {
    const all = { chunkCount: CHUNK_COUNT, startupNs: 0, linkUpNs: 0, ...options };
    this.port = new TestPort(1 << 20, declaration(all).timerCount);
    this.port.mode = "msi";
    this.device = create(this.port, all);
    this.port.device = this.device;
    this.device.onReset("power-on");
  }

  /** With port 0 or 1 enabled and promiscuous; {@link region} is where it writes. */
  static running(options: ExanicOptions = {}, port = 0): Card {
    const card = new Card(options);
    card.region = card.allocate(CHUNK_COUNT * CHUNK_BYTES);
    card.set(reg.PORT_RX_DMA_BASE_LO, card.region, port);
    card.set(reg.PORT_RX_DMA_BASE_HI, IOVA_HIGH, port);
    card.set(reg.PORT_FLAGS, reg.PORT_FLAGS.fields.PROMISCUOUS.mask, port);
    card.feedback = card.allocate(4096);
    card.set(reg.TX_FEEDBACK_BASE_LO, card.feedback);
    card.set(reg.TX_FEEDBACK_BASE_HI, IOVA_HIGH);
    card.set(reg.PORT_ENABLED, 1, port);
    return card;
  }

  /** Offsets in host memory. */
  region = 0;
  feedback = 0;

  set(register: Register, value: number, index = 0): void {
    this.device.onWrite(0, register.at(index), 4, value | 0, 0);
  }

  get(register: Register, index = 0): number {
    return this.device.onRead(0, register.at(index), 4) >>> 0;
  }

  /** Host memory by pages, filled as drivers do. */
  allocate(byteLength: number): number {
    const at = this.#nextFree;
    this.#nextFree += (byteLength + 4095) & ~4095;
    this.port.host.bytes.fill(0xff, at, at + byteLength);
    return at;
  }

  receive(frame: Uint8Array, flags = 0, port = 0): void {
    this.#wire.bytes.set(frame);
    this.device.onFrame(port, this.#wire, 0, frame.length, flags);
  }

  /** The chunk that lies at a place of a region. */
  chunk(place: number, region: number = this.region): Chunk {
    const at = region + place * CHUNK_BYTES;
    const { bytes, words } = this.port.host;
    return {
      payload: bytes.slice(at, at + 120),
      timestamp: (words[(at + 120) >> 2] as number) >>> 0,
      status: bytes[at + 124] as number,
      length: bytes[at + 125] as number,
      filter: bytes[at + 126] as number,
      generation: bytes[at + 127] as number,
    };
  }

  /** Writes a transmit chunk at an offset of the TX region, word by word. */
  putChunk(
    at: number,
    frame: Uint8Array,
    id: number,
    slot: number,
    overrides: { length?: number; type?: number } = {},
  ): void {
    const { length = frame.length + 2, type = 1 } = overrides;
    const bytes = new Uint8Array((10 + frame.length + 3) & ~3);
    new DataView(bytes.buffer).setUint16(0, id, true);
    new DataView(bytes.buffer).setUint16(2, slot, true);
    new DataView(bytes.buffer).setUint16(4, length, true);
    bytes[6] = type;
    bytes.set(frame, 10);
    for (const [index, word] of new Int32Array(bytes.buffer).entries())
      this.device.onWrite(2, at + 4 * index, 4, word, 0);
  }

  feedbackOf(slot: number): number {
    return new DataView(this.port.host.bytes.buffer).getUint16(this.feedback + 2 * slot, true);
  }

  violations(): string[] {
    return this.port.log.findings.filter(({ kind }) => kind === "violation").map(({ rule }) => rule);
  }
}

/** A frame with its FCS, as it lies in a region. */
export function withFcs(frame: Uint8Array, damaged = false): Uint8Array {
  const whole = new Uint8Array(frame.length + 4);
  whole.set(frame);
  const crc = crc32(frame, 0, frame.length);
  new DataView(whole.buffer).setInt32(frame.length, damaged ? ~crc : crc, true);
  return whole;
}

/** A frame that tells by each of its bytes which one it is, to everybody. */
export function frameOf(byteLength: number, number: number): Uint8Array {
  const frame = Uint8Array.from({ length: byteLength }, (_, index) => number * 31 + index * 7);
  frame.fill(0xff, 0, Math.min(6, byteLength));
  return frame;
}
