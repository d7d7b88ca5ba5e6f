/** The link type that every wire of softbar has; link-types.ts has the others. */
export const LINKTYPE_ETHERNET = 1;

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Which way a frame went at the interface that captured it. */
export const DIRECTION_UNKNOWN = 0;
export const DIRECTION_INBOUND = 1;
export const DIRECTION_OUTBOUND = 2;

/**
 * One frame of a capture or a generator. The reader of it owns the object and hands the same one in again and again;
 * the source fills it. The frame's bytes stay the source's: they are good until the source is asked for the next record
 * or given more input.
 */
export class CaptureRecord {
  /** Whole seconds since 1970, and the nanoseconds (0 to 999 999 999) on top: two integers, so nothing is rounded. */
  seconds = 0;
  nanoseconds = 0;
  /** False for the pcapng blocks that carry no time stamp; both fields above are then 0. */
  timed = true;
  /** The buffer the frame lies in, at `offset`; never a copy of its own. */
  bytes: Uint8Array = NO_BYTES;
  offset = 0;
  /** Bytes that were captured. */
  byteLength = 0;
  /** Bytes that were on the wire; more than `byteLength` when the capture was snapped. */
  originalByteLength = 0;
  /** Counted from 0 inside its section; always 0 for pcap. */
  interfaceIndex = 0;
  /** Counted from 0; a pcapng file has several sections when files were concatenated. */
  sectionIndex = 0;
  linkType: number = LINKTYPE_ETHERNET;
  /** Bytes of FCS at the end of the frame, as far as the capture says so; 0 also where it does not say. */
  fcsByteLength = 0;
  /** One of the DIRECTION_ values; unknown unless a pcapng packet's flags say. */
  direction: number = DIRECTION_UNKNOWN;
}

/** Anything that gives records one after the other: a capture, a generator, a loop over either. */
export interface RecordSource {
  /** Fills `record` and returns true; false when there is none (any more, or until more input is there). */
  next(record: CaptureRecord): boolean;
}
