import { ReceivedText } from "./received-text.ts";
import { GuestError, GuestStuckError } from "./vm-error.ts";

/** What a command in the guest came to. */
export interface GuestResult {
  /** Its exit code. */
  readonly code: number;
  /** What it wrote to standard output and error, without the last line feed; of more than 4 Mi characters the last. */
  readonly output: string;
  /** Characters before those of {@link output} that were not kept: 0 when it is whole. */
  readonly cutLength: number;
}

/** What is kept of the output of a command: the log of a boot is a tenth of it. */
const OUTPUT_MAX = 4 << 20;
/** Of a command that fails so much is told: the end says why. */
const TOLD_MAX = 4 << 10;
const ASK_AGAIN_MS = 1000;
/** `limitMs` of {@link GuestShell.run} where none is named. */
export const COMMAND_LIMIT_MS: number = 60_000;

/** Commands for a shell behind a serial line that neither prompts nor echoes, one after the other. */
export class GuestShell {
  readonly #send: (bytes: Uint8Array) => void;
  readonly #decoder = new TextDecoder();
  readonly #received = new ReceivedText(OUTPUT_MAX);
  #onText: () => void = () => {};
  #commandCount = 0;
  #ended: Error | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(send: (bytes: Uint8Array) => void) {
    this.#send = send;
  }

  /** Bytes that the shell wrote. */
  take(bytes: Uint8Array): void {
    this.#received.add(this.#decoder.decode(bytes, { stream: true }));
    this.#onText();
  }

  /** The guest is gone: whoever waits hears it, and whoever asks later. */
  end(error: Error): void {
    this.#ended ??= error;
    this.#onText();
  }

  /** Resolves when the shell answers. Rejects with GuestStuckError after the limit. */
  async untilUp(limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs;
    // Whatever is sent before the shell listens is lost: it is asked again and again, and answers the last time.
    for (;;) {
      try {
        await this.#run("true", Math.min(ASK_AGAIN_MS, Math.max(1, deadline - performance.now())));
        return;
      } catch (error) {
        if (!(error instanceof GuestStuckError)) throw error;
        if (performance.now() >= deadline) throw error;
      }
    }
  }

  /** Rejects with GuestStuckError after the limit; the command then still runs, and the shell is of no further use. */
  run(command: string, limitMs: number = COMMAND_LIMIT_MS): Promise<GuestResult> {
    const next = this.#queue.then(() => this.#run(command, limitMs));
    this.#queue = next.catch(() => {});
    return next;
  }

  /**
   * As {@link run}; rejects with GuestError and the end of what it printed when the command fails, and when it printed more than
   * is kept.
   */
  async mustRun(command: string, limitMs: number = COMMAND_LIMIT_MS): Promise<string> {
    const { code, output, cutLength } = await this.run(command, limitMs);
    if (code !== 0) throw new GuestError(`in the guest, "${command}" ended with ${code}: ${endOf(output.trim())}`);
    if (cutLength > 0)
      throw new GuestError(
        `in the guest, "${command}" printed ${output.length + cutLength} characters, of which ${OUTPUT_MAX} are kept: let it write to a file, or print less`,
      );
    return output;
  }

  async #run(command: string, limitMs: number): Promise<GuestResult> {
    if (this.#ended !== undefined) throw this.#ended;
    const number = ++this.#commandCount;
    this.#received.clear();
    // An echo of the command is not taken for its end: the mark begins no line there. No quotes: a shell that comes up in
    // the middle of a question would wait for the end of one for ever.
    this.#send(Buffer.from(`${command}\n__code=$?; echo; echo softbar-${number} $__code\n`));
    const match = await this.#until(new RegExp(`\\nsoftbar-${number} (\\d+)\\r?\\n`), command, limitMs);
    const { text, cutLength } = this.#received.before(match);
    return { code: Number(match[1]), output: text.replaceAll("\r", "").replace(/\n$/, ""), cutLength };
  }

  #until(pattern: RegExp, command: string, limitMs: number): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#onText = () => {};
        reject(new GuestStuckError(`in the guest, "${command}" did not end within ${limitMs / 1000} s`));
      }, limitMs);
      this.#onText = () => {
        const match = this.#ended === undefined ? pattern.exec(this.#received.recent) : null;
        if (match === null && this.#ended === undefined) return;
        clearTimeout(timer);
        this.#onText = () => {};
        if (match !== null) resolve(match);
        else reject(this.#ended);
      };
      this.#onText();
    });
  }
}

function endOf(output: string): string {
  return output.length <= TOLD_MAX ? output : `… ${output.slice(-TOLD_MAX)}`;
}
