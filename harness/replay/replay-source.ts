import { stat } from "node:fs/promises";
import { LINKTYPE_ETHERNET } from "../../emulator/wire/capture/capture-record.ts";
import { REFRAMED_LINK_TYPES } from "../../emulator/wire/capture/ethernet-framing.ts";
import { type CaptureFile, openCapture } from "../../emulator/wire/capture/open-capture.ts";
import { ItchSession } from "../../emulator/wire/feeds/itch-session.ts";
import type { FrameSource } from "./frame-source.ts";
import { type PreparationReport, prepareRecords } from "./preparation.ts";
import { DEFAULT_SESSION_FRAME_COUNT, type ReplayOptions } from "./replay-options.ts";

/** Per-record overhead of the file formats, for the progress bar alone: 16 bytes in pcap, 32 in pcapng. */
const RECORD_OVERHEAD_BYTES = { pcap: 16, pcapng: 32 } as const;

/** What says where frames come from. */
export type SourceOptions = Pick<ReplayOptions, "file" | "session" | "order" | "trailer">;

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
  return options.file === undefined ? beginSession(options) : openFile(options.file, options);
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

async function openFile(path: string, options: SourceOptions): Promise<OpenSource> {
  const capture = await openRecords(path);
  const { size, isLive } = await stat(path).then((found) => ({ size: found.size, isLive: !found.isFile() }));
  const { trailer, order = isLive ? "file" : "time" } = options;
  const preparation = { order, ...(trailer === undefined ? {} : { trailer }) };
  let prepared = prepareRecords(capture, preparation);
  const reopen = async (): Promise<FrameSource> => {
    prepared = prepareRecords(await openRecords(path), preparation);
    return prepared.records;
  };
  const overhead = RECORD_OVERHEAD_BYTES[capture.format];
  return {
    frames: prepared.records,
    kind: "capture",
    name: path,
    format: capture.compression === null ? capture.format : `${capture.format}, ${capture.compression}`,
    frameCount: undefined,
    isLive,
    reopen: isLive ? undefined : reopen,
    preparation: () => prepared.report(),
    fractionOf(frameCount, byteCount) {
      if (capture.compression !== null || isLive || size === 0) return undefined;
      return Math.min(1, (byteCount + overhead * frameCount) / size);
    },
  };
}

function openRecords(path: string): Promise<CaptureFile> {
  return openCapture(path, { linkTypes: [LINKTYPE_ETHERNET, ...REFRAMED_LINK_TYPES] });
}
