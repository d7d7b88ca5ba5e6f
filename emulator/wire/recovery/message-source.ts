/** The messages of a session by their sequences, for a server to take answers from. */
export interface MessageSource {
  readonly bytes: Uint8Array;
  /** The oldest message that there is; `nextSequence` when there is none. */
  readonly firstSequence: number;
  /** One behind the youngest. */
  readonly nextSequence: number;
  /** Whether message `sequence` is there. */
  holds(sequence: number): boolean;
  /** Where in `bytes` a message that is there lies. */
  offsetOf(sequence: number): number;
  byteLengthOf(sequence: number): number;
}
