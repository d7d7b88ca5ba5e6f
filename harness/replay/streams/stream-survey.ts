import { FRAME_BAD_FCS } from "../../../emulator/pcie/device-model.ts";
import { FrameSequence } from "../../../emulator/wire/damage/frame-sequence.ts";
import { ITCH_FORMAT } from "../../../emulator/wire/feeds/itch-tracker.ts";
import { MoldUdp64Packet, sessionText } from "../../../emulator/wire/feeds/mold-udp64.ts";
import { FrameHeaders, IP_PROTOCOL_UDP } from "../../../emulator/wire/frame.ts";
import { FrameQueue } from "../../../emulator/wire/frame-queue.ts";
import { ArchiveBuilder } from "../../../emulator/wire/recovery/message-archive.ts";
import { FeedMeter, type LineReport } from "../feed-meter.ts";
import { FrameReader } from "../frame-reader.ts";
import { ReplayInputError } from "../replay-errors.ts";
import type { ReplayOptions } from "../replay-options.ts";
import { openSource } from "../replay-source.ts";
import { PayloadPrints } from "./same-payloads.ts";

/** Lines that are looked at, as many as the feeds of a replay have. */
const LINE_LIMIT = 256;
/** Sessions that are kept for asking, and bytes of their messages: what is beyond is not served. */
const SESSION_LIMIT = 16;
const ARCHIVE_BYTE_LIMIT = 1 << 30;
const QUEUE_BYTES = 1 << 20;

/** One UDP destination of the capture. */
export interface SurveyedLine {
  readonly name: string;
  readonly address: number;
  readonly port: number;
  readonly prints: PayloadPrints;
  /** Undefined where it carries no feed that is known. */
  readonly feed: LineReport | undefined;
}

/** One MoldUDP64 session, whole as the capture has it. */
export interface SurveyedSession {
  readonly session: string;
  readonly lines: ReadonlySet<string>;
  readonly archive: ArchiveBuilder;
  /** A number was given to several messages. */
  readonly hasRestarted: boolean;
}

/** What is in a capture, before anything is done to it. */
export interface StreamSurvey {
  readonly lines: readonly SurveyedLine[];
  readonly sessions: readonly SurveyedSession[];
  /** Sessions, or parts of them, that did not fit. */
  readonly isCut: boolean;
}

/**
 * Reads the frames that will be replayed once beforehand, undamaged: which lines there are and what they carry, and, where
 * `archives`, all messages of MoldUDP64 sessions.
 */
export async function surveyStreams(options: ReplayOptions, archives: boolean): Promise<StreamSurvey> {
  const { window, limit = Number.POSITIVE_INFINITY } = options;
  const source = await openSource(options);
  if (source.isLive) {
    await source.frames.close?.();
    throw new ReplayInputError(
      `${source.name}: arbitration, recovery and books read a capture once beforehand, and a pipe can be read once; take a file.`,
    );
  }
  const buffer = FrameQueue.createBuffer(QUEUE_BYTES);
  const queue = new FrameQueue(buffer);
  const windowed = window === undefined ? {} : { window };
  const reader = new FrameReader(source.frames, new FrameQueue(buffer), { ...windowed, limit, speed: 1 });
  const survey = new Survey(archives);
  try {
    while (!reader.isDone) {
      // A damaged file is told by the replay itself, which reads as far.
      await reader.fill().catch(() => {});
      for (; queue.peek(); queue.release()) {
        // No card lets a frame through whose FCS is wrong.
        if ((queue.flags & FRAME_BAD_FCS) !== 0) continue;
        survey.take(queue.memory.bytes, queue.offset, queue.byteLength);
      }
      queue.acknowledge();
      if (options.signal?.aborted === true) break;
    }
  } finally {
    await reader.close();
  }
  return survey.result();
}

interface OpenLine {
  readonly name: string;
  readonly address: number;
  readonly port: number;
  readonly prints: PayloadPrints;
}

interface OpenSession {
  readonly session: string;
  readonly lines: Set<string>;
  readonly archive: ArchiveBuilder;
}

