import { ABORT } from "../../emulator/explore/machine.ts";
import { afterMacrotask } from "../../emulator/run/macrotask.ts";

const EVENTS = ["unhandledRejection", "uncaughtException"] as const;
type Listener = (...given: unknown[]) => void;
interface Told {
  readonly event: (typeof EVENTS)[number];
  readonly error: unknown;
}

/** Listeners of others, for as long as the process's errors are taken. */
const others = new Map<string, readonly Listener[]>();
const listeners = new Map<string, Listener>();
/** What nobody here has use for: for the process, when it has its listeners back. */
const kept: Told[] = [];
let takerCount = 0;
let ofRun: ((error: unknown) => void) | undefined;
let isLateExpected = false;

/**
 * Takes what is thrown or rejected where nobody awaits it, and hands it to `take`, from the process and whoever listens to it.
 * How a task that nobody awaits is stopped is no verdict on it: that is left out. Returns what ends it. There is one run at a time.
 */
export function takeUnawaited(take: (error: unknown) => void): () => void {
  ofRun = take;
  const release = listen();
  return () => {
    ofRun = undefined;
    release();
  };
}

/**
 * What a task that is left over from a run which is over is stopped by, for its caller to throw at once. Nobody may await it, and
 * it must not end the process then: in this turn of the event loop that one error is not told.
 */
export function stopOfLeftOver(): Error {
  if (!isLateExpected) {
    isLateExpected = true;
    const release = listen();
    afterMacrotask(() => {
      isLateExpected = false;
      release();
    });
  }
  return ABORT;
}

/** Instead of the others, until what is returned has been called. */
function listen(): () => void {
  if (takerCount++ === 0)
    for (const event of EVENTS) {
      const listener: Listener = (error) => {
        if (error === ABORT) return;
        if (ofRun === undefined) kept.push({ event, error });
        else ofRun(error);
      };
      others.set(event, process.rawListeners(event) as Listener[]);
      listeners.set(event, listener);
      process.removeAllListeners(event);
      process.on(event, listener);
    }
  return () => {
    if (--takerCount > 0) return;
    for (const event of EVENTS) {
      process.off(event, listeners.get(event) as Listener);
      for (const listener of others.get(event) ?? []) process.on(event, listener);
    }
    for (const told of kept.splice(0)) raiseAgain(told);
  };
}

function raiseAgain({ event, error }: Told): void {
  if (event === "unhandledRejection") void Promise.reject(error);
  else
    process.nextTick(() => {
      throw error;
    });
}
