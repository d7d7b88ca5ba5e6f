/**
 * An arbiter kept the plain way, for comparison: sets and maps of single sequences, one stream, one session. It follows
 * the rules as they are documented and shares no code with the real one.
 */

export interface ModelOptions {
  readonly mode: "latency" | "reliability";
  readonly lineCount: number;
  readonly gapLimitNs: number;
  readonly reorderSequences: number;
  readonly windowSequences: number;
  readonly heldPacketLimit: number;
}

export interface ModelPacket {
  readonly line: number;
  readonly first: number;
  readonly count: number;
  readonly timeNs: number;
}

export interface ModelTally {
  firstMessages: number;
  secondMessages: number;
  duplicates: number;
  lateMessages: number;
  behindWindow: number;
  missed: number;
  filledByOthers: number;
  lostOnAll: number;
  firstPackets: number;
  readonly leads: number[];
}

export class ArbiterModel {
  /** "pass 12 of line 0", "lose 13", in order. */
  readonly events: string[] = [];
  readonly tallies: ModelTally[];
  readonly #options: ModelOptions;
  readonly #brought = new Map<number, Set<number>>();
  readonly #lost = new Set<number>();
  readonly #sinceNs = new Map<number, number>();
  readonly #firstLine = new Map<number, number>();
  readonly #reach: number[];
  readonly #start: number[];
  /** Runs of messages that wait, by their sequences. */
  #held: number[][] = [];
  #base = Number.NaN;
  #frontier = Number.NaN;
  #known = Number.NaN;

  constructor(options: ModelOptions) {
    this.#options = options;
    this.#reach = Array.from({ length: options.lineCount }, () => Number.NEGATIVE_INFINITY);
    this.#start = Array.from({ length: options.lineCount }, () => Number.POSITIVE_INFINITY);
    this.tallies = Array.from({ length: options.lineCount }, () => ({
      firstMessages: 0,
      secondMessages: 0,
      duplicates: 0,
      lateMessages: 0,
      behindWindow: 0,
      missed: 0,
      filledByOthers: 0,
      lostOnAll: 0,
      firstPackets: 0,
      leads: [],
    }));
  }

  offer({ line, first, count, timeNs }: ModelPacket): void {
    if (Number.isNaN(this.#base)) this.#base = this.#frontier = this.#known = first;
    else this.expire(timeNs);
    const end = first + count;
    this.#reach[line] = Math.max(this.#reach[line] as number, end);
    this.#start[line] = Math.min(this.#start[line] as number, first);
    this.#forget(end - this.#options.windowSequences);
    for (; this.#known < first; this.#known++) this.#sinceNs.set(this.#known, timeNs);
    this.#lead(line, first, count, timeNs);
    this.#known = Math.max(this.#known, end);
    const runs: number[][] = [];
    let isRun = false;
    const tally = this.tallies[line] as ModelTally;
    for (let sequence = first; sequence < end; sequence++) {
      const isNew = this.#bring(line, sequence, timeNs, tally);
      if (isNew && isRun) (runs.at(-1) as number[]).push(sequence);
      else if (isNew) runs.push([sequence]);
      isRun = isNew;
    }
    if (runs.length > 0) tally.firstPackets++;
    for (const run of runs) this.#letThrough(line, run);
    this.#settle(timeNs);
  }

  expire(timeNs: number): void {
    this.#settle(timeNs);
  }

  finish(): void {
    this.#forget(this.#known);
  }

  #lead(line: number, first: number, count: number, timeNs: number): void {
    const brought = this.#brought.get(first);
    if (count === 0 || first < this.#base || brought === undefined || brought.has(line)) return;
    if (this.#lost.has(first)) return;
    const ahead = timeNs - (this.#sinceNs.get(first) as number);
    (this.tallies[line] as ModelTally).leads.push(-ahead + 0);
    const winner = this.#firstLine.get(first) as number;
    if (brought.size === 1) (this.tallies[winner] as ModelTally).leads.push(ahead);
  }

  #bring(line: number, sequence: number, timeNs: number, tally: ModelTally): boolean {
    if (sequence < this.#base) {
      tally.behindWindow++;
      return false;
    }
    const brought = this.#brought.get(sequence) ?? new Set();
    const others = brought.size > 0;
    const again = brought.has(line);
    brought.add(line);
    this.#brought.set(sequence, brought);
    if (again) tally.duplicates++;
    else if (this.#lost.has(sequence)) tally.lateMessages++;
    else if (others) tally.secondMessages++;
    else {
      tally.firstMessages++;
      this.#sinceNs.set(sequence, timeNs);
      this.#firstLine.set(sequence, line);
      return true;
    }
    return false;
  }

  #letThrough(line: number, run: number[]): void {
    const first = run[0] as number;
    if (this.#options.mode === "latency") {
      for (const sequence of run) this.events.push(`pass ${sequence} of line ${line}`);
      return;
    }
    this.#deliver();
    while (this.#frontier < first && this.#held.length >= this.#options.heldPacketLimit) {
      this.#loseWhile(() => true);
      this.#deliver();
    }
    this.#held.push(run);
    this.#deliver();
  }

  /** `reliability`: what waits for nothing any more. Both: the frontier goes over what is settled. */
  #deliver(): void {
    for (; this.#frontier < this.#known; this.#frontier++) {
      if (this.#lost.has(this.#frontier)) continue;
      if (this.#options.mode === "latency") {
        if (!this.#brought.has(this.#frontier)) return;
        continue;
      }
      const run = this.#held.find((waiting) => waiting.includes(this.#frontier));
      if (run === undefined) return;
      this.events.push(`pass ${this.#frontier} of line ${this.#firstLine.get(this.#frontier)}`);
      run.splice(run.indexOf(this.#frontier), 1);
      this.#held = this.#held.filter((waiting) => waiting.length > 0);
    }
  }

  /** Declares the hole at the frontier lost, as far as `may` says so. */
  #loseWhile(may: (sequence: number) => boolean): boolean {
    let some = false;
    for (let sequence = this.#frontier; sequence < this.#known; sequence++) {
      if (this.#brought.has(sequence) || this.#lost.has(sequence) || !may(sequence)) break;
      this.#lost.add(sequence);
      this.events.push(`lose ${sequence}`);
      some = true;
    }
    return some;
  }

  #settle(timeNs: number): void {
    const { reorderSequences, gapLimitNs } = this.#options;
    do this.#deliver();
    while (
      this.#loseWhile(
        (sequence) =>
          this.#reach.every((reach) => reach - reorderSequences > sequence) ||
          (this.#sinceNs.get(sequence) as number) + gapLimitNs <= timeNs,
      )
    );
  }

  #forget(base: number): void {
    if (!(base > this.#base)) return;
    this.#deliver();
    for (; this.#frontier < Math.min(base, this.#known); this.#deliver()) {
      this.#loseWhile((sequence) => sequence < base);
    }
    for (; this.#known < base; this.#known++) {
      this.#lost.add(this.#known);
      this.events.push(`lose ${this.#known}`);
    }
    this.#deliver();
    for (let sequence = this.#base; sequence < base; sequence++) {
      for (const [line, tally] of this.tallies.entries()) {
        const isPast = sequence >= (this.#start[line] as number) && sequence < (this.#reach[line] as number);
        if (!isPast || this.#brought.get(sequence)?.has(line) === true) continue;
        tally.missed++;
        if (this.#lost.has(sequence)) tally.lostOnAll++;
        else tally.filledByOthers++;
      }
    }
    this.#base = base;
  }
}
