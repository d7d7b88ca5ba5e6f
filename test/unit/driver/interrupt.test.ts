import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DriverPciFunction } from "../../../emulator/driver/pci-function.ts";
import type { Interrupt } from "../../../emulator/pcie/driver-view.ts";
import { ASSERT, driverBench, RAISE, START_TIMER } from "./driver-bench.ts";

function oneCard(): DriverPciFunction {
  const [pci] = driverBench().functions;
  if (pci === undefined) return expect.fail("no card");
  return pci;
}

const aStep = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("raise" as const), vector: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("poll" as const, "wait" as const), vector: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("mask" as const, "unmask" as const), vector: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("handle" as const), vector: fc.nat(3), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("hold" as const), on: fc.boolean() }) },
);

describe("message interrupts against a model", () => {
  test("each batch is taken once, by its handler or by whoever polls or waits; masked and held ones come later", () => {
    fc.assert(
      fc.property(fc.array(aStep, { minLength: 1, maxLength: 80, size: "max" }), (steps) => {
        const pci = oneCard();
        const bar = pci.bar(0);
        const interrupts = pci.interrupts("msix", 4);
        const runs = [0, 0, 0, 0];
        const model = Array.from({ length: 4 }, () => ({
          arrived: 0,
          untaken: false,
          pending: false,
          masked: false,
          handled: false,
          runs: 0,
        }));
        let held = false;
        const attend = (): void => {
          if (held) return;
          for (const vector of model) {
            if (!vector.handled || !vector.untaken) continue;
            vector.untaken = false;
            vector.runs++;
          }
        };
        const arrive = (vector: (typeof model)[number]): void => {
          vector.arrived++;
          vector.untaken = true;
        };
        for (const step of steps) {
          if (step.kind === "hold") {
            if (step.on) pci.cpu.irqSave();
            else pci.cpu.irqRestore(false);
            held = step.on;
            attend();
            continue;
          }
          const vector = model[step.vector];
          const interrupt = interrupts[step.vector];
          if (vector === undefined || interrupt === undefined) return;
          if (step.kind === "raise") {
            attend();
            bar.write32(RAISE, step.vector);
            if (vector.masked) vector.pending = true;
            else arrive(vector);
          } else if (step.kind === "mask") {
            interrupt.mask();
            vector.masked = true;
          } else if (step.kind === "unmask") {
            interrupt.unmask();
            vector.masked = false;
            if (vector.pending) arrive(vector);
            vector.pending = false;
            attend();
          } else if (step.kind === "handle") {
            const handler = (): void => {
              runs[step.vector] = (runs[step.vector] ?? 0) + 1;
            };
            interrupt.handle(step.on ? handler : undefined);
            vector.handled = step.on;
          } else {
            const runsBefore = vector.runs;
            attend();
            const expected = step.kind === "wait" && vector.handled ? vector.runs > runsBefore : vector.untaken;
            const got = step.kind === "wait" ? interrupt.wait(0.001) : interrupt.poll();
            expect(got).toBe(expected);
            if (step.kind === "poll" || !vector.handled) vector.untaken = false;
          }
          expect(interrupts.map(({ count }) => count)).toEqual(model.map(({ arrived }) => arrived));
          expect(runs).toEqual(model.map((each) => each.runs));
        }
      }),
    );
  });
});

describe("waiting in virtual time", () => {
  test("lasts until the interrupt, or exactly as long as its limit", () => {
    const pci = oneCard();
    const [interrupt] = pci.interrupts("msix", 1);
    pci.bar(0).write32(START_TIMER, 300_000);
    const start = pci.cpu.nowNs();
    expect(interrupt?.wait(1)).toBe(true);
    expect(pci.cpu.nowNs() - start).toBe(300_000);
    expect(interrupt?.wait(2)).toBe(false);
    expect(pci.cpu.nowNs() - start).toBe(2_300_000);
  });

  test("without a limit, and with nothing planned, gives up instead of hanging", () => {
    const pci = oneCard();
    expect(pci.interrupts("msix", 1)[0]?.wait(Number.POSITIVE_INFINITY)).toBe(false);
  });

  test("with a handler is true when it ran, whether before the wait or during it", () => {
    const pci = oneCard();
    const [interrupt] = pci.interrupts("msix", 1);
    let runs = 0;
    interrupt?.handle(() => runs++);
    pci.bar(0).write32(RAISE, 0);
    expect([interrupt?.wait(1), runs]).toEqual([true, 1]);
    pci.bar(0).write32(START_TIMER, 1000);
    expect([interrupt?.wait(1), runs]).toEqual([true, 2]);
    expect([interrupt?.wait(1), runs]).toEqual([false, 2]);
  });

  test("runs the handlers of other interrupts when they come, and goes on waiting", () => {
    const pci = oneCard();
    const [timer, other] = pci.interrupts("msix", 2);
    const ranAt: number[] = [];
    timer?.handle(() => ranAt.push(pci.cpu.nowNs()));
    pci.bar(0).write32(START_TIMER, 50_000);
    const start = pci.cpu.nowNs();
    expect(other?.wait(1)).toBe(false);
    expect(ranAt).toEqual([start + 50_000]);
    expect(pci.cpu.nowNs()).toBe(start + 1_000_000);
  });
});

