/** Counts collections and heap growth of the thread that it runs in. As an attachment it watches a device thread. */
import { type PerformanceEntry, PerformanceObserver, performance } from "node:perf_hooks";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { AttachedPart } from "../../emulator/run/device-thread.ts";

/** What one thread did to its heap between two looks. */
export interface HeapFigures {
  /** Young-generation collections: garbage made something of. */
  readonly scavengeCount: number;
  readonly otherCollectionCount: number;
  /** Growth of the used heap, without a forced collection. */
  readonly growthBytes: number;
}

const SCAVENGE = 1;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (options: { type: "minor" | "major" }) => void;

export class HeapWatch {
  #scavenges = 0;
  #others = 0;
  #usedBytes = 0;
  #grownBytes: number | undefined;
  #startedMs = 0;
  readonly #observer = new PerformanceObserver((list) => this.#count(list.getEntries()));

  constructor() {
    this.#observer.observe({ entryTypes: ["gc"] });
    collect({ type: "major" });
    this.start();
  }

  /**
   * Forgets what was; the figures count from here. Start-up's garbage was collected when the watch was made, before the
   * warm-up, and the nursery is emptied now: within the figures nothing is forced.
   */
  start(): void {
    collect({ type: "minor" });
    this.#count(this.#observer.takeRecords());
    this.#startedMs = performance.now();
    this.#scavenges = 0;
    this.#others = 0;
    this.#usedBytes = getHeapStatistics().used_heap_size;
  }

  /** Collections are told of by the event loop: let it turn before asking. */
  figures(): HeapFigures {
    const growthBytes = this.#grownBytes ?? getHeapStatistics().used_heap_size - this.#usedBytes;
    this.#grownBytes = undefined;
    this.#count(this.#observer.takeRecords());
    return { scavengeCount: this.#scavenges, otherCollectionCount: this.#others, growthBytes };
  }

  /** Takes the growth now; {@link figures} gives it later. */
  stop(): void {
    this.#grownBytes = getHeapStatistics().used_heap_size - this.#usedBytes;
  }

  close(): void {
    this.#observer.disconnect();
  }

  #count(entries: readonly PerformanceEntry[]): void {
    for (const entry of entries) {
      // The event loop tells of the collection at the start when the figures have begun.
      if (entry.startTime < this.#startedMs) continue;
      const { detail } = entry as PerformanceEntry & { readonly detail?: { readonly kind?: number } };
      if (detail?.kind === SCAVENGE) this.#scavenges++;
      else this.#others++;
    }
  }
}

/** Attachment: `report()` gives the figures since the last report. */
export function attach(): AttachedPart {
  const watch = new HeapWatch();
  return {
    report(): HeapFigures {
      const figures = watch.figures();
      watch.start();
      return figures;
    },
  };
}
