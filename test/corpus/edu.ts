/** Mistakes with the edu. */
import { edu } from "../../devices/edu/index.ts";
import type { Bar, DmaBuffer } from "../../emulator/pcie/driver-view.ts";
import { type CorpusBed, type WrongDriver, wrongDrivers } from "./wrong-driver.ts";

const FACTORIAL = 0x08;
const STATUS = 0x20;
const INTERRUPT_STATUS = 0x24;
const INTERRUPT_RAISE = 0x60;
const INTERRUPT_ACKNOWLEDGE = 0x64;
const DMA_SOURCE = 0x80;
const DMA_DESTINATION = 0x88;
const DMA_COUNT = 0x90;
const DMA_COMMAND = 0x98;
const CARD_BUFFER = 0x40000;
const COPY_BYTES = 64;
const START = 1;
const TO_HOST = 2;
const EVERYWHERE = ["folded", "explored", "threaded"] as const;
const FOLDED_AND_EXPLORED = ["folded", "explored"] as const;
const POLL_LIMIT = 100_000;

function wait(bed: CorpusBed, bar: Bar, offset: number): void {
  for (let polls = 0; polls < POLL_LIMIT && (bar.read32(offset) & 1) !== 0; polls++) bed.pci.cpu.relax();
}

/** Starts a transfer of the edu; `body` gets it under way. */
function transfer(body: (bed: CorpusBed, bar: Bar, buffer: DmaBuffer, isWrong: boolean) => void, command = START) {
  return (bed: CorpusBed, isWrong: boolean): (() => void) => {
    const bar = bed.pci.bar(0);
    bed.pci.config.setBusMaster(true);
    const buffer = bed.pci.dma.alloc(4096, { label: "edu buffer" });
    return () => {
      const toHost = (command & TO_HOST) !== 0;
      bar.write64(DMA_SOURCE, BigInt(toHost ? CARD_BUFFER : buffer.iova));
      bar.write64(DMA_DESTINATION, BigInt(toHost ? buffer.iova : CARD_BUFFER));
      bar.write64(DMA_COUNT, BigInt(COPY_BYTES));
      bar.write32(DMA_COMMAND, command);
      body(bed, bar, buffer, isWrong);
    };
  };
}

