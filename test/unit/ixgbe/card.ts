import * as bits from "../../../devices/ixgbe/descriptors.ts";
import { create, declaration, type IxgbeOptions } from "../../../devices/ixgbe/ixgbe.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { DeviceModel } from "../../../emulator/pcie/device-model.ts";
import type { Register } from "../../../emulator/registers/declare.ts";
import { Rng } from "../../../emulator/run/rng.ts";
import { IOVA_HIGH, TestPort } from "./test-port.ts";

export const STATION: readonly number[] = [0x02, 0x00, 0x00, 0x82, 0x59, 0x90];

/** A card in a test, with the few things that a driver does over and over. */
export class Card {
  readonly port: TestPort;
  readonly device: DeviceModel;
  readonly #wire = MemoryView.ofSize(0x8000);
  #wireOffset = 0;
  #nextFree = 0;

  constructor(options: IxgbeOptions = {}, hostBytes: number = 1 << 22) {
    this.port = new TestPort(hostBytes, declaration(options).timerCount);
    this.device = create(this.port, options);
    this.port.device = this.device;
    this.device.onReset("power-on");
  }

  /** Link up, receive and transmit enabled, promiscuous. */
  static running(options: IxgbeOptions = {}, hostBytes: number = 1 << 22): Card {
    const card = new Card(options, hostBytes);
    card.port.advance(10_000_000);
    card.set(reg.FCTRL, reg.FCTRL.fields.MPE.mask | reg.FCTRL.fields.UPE.mask | reg.FCTRL.fields.BAM.mask);
    card.set(reg.RDRXCTL, card.get(reg.RDRXCTL) | reg.RDRXCTL.fields.CRC_STRIP.mask);
    card.set(reg.RXCSUM, reg.RXCSUM.fields.PCSD.mask);
    card.set(reg.DTXMXSZRQ, 0xfff);
    card.set(reg.DMATXCTL, card.get(reg.DMATXCTL) | reg.DMATXCTL.fields.TE.mask);
    card.set(reg.RXCTRL, 1);
    return card;
  }

  set(register: Register, value: number, index = 0): void {
    this.device.onWrite(0, register.at(index), 4, value | 0, 0);
  }

  get(register: Register, index = 0): number {
    return this.device.onRead(0, register.at(index), 4);
  }

  /** Host memory, 128-byte aligned; returns its offset, which is the low word of its IOVA. */
  allocate(byteLength: number): number {
    const at = this.#nextFree;
    this.#nextFree = (at + byteLength + 127) & ~127;
    if (this.#nextFree > this.port.host.byteLength) throw new RangeError("the test's host memory is too small");
    return at;
  }

  /** Brings a receive queue up and waits for it. Returns the ring's offset. */
  startReceive(queue: number, slotCount: number, srrctl: number, rxdctl = 0): number {
    const ring = this.allocate(slotCount * 16);
    this.set(reg.RDBAL, ring, queue);
    this.set(reg.RDBAH, IOVA_HIGH, queue);
    this.set(reg.RDLEN, slotCount * 16, queue);
    this.set(reg.RDH, 0, queue);
    this.set(reg.RDT, 0, queue);
    this.set(reg.SRRCTL, srrctl, queue);
    this.set(reg.RXDCTL, reg.RXDCTL.fields.ENABLE.mask | rxdctl, queue);
    this.port.advance(20_000);
    return ring;
  }

  startTransmit(queue: number, slotCount: number, txdctl = 0): number {
    const ring = this.allocate(slotCount * 16);
    this.set(reg.TDBAL, ring, queue);
    this.set(reg.TDBAH, IOVA_HIGH, queue);
    this.set(reg.TDLEN, slotCount * 16, queue);
    this.set(reg.TDH, 0, queue);
    this.set(reg.TDT, 0, queue);
    this.set(reg.TXDCTL, reg.TXDCTL.fields.ENABLE.mask | txdctl, queue);
    this.port.advance(20_000);
    return ring;
  }

  /** Writes four words of a descriptor. */
  putDescriptor(ring: number, slot: number, words: readonly [number, number, number, number]): void {
    for (let index = 0; index < 4; index++)
      this.port.host.words[(ring + slot * 16) / 4 + index] = words[index] as number;
  }

  word(ring: number, slot: number, index: number): number {
    return this.port.host.words[(ring + slot * 16) / 4 + index] as number;
  }

  /** A frame comes in from the wire, at another place in memory each time: odd ones too. */
  receive(frame: Uint8Array, flags = 0): void {
    this.#wireOffset = (this.#wireOffset + 5) & 0x3f;
    this.#wire.bytes.set(frame, this.#wireOffset);
    this.device.onFrame(0, this.#wire, this.#wireOffset, frame.length, flags);
  }

  hostBytes(offset: number, byteLength: number): Uint8Array {
    return this.port.host.bytes.slice(offset, offset + byteLength);
  }

  rules(): string[] {
    return this.port.log.findings.map((finding) => finding.rule);
  }

  violations(): string[] {
    return this.port.log.findings.filter((finding) => finding.kind === "violation").map((finding) => finding.rule);
  }
}

const { MULTIPLE_MSIX, EIAME, OCD } = reg.GPIE.fields;

/** MSI-X with a vector for each queue. */
export function msixCard(gpie: number = MULTIPLE_MSIX.mask | EIAME.mask | OCD.mask): Card {
  const card = Card.running();
  card.get(reg.EICR);
  card.port.mode = "msix";
  card.set(reg.GPIE, gpie);
  card.device.onConfigChanged?.();
  card.port.raised.length = 0;
  return card;
}

/** SRRCTL for advanced descriptors with one buffer. */
export function srrctl(bufferKibibytes: number, drops = false): number {
  return bufferKibibytes | (bits.DESCTYPE_ADVANCED_ONE_BUFFER << 25) | (drops ? reg.SRRCTL.fields.DROP_EN.mask : 0);
}

/** Word 2 of an advanced data descriptor. */
export function dataCommand(byteLength: number, flags: number): number {
  return byteLength | bits.TX_DTYP_DATA | bits.TX_DEXT | flags;
}

/** An Ethernet frame with `byteLength` bytes in all: addressed to the station, of a private EtherType, filled from a number. */
export function plainFrame(byteLength: number, seed: number, destination: readonly number[] = STATION): Uint8Array {
  const frame = new Uint8Array(byteLength);
  frame.set(destination.slice(0, byteLength));
  frame.set([0x02, 0, 0, 0, 0, 1, 0x88, 0xb5].slice(0, Math.max(0, byteLength - 6)), 6);
  for (let index = 14; index < byteLength; index++) frame[index] = seed * 31 + index * 7;
  if (byteLength >= 18) new DataView(frame.buffer).setUint32(14, seed);
  return frame;
}

/** Bytes that look like payload. */
export function anyBytes(byteLength: number, seed: number): Uint8Array {
  const rng = new Rng(seed);
  return Uint8Array.from({ length: byteLength }, () => rng.nextI32());
}
