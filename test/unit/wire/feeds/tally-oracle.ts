export interface Tallies {
  packets: number;
  messages: number;
  heartbeats: number;
  gaps: number;
  outOfOrder: number;
  missing: number;
  recovered: number;
  duplicates: number;
}

/** The tallies of one stream kept the plain way: a set of every number that came, and one of every one that was skipped. */
export class TallyOracle {
  next = -1;
  readonly skipped: Set<number> = new Set<number>();
  readonly tallies: Tallies = {
    packets: 0,
    messages: 0,
    heartbeats: 0,
    gaps: 0,
    outOfOrder: 0,
    missing: 0,
    recovered: 0,
    duplicates: 0,
  };

  /** `count` numbers from `sequence` on; none is a heartbeat. */
  receive(sequence: number, count: number): void {
    const { tallies } = this;
    tallies.packets++;
    tallies.messages += count;
    if (count === 0) tallies.heartbeats++;
    if (this.next < 0) this.next = sequence;
    if (sequence > this.next) {
      tallies.gaps++;
      for (let missed = this.next; missed < sequence; missed++) {
        this.skipped.add(missed);
        tallies.missing++;
      }
    }
    if (sequence < this.next) tallies.outOfOrder++;
    for (let message = sequence; message < sequence + count; message++) {
      if (this.skipped.delete(message)) tallies.recovered++;
      else if (message < this.next) tallies.duplicates++;
    }
    this.next = Math.max(this.next, sequence + count);
  }
}
