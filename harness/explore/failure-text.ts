import type { MemoryModel } from "../../emulator/explore/kinds.ts";
import type { Schedule } from "../../emulator/explore/schedule.ts";
import { VERDICT_NAMES, VIOLATION } from "../../emulator/explore/verdict.ts";
import { VERDICT_MEANINGS } from "../cli/verdict-meanings.ts";
import { CureNotSought } from "./cure-trials.ts";
import type { DriverSession } from "./driver-session.ts";
import { InterleavingError } from "./explore-errors.ts";
import { orderText } from "./order-text.ts";
import { draw } from "./picture.ts";
import { raceSites } from "./race-text.ts";
import { recordRun } from "./recorded-run.ts";
import { stuckText } from "./report.ts";
import type { RunLimitError } from "./run-limit.ts";
import { notesText } from "./run-notes.ts";
import { shortPicture } from "./short-picture.ts";
import type { Work } from "./work.ts";

/** What a message says besides what the run itself shows. */
export interface FailureParts {
  /** Where it was found: lines of their own. */
  readonly where: string;
  /** Deviations from the ordinary order before it was made small. */
  readonly foundWith: number;
  /** What is missing: empty, or a sentence that begins with a line break. */
  readonly cure: string;
  readonly token: string;
  readonly workload: unknown;
  /** Called while the trace of the failing run is there. */
  readonly onFailure?: ((failure: { verdict: string; reason: string; model: MemoryModel }) => void) | undefined;
}

/** Replays the failing schedule with its trace, and puts everything into words. */
export function* failureOf(
  session: DriverSession,
  model: MemoryModel,
  schedule: Schedule,
  { where, foundWith, cure, token, workload, onFailure }: FailureParts,
): Work<InterleavingError> {
  const { execution, machine } = session;
  const { verdict: number, noteOf } = yield* recordRun(session, model, schedule);
  const verdict = VERDICT_NAMES[number] ?? "";
  const strongest = model === "sc" ? "in every memory model" : `in ${model}; not seen to in a stronger model`;
  const { text: drawn, numbers } = draw(machine, execution.trace, { noteOf });
  const sites = raceSites(session, noteOf, numbers);
  const reason =
    number === VIOLATION ? `${machine.violation}${sites}` : verdictText(verdict, stuckText(session, number));
  onFailure?.({ verdict, reason, model });
  const beside = notesText(session.notes).map((line) => `\n${line}`);
  const order = orderText(foundWith, schedule.count);
  const found = `${reason}\n${where}\nFails ${strongest}.${cure}\n${order}${beside.join("")}`;
  const message = `${found}\n\n${shortPicture(drawn)}\n\n${replayText(token)}`;
  return new InterleavingError(message, {
    verdict,
    rule: session.brokenRule,
    model,
    token,
    deviationCount: schedule.count,
    workload,
  });
}

/** The run that was stopped, as far as it had come. It is not run again: that would take as long. */
export function hangOf(
  { execution }: DriverSession,
  model: MemoryModel,
  { message: what }: RunLimitError,
  { token, workload }: Pick<FailureParts, "token" | "workload">,
): InterleavingError {
  const message =
    `hang: ${what}, after ${execution.stepCount} steps, in ${model}: set-up or body loop without an access, a ` +
    `relax() or a wait, so nobody else ever has a turn\n${replayText(token)}`;
  const deviationCount = execution.recorder.schedule.count;
  return new InterleavingError(message, { verdict: "hang", model, token, deviationCount, workload });
}

/** What is missing, where a search for it says so. */
export function* cureText(find: Work<string | undefined>): Work<string> {
  try {
    const cure = yield* find;
    return cure === undefined ? "" : `\nMissing: ${cure}.`;
  } catch (error) {
    if (!(error instanceof CureNotSought)) throw error;
    return `\nMissing barrier: not sought: ${error.message}.`;
  }
}

function replayText(token: string): string {
  return `Replay it: explore(…, { replay: "${token}" }, …)`;
}

function verdictText(verdict: string, stuck: string): string {
  if (verdict === "starvation") return `${verdict}: ${VERDICT_MEANINGS.starvation}${stuck === "" ? "" : `; ${stuck}`}`;
  if (verdict !== "deadlock" && verdict !== "livelock") return verdict;
  return `${verdict}: the driver waits for something that will not come${stuck === "" ? "" : `; ${stuck}`}`;
}
