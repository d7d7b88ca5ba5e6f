import type { Bar, DmaBuffer, Interrupt, PciFunction } from "../../emulator/pcie/driver-view.ts";
import * as reg from "../../scenarios/drivers/ixgbe-registers.ts";

export const RING_SIZE = 8;
export const BUFFER_BYTES = 2048;
const MS = 1_000_000;
const POLL_LIMIT = 2000;
const GIVE_UP_MS = 5;

/**
 * A driver for the 82599 of one queue each way, right in every step. Each step is a method of its own: a wrong driver of the
 * corpus is this one with one step another way.
 */
export class SmallIxgbe {
  readonly pci: PciFunction;
  readonly bar: Bar;
  rxRing!: DmaBuffer;
  txRing!: DmaBuffer;
  /** Receive buffers, one for each descriptor, then those to send from. */
  buffers!: DmaBuffer;
  interrupts: Interrupt[] = [];
  rxNext = 0;
  txNext = 0;
  txOldest = 0;
  received = 0;

  constructor(pci: PciFunction) {
    this.pci = pci;
    this.bar = pci.bar(0);
  }

  open(): this {
    this.reset();
    this.enableMaster();
    this.allocate();
    this.initReceive();
    this.initTransmit();
    this.initInterrupts();
    this.fillReceiveRing();
    return this;
  }

  /** 4.6.3.1, 4.6.3.2 */
  reset(): void {
    this.bar.write32(reg.EIMC, reg.EIMC_ALL);
    this.bar.write32(reg.CTRL, this.bar.read32(reg.CTRL) | reg.CTRL_RST);
    this.waitForReset();
    this.bar.write32(reg.EIMC, reg.EIMC_ALL);
    this.waitSet(reg.EEC, reg.EEC_AUTO_RD);
    this.waitSet(reg.RDRXCTL, reg.RDRXCTL_DMAIDONE);
    this.waitSet(reg.LINKS, reg.LINKS_LINK_UP);
  }

  waitForReset(): void {
    this.pci.cpu.delay(MS);
    for (let polls = 0; polls < POLL_LIMIT && (this.bar.read32(reg.CTRL) & reg.CTRL_RST) !== 0; polls++)
      this.pci.cpu.relax();
    this.pci.cpu.delay(10 * MS);
  }

  enableMaster(): void {
    this.pci.config.setBusMaster(true);
  }

  allocate(): void {
    const { dma } = this.pci;
    this.rxRing = dma.alloc(RING_SIZE * reg.DESCRIPTOR_BYTES, { align: 128, label: "rx ring" });
    this.txRing = dma.alloc(RING_SIZE * reg.DESCRIPTOR_BYTES, { align: 128, label: "tx ring" });
    this.buffers = dma.alloc(2 * RING_SIZE * BUFFER_BYTES, { label: "packet buffers" });
  }

  /** 4.6.7 */
  initReceive(): void {
    const { bar } = this;
    this.change(reg.HLREG0, reg.HLREG0_TXCRCEN | reg.HLREG0_TXPADEN | reg.HLREG0_RXCRCSTRP);
    this.change(reg.RDRXCTL, reg.RDRXCTL_CRCSTRIP);
    this.change(reg.FCTRL, reg.FCTRL_BAM | reg.FCTRL_UPE);
    this.writeReceiveRing();
    bar.write32(reg.SRRCTL(0), (BUFFER_BYTES >> 10) | reg.SRRCTL_DESCTYPE_ADVANCED | reg.SRRCTL_BSIZEHEADER_256);
    this.enableReceive();
    this.change(reg.RXCTRL, reg.RXCTRL_RXEN);
  }

  writeReceiveRing(): void {
    this.bar.write32(reg.RDBAL(0), this.rxRing.iovaLow);
    this.bar.write32(reg.RDBAH(0), this.rxRing.iovaHigh);
    this.bar.write32(reg.RDLEN(0), RING_SIZE * reg.DESCRIPTOR_BYTES);
  }

  enableReceive(): void {
    this.change(reg.RXDCTL(0), reg.RXDCTL_ENABLE);
    this.waitSet(reg.RXDCTL(0), reg.RXDCTL_ENABLE);
  }

  /** 4.6.8 */
  initTransmit(): void {
    const { bar } = this;
    bar.write32(reg.TDBAL(0), this.txRing.iovaLow);
    bar.write32(reg.TDBAH(0), this.txRing.iovaHigh);
    bar.write32(reg.TDLEN(0), RING_SIZE * reg.DESCRIPTOR_BYTES);
    this.enableTransmitPath();
    this.change(reg.TXDCTL(0), reg.TXDCTL_ENABLE);
    this.waitSet(reg.TXDCTL(0), reg.TXDCTL_ENABLE);
  }

  enableTransmitPath(): void {
    this.change(reg.DMATXCTL, reg.DMATXCTL_TE);
  }

  /** 4.6.6: none. Whoever wants some calls {@link initMsix}. */
  initInterrupts(): void {}

  initMsix(vector = 0): void {
    this.interrupts = this.pci.interrupts("msix", 2);
    this.change(reg.GPIE, reg.GPIE_MULTIPLE_MSIX | reg.GPIE_PBA_SUPPORT);
    this.bar.write32(reg.IVAR(0), vector | reg.IVAR_INT_ALLOC_VAL);
  }

