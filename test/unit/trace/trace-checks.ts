import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ValidateFunction } from "ajv";
import { expect } from "vitest";
import { isEvent, type TraceEvent, type TraceRecord } from "../../../harness/trace/trace-event.ts";

const SCHEMA = join(import.meta.dirname, "../../../docs/trace.schema.json");

/** What holds for every trace, whoever made it: its own order, and edges that respect number and time. */
export function checkOrder(records: readonly TraceRecord[]): void {
  const [header, ...rest] = records;
  if (header?.kind !== "header") throw new Error("a trace begins with its header");
  const actors = new Set(header.actors.map(({ id }) => id));
  const times: number[] = [];
  const problems: string[] = [];
  let [timeNs, count] = [0, 0];
  for (const record of rest) {
    if (record.kind === "actor") actors.add(record.actor.id);
    if (!isEvent(record)) continue;
    if (record.seq !== count++) problems.push(`event ${record.seq} stands at ${count - 1}`);
    if (record.timeNs < timeNs) problems.push(`event ${record.seq} goes back in time`);
    if (!actors.has(record.actor)) problems.push(`event ${record.seq} is of ${record.actor}, whom nobody has named`);
    for (const { from, why } of record.after ?? []) {
      if (from >= record.seq) problems.push(`event ${record.seq} comes after ${from} (${why}): a circle`);
      else if ((times[from] as number) > record.timeNs) problems.push(`event ${record.seq} is earlier than ${from}`);
    }
    timeNs = record.timeNs;
    times.push(timeNs);
  }
  expect(problems).toEqual([]);
  const end = rest.at(-1);
  if (end?.kind === "end") expect(end.eventCount).toBe(count);
}

/** The events of a kind; some kinds share a type. */
export type EventOf<Kind extends TraceEvent["kind"]> = TraceEvent extends infer Event
  ? Event extends { readonly kind: infer Kinds }
    ? Kind extends Kinds
      ? Event
      : never
    : never
  : never;

export function eventsOf<Kind extends TraceEvent["kind"]>(
  records: readonly TraceRecord[],
  kind: Kind,
): EventOf<Kind>[] {
  return records.filter((record) => record.kind === kind) as unknown as EventOf<Kind>[];
}

/** The event that an edge of that kind leads from. */
export function causeOf(records: readonly TraceRecord[], event: TraceEvent, why: string): TraceEvent | undefined {
  const from = event.after?.find((edge) => edge.why === why)?.from;
  return from === undefined
    ? undefined
    : (records.find((record) => isEvent(record) && record.seq === from) as TraceEvent);
}

/** The check by the JSON schema; undefined where ajv is not installed. */
export async function schemaCheck(path: string = SCHEMA): Promise<ValidateFunction | undefined> {
  try {
    const { Ajv } = await import("ajv");
    return new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true }).compile(
      JSON.parse(readFileSync(path, "utf8")),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** Says which record does not fit, and why. */
export function checkSchema(validate: ValidateFunction, records: readonly unknown[]): void {
  for (const record of records) {
    if (validate(record)) continue;
    const { kind } = record as { readonly kind?: string };
    const reasons = (validate.errors ?? []).filter(({ keyword }) => keyword !== "oneOf" && keyword !== "const");
    throw new Error(`${kind}: ${JSON.stringify(record)}\n${JSON.stringify(reasons.slice(0, 5), undefined, 1)}`);
  }
}
