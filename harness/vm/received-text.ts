/** Longer than what ends a command, which may come in pieces. */
const MARK_MAX = 64;
/** A serial line hands over byte by byte: so much is one piece of what is kept. */
const PIECE_LENGTH = 64 << 10;

/**
 * What has come over a serial line since it was cleared: the last of it is kept, and looked at as it comes. Each character is
 * taken once and looked at a bounded number of times, however much there is.
 */
export class ReceivedText {
  readonly #keptMax: number;
  #pieces: string[] = [];
  #last = "";
  #length = 0;
  #cutLength = 0;
  #recent = "\n";

  /** `keptMax`: characters that are kept; one piece more may be. */
  constructor(keptMax: number) {
    this.#keptMax = keptMax;
  }

  /** What came last, with enough of what came before it to see a mark that was not whole yet. It begins with a line feed where nothing came before. */
  get recent(): string {
    return this.#recent;
  }

  add(text: string): void {
    this.#recent = this.#recent.slice(-MARK_MAX) + text;
    this.#last += text;
    this.#length += text.length;
    if (this.#last.length < PIECE_LENGTH) return;
    this.#pieces.push(this.#last);
    this.#last = "";
    for (let [first] = this.#pieces; first !== undefined && this.#isTooMuchWith(first); [first] = this.#pieces) {
      this.#pieces.shift();
      this.#length -= first.length;
      this.#cutLength += first.length;
    }
  }

  clear(): void {
    this.#pieces = [];
    this.#last = "";
    this.#length = 0;
    this.#cutLength = 0;
    this.#recent = "\n";
  }

  /** What is kept of all that came before a match in {@link recent}, and how much came before that. */
  before(match: RegExpExecArray): { readonly text: string; readonly cutLength: number } {
    const behind = this.#recent.length - match.index;
    const kept = this.#pieces.join("") + this.#last;
    const whole = kept.slice(0, Math.max(0, kept.length - behind));
    const text = whole.slice(-this.#keptMax);
    return { text, cutLength: this.#cutLength + whole.length - text.length };
  }

  #isTooMuchWith(piece: string): boolean {
    return this.#length - piece.length > this.#keptMax + PIECE_LENGTH;
  }
}
