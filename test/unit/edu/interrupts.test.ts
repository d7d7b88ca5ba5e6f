import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TestPort } from "./test-port.ts";

const INTERRUPT_STATUS = 0x0024;
const RAISE = 0x0060;
const ACKNOWLEDGE = 0x0064;

/** Few bits, so that raising and acknowledging meet; and the top one, where signs go wrong. */
const causes = fc
  .array(fc.constantFrom(0x1, 0x100, 0x8000_0000), { maxLength: 3 })
  .map((bits) => bits.reduce((all, bit) => (all | bit) >>> 0, 0));
const operations = fc.array(fc.tuple(fc.constantFrom(RAISE, ACKNOWLEDGE), causes), { maxLength: 30 });

describe.each(["intx", "msi"] as const)("with %s", (mode) => {
  test("status, line and messages follow what was raised and acknowledged", () => {
    fc.assert(
      fc.property(operations, (sequence) => {
        const port = new TestPort();
        port.mode = mode;
        let pending = 0;
        let messageCount = 0;
        for (const [offset, bits] of sequence) {
          port.write32(offset, bits);
          pending = offset === RAISE ? pending | bits : pending & ~bits;
          if (mode === "msi" && offset === RAISE && pending !== 0) messageCount++;
          expect(port.read32(INTERRUPT_STATUS)).toBe(pending >>> 0);
          expect(port.lineAsserted).toBe(pending !== 0);
          expect(port.messageCount).toBe(messageCount);
        }
        expect(port.rules).toEqual([]);
      }),
    );
  });
});

test("a second cause sends its own MSI while the first is not acknowledged: none may get lost", () => {
  const port = new TestPort();
  port.write32(RAISE, 0x1);
  port.write32(RAISE, 0x100);
  expect([port.messageCount, port.read32(INTERRUPT_STATUS)]).toEqual([2, 0x101]);
});
