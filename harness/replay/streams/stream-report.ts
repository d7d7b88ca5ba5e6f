import type { BookFaultKind } from "../../../emulator/wire/books/book-faults.ts";
import type { LineReport } from "../../../emulator/wire/lines/line-tally.ts";
import type { MoldClientReport } from "../../../emulator/wire/recovery/mold-client.ts";
import type { MoldServerReport } from "../../../emulator/wire/recovery/mold-request-server.ts";

/** One stream that came on several lines. Plain data. */
export interface ArbitratedStream {
  readonly format: string;
  /** A session, a unit, a channel. */
  readonly stream: string;
  /** What the sequence counts. */
  readonly numbers: "messages" | "packets";
  readonly mode: "latency" | "reliability";
  readonly passed: number;
  /** What no line brought in time. */
  readonly lost: number;
  /** The same as [first, behind the last), up to a thousand; with recovery, which goes on to ask for them, they are there. */
  readonly lostRanges?: readonly (readonly [number, number])[];
  /** What each line brought: who was first and by how much, what it missed, what another one had of that. */
  readonly lines: readonly (LineReport & { readonly line: string })[];
}

/** One MoldUDP64 session that was recovered. Plain data. */
export interface RecoveredStream {
  readonly session: string;
  readonly lines: readonly string[];
  readonly client: Omit<MoldClientReport, "lines">;
  /** What the server did with the requests. */
  readonly server: MoldServerReport;
}

/** One price and what stands there. Prices in units of the feed, 1/10,000. */
export interface TopOfBook {
  readonly price: number;
  readonly size: number;
  readonly orders: number;
}

export interface InstrumentReport {
  readonly symbol: string;
  /** Messages that changed an order of it. */
  readonly messages: number;
  readonly bid: TopOfBook | null;
  readonly ask: TopOfBook | null;
}

/** The books of one stream. Plain data. */
export interface BookReport {
  readonly format: string;
  readonly stream: string;
  readonly orderMessages: number;
  readonly otherMessages: number;
  readonly malformed: number;
  readonly openOrders: number;
  readonly levels: number;
  /** Eight hexadecimal digits: equal for equal books, however they came about. */
  readonly stateHash: string;
  readonly faults: Partial<Record<BookFaultKind, number>>;
  /** The ten with the most messages. */
  readonly instruments: readonly InstrumentReport[];
}

/** What the consumer made of the streams; undefined where it was not asked for. */
export interface ConsumerStreamsReport {
  readonly arbitration: readonly ArbitratedStream[] | undefined;
  readonly recovery: readonly Omit<RecoveredStream, "server">[] | undefined;
  readonly books: readonly BookReport[] | undefined;
}

/** The same with the server's side, and what was found in the capture beforehand. */
export interface StreamsReport extends Omit<ConsumerStreamsReport, "recovery"> {
  readonly recovery: readonly RecoveredStream[] | undefined;
  /** Frames that the server sent into the card. They are among the sent and the delivered ones. */
  readonly answerFrames: number;
  /** What could not be done as asked, in sentences. */
  readonly notes: readonly string[];
}