  fillReceiveRing(): void {
    for (let slot = 0; slot < RING_SIZE; slot++) this.writeReceiveDescriptor(slot);
    this.bar.write32(reg.RDT(0), RING_SIZE - 1);
  }

  writeReceiveDescriptor(slot: number): void {
    this.writeReceiveAddress(slot, this.buffers.iova + this.bufferOf(slot));
    this.rxRing.write32(slot * reg.DESCRIPTOR_BYTES + reg.RXD_READ_HEADER_LOW, 0);
    this.rxRing.write32(slot * reg.DESCRIPTOR_BYTES + reg.RXD_READ_HEADER_HIGH, 0);
  }

  /** Where the buffer of a receive descriptor begins among all. */
  bufferOf(slot: number): number {
    return slot * BUFFER_BYTES;
  }

  /** A frame was taken out of the buffer of a receive descriptor, which is about to be given back. */
  completed(_slot: number): void {}

  writeReceiveAddress(slot: number, iova: number): void {
    this.rxRing.write32(slot * reg.DESCRIPTOR_BYTES + reg.RXD_READ_ADDRESS_LOW, iova % 2 ** 32);
    this.rxRing.write32(slot * reg.DESCRIPTOR_BYTES + reg.RXD_READ_ADDRESS_HIGH, Math.floor(iova / 2 ** 32));
  }

  /** The next frame that has arrived; undefined when there is none. */
  receive(): Uint8Array | undefined {
    const slot = this.rxNext;
    const at = slot * reg.DESCRIPTOR_BYTES;
    if ((this.rxRing.readAcquire32(at + reg.RXD_STATUS) & reg.RXD_STAT_DD) === 0) return undefined;
    const frame = new Uint8Array(this.rxRing.read32(at + reg.RXD_LENGTH_VLAN) & 0xffff);
    this.buffers.copyTo(this.bufferOf(slot), frame, 0, frame.length);
    this.completed(slot);
    this.writeReceiveDescriptor(slot);
    this.rxNext = (slot + 1) % RING_SIZE;
    this.bar.write32(reg.RDT(0), slot);
    this.received++;
    return frame;
  }

  /** Sends a frame if there is room. */
  transmit(frame: Uint8Array): boolean {
    this.clean();
    const slot = this.txNext;
    const following = (slot + 1) % RING_SIZE;
    if (!this.hasRoom(following)) return false;
    const buffer = (RING_SIZE + slot) * BUFFER_BYTES;
    this.buffers.copyFrom(buffer, frame, 0, frame.length);
    this.writeTransmitDescriptor(slot, this.buffers.iova + buffer, frame.length);
    this.txNext = following;
    this.ring(following);
    return true;
  }

  hasRoom(following: number): boolean {
    return following !== this.txOldest;
  }

  writeTransmitDescriptor(slot: number, iova: number, byteLength: number): void {
    const at = slot * reg.DESCRIPTOR_BYTES;
    this.txRing.write32(at + reg.TXD_ADDRESS_LOW, iova % 2 ** 32);
    this.txRing.write32(at + reg.TXD_ADDRESS_HIGH, Math.floor(iova / 2 ** 32));
    this.txRing.write32(at + reg.TXD_COMMAND, this.command() | byteLength);
    this.txRing.write32(at + reg.TXD_STATUS, byteLength << reg.TXD_PAYLEN_SHIFT);
  }

  command(): number {
    return reg.TXD_DTYP_DATA | reg.TXD_DCMD_DEXT | reg.TXD_DCMD_IFCS | reg.TXD_DCMD_EOP | reg.TXD_DCMD_RS;
  }

  ring(tail: number): void {
    this.bar.write32(reg.TDT(0), tail);
  }

  clean(): void {
    while (this.txOldest !== this.txNext && this.isSent(this.txOldest)) this.txOldest = (this.txOldest + 1) % RING_SIZE;
  }

  isSent(slot: number): boolean {
    return (this.txRing.readAcquire32(slot * reg.DESCRIPTOR_BYTES + reg.TXD_STATUS) & reg.TXD_STA_DD) !== 0;
  }

  close(): void {
    this.stopQueues();
    this.pci.config.setBusMaster(false);
    this.free();
  }

  stopQueues(): void {
    for (const control of [reg.RXDCTL(0), reg.TXDCTL(0)]) {
      this.bar.write32(control, this.bar.read32(control) & ~reg.RXDCTL_ENABLE);
      for (let polls = 0; polls < POLL_LIMIT && (this.bar.read32(control) & reg.RXDCTL_ENABLE) !== 0; polls++)
        this.pci.cpu.relax();
    }
    this.pci.cpu.delay(MS);
  }

  free(): void {
    for (const buffer of [this.rxRing, this.txRing, this.buffers]) buffer.free();
  }

  /** Sets bits of a register. */
  change(offset: number, bits: number): void {
    this.bar.write32(offset, (this.bar.read32(offset) | bits) >>> 0);
  }

  waitSet(offset: number, bits: number): void {
    for (let polls = 0; polls < POLL_LIMIT && (this.bar.read32(offset) & bits) === 0; polls++) this.pci.cpu.relax();
  }

  /** Does something again until it works, for a while. */
  retry(does: () => boolean): boolean {
    const { cpu } = this.pci;
    const deadlineNs = cpu.nowNs() + GIVE_UP_MS * MS;
    for (let tries = 0; tries < POLL_LIMIT || cpu.nowNs() < deadlineNs; tries++) {
      if (does()) return true;
      cpu.relax();
    }
    return false;
  }
}