class Survey {
  readonly #archives: boolean;
  readonly #meter = new FeedMeter();
  readonly #headers = new FrameHeaders();
  readonly #sequence = new FrameSequence("moldudp64");
  readonly #packet = new MoldUdp64Packet();
  readonly #lines = new Map<number, OpenLine>();
  readonly #sessions = new Map<string, OpenSession>();
  #archiveBytes = 0;
  #isCut = false;

  constructor(archives: boolean) {
    this.#archives = archives;
  }

  take(bytes: Uint8Array, offset: number, byteLength: number): void {
    this.#meter.count(bytes, offset, byteLength);
    const headers = this.#headers;
    headers.parse(bytes, offset, byteLength);
    if (headers.ipProtocol !== IP_PROTOCOL_UDP || headers.l4Offset < 0 || headers.ipVersion !== 4) return;
    const line = this.#lineOf(headers.ipv4Destination, headers.destinationPort);
    if (line === undefined) return;
    line.prints.add(bytes, offset + headers.payloadOffset, headers.payloadByteLength);
    if (!this.#archives) return;
    this.#sequence.read(bytes, offset, byteLength);
    if (this.#sequence.hasSequence)
      this.#archive(line, bytes, offset + headers.payloadOffset, headers.payloadByteLength);
  }

  result(): StreamSurvey {
    const feeds = new Map(this.#meter.report().lines.map((feed) => [feed.line, feed]));
    const lines = [...this.#lines.values()].map((line) => ({ ...line, feed: feeds.get(line.name) }));
    const isItch = (name: string): boolean => feeds.get(name)?.format === ITCH_FORMAT.name;
    const sessions = [...this.#sessions.values()]
      .filter((session) => [...session.lines].some(isItch))
      .map((session) => ({
        ...session,
        hasRestarted: session.archive.conflictCount > 0 || hasRestarted(session, feeds),
      }));
    return { lines, sessions, isCut: this.#isCut };
  }

  #archive(line: OpenLine, bytes: Uint8Array, offset: number, byteLength: number): void {
    const packet = this.#packet;
    if (!packet.parse(bytes, offset, byteLength) || packet.messageCount === 0) return;
    const session = this.#sessionOf(packet);
    if (session === undefined) return;
    session.lines.add(line.name);
    const { archive } = session;
    const before = archive.byteLength;
    while (packet.nextMessage()) {
      archive.add(packet.messageSequence, bytes, packet.messageOffset, packet.messageByteLength);
    }
    this.#archiveBytes += archive.byteLength - before;
  }

  #sessionOf({ sessionWord0, sessionWord1, sessionWord2 }: MoldUdp64Packet): OpenSession | undefined {
    const name = sessionText(sessionWord0, sessionWord1, sessionWord2).trimEnd();
    const known = this.#sessions.get(name);
    if (this.#archiveBytes >= ARCHIVE_BYTE_LIMIT || (known === undefined && this.#sessions.size === SESSION_LIMIT)) {
      this.#isCut = true;
      return undefined;
    }
    if (known !== undefined) return known;
    const session = { session: name, lines: new Set<string>(), archive: new ArchiveBuilder() };
    this.#sessions.set(name, session);
    return session;
  }

  #lineOf(address: number, port: number): OpenLine | undefined {
    const key = (address >>> 0) * 65_536 + port;
    const known = this.#lines.get(key);
    if (known !== undefined || this.#lines.size === LINE_LIMIT) return known;
    const octets = [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff);
    const line = { name: `${octets.join(".")}:${port}`, address, port, prints: new PayloadPrints() };
    this.#lines.set(key, line);
    return line;
  }
}

function hasRestarted({ session, lines }: OpenSession, feeds: ReadonlyMap<string, LineReport>): boolean {
  const printed = session.replaceAll("\0", "") || "(zeroed)";
  return [...lines].some((line) =>
    (feeds.get(line)?.streams ?? []).some(({ stream, restarts }) => stream === printed && restarts > 0),
  );
}
