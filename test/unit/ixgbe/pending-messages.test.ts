import fc from "fast-check";
import { expect, test } from "vitest";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { msixCard } from "./card.ts";

const { GPIE, EICR } = reg;
const LSC = EICR.fields.LSC.mask;

// PCI 3.0, 6.8.3.5: what a masked vector had to say and is over is not said when it is unmasked.
test("a message that is pending behind the vector's mask goes with its cause, and by PBACL", () => {
  const bits = fc.nat(15);
  const operation = fc.oneof(
    fc.record({ kind: fc.constantFrom("raise" as const, "write EICR" as const, "PBACL" as const), bits }),
    fc.record({ kind: fc.constantFrom("mask" as const, "unmask" as const, "read EICR" as const), bits }),
  );
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 60, size: "max" }), (script) => {
      const card = msixCard(GPIE.fields.MULTIPLE_MSIX.mask);
      card.set(reg.EIMS, 0xf);
      let told = 0;
      let pending = 0;
      let masked = 0;
      const expected: number[] = [];
      const send = (vectors: number): void => {
        for (let vector = 0; vector < 4; vector++) {
          const bit = 1 << vector;
          if ((vectors & bit) === 0) continue;
          if ((masked & bit) !== 0) pending |= bit;
          else expected.push(vector);
        }
      };
      for (const { kind, bits: chosen } of script) {
        const clear = kind === "write EICR" ? chosen : kind === "read EICR" ? -1 : 0;
        if (kind === "raise") {
          send(chosen & ~told);
          told |= chosen;
          card.set(reg.EICS, chosen);
        } else if (kind === "write EICR") card.set(EICR, chosen);
        else if (kind === "read EICR") card.get(EICR);
        else if (kind === "PBACL") {
          pending &= ~chosen;
          card.set(reg.PBACL, chosen);
        } else {
          for (let vector = 0; vector < 4; vector++) {
            if ((chosen & (1 << vector)) !== 0) card.port.maskVector(vector, kind === "mask");
          }
          masked = kind === "mask" ? masked | chosen : masked & ~chosen;
          const due = pending & ~masked;
          pending &= masked;
          send(due);
        }
        told &= ~clear;
        pending &= ~clear;
        expect(card.port.raised).toEqual(expected);
        expect(card.get(reg.PBACL)).toBe(0);
      }
    }),
  );
});

test("a pending message of the other causes goes with the last of them", () => {
  const card = msixCard(GPIE.fields.MULTIPLE_MSIX.mask);
  card.set(reg.IVAR_MISC, (0x80 | 9) << 8);
  const { MAILBOX } = EICR.fields;
  card.set(reg.EIMS, LSC | MAILBOX.mask);
  card.port.maskVector(9, true);
  card.set(reg.EICS, LSC | MAILBOX.mask);
  card.set(EICR, LSC);
  expect(card.port.pending).toEqual(new Set([9]));
  card.set(EICR, MAILBOX.mask);
  expect(card.port.pending).toEqual(new Set());
  card.port.maskVector(9, false);
  expect(card.port.raised).toEqual([]);
});

test.each(["one vector", "a software reset"])("a pending message does not outlive what it stands for: %s", (which) => {
  const isReset = which === "a software reset";
  const card = msixCard(isReset ? GPIE.fields.MULTIPLE_MSIX.mask : 0);
  const vector = isReset ? 40 : 0;
  card.port.maskVector(vector, true);
  if (isReset) {
    card.set(reg.EIMS_EX, 1 << 8, 1);
    card.set(reg.EICS_EX, 1 << 8, 1);
  } else {
    card.set(reg.EIMS, 1);
    card.set(reg.EICS, 1);
  }
  expect(card.port.pending).toEqual(new Set([vector]));
  if (isReset) card.set(reg.CTRL, reg.CTRL.fields.RST.mask);
  else card.get(EICR);
  card.port.maskVector(vector, false);
  expect(card.port.raised).toEqual([]);
});
