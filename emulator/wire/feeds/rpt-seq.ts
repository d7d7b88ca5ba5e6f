import { InstrumentIndex, NO_INSTRUMENT } from "../books/instrument-index.ts";

/** Instruments whose numbers are followed on one channel; the entries of more are counted as `unfollowed`. */
const INSTRUMENT_LIMIT = 4096;

/**
 * Follows RptSeq, which numbers the changes of each instrument of a CME channel: a receiver that lost a packet sees from it
 * which books are wrong. Nothing is allocated after the first entry.
 */
export class RptSeqTally {
  /** Times that an instrument's number went up by more than one, and the numbers that were skipped. */
  gaps = 0;
  missing = 0;
  /** Entries of instruments beyond the table. */
  unfollowed = 0;
  // Made with the first entry: a line that turns out to carry something else needs no table.
  #instruments: InstrumentIndex | undefined;
  #last: Int32Array | undefined;

  /** Instruments that had an entry. */
  get instrumentCount(): number {
    return this.#instruments?.count ?? 0;
  }

  /** Counts an entry; `rptSeq` is unsigned, as a signed word. */
  count(securityId: number, rptSeq: number): void {
    this.#instruments ??= new InstrumentIndex(INSTRUMENT_LIMIT);
    this.#last ??= new Int32Array(INSTRUMENT_LIMIT);
    const known = this.#instruments.count;
    const instrument = this.#instruments.findOrAdd(securityId, 0);
    if (instrument === NO_INSTRUMENT) {
      this.unfollowed++;
      return;
    }
    const last = this.#last;
    // A number that is not ahead was seen, or belongs to a packet that came late; the difference wraps with the number.
    const ahead = (rptSeq - (last[instrument] as number)) | 0;
    const isNew = instrument === known;
    if (!isNew && ahead <= 0) return;
    if (!isNew && ahead > 1) {
      this.gaps++;
      this.missing += ahead - 1;
    }
    last[instrument] = rptSeq;
  }

  /** Numbers begin anew for all instruments, as after a channel reset. */
  restart(): void {
    this.#instruments = undefined;
    this.#last = undefined;
  }
}
