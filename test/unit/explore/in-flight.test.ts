import fc from "fast-check";
import { expect, test } from "vitest";
import { InFlight } from "../../../emulator/explore/in-flight.ts";
import { BUFFERED_IO, BUFFERED_STORE, DMA_LANDING, FENCE, STORE_BUFFER, UP } from "../../../emulator/explore/kinds.ts";

const aThing = fc.record({
  kind: fc.constantFrom(BUFFERED_STORE, BUFFERED_STORE, BUFFERED_STORE, BUFFERED_IO, FENCE, DMA_LANDING),
  cpu: fc.nat(1),
  address: fc.nat(24),
  byteLength: fc.constantFrom(1, 2, 4, 8),
});
const aStep = fc.oneof({ weight: 3, arbitrary: aThing }, { weight: 2, arbitrary: fc.record({ which: fc.nat(63) }) });

test("a store waits for the older ones of its buffer that touch its bytes, whatever leaves in between", () => {
  fc.assert(
    fc.property(
      fc.array(aStep, { maxLength: 60, size: "max" }),
      fc.array(aStep, { maxLength: 60, size: "max" }),
      (...runs) => {
        const flight = new InFlight();
        for (const run of runs) {
          flight.reset();
          const model: {
            readonly at: number;
            readonly thing: typeof aThing extends fc.Arbitrary<infer T> ? T : never;
          }[] = [];
          for (const step of run) {
            if ("which" in step) {
              const [gone] = model.splice(step.which % Math.max(1, model.length), 1);
              if (gone !== undefined) flight.remove(gone.at);
            } else {
              const { kind, cpu, address, byteLength } = step;
              const queue = (kind === DMA_LANDING ? UP : STORE_BUFFER) + cpu;
              model.push({ at: flight.put(kind, queue, address, byteLength, 0, 0), thing: step });
            }
            for (const [index, { at, thing }] of model.entries()) {
              if (thing.kind !== BUFFERED_STORE) continue;
              const waits = model.slice(0, index).some(({ thing: older }) => {
                if (older.kind !== BUFFERED_STORE || older.cpu !== thing.cpu) return false;
                return (
                  older.address < thing.address + thing.byteLength && thing.address < older.address + older.byteLength
                );
              });
              expect(flight.hasOlderStore(at)).toBe(waits);
            }
          }
        }
      },
    ),
  );
});
