import { describe, expect, test } from "vitest";
import type { DriverPciFunction } from "../../../emulator/driver/pci-function.ts";
import { allRules } from "../../../emulator/sanitize/rules.ts";
import { driverBench } from "./driver-bench.ts";

function oneCard(): DriverPciFunction {
  const [pci] = driverBench().functions;
  if (pci === undefined) return expect.fail("no card");
  return pci;
}

describe("BAR accesses", () => {
  test.each([
    ["before", -4],
    ["behind", 0x2000],
    ["across the end", 0x1ffe],
    ["nowhere", Number.NaN],
    ["undefined", undefined as unknown as number],
  ])("%s the BAR throw and reach nobody", (_, offset) => {
    const { machine, functions } = driverBench();
    const bar = functions[0]?.bar(0);
    for (const access of [
      () => bar?.read32(offset),
      () => bar?.write32(offset, 1),
      () => bar?.read64(offset),
      () => bar?.write64(offset, 1n),
    ]) {
      expect(access).toThrow(/of BAR0, which has 8192 bytes/);
    }
    expect(machine.endpoints[0]?.findings.findings).toEqual([]);
  });

  test("misaligned the BAR reaches the card, and breaks the rule that says what becomes of either", () => {
    const { machine, functions } = driverBench();
    expect(functions[0]?.bar(0).read32(0x1002)).toBe(0xffff_ffff);
    expect(machine.endpoints[0]?.findings.findings.map(({ rule }) => rule)).toEqual(["bar-access"]);
    const rule = allRules([]).find(({ name }) => name === "bar-access");
    expect(rule?.hardware).toContain("outside of a BAR the accessors throw");
  });

  test("values are unsigned and of the width of the access", () => {
    const bar = oneCard().bar(0);
    // The MSI-X table is memory that reads back.
    bar.write32(0x1008, 0xfedcba98);
    expect(bar.read32(0x1008)).toBe(0xfedcba98);
    bar.writeRelaxed32(0x1018, 0xffffffff);
    expect(bar.read32(0x1018)).toBe(0xffffffff);
    bar.write64(0x1010, 0xffffffff_fffffffcn);
    expect(bar.read64(0x1010)).toBe(0xffffffff_fffffffcn);
  });

  test("a BAR that is not there is said with those that are", () => {
    expect(() => oneCard().bar(3)).toThrow("lever has no BAR3; it has BAR0");
  });
});

describe("configuration", () => {
  test("a function is handed over decoded, at an address of its own, not as bus master unless asked", () => {
    const { functions } = driverBench(3, { busMaster: false });
    const addresses = functions.map(({ config }) => config.read32(0x10) & ~0xf);
    expect(new Set(addresses).size).toBe(3);
    for (const { config } of functions) expect(config.read16(4) & 7).toBe(2);
    expect((oneCard().config.read16(4) & 4) !== 0).toBe(true);
  });

  test("bus master goes on and off and touches nothing else", () => {
    const { config } = oneCard();
    config.setBusMaster(false);
    expect(config.read16(4)).toBe(2);
    config.setBusMaster(true);
    expect(config.read16(4)).toBe(6);
  });

  test("a function-level reset leaves the BARs where they were, decoded", () => {
    const { config } = oneCard();
    const address = config.read32(0x10);
    config.write8(0x0c, 0x40);
    config.functionLevelReset();
    expect([config.read32(0x10), config.read16(4), config.read8(0x0c)]).toEqual([address, 2, 0]);
  });
});

describe("the CPU", () => {
  test("a delay lets exactly that much virtual time pass, and a relax a little", () => {
    const { cpu } = oneCard();
    const start = cpu.nowNs();
    cpu.delay(123_456);
    expect(cpu.nowNs()).toBe(start + 123_456);
    cpu.relax();
    expect(cpu.nowNs()).toBeGreaterThan(start + 123_456);
    expect(cpu.nowNs()).toBeLessThanOrEqual(start + 123_456 + 10_000);
  });

  test("barriers are there in every form", () => {
    const { cpu } = oneCard();
    for (const barrier of [cpu.rmb, cpu.wmb, cpu.mb, cpu.dmaRmb, cpu.dmaWmb])
      expect(() => barrier.call(cpu)).not.toThrow();
  });
});
