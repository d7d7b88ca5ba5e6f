import { EXIT_INTERRUPTED } from "./exit-codes.ts";

/** How long a verb that was interrupted may take to end. */
const INTERRUPT_LIMIT_MS = 3_000;

/** The first Ctrl-C ends a verb in good order; the second one, whatever hangs. */
export function onInterrupt(): { readonly signal: AbortSignal; restore(): void } {
  const controller = new AbortController();
  const abort = (): void => {
    controller.abort();
    // Reading may hang where the signal is not looked at: a pipe into which nobody writes.
    setTimeout(() => process.exit(EXIT_INTERRUPTED), INTERRUPT_LIMIT_MS).unref();
  };
  process.once("SIGINT", abort);
  process.once("SIGTERM", abort);
  return {
    signal: controller.signal,
    restore() {
      process.off("SIGINT", abort);
      process.off("SIGTERM", abort);
    },
  };
}
