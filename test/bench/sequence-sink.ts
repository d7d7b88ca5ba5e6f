/** Attachment at the far end of a wire: counts frames whose number, in word 4, does not follow the one before. */
import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { AttachedPart } from "../../emulator/run/device-thread.ts";
import type { Machine } from "../../emulator/run/machine.ts";
import type { Wire } from "../../emulator/wire/wire.ts";

/** What it reports. */
export interface SequenceReport {
  readonly frameCount: number;
  readonly errorCount: number;
}

export function attach(machine: Machine): AttachedPart {
  const endpoint = machine.endpoints[0];
  if (endpoint === undefined) throw new Error("nothing is plugged in that could send");
  const sink = new SequenceSink();
  endpoint.wires[0] = sink;
  return { report: (): SequenceReport => ({ frameCount: sink.frameCount, errorCount: sink.errorCount }) };
}

class SequenceSink implements Wire {
  readonly lostCount = 0;
  frameCount = 0;
  errorCount = 0;
  #expected = 0;

  deliver(memory: MemoryView, offset: number): void {
    const number = memory.words[(offset >> 2) + 4] as number;
    if (number !== this.#expected) this.errorCount++;
    this.#expected = (number + 1) | 0;
    this.frameCount++;
  }

  backlogNs(): number {
    return 0;
  }
}
