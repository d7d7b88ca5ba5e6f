import { CaptureRecord } from "../../emulator/wire/capture/capture-record.ts";
import { PcapWriter } from "../../emulator/wire/capture/write-pcap.ts";
import { PcapngWriter } from "../../emulator/wire/capture/write-pcapng.ts";
import { ItchSession, type ItchSessionOptions } from "../../emulator/wire/feeds/itch-session.ts";
import { FileOutput, StreamOutput, type TraceOutput } from "../trace/trace-output.ts";
import { UsageError } from "./exit-codes.ts";

/** Frames between two looks whether the reader of a pipe keeps up, and whether somebody wants it to end. */
const FRAMES_PER_PIECE = 1024;

/** What was written. Plain data. */
export interface MadeCapture {
  readonly file: string;
  readonly format: "pcap" | "pcapng";
  readonly seed: number;
  readonly frameCount: number;
  readonly messageCount: number;
  /** Bytes of the frames, without those of the file format. */
  readonly byteCount: number;
  /** False when it was ended before the session was over: the file is whole as far as it goes. */
  readonly isComplete: boolean;
}

interface CaptureWriter {
  add(record: CaptureRecord): void;
  drain(): Uint8Array;
}

/**
 * Writes the made-up session into a capture: pcapng or pcap by the file's ending, pcapng for a dash, which is standard
 * output. @throws UsageError for another ending, or a file that cannot be written.
 */
export async function makeCapture(
  file: string,
  options: ItchSessionOptions,
  signal: AbortSignal,
  onProgress: (fraction: number, frameCount: number) => void,
): Promise<MadeCapture> {
  const format = formatOf(file);
  const writer = format === "pcap" ? pcapWriter() : pcapngWriter(options.seed);
  const session = new ItchSession(options);
  const output = outputFor(file);
  const record = new CaptureRecord();
  try {
    output.write(writer.drain());
    while (!signal.aborted && session.next(record)) {
      writer.add(record);
      output.write(writer.drain());
      if (session.framesWritten % FRAMES_PER_PIECE !== 0) continue;
      await output.flush();
      onProgress(session.framesWritten / session.frameCount, session.framesWritten);
      // So that an interrupt is heard.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall !== "write") throw error;
    throw new UsageError(`${file} cannot be written on (${code}); what is in it is a capture of fewer frames.`);
  } finally {
    await output.close();
  }
  const { framesWritten, messagesWritten, bytesWritten, frameCount } = session;
  return {
    file,
    format,
    seed: options.seed,
    frameCount: framesWritten,
    messageCount: messagesWritten,
    byteCount: bytesWritten,
    isComplete: framesWritten === frameCount,
  };
}

function formatOf(file: string): "pcap" | "pcapng" {
  if (file.endsWith(".pcap")) return "pcap";
  if (file.endsWith(".pcapng") || file === "-") return "pcapng";
  throw new UsageError(`${file}: a capture is made as .pcap or .pcapng; end its name so.`);
}

function outputFor(file: string): TraceOutput {
  if (file === "-") return new StreamOutput(process.stdout);
  try {
    return new FileOutput(file);
  } catch (error) {
    throw new UsageError(`${file} cannot be written (${(error as NodeJS.ErrnoException).code ?? error}).`);
  }
}

function pcapWriter(): CaptureWriter {
  const writer = new PcapWriter();
  return {
    add: ({ seconds, nanoseconds, bytes, offset, byteLength }) =>
      writer.append(seconds, nanoseconds, bytes, offset, byteLength),
    drain: () => writer.drain(),
  };
}

function pcapngWriter(seed: number): CaptureWriter {
  const writer = new PcapngWriter({ comment: `a made-up session, seed ${seed}` });
  const port = writer.addInterface({ name: "made up", bitsPerSecond: 10e9 });
  return {
    add: ({ seconds, nanoseconds, bytes, offset, byteLength }) =>
      writer.append(port, seconds, nanoseconds, bytes.subarray(offset, offset + byteLength)),
    drain: () => writer.drain(),
  };
}
