import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BUS_MASTER,
  COMMAND,
  DECLARATION,
  EndpointBench,
  FUNCTION_INDEX,
  INTX_DISABLE,
  MEMORY_SPACE,
  MSI_CONTROL,
  MSIX_CONTROL,
  MSIX_TABLE_AT,
} from "./endpoint-bench.ts";

const MSI_IRQ = 40;
const MSIX_IRQ = 41;

const aStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("assert" as const), on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("raise" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("msi" as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("msix" as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("intxDisable" as const), on: fc.boolean() }) },
);

describe("which of the three", () => {
  test("a level goes to the line or is one message a rising edge, vectors are messages, and only the enabled kind speaks", () => {
    fc.assert(
      fc.property(fc.array(aStep, { minLength: 1, maxLength: 60, size: "max" }), (steps) => {
        const bench = new EndpointBench();
        const { endpoint, interrupts } = bench;
        bench.enableMsi(MSI_IRQ);
        endpoint.configWrite(MSI_CONTROL, 2, 0);
        bench.aimVector(0, MSIX_IRQ);
        const is = { asserted: false, msi: false, msix: false, intxDisable: false };
        const count = { line: 0, msi: 0, msix: 0 };
        const lineUp = (): boolean => is.asserted && !is.msi && !is.msix && !is.intxDisable;
        for (const step of steps) {
          const wasUp = lineUp();
          if (step.kind === "assert") {
            if (step.on && !is.asserted && is.msi) count.msi++;
            is.asserted = step.on;
            endpoint.setLegacyInterrupt(step.on);
          } else if (step.kind === "raise") {
            if (is.msix) count.msix++;
            endpoint.raise(0);
          } else if (step.kind === "intxDisable") {
            is.intxDisable = step.on;
            endpoint.configWrite(COMMAND, 2, MEMORY_SPACE | BUS_MASTER | (step.on ? INTX_DISABLE : 0));
          } else {
            is[step.kind] = step.on;
            if (step.kind === "msi") endpoint.configWrite(MSI_CONTROL, 2, step.on ? 1 : 0);
            else endpoint.configWrite(MSIX_CONTROL, 2, step.on ? 0x8000 : 0);
          }
          if (lineUp() && !wasUp) count.line++;
          expect(interrupts.isAsserted(FUNCTION_INDEX)).toBe(lineUp());
          expect({
            line: interrupts.countOf(FUNCTION_INDEX),
            msi: interrupts.countOf(MSI_IRQ),
            msix: interrupts.countOf(MSIX_IRQ),
          }).toEqual(count);
          expect(endpoint.interruptMode()).toBe(is.msix ? "msix" : is.msi ? "msi" : "intx");
          // Status.InterruptStatus shows the level whether or not it may drive the line (PCI 3.0, 6.2.3).
          expect(endpoint.configRead(0x06, 2) & 0x8).toBe(is.asserted ? 0x8 : 0);
        }
        expect(bench.rules).toEqual([]);
      }),
    );
  });

  test("what left the function is counted: messages and rising lines", () => {
    const bench = new EndpointBench();
    bench.endpoint.setLegacyInterrupt(true);
    bench.endpoint.setLegacyInterrupt(true);
    bench.endpoint.setLegacyInterrupt(false);
    bench.enableMsi(MSI_IRQ);
    bench.endpoint.setLegacyInterrupt(true);
    expect(bench.endpoint.busStatistics()).toMatchObject({ interrupts: 2 });
  });
});

