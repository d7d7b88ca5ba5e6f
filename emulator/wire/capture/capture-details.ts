/** What a capture says of itself beside its frames: its sections, its interfaces, and what was lost while capturing. */

/** Interfaces of a file that are kept for a report; a file of more, as joined ones can be, has the rest counted. */
export const LISTED_INTERFACE_LIMIT = 1024;

/** One interface of one section. Plain data; the counts grow while the file is read. */
export interface InterfaceDetails {
  readonly sectionIndex: number;
  readonly interfaceIndex: number;
  readonly byteOrder: "little-endian" | "big-endian";
  readonly linkType: number;
  /** Most bytes of a frame that were kept; 0: all, or the file does not say. */
  readonly snapByteLength: number;
  /** Bytes of FCS at the end of frames; 0 also where the file does not say. */
  readonly fcsByteLength: number;
  /** Length of a tick of its clock: `base ** exponent` seconds. */
  readonly tick: { readonly base: 2 | 10; readonly exponent: number };
  /** Seconds that are added to its times. */
  readonly timeOffsetSeconds: number;
  /** Empty where the file gives none. */
  readonly name: string;
  readonly description: string;
  /** Bits per second, 0 where the file does not say. */
  readonly bitsPerSecond: number;
  packetCount: number;
  /** Of the interface statistics block that came last; null where it does not say. */
  receivedCount: number | null;
  /** Frames that the interface lost for want of room. */
  droppedCount: number | null;
  /** Frames that the operating system lost. */
  osDroppedCount: number | null;
  /** Frames lost between packets by what the packets say, which not all writers say. */
  packetDropCount: number;
}

/** Plain data. */
export interface CaptureDetails {
  readonly sectionCount: number;
  /** The first {@link LISTED_INTERFACE_LIMIT}, in file order. */
  readonly interfaces: readonly InterfaceDetails[];
  readonly unlistedInterfaceCount: number;
}

/** Of a file whose header was not read yet. */
export const NO_DETAILS: CaptureDetails = { sectionCount: 0, interfaces: [], unlistedInterfaceCount: 0 };
