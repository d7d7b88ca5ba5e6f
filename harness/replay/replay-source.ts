import { stat } from "node:fs/promises";
import { LINKTYPE_ETHERNET } from "../../emulator/wire/capture/capture-record.ts";
import { REFRAMED_LINK_TYPES } from "../../emulator/wire/capture/ethernet-framing.ts";
import { type CaptureFile, openCapture } from "../../emulator/wire/capture/open-capture.ts";
import { ItchSession } from "../../emulator/wire/feeds/itch-session.ts";
import type { FrameSource } from "./frame-source.ts";
import { type PreparationReport, prepareRecords } from "./preparation.ts";
import { ReplayInputError } from "./replay-errors.ts";
import { DEFAULT_SESSION_FRAME_COUNT, type ReplayOptions } from "./replay-options.ts";

/** Per-record overhead of the file formats, for the progress bar alone: 16 bytes in pcap, 32 in pcapng. */
const RECORD_OVERHEAD_BYTES = { pcap: 16, pcapng: 32 } as const;

/** What says where frames come from. */
export type SourceOptions = Pick<ReplayOptions, "file" | "session" | "order" | "trailer" | "fcs">;

/** An open source of frames, and how to name and measure it. */
export interface OpenSource {
  readonly frames: FrameSource;
  readonly kind: "capture" | "session";
  readonly name: string;
  readonly format: string;
  readonly frameCount: number | undefined;
  /** Somebody may still be writing it: a pipe. It is not read ahead. */
  readonly isLive: boolean;
  /** Opens it once more, for another pass; undefined for what can be read only once. */
  readonly reopen: (() => Promise<FrameSource>) | undefined;
  /** What was done to the records of a capture so far, in the pass that was begun last; absent for a session. */
  preparation?(): PreparationReport;
  /** Which part of the source so many frames of so many bytes are; undefined when nobody knows. */
  fractionOf(frameCount: number, byteCount: number): number | undefined;
}

/** Opens the file, or begins a session. Rejects with CaptureError when the file is no capture. */
export async function openSource(options: SourceOptions): Promise<OpenSource> {
  const paths = filesOf(options);
  return paths.length === 0 ? beginSession(options) : openFiles(paths, options);
}

/** The captures that are replayed; none where a session is made up. */
export function filesOf({ file = [] }: Pick<ReplayOptions, "file">): readonly string[] {
  return typeof file === "string" ? [file] : file;
}

function beginSession(options: SourceOptions): OpenSource {
  const { seed = 1, frameCount = DEFAULT_SESSION_FRAME_COUNT } = options.session ?? {};
  return {
    frames: new ItchSession({ seed, frameCount }),
    kind: "session",
    name: `a generated session (seed ${seed})`,
    format: "generated",
    frameCount,
    isLive: false,
    reopen: async () => new ItchSession({ seed, frameCount }),
    fractionOf: (sentCount) => Math.min(1, sentCount / frameCount),
  };
}

async function openFiles(paths: readonly string[], options: SourceOptions): Promise<OpenSource> {
  // What is not there is told by whoever opens it.
  const stats = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  const size = stats.reduce((sum, each) => sum + (each?.size ?? 0), 0);
  const live = paths.filter((_, index) => stats[index]?.isFile() === false);
  if (live.length > 0 && paths.length > 1) {
    throw new ReplayInputError(
      `${live.join(", ")}: several captures are merged by time, and what comes through a pipe has no end to wait for; take files.`,
    );
  }
  const captures = await openAll(paths);
  const isLive = live.length > 0;
  const { trailer, fcs = "auto", order = isLive ? "file" : "time" } = options;
  const preparation = { order, fcs, ...(trailer === undefined ? {} : { trailer }) };
  let prepared = prepareRecords(captures, preparation);
  const reopen = async (): Promise<FrameSource> => {
    prepared = prepareRecords(await openAll(paths), preparation);
    return prepared.records;
  };
  const formats = captures.map(({ format, compression }) =>
    compression === null ? format : `${format}, ${compression}`,
  );
  const isPacked = captures.some(({ compression }) => compression !== null);
  const overhead = RECORD_OVERHEAD_BYTES[captures[0]?.format ?? "pcap"];
  return {
    frames: prepared.records,
    kind: "capture",
    name: paths.join(" + "),
    format: [...new Set(formats)].join(" + "),
    frameCount: undefined,
    isLive,
    reopen: isLive ? undefined : reopen,
    preparation: () => prepared.report(),
    fractionOf(frameCount, byteCount) {
      if (isPacked || isLive || size === 0) return undefined;
      return Math.min(1, (byteCount + overhead * frameCount) / size);
    },
  };
}

/** Where one of them is no capture, the others are closed again. */
async function openAll(paths: readonly string[]): Promise<CaptureFile[]> {
  const opened = await Promise.allSettled(paths.map(openRecords));
  const captures = opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const failed = opened.find((each) => each.status === "rejected");
  if (failed === undefined) return captures;
  await Promise.all(captures.map((capture) => capture.close()));
  throw failed.reason;
}

function openRecords(path: string): Promise<CaptureFile> {
  return openCapture(path, { linkTypes: [LINKTYPE_ETHERNET, ...REFRAMED_LINK_TYPES] });
}
