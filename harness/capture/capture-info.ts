import { stat } from "node:fs/promises";
import type { CaptureDetails } from "../../emulator/wire/capture/capture-details.ts";
import { CaptureError } from "../../emulator/wire/capture/capture-error.ts";
import { CaptureRecord, LINKTYPE_ETHERNET } from "../../emulator/wire/capture/capture-record.ts";
import { EthernetRecords } from "../../emulator/wire/capture/ethernet-records.ts";
import { type CaptureFile, openCapture } from "../../emulator/wire/capture/open-capture.ts";
import { TimeOrderedRecords } from "../../emulator/wire/capture/time-ordered-records.ts";
import { FrameHeaders } from "../../emulator/wire/frame.ts";
import { FeedMeter, type FeedReport } from "../replay/feed-meter.ts";
import { type Burst, BurstMeter } from "./burst-meter.ts";
import { type FileOrderReport, FileOrderTap } from "./file-order-tap.ts";
import { GapMeter, type GapReport } from "./gap-meter.ts";
import { type CaptureLine, LineTable } from "./line-table.ts";
import { type LineTwins, TwinFinder } from "./line-twins.ts";
import { type CaptureVlan, VlanTable } from "./vlan-table.ts";

/** What there is to know of a capture. Plain data. */
export interface CaptureInfo {
  readonly name: string;
  readonly format: "pcap" | "pcapng";
  readonly compression: "gzip" | "zstd" | null;
  /** Bytes of the file as it lies on the disk; null for a pipe. */
  readonly fileByteLength: number | null;
  readonly details: CaptureDetails;
  readonly records: FileOrderReport;
  /** Packets that the window could not put in order of time; they are not in bursts and gaps. */
  readonly lateCount: number;
  /** Of the packets in order of time. */
  readonly bursts: readonly Burst[];
  /** Absent with fewer than two packets that have a time. */
  readonly gaps?: GapReport;
  /** VLANs by their ids; none without tags. */
  readonly vlans: readonly CaptureVlan[];
  /** UDP destinations, the busiest first. */
  readonly lines: readonly CaptureLine[];
  /** Lines that carry the same packets, in order of their addresses. */
  readonly twins: readonly LineTwins[];
  /** Datagrams to further ones than are listed. */
  readonly unlistedLinePacketCount: number;
  /** Packets that are no UDP. */
  readonly otherPacketCount: number;
  readonly feed: FeedReport;
  /** Why not all of the file was read, in a sentence: it is cut or damaged. */
  readonly damage?: { readonly message: string; readonly fileOffset: number | null };
  /** Stopped early by the signal. */
  readonly interrupted: boolean;
}

export interface CaptureInfoOptions {
  /** What messages call the file; its path when left out. */
  readonly name?: string;
  /** Called after each part of the file that was read. */
  readonly onProgress?: (progress: CaptureInfoProgress) => void;
  readonly signal?: AbortSignal;
}

export interface CaptureInfoProgress {
  readonly packetCount: number;
  /** How much of the file was read, 0 to 1; undefined for a pipe. */
  readonly fraction: number | undefined;
}

/** Parts of a file after which the event loop goes round, for a signal to get in. */
const PARTS_PER_TURN = 16;

/**
 * Reads a capture once, whatever its length, in memory that does not grow with it: 32 MiB of window, up to 24 MiB of
 * times for the bursts (36 while they grow), and some for buffers and unpacking; a test holds it below 160 MiB.
 *
 * Rejects with CaptureError when it cannot be opened or is no capture. What is cut or damaged further on is in the result,
 * with everything before it.
 */
export async function captureInfo(path: string, options: CaptureInfoOptions = {}): Promise<CaptureInfo> {
  const capture = await openCapture(path, { linkTypes: "any", name: options.name ?? path });
  try {
    const found = await stat(path);
    return await survey(capture, found.isFile() ? found.size : null, options);
  } finally {
    await capture.close();
  }
}

async function survey(
  capture: CaptureFile,
  fileByteLength: number | null,
  options: CaptureInfoOptions,
): Promise<CaptureInfo> {
  const tap = new FileOrderTap(capture, options.signal);
  const ordered = new TimeOrderedRecords(new EthernetRecords(tap, { keepAll: true }));
  const counters = new OrderedCounters();
  const record = new CaptureRecord();
  let damage: CaptureInfo["damage"];
  try {
    for (let part = 1; ; part++) {
      while (ordered.next(record)) counters.count(record);
      if (!(await ordered.more())) break;
      options.onProgress?.({
        packetCount: tap.packetCount,
        fraction: fileByteLength === null ? undefined : Math.min(1, capture.fileOffset / fileByteLength),
      });
      if (part % PARTS_PER_TURN === 0) await new Promise<void>((resume) => setImmediate(resume));
    }
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    damage = { message: error.message, fileOffset: error.fileOffset ?? null };
  }
  const cut = ordered.end?.cut;
  if (cut != null) damage = { message: cut.message, fileOffset: cut.fileOffset };
  const gaps = counters.gaps.report();
  return {
    name: options.name ?? capture.path,
    format: capture.format,
    compression: capture.compression,
    fileByteLength,
    details: structuredClone(capture.details),
    records: tap.report(),
    lateCount: ordered.report().lateCount,
    bursts: counters.bursts.report(),
    ...(gaps === undefined ? {} : { gaps }),
    vlans: counters.vlans.report(),
    lines: counters.lines.report(),
    twins: counters.twins.report(),
    unlistedLinePacketCount: counters.lines.unlistedPacketCount,
    otherPacketCount: counters.otherCount,
    feed: counters.feed.report(),
    ...(damage === undefined ? {} : { damage }),
    interrupted: options.signal?.aborted === true && capture.end === null && damage === undefined,
  };
}

/** What is counted of the frames in order of time. */
class OrderedCounters {
  readonly bursts = new BurstMeter();
  readonly gaps = new GapMeter();
  readonly vlans = new VlanTable();
  readonly lines = new LineTable();
  readonly twins = new TwinFinder();
  readonly feed = new FeedMeter();
  otherCount = 0;
  readonly #headers = new FrameHeaders();
  #seconds = Number.NEGATIVE_INFINITY;
  #nanoseconds = 0;

  count(record: CaptureRecord): void {
    if (record.timed) this.#countTime(record.seconds, record.nanoseconds);
    if (record.linkType !== LINKTYPE_ETHERNET) {
      this.otherCount++;
      return;
    }
    const { bytes, offset } = record;
    const isWhole = record.byteLength >= record.originalByteLength;
    const byteLength = Math.max(0, record.byteLength - (isWhole ? record.fcsByteLength : 0));
    this.#headers.parse(bytes, offset, byteLength);
    this.vlans.count(this.#headers);
    if (!this.lines.count(this.#headers, bytes, offset)) this.otherCount++;
    const { payloadOffset, payloadByteLength, l4Offset } = this.#headers;
    const { current } = this.lines;
    if (current !== undefined && isWhole && l4Offset >= 0) {
      this.twins.count(current, bytes, offset + payloadOffset, payloadByteLength);
    }
    this.feed.count(bytes, offset, byteLength);
  }

  #countTime(seconds: number, nanoseconds: number): void {
    if (seconds < this.#seconds || (seconds === this.#seconds && nanoseconds < this.#nanoseconds)) return;
    this.#seconds = seconds;
    this.#nanoseconds = nanoseconds;
    this.bursts.record(seconds, nanoseconds);
    this.gaps.record(seconds, nanoseconds);
  }
}
