import { InterleavingError } from "../../../harness/explore/explore-errors.ts";

/** What an exploration that has to fail fails with. */
export async function failureOf(promise: Promise<unknown>): Promise<InterleavingError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof InterleavingError) return error;
  throw new Error(`no interleaving failed: ${String(error)}`);
}
