import { shortcomingsOf } from "../../cli/replay-outcome.ts";
import { claimOf } from "./explored-section.ts";
import type { ReportContents } from "./report-contents.ts";
import { damageOf, type TraceContents } from "./trace-contents.ts";

/** What stands at the top of a report. */
export interface ReportVerdict {
  /** `unknown`: what there is shows no fault, and is not all that happened. */
  readonly look: "good" | "bad" | "unknown";
  /** "passed", "violation", "deadlock", … */
  readonly word: string;
  /** In a sentence. */
  readonly says: string;
}

/** The worst that any of the inputs says. Passed is only what is known to its end. */
export function reportVerdict(contents: ReportContents): ReportVerdict {
  const { explored, replay, trace } = contents;
  if (explored !== undefined) {
    const { failure, rerun } = explored;
    const says = claimOf(explored);
    if (rerun === undefined || rerun.outcome === "failed") return { look: "bad", word: failure.verdict, says };
    return { look: rerun.outcome === "passed" ? "good" : "unknown", word: rerun.outcome, says };
  }
  const run = trace?.header.explored;
  if (run !== undefined && run.verdict !== "passed") return exploredVerdict(run.verdict, run.violation, trace);
  const found = trace?.findings.filter(({ severity }) => severity === "violation").length ?? 0;
  const broken = Math.max(replay?.violations.length ?? 0, found);
  if (broken > 0) {
    const says = broken === 1 ? "One rule was broken." : `${broken} rules were broken.`;
    return { look: "bad", word: "violation", says };
  }
  if (trace?.end?.reason === "failed") return { look: "bad", word: "failed", says: trace.end.message };
  if (replay?.interrupted === true)
    return { look: "unknown", word: "interrupted", says: "Not all of it was replayed." };
  const shortcomings = replay === undefined ? [] : shortcomingsOf(replay);
  if (shortcomings.length > 0) return { look: "bad", word: "incorrect", says: sentence(shortcomings.join(", ")) };
  if (replay?.balance.holds === false) return { look: "bad", word: "incorrect", says: "Frames are unaccounted for." };
  const damage = trace === undefined ? "" : damageOf(trace);
  if (damage !== "")
    return { look: "unknown", word: "unknown", says: `No broken rule is in the trace, but ${damage}.` };
  // A replay has counted its findings itself, whatever of its trace was kept.
  if (trace?.header.filter !== undefined && replay === undefined) {
    const says = `No broken rule is in the trace, but it was filtered (${trace.header.filter}), and may have had some.`;
    return { look: "unknown", word: "unknown", says };
  }
  return { look: "good", word: "passed", says: "No rule was broken." };
}

/** Of an explored run that its trace says did not pass. */
function exploredVerdict(word: string, violation: string, trace: TraceContents | undefined): ReportVerdict {
  const isOpen = word === "unknown" || word === "diverged";
  const says = violation === "" ? sentence(trace?.end?.message ?? "") : violation;
  return { look: isOpen ? "unknown" : "bad", word, says };
}

function sentence(text: string): string {
  if (text === "") return "";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
}
