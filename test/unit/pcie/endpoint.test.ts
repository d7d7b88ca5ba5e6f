import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Endpoint } from "../../../emulator/pcie/endpoint.ts";
import { register } from "../../../emulator/registers/declare.ts";
import { RegisterMap } from "../../../emulator/registers/register-map.ts";
import {
  BUS_MASTER,
  COMMAND,
  DECLARATION,
  EndpointBench,
  MEMORY_SPACE,
  MSIX_CONTROL,
  MSIX_TABLE_AT,
  PENDING_BITS_AT,
} from "./endpoint-bench.ts";

describe("decoding", () => {
  test("an access reaches the device when it is naturally aligned, in a BAR that is there, and decoded", () => {
    const anAccess = fc.record({
      bar: fc.nat(6),
      offset: fc.oneof(fc.nat(0x3fff), fc.integer({ min: -8, max: 0x8010 }), fc.constantFrom(0xffc, 0xff8, 0x1000)),
      byteLength: fc.constantFrom(1, 2, 4, 8),
      isWrite: fc.boolean(),
    });
    fc.assert(
      fc.property(anAccess, fc.boolean(), ({ bar, offset, byteLength, isWrite }, decoded) => {
        const bench = new EndpointBench(decoded ? MEMORY_SPACE : 0);
        const { endpoint, device } = bench;
        const barLength = DECLARATION.bars.find(({ index }) => index === bar)?.byteLength ?? 0;
        const isMsix = bar === 0 && offset >= MSIX_TABLE_AT && offset < PENDING_BITS_AT + 8;
        fc.pre(!isMsix);
        const fits = offset >= 0 && offset + byteLength <= barLength && offset % byteLength === 0;
        if (isWrite) endpoint.write(bar, offset, byteLength, 5, 6);
        else {
          const low = endpoint.read(bar, offset, byteLength);
          expect([low, endpoint.readHigh]).toEqual(fits && decoded ? [device.low, device.high] : [-1, -1]);
        }
        const expected = isWrite ? ["write", bar, offset, byteLength, 5, 6] : ["read", bar, offset, byteLength];
        expect(device.take()).toEqual(fits && decoded ? [expected] : []);
        expect(bench.rules).toEqual(!fits ? ["bar-access"] : decoded ? [] : ["memory-space-off"]);
      }),
    );
  });

  test("what does not reach the device is a violation that says where, what the card did and what to do", () => {
    const bench = new EndpointBench(BUS_MASTER);
    bench.endpoint.read(0, 0x10, 4);
    bench.endpoint.write(2, 0x0008, 8, 0x8000_0005 | 0, 7);
    bench.endpoint.configWrite(COMMAND, 2, MEMORY_SPACE);
    bench.endpoint.read(2, 0x0ffe, 4);
    expect(bench.rules).toEqual(["memory-space-off", "memory-space-off", "bar-access"]);
    expect(bench.messages).toEqual([
      "4-byte read of BAR0+0x0010 while Memory Space Enable (bit 1 of the command register, 0x0004) is off. The read gave all ones. Enable the function first.",
      "8-byte write of 0x00000007_80000005 to BAR2+0x0008 while Memory Space Enable (bit 1 of the command register, 0x0004) is off. The write went nowhere. Enable the function first.",
      "4-byte read of BAR2+0x0ffe, which is outside the BAR of 0x1000 bytes. The read gave all ones.",
    ]);
  });

  test("and names the register and the value, where the device says what is there", () => {
    const status = register("STATUS", { offset: 0x0010, access: "ro", about: "" });
    const tail = register("TAIL", { offset: 0x0040, count: 4, access: "rw", about: "" });
    const registerMaps = { 0: new RegisterMap(0x8000, [status, tail]) };
    const bench = new EndpointBench(BUS_MASTER, { ...DECLARATION, registerMaps });
    bench.endpoint.read(0, 0x10, 4);
    bench.endpoint.write(0, 0x48, 4, -2, 0);
    bench.endpoint.configWrite(COMMAND, 2, MEMORY_SPACE);
    bench.endpoint.write(0, 0x45, 2, 0x1_2345, 0);
    bench.endpoint.write(0, -4, 1, 9, 0);
    bench.endpoint.read(5, 0x10, 4);
    expect(bench.messages).toEqual([
      "4-byte read of BAR0+0x0010 (STATUS) while Memory Space Enable (bit 1 of the command register, 0x0004) is off. The read gave all ones. Enable the function first.",
      "4-byte write of 0xfffffffe to BAR0+0x0048 (TAIL(2)) while Memory Space Enable (bit 1 of the command register, 0x0004) is off. The write went nowhere. Enable the function first.",
      "2-byte write of 0x2345 to BAR0+0x0045 (TAIL(1)), which is not a multiple of 2. The write went nowhere. Use aligned accesses.",
      "1-byte write of 0x09 to BAR0+-0x0004, which is outside the BAR of 0x8000 bytes. The write went nowhere.",
      "4-byte read of BAR5+0x0010, a BAR that the function does not have. The read gave all ones.",
    ]);
  });

  test("in D3hot nothing is decoded and nothing is sent", () => {
    const bench = new EndpointBench();
    bench.endpoint.configWrite(0x44, 2, 3);
    expect(bench.endpoint.read(0, 0, 4)).toBe(-1);
    expect(bench.endpoint.busMasterEnabled).toBe(false);
    bench.endpoint.configWrite(0x44, 2, 0);
    expect(bench.endpoint.read(0, 0, 4)).toBe(bench.device.low);
  });

  test("an endpoint without a device says so", () => {
    const { clock, iommu, memory, interrupts } = new EndpointBench();
    const endpoint = new Endpoint(DECLARATION, { clock, iommu, memory, interrupts, functionIndex: 0 });
    expect(() => endpoint.device).toThrow(/probe: no device is attached/);
  });
});

