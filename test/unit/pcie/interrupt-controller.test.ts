import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CPU_COUNT, InterruptController, IRQ_COUNT } from "../../../emulator/pcie/interrupt-controller.ts";

const aStep = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("arrive" as const), irq: fc.integer({ min: -2, max: 40 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("line" as const), irq: fc.nat(15), asserted: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("direct" as const), irq: fc.nat(40), cpu: fc.nat(CPU_COUNT - 1) }),
  },
);

describe("counts, levels and CPUs", () => {
  test("any sequence of messages, lines and directions, seen from another thread's instance", () => {
    fc.assert(
      fc.property(fc.array(aStep, { minLength: 1, maxLength: 150, size: "max" }), (steps) => {
        const buffer = InterruptController.createWords();
        const [device, driver] = [new InterruptController(buffer), new InterruptController(buffer)];
        const counts = new Array<number>(41).fill(0);
        const cpuOf = new Array<number>(41).fill(0);
        const sequences = new Array<number>(CPU_COUNT).fill(0);
        const levels = new Array<boolean>(16).fill(false);
        const arrive = (irq: number): void => {
          if (irq < 0) return;
          counts[irq] = (counts[irq] ?? 0) + 1;
          const cpu = cpuOf[irq] ?? 0;
          sequences[cpu] = (sequences[cpu] ?? 0) + 1;
        };
        for (const step of steps) {
          if (step.kind === "arrive") {
            device.arrive(step.irq);
            arrive(step.irq);
          } else if (step.kind === "direct") {
            driver.direct(step.irq, step.cpu);
            cpuOf[step.irq] = step.cpu;
          } else {
            device.setLine(step.irq, step.asserted);
            if (step.asserted && levels[step.irq] !== true) arrive(step.irq);
            levels[step.irq] = step.asserted;
          }
        }
        expect(counts.map((_, irq) => driver.countOf(irq))).toEqual(counts);
        expect(sequences.map((_, cpu) => driver.sequenceOf(cpu))).toEqual(sequences);
        expect(levels.map((_, irq) => driver.isAsserted(irq))).toEqual(levels);
      }),
    );
  });

  test("numbers beyond the table interrupt nobody", () => {
    const controller = new InterruptController(InterruptController.createWords());
    const before = controller.words.slice();
    for (const irq of [-1, IRQ_COUNT, IRQ_COUNT + 5, 2 ** 31 - 1, -(2 ** 31)]) controller.arrive(irq);
    expect(controller.words).toEqual(before);
  });
});

describe("numbers of message interrupts", () => {
  test("are distinct over all threads, leave the lines alone, and run out with a word", () => {
    const buffer = InterruptController.createWords();
    const controllers = [new InterruptController(buffer), new InterruptController(buffer)];
    const taken = Array.from(
      { length: IRQ_COUNT - 16 },
      (_, index) => controllers[index % 2]?.allocate(index % 16) ?? -1,
    );
    expect(new Set(taken).size).toBe(taken.length);
    expect(Math.min(...taken)).toBe(16);
    expect(Math.max(...taken)).toBe(IRQ_COUNT - 1);
    expect(() => controllers[0]?.allocate(0)).toThrow(/all 1008 message interrupts are taken/);
  });
});

describe("the window", () => {
  test("is 0xfee00000 to 0xfeefffff below 4 GiB", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1, max: 2 }), fc.nat(0xffffffff), (high, low) => {
        const inside = high === 0 && low >= 0xfee00000 && low <= 0xfeefffff;
        expect(InterruptController.isMessage(high, low | 0)).toBe(inside);
      }),
    );
    expect(InterruptController.isMessage(0, 0xfee00000 | 0)).toBe(true);
    expect(InterruptController.isMessage(0, 0xfeefffff | 0)).toBe(true);
    expect(InterruptController.isMessage(0, 0xfef00000 | 0)).toBe(false);
  });
});
