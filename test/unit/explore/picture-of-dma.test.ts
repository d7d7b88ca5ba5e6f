import { expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { DMA_COMMAND, DMA_COUNT, DMA_DESTINATION, DMA_SOURCE, START, TO_HOST } from "../../../devices/edu/registers.ts";
import { explore } from "../../../harness/explore/explore.ts";
import { failureOf } from "./failure-of.ts";

const CARD_BUFFER = 0x4_0000;

test("a card's transfer is drawn request by request, with how much goes and not with where it is kept meanwhile", async () => {
  const { message } = await failureOf(
    explore(edu(), { models: ["sc"], races: false }, (bed) => {
      const { pci } = bed;
      pci.config.setBusMaster(true);
      const buffer = pci.dma.alloc(300, { label: "bounce" });
      const copy = (from: number, to: number, command: number): void => {
        pci.bar(0).write64(DMA_SOURCE.at(), BigInt(from));
        pci.bar(0).write64(DMA_DESTINATION.at(), BigInt(to));
        pci.bar(0).write64(DMA_COUNT.at(), 300n);
        pci.bar(0).write64(DMA_COMMAND.at(), BigInt(command));
        while ((pci.bar(0).read32(DMA_COMMAND.at()) & START.mask) !== 0) pci.cpu.relax();
      };
      copy(Number(buffer.iova), CARD_BUFFER, START.mask);
      copy(CARD_BUFFER, Number(buffer.iova), START.mask | TO_HOST.mask);
      throw new Error("that was all");
    }),
  );
  const lines = message.split("\n").map((line) => line.trim().replace(/^\d+\s+/, ""));
  const of = (expression: RegExp): string[] => lines.filter((line) => expression.test(line));
  expect(of(/DMA read of/)).toEqual([
    "(DMA read of bounce+0x0, 128 bytes)",
    "(DMA read of bounce+0x80, 128 bytes)",
    "(DMA read of bounce+0x100, 44 bytes)",
  ]);
  expect(of(/DMA write/)).toEqual([
    "(DMA write bounce+0x0 ← 128 bytes lands)",
    "(DMA write bounce+0x80 ← 128 bytes lands)",
    "(DMA write bounce+0x100 ← 44 bytes lands)",
  ]);
});