describe("INTx is a level", () => {
  const lineUp = (pci: DriverPciFunction): Interrupt => {
    const [interrupt] = pci.interrupts("intx", 1);
    if (interrupt === undefined) return expect.fail("no INTx");
    pci.bar(0).write32(ASSERT, 1);
    return interrupt;
  };

  test("it interrupts until the cause is gone, not once", () => {
    const pci = oneCard();
    const interrupt = lineUp(pci);
    expect([interrupt.poll(), interrupt.poll(), interrupt.wait(1)]).toEqual([true, true, true]);
    pci.bar(0).write32(ASSERT, 0);
    expect([interrupt.poll(), interrupt.wait(0.01)]).toEqual([false, false]);
    expect(interrupt.count).toBe(1);
  });

  test("a handler runs until it has taken the cause away", () => {
    const pci = oneCard();
    const interrupt = lineUp(pci);
    let runs = 0;
    interrupt.handle(() => {
      runs++;
      if (runs === 3) pci.bar(0).write32(ASSERT, 0);
    });
    pci.bar(0).read32(0x10);
    expect(runs).toBe(3);
  });

  test("a handler that never takes it away is told so", () => {
    const pci = oneCard();
    lineUp(pci).handle(() => {});
    expect(() => pci.bar(0).read32(0x10)).toThrow(/intx 0 interrupted \d+ times without a pause.*clear the cause/);
  });

  test("a line that is up before anybody listens interrupts whoever begins to", () => {
    const pci = oneCard();
    pci.bar(0).write32(ASSERT, 1);
    const [interrupt] = pci.interrupts("intx", 1);
    expect(interrupt?.poll()).toBe(true);
  });

  test("masking is the disable bit of the command register, and unmasking brings the level back", () => {
    const pci = oneCard();
    const interrupt = lineUp(pci);
    interrupt.mask();
    expect(pci.config.read16(4) & 0x400).toBe(0x400);
    expect(interrupt.poll()).toBe(true);
    expect(interrupt.poll()).toBe(false);
    interrupt.unmask();
    expect(interrupt.poll()).toBe(true);
  });
});

describe("setting up", () => {
  test("one kind at a time: each set-up turns the others off, and MSI and the line have no mask in common", () => {
    const pci = oneCard();
    const { config } = pci;
    const enabled = (): string[] => [
      ...((config.read16(config.findCapability(0x05) + 2) & 1) !== 0 ? ["msi"] : []),
      ...((config.read16(config.findCapability(0x11) + 2) & 0x8000) !== 0 ? ["msix"] : []),
    ];
    for (const kind of ["msix", "msi", "intx", "msi", "msix", "intx"] as const) {
      pci.interrupts(kind, 1);
      expect(enabled()).toEqual(kind === "intx" ? [] : [kind]);
    }
    const [msi] = pci.interrupts("msi", 1);
    expect(() => msi?.mask()).toThrow(/MSI has no mask bit/);
  });

  test("a stuck handler of messages is told so as well", () => {
    const pci = oneCard();
    const [interrupt] = pci.interrupts("msix", 1);
    interrupt?.handle(() => pci.bar(0).write32(RAISE, 0));
    expect(() => pci.bar(0).write32(RAISE, 0)).not.toThrow();
    expect(() => pci.bar(0).read32(0x10)).toThrow(/interrupt storm on CPU 0/);
  });

  test("handlers do not nest: what arrives while one runs waits for its end", () => {
    const pci = oneCard();
    const [first, second] = pci.interrupts("msix", 2);
    const order: string[] = [];
    first?.handle(() => {
      order.push("first begins");
      pci.bar(0).write32(RAISE, 1);
      pci.bar(0).read32(0x10);
      order.push("first ends");
    });
    second?.handle(() => order.push("second"));
    pci.bar(0).write32(RAISE, 0);
    pci.cpu.synchronizeIrq();
    expect(order).toEqual(["first begins", "first ends", "second"]);
  });

  test("a handler that takes itself away leaves the others alone", () => {
    const pci = oneCard();
    const [once, always] = pci.interrupts("msix", 2);
    const ran: string[] = [];
    once?.handle(() => {
      ran.push("once");
      once.handle(undefined);
    });
    always?.handle(() => ran.push("always"));
    for (let round = 0; round < 2; round++) {
      const held = pci.cpu.irqSave();
      pci.bar(0).write32(RAISE, 0);
      pci.bar(0).write32(RAISE, 1);
      pci.cpu.irqRestore(held);
    }
    expect(ran).toEqual(["once", "always", "always"]);
  });

  test("a handler that throws, throws out of the access that it interrupted, and is run again the next time", () => {
    const pci = oneCard();
    const [interrupt] = pci.interrupts("msix", 1);
    let runs = 0;
    interrupt?.handle(() => {
      if (++runs === 1) throw new RangeError("handler failed");
    });
    pci.bar(0).write32(RAISE, 0);
    expect(() => pci.bar(0).read32(0x10)).toThrow("handler failed");
    pci.bar(0).write32(RAISE, 0);
    pci.bar(0).read32(0x10);
    expect(runs).toBe(2);
  });
});
