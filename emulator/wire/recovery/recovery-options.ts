/** How a client waits, asks and gives up. All times are on its clock. */
export interface RecoveryOptions {
  /** First sequence wanted; what came before the client joined is asked for. Default: the first that is seen. */
  readonly firstSequence?: number;
  /** Messages behind a hole that can wait for it: a power of two. What is beyond is asked for again later. Default 4,096. */
  readonly windowMessages?: number;
  /** Longest message, in bytes. Default 256. */
  readonly messageByteLimit?: number;
  /** How long a hole may fill by itself before it is asked for: from another line, or out of order. Default 100 µs. */
  readonly graceNs?: number;
  /** How long an answer may take. Default 5 ms. */
  readonly answerLimitNs?: number;
  /** Times that a sequence is asked for in vain before it is lost. Default 5. */
  readonly attemptLimit?: number;
  /** Wait before it is asked for the second time; twice as long each further time, up to the limit. Default 1 and 64 ms. */
  readonly backOffNs?: number;
  readonly backOffLimitNs?: number;
  /** Messages asked for in one request, and under way at a time. Default 256 and 1,024. */
  readonly requestMessageLimit?: number;
  readonly askedMessageLimit?: number;
  /** Shortest time between two requests. Default 10 µs. */
  readonly requestIntervalNs?: number;
}

export interface CheckedRecoveryOptions extends Required<Omit<RecoveryOptions, "firstSequence">> {
  readonly firstSequence: number | undefined;
}

/** Fills in the defaults. @throws RangeError for what cannot be. */
export function checkedRecoveryOptions(options: RecoveryOptions): CheckedRecoveryOptions {
  const chosen: CheckedRecoveryOptions = {
    firstSequence: undefined,
    windowMessages: 4096,
    messageByteLimit: 256,
    graceNs: 100_000,
    answerLimitNs: 5_000_000,
    attemptLimit: 5,
    backOffNs: 1_000_000,
    backOffLimitNs: 64_000_000,
    requestMessageLimit: 256,
    askedMessageLimit: 1024,
    requestIntervalNs: 10_000,
    ...options,
  };
  checkRange("firstSequence", chosen.firstSequence ?? 0, 0, Number.MAX_SAFE_INTEGER);
  checkRange("windowMessages", chosen.windowMessages, 2, 2 ** 24);
  if ((chosen.windowMessages & (chosen.windowMessages - 1)) !== 0) {
    throw new RangeError(`recovery: windowMessages is ${chosen.windowMessages}; want a power of two`);
  }
  checkRange("messageByteLimit", chosen.messageByteLimit, 1, 65_535);
  checkRange("attemptLimit", chosen.attemptLimit, 1, 255);
  checkRange("requestMessageLimit", chosen.requestMessageLimit, 1, 65_534);
  checkRange("askedMessageLimit", chosen.askedMessageLimit, chosen.requestMessageLimit, 2 ** 24);
  for (const name of ["graceNs", "answerLimitNs", "backOffNs", "backOffLimitNs", "requestIntervalNs"] as const) {
    if (!(chosen[name] >= 0 && chosen[name] < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`recovery: ${name} is ${chosen[name]}; want a time of 0 or more`);
    }
  }
  return chosen;
}

function checkRange(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new RangeError(`recovery: ${name} is ${value}; want an integer from ${min} to ${max}`);
}
