import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import * as reg from "./registers.ts";

/** What is counted for people, all ports together. A frame that came in is in exactly one of the first six. */
export const TOTAL_NAMES: readonly string[] = [
  "rxDelivered",
  "rxDropNotReady",
  "rxDropFilter",
  "rxDropError",
  "rxDropOverflow",
  "rxDropNoBuffer",
  "rxCorrupt",
  "rxChunks",
  "txSent",
  "txRejected",
  "dmaWriteErrors",
];
export const RX_DELIVERED = 0;
export const RX_DROP_NOT_READY = 1;
export const RX_DROP_FILTER = 2;
export const RX_DROP_ERROR = 3;
export const RX_DROP_OVERFLOW = 4;
export const RX_DROP_NO_BUFFER = 5;
/** Of those delivered. */
export const RX_CORRUPT = 6;
export const RX_CHUNKS = 7;
export const TX_SENT = 8;
export const TX_REJECTED = 9;
export const DMA_WRITE_ERRORS = 10;

/** Counts frames: in the registers, which a driver sets to 0, and since the card was plugged in. */
export class Counters {
  readonly totals: Float64Array = new Float64Array(TOTAL_NAMES.length);
  readonly tx: number;
  readonly rx: number;
  readonly rxIgnored: number;
  readonly rxError: number;
  readonly rxDropped: number;
  readonly #values: Int32Array;

  constructor(registers: RegisterFile) {
    const { map } = registers;
    this.#values = registers.values;
    this.tx = map.ordinal(reg.STAT_TX);
    this.rx = map.ordinal(reg.STAT_RX);
    this.rxIgnored = map.ordinal(reg.STAT_RX_IGNORED);
    this.rxError = map.ordinal(reg.STAT_RX_ERROR);
    this.rxDropped = map.ordinal(reg.STAT_RX_DROPPED);
    registers.onWrite(reg.STAT_RESET, (port) => {
      for (const first of [this.tx, this.rx, this.rxIgnored, this.rxError, this.rxDropped])
        this.#values[first + port] = 0;
    });
  }

  /** One more of a total; `register` is the counter that a driver reads, or -1. */
  count(total: number, register: number, port: number): void {
    this.totals[total] = (this.totals[total] as number) + 1;
    if (register >= 0) this.#values[register + port] = ((this.#values[register + port] as number) + 1) | 0;
  }
}
