/**
 * Work with a session, such as shrinking, that is written once for sessions whose runs end at once and for those whose
 * runs take turns of the event loop. It yields what it has to wait for, which is nothing with the former: then it comes to
 * its end in one go, without a turn of the event loop or of the microtasks in between.
 */
export type Work<Result> = Generator<Promise<unknown>, Result, unknown>;

/** What a session answers now or later, for `yield* settled(session.replay(…))`. */
export function* settled<Value>(answer: Value | Promise<Value>): Work<Value> {
  return answer instanceof Promise ? ((yield answer) as Value) : answer;
}

/** Does work with a session whose runs end at once. Throws what it throws. */
export function atOnce<Result>(work: Work<Result>): Result {
  const step = work.next();
  if (step.done === true) return step.value;
  void step.value.catch(() => {});
  throw new TypeError("the runs of this session take turns of the event loop: await inTime(work)");
}

/** Does work with any session. Rejects with what it throws. */
export async function inTime<Result>(work: Work<Result>): Promise<Result> {
  let step = work.next();
  while (step.done !== true) {
    let answer: unknown;
    try {
      answer = await step.value;
    } catch (error) {
      step = work.throw(error);
      continue;
    }
    step = work.next(answer);
  }
  return step.value;
}
