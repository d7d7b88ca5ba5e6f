/** The guest cannot be started, or does not do what it should; the message says what is missing and how to get it. */
export class GuestError extends Error {
  override readonly name = "GuestError";
}

/** The guest did not answer within the limit. */
export class GuestStuckError extends Error {
  override readonly name = "GuestStuckError";
}
