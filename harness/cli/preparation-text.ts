import { linkTypeName } from "../../emulator/wire/capture/link-types.ts";
import type { PreparationReport } from "../replay/preparation.ts";
import { counted, durationText, grouped } from "./terminal.ts";

/** What a reader must know of how records became frames, one sentence each; none where nothing was done. */
export function preparationNotes({ framing, order, trailer }: PreparationReport): string[] {
  const notes: string[] = [];
  if (framing.reframedCount > 0) {
    const types = framing.linkTypes.map(linkTypeName).join(", ");
    notes.push(
      `${counted(framing.reframedCount, "frame")} captured without an Ethernet header (link type ${types}), sent with one: ` +
        "MAC of the group for multicast, else 02:00:00:00:00:02; source as captured, else 02:00:00:00:00:01",
    );
  }
  if (framing.skippedCount > 0) {
    notes.push(
      `${counted(framing.skippedCount, "record")} of no frame that an Ethernet carries left out; the first was record ${grouped(framing.firstSkippedRecord)} of its file`,
    );
  }
  if (trailer !== undefined) notes.push(trailerNote(trailer));
  if (order !== undefined && order.stepBackCount > 0) {
    const late =
      order.lateCount === 0
        ? "put in order of time"
        : `put in order of time but for ${counted(order.lateCount, "record")} too far behind, by up to ${durationText(order.lateMaxNs)}`;
    notes.push(`${counted(order.stepBackCount, "step")} back in time in the file, ${late}`);
  }
  return notes;
}

function trailerNote({ kind, asClock, foundCount, missingCount }: NonNullable<PreparationReport["trailer"]>): string {
  const clock = asClock ? ", whose time is the frame's" : "";
  const missing = missingCount === 0 ? "" : `; ${grouped(missingCount)} had none and came as captured`;
  return `trailers of ${kind} taken off ${counted(foundCount, "frame")}${clock}${missing}`;
}
