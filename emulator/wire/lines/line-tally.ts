import { type LeadReport, LeadTimes } from "./lead-times.ts";

/** What one line brought of one stream. Plain data; "message" is whatever the feed's sequence counts. */
export interface LineReport {
  readonly packets: number;
  readonly heartbeats: number;
  readonly messages: number;
  readonly firstPackets: number;
  readonly firstMessages: number;
  readonly secondMessages: number;
  readonly duplicates: number;
  readonly lateMessages: number;
  readonly behindWindow: number;
  readonly missed: number;
  readonly filledByOthers: number;
  readonly lostOnAll: number;
  readonly restarts: number;
  readonly sessionChanges: number;
  readonly stalePackets: number;
  readonly payloadMismatches: number;
  readonly uncomparedPackets: number;
  /** Undefined until a packet came on two lines. */
  readonly lead: LeadReport | undefined;
}

/** The counts of one line, kept by its {@link StreamArbiter}. Every message that a line brings is in exactly one of the five. */
export class LineTally {
  packets = 0;
  /** Packets without messages that carry the next sequence. */
  heartbeats = 0;
  messages = 0;
  /** Packets of which at least one message was the first of its sequence. */
  firstPackets = 0;
  // ---- the five ----
  /** Messages that no line had brought before. */
  firstMessages = 0;
  /** Messages that another line had brought before. */
  secondMessages = 0;
  /** Messages that this same line had brought before. */
  duplicates = 0;
  /** Messages that came, on whichever line, after they had been declared lost: they are not passed any more. */
  lateMessages = 0;
  /** Messages from before the start of the stream, or so old that nothing is remembered of them. */
  behindWindow = 0;
  // ---- what it did not bring; known once the sequence leaves the window, or at `finish` ----
  /** Sequences between the line's first and last that it did not bring. */
  missed = 0;
  /** Those of them that another line had. */
  filledByOthers = 0;
  /** Those that none had. */
  lostOnAll = 0;
  /** Times that the line began to count anew within its session. */
  restarts = 0;
  /** Times that the line changed to another session. */
  sessionChanges = 0;
  /** Packets of a session, or of a count, that another line has already left. They are not passed. */
  stalePackets = 0;
  /** Packets of the same sequences as one before them, and other bytes. */
  payloadMismatches = 0;
  /** Packets that begin like one before them and hold more or fewer messages: they cannot be compared. */
  uncomparedPackets = 0;
  /** One sample for each packet that came on two lines, taken at its first message: until, or since, the other one. */
  readonly leads: LeadTimes = new LeadTimes();

  report(): LineReport {
    const { leads, ...counts } = this;
    return { ...counts, lead: leads.report() };
  }
}
