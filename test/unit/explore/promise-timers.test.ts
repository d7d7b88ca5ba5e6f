import { createRequire } from "node:module";
import { setInterval as everyMs, scheduler, setTimeout as sleepMs, setImmediate as soon } from "node:timers/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { explore } from "../../../harness/explore/explore.ts";

const required = createRequire(import.meta.url)("node:timers/promises") as typeof import("node:timers/promises");

async function told(pending: Promise<unknown>): Promise<unknown> {
  try {
    return await pending;
  } catch (error) {
    const { name, code, message, cause } = error as Error & { code?: string };
    return { name, code, message, cause };
  }
}

/** Everything that can be seen of the promise forms but the time that they take. */
async function program(): Promise<unknown[]> {
  const seen: unknown[] = [];
  const see = async (pending: Promise<unknown>): Promise<void> => void seen.push(await told(pending));
  await see(sleepMs(2, "slept"));
  await see(sleepMs(undefined, "no time"));
  await see(required.setTimeout(1, "required"));
  await see(promisify(setTimeout)(1, "promisified"));
  await see(soon("soon"));
  await see(scheduler.wait(1));
  await see(scheduler.yield());
  await see(Promise.race([sleepMs(1000, "late", { ref: false }), sleepMs(1, "early")]));
  // What is no time and what are no options is refused in Node's words.
  await see(sleepMs("1" as never));
  await see(sleepMs(1, undefined, { signal: {} as never }));
  await see(soon(undefined, null as never));

  const aborted = AbortSignal.abort("enough");
  await see(sleepMs(1, undefined, { signal: aborted }));
  await see(soon(undefined, { signal: aborted }));
  await see(everyMs(1, undefined, { signal: aborted })[Symbol.asyncIterator]().next());
  const ending = new AbortController();
  const never = [sleepMs(1000, "late", { signal: ending.signal }), scheduler.wait(1000, { signal: ending.signal })];
  const interval = everyMs(1000, undefined, { signal: ending.signal })[Symbol.asyncIterator]();
  const beat = interval.next();
  ending.abort("enough");
  for (const pending of [...never, beat, interval.next()]) await see(pending);

  let beats = 0;
  for await (const value of everyMs(1, "beat")) {
    seen.push(value);
    // Taken more slowly than it comes: the rest is owed.
    await sleepMs(5);
    if (++beats === 3) break;
  }
  return seen;
}

test("timers with promises are Node's in all but the time", async () => {
  const inRuns: unknown[][] = [];
  await explore(edu(), { runs: 3, models: ["sc"] }, async () => void inRuns.push(await program()));
  const real = await program();
  expect(inRuns.length).toBeGreaterThanOrEqual(3);
  for (const inRun of inRuns) expect(inRun).toEqual(real);
});
