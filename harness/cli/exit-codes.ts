/** What the command line's exit codes mean; they are part of its interface. */
export const EXIT_PASSED = 0;
/** A rule of the device was broken, frames were lost in the driver, messages given up, or not all of the input could be used. */
export const EXIT_INCORRECT = 1;
/** The command line or its input makes no sense. */
export const EXIT_USAGE = 2;
/** Nothing moved within the limit. */
export const EXIT_STUCK = 3;
/** A bug in softbar. */
export const EXIT_INTERNAL = 70;
/** Ctrl-C, as shells count it: 128 + SIGINT. */
export const EXIT_INTERRUPTED = 130;

/** A run has come to no result that could be shown, by no fault of the command line; the message is one sentence. */
export class NoResultError extends Error {
  override readonly name = "NoResultError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The command line cannot be understood; the message is one sentence. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
