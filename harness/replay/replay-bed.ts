import type { Finding } from "../../emulator/run/findings.ts";
import type { ThreadedTestbed } from "../threaded-testbed.ts";
import type { ReplayDriverArgument } from "./replay-sink.ts";
import type { ReplayerReport } from "./replayer-options.ts";

/** What a replay ends with on the card's side. */
export interface CardResult {
  readonly replayer: ReplayerReport;
  /** The device's statistics after the last frame. */
  readonly after: Readonly<Record<string, number>>;
}

/** Where a card and its driver run during a replay: in threads on the wall clock, or folded together in virtual time. */
export interface ReplayBed {
  /** Runs the driver module; resolves with what it returns, rejects with what it throws. Called once. */
  run(driverUrl: string, argument: ReplayDriverArgument): Promise<unknown>;
  /** After {@link run} has resolved. */
  cardResult(): Promise<CardResult>;
  readonly violations: readonly Finding[];
  readonly notes: readonly Finding[];
  /** Ends all threads. */
  close(): Promise<void>;
}

/** Card and driver in a thread each. */
export class ThreadedReplayBed implements ReplayBed {
  readonly #testbed: ThreadedTestbed;

  constructor(testbed: ThreadedTestbed) {
    this.#testbed = testbed;
  }

  get violations(): readonly Finding[] {
    return this.#testbed.violations;
  }

  get notes(): readonly Finding[] {
    return this.#testbed.notes;
  }

  run(driverUrl: string, argument: ReplayDriverArgument): Promise<unknown> {
    return this.#testbed.cpu(1).run(driverUrl, argument);
  }

  async cardResult(): Promise<CardResult> {
    await this.#testbed.quiesce();
    const [replayer] = (await this.#testbed.reports()) as [ReplayerReport];
    return { replayer, after: (await this.#testbed.statistics())[0]?.counters ?? {} };
  }

  close(): Promise<void> {
    return this.#testbed.close();
  }
}
