import { MemoryView } from "./memory-view.ts";

/** Segment 0 is the arena; further ones are SharedArrayBuffers that a driver brought along. */
export const ARENA_SEGMENT = 0;

/** The structured-cloneable part of a {@link HostMemory}. */
export interface HostMemoryTables {
  readonly arena: SharedArrayBuffer;
  /** One counter: the next segment number. Shared, so that threads agree on the numbers. */
  readonly nextSegment: SharedArrayBuffer;
}

/**
 * The memory that a device can be let into, as one thread sees it: numbered segments, each a SharedArrayBuffer.
 * The segments of other threads arrive through {@link onMissing}.
 */
export class HostMemory {
  readonly tables: HostMemoryTables;
  readonly #segments: (MemoryView | undefined)[];
  readonly #nextSegment: Int32Array;
  /** Asked for a segment that this thread has not seen yet; brings it in with {@link install}, or does nothing. */
  onMissing: (segment: number) => void = () => {};

  constructor(tables: HostMemoryTables) {
    this.tables = tables;
    this.#segments = [new MemoryView(tables.arena)];
    this.#nextSegment = new Int32Array(tables.nextSegment);
  }

  /** Tables over an arena, with no further segment. */
  static tablesFor(arena: SharedArrayBuffer): HostMemoryTables {
    const nextSegment = new SharedArrayBuffer(4);
    new Int32Array(nextSegment)[0] = ARENA_SEGMENT + 1;
    return { arena, nextSegment };
  }

  /**
   * Numbers a SharedArrayBuffer of this thread. Telling the other threads is the caller's. Throws RangeError for a length
   * that is no multiple of 4.
   */
  add(buffer: SharedArrayBuffer): number {
    const view = new MemoryView(buffer);
    const segment = Atomics.add(this.#nextSegment, 0, 1);
    this.#segments[segment] = view;
    return segment;
  }

  /** Makes a numbered segment known to this thread: shared memory, or an emulated machine's that this thread alone has. */
  install(segment: number, buffer: ArrayBufferLike): void {
    this.#segments[segment] = new MemoryView(buffer);
  }

  /** Forgets a segment, so that its memory can be collected. Its number is not given out again. */
  remove(segment: number): void {
    if (segment !== ARENA_SEGMENT) this.#segments[segment] = undefined;
  }

  /** The segment's memory, or undefined when no thread has announced it. */
  segment(segment: number): MemoryView | undefined {
    const view = this.#segments[segment];
    if (view !== undefined) return view;
    this.onMissing(segment);
    return this.#segments[segment];
  }
}
