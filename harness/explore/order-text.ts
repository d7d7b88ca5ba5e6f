import { counted } from "../cli/quantities.ts";

/** How far a failing order of events is from the ordinary one, before and after it was made small, in a sentence. */
export function orderText(foundWith: number, deviationCount: number): string {
  if (deviationCount === 0) return "It fails in the ordinary order of events.";
  if (foundWith === deviationCount) return `${counted(deviationCount, "deviation")} from the ordinary order of events.`;
  return `Shrunk from ${counted(foundWith, "deviation")} from the ordinary order to ${deviationCount}.`;
}
