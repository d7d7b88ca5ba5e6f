import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** What the index beside the captures says of one of them, as counted by tshark and other tools. */
export interface CaptureTruth {
  readonly file: string;
  readonly container: string;
  readonly packets: number;
  readonly start: string;
  readonly truncated_packets: number;
  readonly frame_len: { readonly min: number; readonly max: number; readonly total: number };
  readonly vlan_ids: readonly number[];
  readonly ip_protocols: Readonly<Record<string, number>>;
  readonly udp_destinations: Readonly<Record<string, number>>;
  readonly timing: TimingTruth;
  readonly ground_truth: Readonly<Record<string, MoldTruth>> | null;
}

export interface TimingTruth {
  readonly duration_s: number;
  /** By the width of the window: "1s", "100ms", … "10us". */
  readonly peak_packets: Readonly<Record<string, number>>;
  readonly gap_ns: { readonly min: number; readonly median: number; readonly max: number };
  readonly zero_gaps: number;
  readonly ts_backwards_in_file_order: number;
}

export interface MoldTruth {
  readonly packets: number;
  readonly heartbeats: number;
  readonly end_of_session: number;
  readonly messages: number;
  readonly first_seq: number;
  readonly next_seq: number;
  readonly gaps: number;
  readonly missing: number;
  readonly out_of_order: number;
  readonly types: Readonly<Record<string, number>>;
}

/** Recorded traffic is not part of the package: it lies beside the project, or where SOFTBAR_CAPTURES says. */
export const captureFolder: string =
  process.env.SOFTBAR_CAPTURES ?? resolve(import.meta.dirname, "../../../../shared/captures");

export function readCaptureIndex(): CaptureTruth[] {
  const path = join(captureFolder, "index.json");
  if (!existsSync(path)) return [];
  return (JSON.parse(readFileSync(path, "utf8")) as { captures: CaptureTruth[] }).captures;
}