export const EDU: readonly WrongDriver[] = wrongDrivers(edu(), [
  [
    "write-while-busy",
    "the next factorial is asked for before the last one is there",
    "write-while-busy",
    (bed, isWrong) => () => {
      const bar = bed.pci.bar(0);
      bar.write32(FACTORIAL, 5);
      if (!isWrong) wait(bed, bar, STATUS);
      bar.write32(FACTORIAL, 6);
      wait(bed, bar, STATUS);
    },
    FOLDED_AND_EXPLORED,
  ],
  [
    "command-without-start",
    "the direction is written first, and the start bit alone then",
    "command-without-start",
    (bed, isWrong) => () => {
      if (isWrong) bed.pci.bar(0).write32(DMA_COMMAND, TO_HOST);
    },
    FOLDED_AND_EXPLORED,
  ],
  [
    "beyond-card-buffer",
    "a transfer leaves the card's buffer",
    "dma-outside-buffer",
    (bed, isWrong) => {
      bed.pci.config.setBusMaster(true);
      const buffer = bed.pci.dma.alloc(4096);
      return () => {
        const bar = bed.pci.bar(0);
        bar.write64(DMA_SOURCE, BigInt(buffer.iova));
        bar.write64(DMA_DESTINATION, BigInt(CARD_BUFFER + (isWrong ? 4000 : 0)));
        bar.write64(DMA_COUNT, 128n);
        bar.write32(DMA_COMMAND, START);
        wait(bed, bar, DMA_COMMAND);
      };
    },
    EVERYWHERE,
  ],
  [
    "byte-access",
    "a register is read with 8 bits",
    "wrong-width",
    (bed, isWrong) => () => {
      if (isWrong) bed.pci.bar(0).read8(STATUS);
      else bed.pci.bar(0).read32(STATUS);
    },
    FOLDED_AND_EXPLORED,
  ],
  [
    "buffer-changed-under-copy",
    "the buffer is filled again while the card copies from it",
    "buffer-changed-in-flight",
    transfer((bed, bar, buffer, isWrong) => {
      if (!isWrong) wait(bed, bar, DMA_COMMAND);
      buffer.write32(0, 1);
      wait(bed, bar, DMA_COMMAND);
    }),
    FOLDED_AND_EXPLORED,
  ],
  [
    "result-read-early",
    "what the card copies is read before it is there",
    "buffer-read-in-flight",
    transfer((bed, bar, buffer, isWrong) => {
      if (!isWrong) wait(bed, bar, DMA_COMMAND);
      buffer.copyTo(0, new Uint8Array(COPY_BYTES), 0, COPY_BYTES);
      wait(bed, bar, DMA_COMMAND);
    }, START | TO_HOST),
    FOLDED_AND_EXPLORED,
  ],
  [
    "result-taken-for-granted",
    "the copy is given the time that it usually takes, and not asked whether it is over",
    "completion-not-checked",
    transfer((bed, bar, buffer, isWrong) => {
      if (isWrong) bed.pci.cpu.delay(1_000_000);
      else wait(bed, bar, DMA_COMMAND);
      buffer.copyTo(0, new Uint8Array(COPY_BYTES), 0, COPY_BYTES);
    }, START | TO_HOST),
    FOLDED_AND_EXPLORED,
  ],
  [
    "barrier-left-out",
    "the last word of the copy is taken for its completion, without a barrier before the rest is read",
    "data-race",
    (bed, isWrong) => {
      const { pci } = bed;
      const bar = pci.bar(0);
      pci.config.setBusMaster(true);
      const buffer = pci.dma.alloc(4096, { label: "edu buffer" });
      const start = (source: number, destination: number, command: number): void => {
        bar.write64(DMA_SOURCE, BigInt(source));
        bar.write64(DMA_DESTINATION, BigInt(destination));
        bar.write64(DMA_COUNT, BigInt(COPY_BYTES));
        bar.write32(DMA_COMMAND, command);
      };
      buffer.copyFrom(0, new Uint8Array(COPY_BYTES).fill(1), 0, COPY_BYTES);
      start(buffer.iova, CARD_BUFFER, START);
      wait(bed, bar, DMA_COMMAND);
      return () => {
        const at = COPY_BYTES;
        start(CARD_BUFFER, buffer.iova + at, START | TO_HOST);
        while (buffer.read32(at + COPY_BYTES - 4) === 0) pci.cpu.relax();
        if (!isWrong) pci.cpu.dmaRmb();
        buffer.copyTo(at, new Uint8Array(COPY_BYTES), 0, COPY_BYTES);
      };
    },
    ["threaded"],
  ],
  [
    "freed-under-copy",
    "the buffer is freed while the card copies",
    "freed-in-flight",
    transfer((bed, bar, buffer, isWrong) => {
      if (!isWrong) wait(bed, bar, DMA_COMMAND);
      buffer.free();
      // After a reset the card does not reach for it any more.
      bed.pci.config.functionLevelReset();
    }),
    ["folded"],
  ],
  [
    "storm",
    "the handler of a level interrupt does not acknowledge",
    "interrupt-storm",
    (bed, isWrong) => {
      const bar = bed.pci.bar(0);
      const [interrupt] = bed.pci.interrupts("intx", 1);
      interrupt?.handle(() => {
        const causes = bar.read32(INTERRUPT_STATUS);
        if (!isWrong) bar.write32(INTERRUPT_ACKNOWLEDGE, causes);
      });
      return () => {
        bar.write32(INTERRUPT_RAISE, 1);
        for (let turn = 0; turn < 4; turn++) bed.pci.cpu.relax();
      };
    },
  ],
]);
