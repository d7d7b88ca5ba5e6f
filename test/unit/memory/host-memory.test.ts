import { describe, expect, test } from "vitest";
import { ARENA_SEGMENT, HostMemory } from "../../../emulator/memory/host-memory.ts";

const arena = (): SharedArrayBuffer => new SharedArrayBuffer(8192);

describe("segments", () => {
  test("segment 0 is the arena, the very memory", () => {
    const tables = HostMemory.tablesFor(arena());
    const view = new HostMemory(tables).segment(ARENA_SEGMENT);
    expect(view?.bytes.buffer).toBe(tables.arena);
  });

  test("two threads never give the same number, and see each other's segments once installed", () => {
    const tables = HostMemory.tablesFor(arena());
    const [driver, device] = [new HostMemory(tables), new HostMemory(tables)];
    const buffer = new SharedArrayBuffer(64);
    const mine = driver.add(buffer);
    const theirs = device.add(new SharedArrayBuffer(128));
    expect(new Set([ARENA_SEGMENT, mine, theirs]).size).toBe(3);
    expect(device.segment(mine)).toBeUndefined();
    device.install(mine, buffer);
    expect(device.segment(mine)?.bytes.buffer).toBe(buffer);
    expect(device.segment(mine)?.byteLength).toBe(64);
  });

  test("a missing segment is asked for once a look, and found when the answer brings it", () => {
    const memory = new HostMemory(HostMemory.tablesFor(arena()));
    const buffer = new SharedArrayBuffer(16);
    const asked: number[] = [];
    memory.onMissing = (segment) => {
      asked.push(segment);
      if (asked.length === 2) memory.install(segment, buffer);
    };
    expect(memory.segment(5)).toBeUndefined();
    expect(memory.segment(5)?.bytes.buffer).toBe(buffer);
    expect(memory.segment(5)?.bytes.buffer).toBe(buffer);
    expect(asked).toEqual([5, 5]);
  });

  test("a removed segment is gone, its number is not given again, and the arena stays", () => {
    const memory = new HostMemory(HostMemory.tablesFor(arena()));
    const first = memory.add(new SharedArrayBuffer(16));
    memory.remove(first);
    expect(memory.segment(first)).toBeUndefined();
    expect(memory.add(new SharedArrayBuffer(16))).toBe(first + 1);
    memory.remove(ARENA_SEGMENT);
    expect(memory.segment(ARENA_SEGMENT)).toBeDefined();
  });

  test("a buffer that is not made of words is refused before it gets a number", () => {
    const memory = new HostMemory(HostMemory.tablesFor(arena()));
    expect(() => memory.add(new SharedArrayBuffer(6))).toThrow(/multiple of 4/);
    expect(memory.add(new SharedArrayBuffer(8))).toBe(1);
  });
});