describe("messages", () => {
  test("a masked vector waits in the pending bits and goes out when it is unmasked, once", () => {
    const { endpoint, interrupts } = benchWithMsix();
    endpoint.write(0, MSIX_TABLE_AT + 12, 4, 1, 0);
    endpoint.raise(0);
    endpoint.raise(0);
    expect(interrupts.countOf(MSIX_IRQ)).toBe(0);
    endpoint.write(0, MSIX_TABLE_AT + 12, 4, 0, 0);
    expect(interrupts.countOf(MSIX_IRQ)).toBe(1);
  });

  test("an address outside the interrupt window is no memory write: the interrupt is lost and said", () => {
    const addresses = [
      [0, 0xfed00000 | 0],
      [0, 0xfef00000 | 0],
      [1, 0xfee00000 | 0],
      [0, 0],
    ] as const;
    for (const [high, low] of addresses) {
      const bench = benchWithMsix();
      bench.endpoint.write(0, MSIX_TABLE_AT + 12, 4, 1, 0);
      bench.endpoint.write(0, MSIX_TABLE_AT, 4, low, 0);
      bench.endpoint.write(0, MSIX_TABLE_AT + 4, 4, high, 0);
      bench.endpoint.write(0, MSIX_TABLE_AT + 12, 4, 0, 0);
      bench.endpoint.raise(0);
      expect(bench.interrupts.countOf(MSIX_IRQ)).toBe(0);
      expect(bench.rules).toEqual(["message-outside-window"]);
      expect(bench.messages[0]).toContain((low >>> 0).toString(16).padStart(8, "0"));
    }
  });

  test("every address of the window reaches the interrupt that the data names", () => {
    for (const low of [0xfee00000, 0xfee0f00c, 0xfeeffffc]) {
      const bench = benchWithMsix();
      bench.endpoint.write(0, MSIX_TABLE_AT + 12, 4, 1, 0);
      bench.endpoint.write(0, MSIX_TABLE_AT, 4, low | 0, 0);
      bench.endpoint.write(0, MSIX_TABLE_AT + 12, 4, 0, 0);
      bench.endpoint.raise(0);
      expect(bench.interrupts.countOf(MSIX_IRQ)).toBe(1);
      expect(bench.rules).toEqual([]);
    }
  });

  test("without bus master a message is lost and said", () => {
    const bench = benchWithMsix();
    bench.endpoint.configWrite(COMMAND, 2, MEMORY_SPACE);
    bench.endpoint.raise(0);
    bench.endpoint.configWrite(COMMAND, 2, MEMORY_SPACE | BUS_MASTER);
    expect(bench.interrupts.countOf(MSIX_IRQ)).toBe(0);
    expect(bench.rules).toEqual(["bus-master-off"]);
  });

  test("a vector beyond the table, and any vector of a function without one, is said", () => {
    const bench = benchWithMsix();
    bench.endpoint.raise(8);
    bench.endpoint.raise(-1);
    expect(bench.messages[0]).toBe(
      "probe raised MSI-X vector 8, but its table has 8. The interrupt is lost. Assign a vector below 8.",
    );
    const { msix, ...without } = DECLARATION;
    expect(msix?.vectorCount).toBe(8);
    const bare = new EndpointBench(MEMORY_SPACE | BUS_MASTER, without);
    bare.endpoint.raise(0);
    expect(bare.rules).toEqual(["vector-beyond-table"]);
  });
});

/** MSI-X on, vector 0 live. */
function benchWithMsix(): EndpointBench {
  const bench = new EndpointBench();
  bench.endpoint.configWrite(MSIX_CONTROL, 2, 0x8000);
  bench.aimVector(0, MSIX_IRQ);
  return bench;
}

// PCI 3.0, 6.8.3.5.
test("a message that the device withdraws while its vector is masked is not sent at unmasking", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat(3), { maxLength: 4 }),
      fc.uniqueArray(fc.nat(3), { maxLength: 4 }),
      (raised, withdrawn) => {
        const bench = new EndpointBench();
        const { endpoint, interrupts } = bench;
        endpoint.configWrite(MSIX_CONTROL, 2, 0x8000);
        const vectors = [0, 1, 2, 3];
        const maskAt = (vector: number): number => MSIX_TABLE_AT + 16 * vector + 12;
        for (const vector of vectors) {
          bench.aimVector(vector, MSIX_IRQ + vector);
          endpoint.write(0, maskAt(vector), 4, 1, 0);
        }
        for (const vector of raised) endpoint.raise(vector);
        for (const vector of withdrawn) endpoint.withdraw(vector);
        for (const vector of vectors) endpoint.write(0, maskAt(vector), 4, 0, 0);
        const expected = vectors.map((vector) => +(raised.includes(vector) && !withdrawn.includes(vector)));
        expect(vectors.map((vector) => interrupts.countOf(MSIX_IRQ + vector))).toEqual(expected);
      },
    ),
  );
});
