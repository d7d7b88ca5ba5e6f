import { ipv4Address } from "../../../emulator/wire/build-frame.ts";
import type { ArchiveTables } from "../../../emulator/wire/recovery/message-archive.ts";
import { ReplayInputError } from "../replay-errors.ts";
import { streamBook } from "./stream-books.ts";
import type { LineGroup, RecoveredSession, StreamOptions, StreamPlan } from "./stream-plan.ts";
import type { StreamSurvey, SurveyedLine, SurveyedSession } from "./stream-survey.ts";

/** Who asks and who answers: locally administered and documentation addresses (RFC 5737). */
const CONSUMER = { mac: 0x0200_0000_0001, ip: ipv4Address("192.0.2.1"), port: 40_000 };
const SERVER = { mac: 0x0200_0000_0055, ip: ipv4Address("192.0.2.55"), port: 18_000 };
/** Messages that a capture may lack of a session and still be recovered from: each is asked for until it is given up. */
const MISSING_LIMIT = 65_536;
const DEFAULT_GAP_LIMIT_NS = 1_000_000;

/** A plan, and what of the options it cannot do, in sentences. */
export interface PlannedStreams {
  readonly plan: StreamPlan;
  readonly notes: readonly string[];
}

type FedLine = SurveyedLine & { readonly feed: NonNullable<SurveyedLine["feed"]> };

/** @throws ReplayInputError in one sentence when the capture has nothing of what is asked for. */
export function planStreams(survey: StreamSurvey, options: StreamOptions, name: string): PlannedStreams {
  const { arbitrate, recover, books = false } = options;
  const lines = survey.lines.filter((line): line is FedLine => line.feed !== undefined);
  const groups = groupsOf(lines, survey, arbitrate?.lines ?? [], name);
  const notes = survey.isCut
    ? ["the re-request servers hold 16 sessions and 1 GiB of messages, and the capture has more"]
    : [];
  if (arbitrate !== undefined) {
    const couples = groups.filter((group) => group.lines.length > 1);
    if (couples.length === 0) {
      throw new ReplayInputError(
        `${name}: no two lines carry the same packets, so there is nothing to arbitrate; name them if they do, as in --arbitrate 224.0.31.64:14340+224.0.32.64:15340.`,
      );
    }
  }
  const sessions = recover === undefined ? [] : recoveredSessions(survey.sessions, groups, notes);
  if (recover !== undefined && sessions.length === 0) {
    const why = notes.length === 0 ? "it has no MoldUDP64 session with messages" : notes.join("; ");
    throw new ReplayInputError(`${name}: there is nothing to recover: ${why}.`);
  }
  if (books && !groups.some(({ format }) => streamBook(format) !== undefined)) {
    throw new ReplayInputError(`${name}: books are kept from ITCH 5.0 and Cboe PITCH, and no line carries either.`);
  }
  const inOrder = books && recover === undefined;
  const { mode = inOrder ? "reliability" : "latency", gapLimitNs = DEFAULT_GAP_LIMIT_NS } = arbitrate ?? {};
  const plan = {
    groups,
    arbitration: arbitrate === undefined ? undefined : ({ mode, gapLimitNs } as const),
    recovery: recover === undefined ? undefined : { sessions, service: recover },
    books,
  };
  return { plan, notes };
}

/** Lines that are named together, then those that carry the same, then each alone. */
function groupsOf(
  lines: readonly FedLine[],
  survey: StreamSurvey,
  named: readonly (readonly string[])[],
  name: string,
): LineGroup[] {
  const groups = named.map((names) => namedGroup(names, lines, survey, name));
  const free = lines.filter((line) => !named.flat().includes(line.name)).sort(byDestination);
  while (free.length > 0) {
    const [first] = free.splice(0, 1) as [FedLine];
    // Lines that the user has named are all that he wants arbitrated.
    const same = named.length > 0 ? [] : free.filter((other) => isSame(first, other));
    for (const line of same) free.splice(free.indexOf(line), 1);
    groups.push(groupOf([first, ...same.slice(0, 7)]));
  }
  return groups;
}

function isSame(one: FedLine, other: FedLine): boolean {
  return one.feed.format === other.feed.format && one.prints.isSameAs(other.prints);
}

/** Exchanges give line A the lower addresses, and where those are the same the lower port. */
function byDestination(one: SurveyedLine, other: SurveyedLine): number {
  return (one.address >>> 0) - (other.address >>> 0) || one.port - other.port;
}

function namedGroup(
  names: readonly string[],
  lines: readonly FedLine[],
  survey: StreamSurvey,
  capture: string,
): LineGroup {
  const found = names.map((name) => {
    const line = lines.find((each) => each.name === name);
    if (line !== undefined) return line;
    const isThere = survey.lines.some((each) => each.name === name);
    const why = isThere ? "carries no feed that softbar knows" : "gets no frame";
    throw new ReplayInputError(`${capture}: ${name}, which is to be arbitrated, ${why}.`);
  });
  const formats = [...new Set(found.map(({ feed }) => feed.format))];
  if (formats.length === 1) return groupOf(found);
  throw new ReplayInputError(
    `${capture}: ${names.join(" and ")} carry ${formats.join(" and ")}, so not the same streams.`,
  );
}

function groupOf(lines: readonly FedLine[]): LineGroup {
  const [first] = lines as [FedLine, ...FedLine[]];
  const streams = new Set(lines.flatMap(({ feed }) => feed.streams.map(({ stream }) => stream)));
  return {
    format: first.feed.format,
    lines: lines.map(({ name, address, port }) => ({ name, address, port })),
    streamCount: streams.size,
  };
}

/** The sessions that can be asked for; of the others it is said why not. */
function recoveredSessions(
  sessions: readonly SurveyedSession[],
  groups: readonly LineGroup[],
  notes: string[],
): RecoveredSession[] {
  const recovered: RecoveredSession[] = [];
  for (const { session, lines, archive, hasRestarted } of sessions) {
    const name = session.replaceAll("\0", "") || "(zeroed)";
    const group = groups.findIndex((each) => each.lines.some((line) => lines.has(line.name)));
    if (group < 0) continue;
    if (hasRestarted) {
      notes.push(`in session ${name} a sequence number stands for several messages, so none can be asked for`);
      continue;
    }
    if (archive.missingCount > MISSING_LIMIT) {
      const missing = archive.missingCount.toLocaleString("en-US");
      notes.push(
        `of session ${name} the capture itself lacks ${missing} messages, more than a client asks for in vain`,
      );
      continue;
    }
    let tables: ArchiveTables;
    try {
      tables = archive.tables();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      notes.push(`session ${name}: ${error.message}`);
      continue;
    }
    const index = recovered.length;
    recovered.push({
      session,
      name,
      group,
      archive: tables,
      requests: {
        sourceMac: CONSUMER.mac,
        destinationMac: SERVER.mac,
        sourceIp: CONSUMER.ip,
        destinationIp: SERVER.ip,
        sourcePort: CONSUMER.port + index,
        destinationPort: SERVER.port + index,
      },
    });
  }
  return recovered;
}
