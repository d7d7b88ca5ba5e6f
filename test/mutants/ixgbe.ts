import { ALL, type Mutant, RELAXED_ONLY } from "./mutant.ts";

const file = "ixgbe.ts";

/** Mistakes in the reference driver of the 82599. */
export const IXGBE_MUTANTS: readonly Mutant[] = [
  {
    name: "rx-plain-status",
    file,
    find: "const status = memory.readAcquire32(at + reg.RXD_STATUS) | 0;",
    replace: "const status = memory.read32(at + reg.RXD_STATUS) | 0;",
    mistake: "no barrier between DD and what it stands for: length and data may be older than DD",
    wrongIn: RELAXED_ONLY,
    racesIn: RELAXED_ONLY,
    workload: "receive",
  },
  {
    name: "rx-length-before-done",
    file,
    find: `      const status = memory.readAcquire32(at + reg.RXD_STATUS) | 0;
      if ((status & reg.RXD_STAT_DD) === 0) break;
      const lengthAndTag = memory.read32(at + reg.RXD_LENGTH_VLAN) | 0;`,
    replace: `      const lengthAndTag = memory.read32(at + reg.RXD_LENGTH_VLAN) | 0;
      const status = memory.readAcquire32(at + reg.RXD_STATUS) | 0;
      if ((status & reg.RXD_STAT_DD) === 0) break;`,
    mistake: "the length is read before DD",
    wrongIn: ALL,
    racesIn: ALL,
    workload: "receive",
  },
  {
    name: "rx-relaxed-doorbell",
    file,
    find: "this.bar.write32(reg.RDT(this.index), last);",
    replace: "this.bar.writeRelaxed32(reg.RDT(this.index), last);",
    mistake: "RDT may overtake the descriptors that it hands over",
    wrongIn: RELAXED_ONLY,
    racesIn: RELAXED_ONLY,
    workload: "receive",
  },
  {
    name: "rx-tail-on-head",
    file,
    find: "this.bar.write32(reg.RDT(this.index), last);",
    replace: "this.bar.write32(reg.RDT(this.index), slot);",
    mistake: "RDT = RDH: the ring is not full but empty",
    wrongIn: ALL,
    workload: "receive",
  },
  {
    name: "rx-done-not-cleared",
    file,
    find: "      memory.write32(at + reg.RXD_READ_HEADER_LOW, 0);\n",
    replace: "",
    mistake: "DD of the lap before stays in the descriptor",
    wrongIn: ALL,
    workload: "receive",
  },
  {
    name: "rx-wrap-off-by-one",
    file,
    find: `      seen++;
      slot = slot + 1 === size ? 0 : slot + 1;`,
    replace: `      seen++;
      slot = slot === size ? 0 : slot + 1;`,
    mistake: "one descriptor too many before the ring wraps",
    wrongIn: ALL,
    workload: "receive",
  },
  {
    name: "rx-doorbell-first",
    file,
    find: `    const { memory, size, pool } = this;
    let slot = this.next;
    let last = slot;
    for (let done = 0; done < count; done++) {`,
    replace: `    const { memory, size, pool } = this;
    let slot = this.next;
    let last = slot;
    this.bar.write32(reg.RDT(this.index), (slot + count - 1) % size);
    for (let done = 0; done < count; done++) {`,
    mistake: "RDT is rung before the descriptors are written",
    wrongIn: ALL,
    racesIn: ALL,
    workload: "receive",
  },
  {
    name: "rx-old-buffer",
    file,
    find: "      memory.write32(at + reg.RXD_READ_ADDRESS_LOW, pool.iovaLow[buffer] as number);\n",
    replace: "",
    mistake: "the address of the buffer is not written: the write-back has overwritten it",
    wrongIn: ALL,
    racesIn: ALL,
    workload: "receive",
  },
  {
    name: "tx-doorbell-first",
    file,
    find: `    let frameBytes = batch.frameBytes(0, taken);
    for (let entry = 0; entry < taken; entry++) {
      const isLast`,
    replace: `    let frameBytes = batch.frameBytes(0, taken);
    this.bar.write32(reg.TDT(this.index), (slot + taken) % size);
    for (let entry = 0; entry < taken; entry++) {
      const isLast`,
    mistake: "TDT is rung before the descriptors are written",
    wrongIn: ALL,
    racesIn: ALL,
    workload: "transmit",
  },
  {
    name: "tx-relaxed-doorbell",
    file,
    find: "this.bar.write32(reg.TDT(this.index), slot);",
    replace: "this.bar.writeRelaxed32(reg.TDT(this.index), slot);",
    mistake: "TDT may overtake descriptors and data",
    wrongIn: RELAXED_ONLY,
    racesIn: RELAXED_ONLY,
    workload: "transmit",
  },
  {
    name: "tx-full-ring",
    file,
    find: "const free = this.oldest - this.next - 1;",
    replace: "const free = this.oldest - this.next;",
    mistake: "no descriptor stays free: TDT = TDH, and the full ring is empty",
    wrongIn: ALL,
    workload: "burst",
  },
  {
    name: "tx-freed-before-done",
    file,
    find: "      if ((status & reg.TXD_STA_DD) === 0) return false;\n",
    replace: "",
    mistake: "buffers are used again before the card has read them",
    wrongIn: ALL,
    workload: "transmit",
  },
  {
    name: "tx-no-report",
    file,
    find: "const reports = isLast && (framesInGroup === FRAMES_PER_REPORT || entry === taken - 1);",
    replace: "const reports = isLast && framesInGroup === FRAMES_PER_REPORT;",
    mistake: "the last frame of a batch has no RS: its DD never comes",
    wrongIn: ALL,
    workload: "transmit",
  },
  {
    name: "tx-wrong-done-bit",
    file,
    find: "if ((status & reg.TXD_STA_DD) === 0) return false;",
    replace: "if ((status & 0xffff_ffff) === 0) return false;",
    mistake: "PAYLEN, which the driver wrote itself, passes for the card's answer",
    wrongIn: ALL,
    workload: "transmit",
  },
  {
    name: "tx-payload-length",
    file,
    find: "memory.write32(at + reg.TXD_STATUS, frameBytes << reg.TXD_PAYLEN_SHIFT);",
    replace: "memory.write32(at + reg.TXD_STATUS, (frameBytes + 4) << reg.TXD_PAYLEN_SHIFT);",
    mistake: "PAYLEN counts the FCS",
    wrongIn: ALL,
    workload: "transmit",
  },
  {
    name: "tx-group-of-one-lap",
    file,
    find: "const following = slot + 1 === size ? 0 : slot + 1;",
    replace: "const following = slot + 1 > size ? 0 : slot + 1;",
    mistake: "one descriptor too many before the ring wraps",
    wrongIn: ALL,
    workload: "transmit",
  },
  {
    name: "tx-plain-clean",
    file,
    find: "const status = this.memory.readAcquire32(end * reg.DESCRIPTOR_BYTES + reg.TXD_STATUS);",
    replace: "const status = this.memory.read32(end * reg.DESCRIPTOR_BYTES + reg.TXD_STATUS);",
    mistake: "no barrier between DD and the reuse of the buffers",
    wrongIn: [],
    argument:
      "What follows DD are stores into the buffers, which depend on it: no model here, and no Arm, lets a store happen before a branch that it depends on. The card wrote nothing else that the driver reads.",
    workload: "transmit",
  },
  {
    name: "irq-not-unmasked",
    file,
    find: "      this.bar.write32(reg.EIMS, 1 << queueIndex);\n",
    replace: "",
    mistake: "the driver waits behind its own mask",
    wrongIn: ALL,
    workload: "interrupts",
  },
  {
    name: "irq-wrong-mask",
    file,
    find: "this.bar.write32(reg.EIMS, 1 << queueIndex);",
    replace: "this.bar.write32(reg.EIMS, 2 << queueIndex);",
    mistake: "another vector's cause is unmasked",
    wrongIn: ALL,
    workload: "interrupts",
  },
  {
    name: "irq-cause-cleared",
    file,
    find: `      this.bar.write32(reg.EIMS, 1 << queueIndex);
      // Look`,
    replace: `      this.bar.read32(reg.EICR);
      this.bar.write32(reg.EIMS, 1 << queueIndex);
      if (interrupt.wait(leftNs / MS)) continue;
      // Look`,
    mistake: "EICR is read before unmasking, and nobody looks at the ring again: a cause that came in between is lost",
    wrongIn: ALL,
    workload: "interrupts",
  },
  {
    name: "irq-no-look-after-unmask",
    file,
    find: "if (!queue.hasTraffic()) interrupt.wait(leftNs / MS);",
    replace: "interrupt.wait(leftNs / MS);",
    mistake: "no look at the ring between unmasking and sleeping",
    wrongIn: [],
    argument:
      "The cause of a frame that came while it was masked stays in EICR, and this driver does not read EICR: unmasking it sends the message. The look is only needed where causes can be lost.",
    workload: "interrupts",
  },
  {
    name: "close-frees-first",
    file,
    find: `    this.orCutOff(() => {
      this.bar.write32(reg.EIMC, reg.EIMC_ALL);
      this.#stopQueues();
      this.#disableMaster();
    });
    this.freeMemory();`,
    replace: `    this.freeMemory();
    this.orCutOff(() => {
      this.bar.write32(reg.EIMC, reg.EIMC_ALL);
      this.#stopQueues();
      this.#disableMaster();
    });`,
    mistake: "memory is unmapped while the card still uses it",
    wrongIn: ALL,
    workload: "close",
  },
  {
    name: "close-does-not-wait",
    file,
    find: `      this.#stopQueues();
      this.#disableMaster();
    });
    this.freeMemory();`,
    replace: `      for (const queue of this.#rxQueues) this.registers.clear(reg.RXDCTL(queue.index), reg.RXDCTL_ENABLE);
      for (const queue of this.#txQueues) this.registers.clear(reg.TXDCTL(queue.index), reg.TXDCTL_ENABLE);
    });
    this.freeMemory();`,
    mistake: "the queues are told to stop, and the memory is unmapped before they have",
    wrongIn: ALL,
    workload: "close",
  },
];
