/**
 * Takes what an arbiter lets through. Ranges are [first, behind the last) and the arbiter's: to be read, not kept. Where a
 * feed's 32-bit sequences wrap they go on counting here; modulo 2^32 they are the feed's. A sink must neither call back
 * into the arbiter nor throw.
 */
export interface ArbiterSink {
  /**
   * Messages `messageIndex` to `messageIndex` + `messageCount` − 1 of a packet, with the sequences of `range`; the rest of
   * the packet was passed before, or comes in another call. The bytes are good until this one returns.
   */
  pass(
    streamKey: number,
    line: number,
    range: Float64Array,
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    messageIndex: number,
    messageCount: number,
  ): void;
  /** No line brought these in time. None of them will be passed; what comes later is {@link late}. */
  lose(streamKey: number, range: Float64Array): void;
  /**
   * A message, the `messageIndex`-th of a packet, has come after all that was declared lost at `range[0]`: for a sink that has a
   * use for it. Called again when another line brings it too.
   */
  late?(
    streamKey: number,
    line: number,
    range: Float64Array,
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    messageIndex: number,
  ): void;
  /** A new count, or session, begins at `range[0]`: all before it is passed or lost. Not called for the first one. */
  restart?(streamKey: number, range: Float64Array): void;
}
