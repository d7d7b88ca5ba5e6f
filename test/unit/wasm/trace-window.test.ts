import fc from "fast-check";
import { expect, test } from "vitest";
import type { LinearMemory } from "../../../harness/wasm/linear-memory.ts";
import { TraceWindow } from "../../../harness/wasm/trace-window.ts";
import type { WasmAccesses } from "../../../harness/wasm/wasm-accesses.ts";

const BYTES = 64;
/** Bytes of the driver's own: what lies below is nobody's access. */
const OWN_BYTES = 16;

interface Store {
  readonly at: number;
  readonly byteLength: number;
  readonly value: number;
}

/** A window over memory that nobody changes, and accesses that are only noted. A load gives the complement of what is there: what another CPU's order of events would make of it. */
class Trial {
  readonly bytes = new Uint8Array(new SharedArrayBuffer(BYTES)).map((_, index) => index * 7);
  readonly stores: Store[] = [];
  /** What was in memory when a store was made as an access. */
  readonly seen: Uint8Array[] = [];
  readonly window: TraceWindow;

  constructor() {
    const { bytes } = this;
    const memory = { bytes, ownerOf: (at: number) => (at < OWN_BYTES ? 0 : 1) } as unknown as LinearMemory;
    const accesses = {
      get: (at: number, byteLength: number) =>
        bytes.slice(at, at + byteLength).reduce((sum, byte, index) => sum + (~byte & 0xff) * 256 ** index, 0),
      put: (at: number, byteLength: number, value: number) => {
        this.stores.push({ at, byteLength, value: value >>> 0 });
        this.seen.push(bytes.slice());
      },
    } as unknown as WasmAccesses;
    this.window = new TraceWindow(memory, accesses, true, () => false);
  }
}

const anAccess = fc.record({
  isStore: fc.boolean(),
  at: fc.nat(BYTES - 16),
  byteLength: fc.constantFrom(1, 2, 4, 8, 16),
  fill: fc.nat(255),
});

test("a load finds what its access gave, a store is made as an access, and memory is left as others see it", () => {
  fc.assert(
    fc.property(fc.array(anAccess, { maxLength: 12 }), (accesses) => {
      const trial = new Trial();
      const { bytes, window } = trial;
      const before = bytes.slice();
      const expected: [number, number][] = [];
      for (const { isStore, at, byteLength, fill } of accesses) {
        const isOwn = at < OWN_BYTES;
        if (isOwn && at + byteLength > OWN_BYTES) continue; // No object lies across the border.
        if (!isStore) {
          window.load(at, byteLength);
          // The instruction.
          const found = [...bytes.subarray(at, at + byteLength)];
          expect(found).toEqual([...before.subarray(at, at + byteLength)].map((byte) => (isOwn ? byte : ~byte & 0xff)));
          continue;
        }
        window.store(at, byteLength);
        const stored = Array.from({ length: byteLength }, (_, index) => (fill + index) & 0xff);
        bytes.set(stored, at);
        if (isOwn) before.set(stored, at);
        else for (const [index, byte] of stored.entries()) expected.push([at + index, byte]);
      }
      window.settle();
      expect([...bytes]).toEqual([...before]);
      // Aligned pieces, each made before memory shows it, which together are what was stored, in order.
      const made = trial.stores.flatMap(({ at, byteLength, value }): [number, number][] => {
        expect(at % byteLength).toBe(0);
        return Array.from({ length: byteLength }, (_, index) => [at + index, (value >>> (8 * index)) & 0xff]);
      });
      expect(made).toEqual(expected);
      for (const seen of trial.seen) expect([...seen.subarray(OWN_BYTES)]).toEqual([...before.subarray(OWN_BYTES)]);
    }),
  );
});