describe("the MSI-X structures in their BAR", () => {
  test("are read and written in words and quadwords, and hide the device behind them", () => {
    const { endpoint, device } = new EndpointBench();
    endpoint.write(0, MSIX_TABLE_AT + 16, 8, 0xfee00000 | 0, 7);
    endpoint.write(0, MSIX_TABLE_AT + 24, 4, 99, 0);
    expect(endpoint.read(0, MSIX_TABLE_AT + 16, 8)).toBe(0xfee00000 | 0);
    expect(endpoint.readHigh).toBe(7);
    expect(endpoint.read(0, MSIX_TABLE_AT + 24, 4)).toBe(99);
    expect(endpoint.readHigh).toBe(0);
    expect(endpoint.read(0, MSIX_TABLE_AT + 28, 4)).toBe(1);
    expect(device.take()).toEqual([]);
    endpoint.read(0, MSIX_TABLE_AT + 16 * 8, 4);
    expect(device.take()).toHaveLength(1);
  });

  test("a narrow write is refused, a changed live vector is said", () => {
    const bench = new EndpointBench();
    bench.endpoint.write(0, MSIX_TABLE_AT, 2, 0x1234, 0);
    expect(bench.endpoint.read(0, MSIX_TABLE_AT, 4)).toBe(0);
    bench.endpoint.configWrite(MSIX_CONTROL, 2, 0x8000);
    bench.aimVector(2, 20);
    expect(bench.rules).toEqual(["wrong-width"]);
    expect(bench.messages[0]).toMatch(
      /^2-byte write of 0x1234 to the MSI-X table at offset 0x4000: only 4 and 8 bytes/,
    );
    bench.endpoint.write(0, MSIX_TABLE_AT + 16 * 2 + 8, 4, 21, 0);
    expect(bench.rules).toEqual(["wrong-width", "vector-changed-unmasked"]);
    expect(bench.messages[1]).toMatch(/MSI-X vector 2 changed while it was unmasked.*Mask the vector first/);
  });
});

describe("function-level reset", () => {
  test("DMA in flight is forgotten, timers stop, MSI-X is closed, the line falls, then the device is told", () => {
    const bench = new EndpointBench();
    const { endpoint, device, clock } = bench;
    const [high, low] = bench.mapText("gone");
    endpoint.configWrite(MSIX_CONTROL, 2, 0x8000);
    bench.aimVector(1, 30);
    endpoint.write(0, MSIX_TABLE_AT + 16 + 12, 4, 1, 0);
    endpoint.raise(1);
    expect(endpoint.read(0, PENDING_BITS_AT, 4)).toBe(0b10);
    endpoint.configWrite(MSIX_CONTROL, 2, 0);
    endpoint.setLegacyInterrupt(true);
    expect(bench.interrupts.isAsserted(3)).toBe(true);
    endpoint.dmaRead(high, low, 4, 1, 1);
    endpoint.startTimer(0, 100);
    device.take();
    bench.functionLevelReset();
    expect(device.take()).toEqual([["reset", "function-level"]]);
    expect(bench.interrupts.isAsserted(3)).toBe(false);
    expect(endpoint.outstandingReads).toBe(0);
    expect(endpoint.step()).toBe(0);
    clock.advanceTo(1000);
    expect(endpoint.runTimers()).toBe(false);
    expect(endpoint.isTimerArmed(0)).toBe(false);
    expect(endpoint.busMasterEnabled).toBe(false);
    expect(endpoint.read(0, 0, 4)).toBe(-1);
    endpoint.configWrite(COMMAND, 2, MEMORY_SPACE | BUS_MASTER);
    expect(endpoint.read(0, PENDING_BITS_AT, 4)).toBe(0);
    expect(endpoint.read(0, MSIX_TABLE_AT + 16, 4)).toBe(0);
    expect(endpoint.read(0, MSIX_TABLE_AT + 16 + 12, 4)).toBe(1);
    endpoint.configWrite(MSIX_CONTROL, 2, 0x8000);
    endpoint.raise(1);
    expect(bench.interrupts.countOf(30)).toBe(0);
  });

  test("a level that the device drives anew after the reset rises anew", () => {
    const bench = new EndpointBench();
    bench.endpoint.setLegacyInterrupt(true);
    bench.functionLevelReset();
    bench.endpoint.setLegacyInterrupt(true);
    expect(bench.interrupts.countOf(3)).toBe(2);
  });
});

describe("timers", () => {
  test("count from the time of the start, not from when the thread last looked at its clock", () => {
    const { endpoint, clock } = new EndpointBench();
    clock.refresh = () => clock.advanceTo(5000);
    endpoint.startTimer(1, 100);
    expect(endpoint.timers.next[0]).toBe(5100);
  });

  test("run when they are due, earliest first, and one that starts itself anew does not hold the thread", () => {
    const bench = new EndpointBench();
    const { endpoint, device, clock } = bench;
    device.onTimer = (timer) => {
      device.events.push(["timer", timer]);
      if (timer === 1) endpoint.startTimer(1, 0);
    };
    endpoint.startTimer(0, 50);
    endpoint.startTimer(1, 40);
    expect(endpoint.runTimers()).toBe(false);
    clock.advanceTo(45);
    expect(endpoint.runTimers()).toBe(true);
    const turn = device.take();
    expect(turn.length).toBeLessThanOrEqual(2);
    expect(turn[0]).toEqual(["timer", 1]);
    endpoint.stopTimer(1);
    clock.advanceTo(60);
    endpoint.runTimers();
    expect(device.take()).toEqual([["timer", 0]]);
    expect(endpoint.runTimers()).toBe(false);
  });
});
