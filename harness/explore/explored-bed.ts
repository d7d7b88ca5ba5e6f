import type { Interrupt, PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { Finding } from "../../emulator/run/findings.ts";

/** What a body under exploration holds in its hands: the testbed of one run. */
export interface ExploredBed extends ExploredWaits {
  /** The first function. */
  readonly pci: PciFunction;
  readonly functions: readonly PciFunction[];
  /** The first wire port of the first device that has one which no cable takes. */
  readonly wire: ExploredWireEnd;
  /** A wire port that no cable takes, port 0 unless another is named. Throws RangeError when it is not there. */
  wireOf(device: number, port?: number): ExploredWireEnd;
  /** Directs an interrupt at another CPU (irq_set_affinity), which has to have a handler for it. */
  direct(interrupt: Interrupt, cpu: number): void;
  /**
   * Lets the devices come to rest: rings drained, nothing on its way. What they did is before all that CPU 0 does from here
   * on, in every memory model. In an async body no other task goes on meanwhile.
   */
  quiesce(): void;
  /** Rules that the driver has broken so far in this run. */
  readonly violations: readonly Finding[];
}

/**
 * Waits that let the other tasks of an async driver go on meanwhile. Which of those that are over ends first is the
 * explorer's choice. They throw TypeError when neither set-up nor body is declared `async`.
 */
export interface ExploredWaits {
  /** Resolves with true when the interrupt has arrived and is taken, with false after `limitMs` (default 1,000). */
  until(interrupt: Interrupt, limitMs?: number): Promise<boolean>;
  /** Resolves with true when the first wire has carried `frameCount` frames in all, with false after `limitMs` (default 1,000). */
  untilSent(frameCount: number, limitMs?: number): Promise<boolean>;
  sleep(durationNs: number): Promise<void>;
  /** Lets the devices come to rest. */
  quiesceAsync(): Promise<void>;
}

/** The outside end of a wire. */
export interface ExploredWireEnd {
  send(frame: Uint8Array, options?: { readonly badFcs?: boolean }): void;
  readonly sent: readonly Uint8Array[];
}

/** Long enough for every timer of a device that is coming to rest. */
export const QUIESCE_NS = 1_000_000_000;
