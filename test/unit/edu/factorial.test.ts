import fc from "fast-check";
import { expect, test } from "vitest";
import { TestPort } from "./test-port.ts";

const FACTORIAL = 0x0008;
const STATUS = 0x0020;
const INTERRUPT_STATUS = 0x0024;
const DELAY_NS = 10_000;

/** Small numbers more often than others: from 34 on all results are 0. */
const anyN = fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 40 }) }, fc.integer({ min: 0, max: 0xffff_ffff }));

function expectedFactorial(n: number): number {
  let product = 1n;
  for (let factor = 2; factor <= n && product !== 0n; factor++) product = BigInt.asUintN(32, product * BigInt(factor));
  return Number(product);
}

test("the result is n! modulo 2^32, after the delay and not before", () => {
  fc.assert(
    fc.property(anyN, (n) => {
      const port = new TestPort();
      port.write32(FACTORIAL, n);
      port.pass(DELAY_NS - 1);
      expect([port.read32(STATUS), port.read32(FACTORIAL)]).toEqual([1, n]);
      port.pass(1);
      expect([port.read32(STATUS), port.read32(FACTORIAL)]).toEqual([0, expectedFactorial(n)]);
      expect(port.messageCount).toBe(0);
      // The look at the result before it was there; and not the one behind the delay.
      expect(port.log.findings).toMatchObject([
        { kind: "note", rule: "factorial-while-computing", place: "FACTORIAL 0x00008", count: 1, atNs: DELAY_NS - 1 },
      ]);
    }),
  );
});

test("the delay is an option", () => {
  const port = new TestPort({ factorialNs: 7 });
  port.write32(FACTORIAL, 5);
  port.pass(6);
  expect(port.read32(STATUS)).toBe(1);
  port.pass(1);
  expect([port.read32(STATUS), port.read32(FACTORIAL)]).toEqual([0, 120]);
});

test("a write while it computes is dropped and reported", () => {
  fc.assert(
    fc.property(anyN, anyN, fc.integer({ min: 0, max: DELAY_NS - 1 }), (n, other, atNs) => {
      const port = new TestPort();
      port.write32(FACTORIAL, n);
      port.pass(atNs);
      port.write32(FACTORIAL, other);
      port.pass(DELAY_NS - atNs);
      expect([port.read32(STATUS), port.read32(FACTORIAL)]).toEqual([0, expectedFactorial(n)]);
      expect(port.log.findings).toMatchObject([
        { kind: "violation", rule: "write-while-busy", place: "FACTORIAL 0x00008", count: 1, atNs },
      ]);
    }),
  );
});

test("it interrupts if the bit is set when it is done, whenever it was set", () => {
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), (first, then) => {
      const port = new TestPort();
      port.write32(STATUS, first ? 0x80 : 0);
      port.write32(FACTORIAL, 3);
      port.write32(STATUS, then ? 0x80 : 0);
      expect(port.messageCount).toBe(0);
      port.pass(DELAY_NS);
      expect(port.messageCount).toBe(then ? 1 : 0);
      expect(port.read32(INTERRUPT_STATUS)).toBe(then ? 1 : 0);
    }),
  );
});

test("a read-modify-write of STATUS during the computation neither stops it nor is a finding", () => {
  const port = new TestPort();
  port.write32(FACTORIAL, 4);
  port.write32(STATUS, port.read32(STATUS) | 0x80);
  expect(port.read32(STATUS)).toBe(0x81);
  port.pass(DELAY_NS);
  expect([port.read32(STATUS), port.read32(FACTORIAL), port.rules]).toEqual([0x80, 24, []]);
});
