import { basename } from "node:path";
import type { DeviceDeclaration } from "../../../emulator/pcie/device-model.ts";
import type { RaceReport } from "../../explore/report.ts";
import type { RerunReport } from "../../explore/rerun-token.ts";
import type { ReplayReport } from "../../replay/replay-report.ts";
import type { TraceContents } from "./trace-contents.ts";

/** How a search or a rerun came out, where there is one to tell of. */
export interface ExploredContents {
  readonly failure: RaceReport;
  /** Undefined for the failure of a search. */
  readonly rerun: Pick<RerunReport, "outcome" | "isSourceChanged" | "divergence"> | undefined;
  /** The command that replays it. */
  readonly command: string;
}

/** Everything that a report may be made of; what is absent has no section. */
export interface ReportContents {
  readonly title: string;
  readonly replay?: ReplayReport;
  readonly explored?: ExploredContents;
  readonly trace?: TraceContents;
  /** Declarations of the trace's devices, by name, as far as they are known. */
  readonly declarations: ReadonlyMap<string, DeviceDeclaration>;
}

/** "session.pcap through ixgbe". */
export function replayTitle({ source, device }: ReplayReport): string {
  return `${source.kind === "capture" ? basename(source.name) : source.name} through ${device}`;
}
