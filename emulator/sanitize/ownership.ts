/**
 * What a device tells the sanitizers about memory: which bytes a driver hands over to it, and how the driver sees that it is
 * done with them. From the hand-over until the driver has seen the completion they are the device's; that the device is
 * quick is luck. Folded and explored runs ask; on threads nobody does.
 */

/** What the device does with a buffer that it has. */
export type DeviceUse = "reads" | "writes";

/** A ring of descriptors as its device sees it. The answers are those of the moment. */
export interface DescriptorRingView {
  /** "transmit queue 3": its place in findings. */
  readonly name: string;
  /** "transmit descriptor" */
  readonly descriptorName: string;
  /** "TDT(3) 0x060d8": the register that hands descriptors over. */
  readonly doorbell: string;
  readonly use: DeviceUse;
  readonly descriptorBytes: number;
  /** Whether the device may touch ring and buffers at all. */
  isLive(): boolean;
  baseIova(): number;
  slotCount(): number;
  /** The oldest descriptor that the device is not done with. */
  head(): number;
  /** One behind the last descriptor that is the device's. */
  tail(): number;
  /** Byte of a descriptor whose bit 0 the device sets when it is done. */
  doneOffset(): number;
  /** Bits of the word at this offset in a descriptor any of which shows a driver, when it is set, that the device is done. */
  doneBits(wordOffset: number): number;
  /** Takes a descriptor apart: {@link bufferIova}, {@link bufferBytes} (0 for none), {@link reports}. */
  decode(words: Int32Array): void;
  readonly bufferIova: number;
  readonly bufferBytes: number;
  /** Whether the device will set the bit of {@link doneOffset} for this descriptor. */
  readonly reports: boolean;
}

/** One transfer of a device without a ring. */
export interface TransferView {
  /** "the DMA engine": who has the buffer, in findings. */
  readonly name: string;
  /** How a driver sees that it is over, behind "wait until": "DMA_COMMAND bit 0 reads 0". */
  readonly completion: string;
  isBusy(): boolean;
  /** Whether the device may touch the buffer at all. */
  isLive(): boolean;
}

/**
 * A ring that the device fills by itself, entry by entry, and whose entries the driver gives back by a doorbell: a completion
 * queue, an event ring. Entries are numbered from 0 since the ring was switched on, modulo 2^32; the slots are a power of two.
 */
export interface EntryRingView {
  /** "channel 2": its place in findings. */
  readonly name: string;
  /** "event" */
  readonly entryName: string;
  /** "CHANNEL_CONSUMER(2) 0x00194": the register that gives entries back. */
  readonly doorbell: string;
  readonly entryBytes: number;
  /** Whether the device may write into the ring at all. */
  isLive(): boolean;
  baseIova(): number;
  slotCount(): number;
  /** Entries that the device has written, or is writing. */
  producer(): number;
  /** Entries that the driver has given back. */
  consumer(): number;
  /** Byte of an entry with the bits that tell one lap from the next; it is in the word that is written last. */
  readonly phaseOffset: number;
  readonly phaseMask: number;
  /** What these bits of the byte are when this entry is there. */
  phaseOf(entry: number): number;
  /** The driver has seen further entries: what they tell it, it knows. */
  entriesSeen?(): void;
}

/** Memory that a device writes into whenever it has something: nobody hands it over piece by piece, and a driver only reads. */
export interface RegionView {
  /** "the receive region of port 0": its place in findings. */
  readonly name: string;
  /** When it is the driver's again, behind "until": "the port is disabled and its last frame has ended". */
  readonly release: string;
  /** Whether the device may write into it at all. */
  isLive(): boolean;
  /** Whether these bytes of it are the device's just now. Absent: all are. */
  isDevices?(offset: number, byteLength: number): boolean;
  /** The driver has loaded these bytes of it, up to 8, and got this. */
  loaded?(offset: number, byteLength: number, low: number, high: number): void;
}

/**
 * Memory of the card behind a BAR that a driver fills and hands over in pieces. A piece has a number of its device's choice.
 * That one is changed which the device is not done with is the model's to say: it has the memory. That nobody has looked is
 * said here.
 */
export interface WindowView {
  /** "the TX region of port 0": its place in findings. */
  readonly name: string;
  readonly bar: number;
  /** What a piece is called in findings: "the chunk at 0x00800". */
  nameOf(piece: number, offset: number): string;
  /** How a driver sees that the device is done, behind "wait until". */
  readonly completion: string;
  isLive(): boolean;
  /** Whether the device is not done with a piece. */
  isBusy(piece: number, offset: number): boolean;
}

/** A ring that the sanitizers watch. */
export interface WatchedRing {
  /** The doorbell was rung, and the device has taken it. */
  rung(): void;
  /** The driver has seen the head: what lies before it is done. */
  headSeen(head: number): void;
}

/** A transfer that the sanitizers watch. */
export interface WatchedTransfer {
  handOver(iova: number, byteLength: number, use: DeviceUse): void;
  /** The driver has seen that it is over. */
  seen(): void;
}

/** A ring of entries that the sanitizers watch. */
export interface WatchedEntries {
  /** It was switched on or off, or something about it was changed, and the device has taken it. */
  switched(): void;
  /** The driver has seen how many entries are written. */
  producerSeen(producer: number): void;
}

/** A region that the sanitizers watch. */
export interface WatchedRegion {
  /** Where the device has it now; 0 bytes: nowhere. The same once more is no change. */
  moved(iova: number, byteLength: number): void;
}

/** A window that the sanitizers watch. */
export interface WatchedWindow {
  /** The device has taken a piece. What lay at that offset before is the same memory, and is forgotten. */
  handOver(piece: number, offset: number, byteLength: number): void;
  /** The driver has seen that the device is done with a piece and with all that were handed over before it. */
  seenUpTo(piece: number): void;
  /** The driver has seen that something is done: whatever is. */
  doneSeen(): void;
  /** Pieces that are the device's, as far as the driver knows; the oldest first. */
  pieces(): readonly number[];
}

/** Where a device tells of its rings, regions and transfers. */
export interface Handover {
  ring(view: DescriptorRingView): WatchedRing;
  entries(view: EntryRingView): WatchedEntries;
  region(view: RegionView): WatchedRegion;
  window(view: WindowView): WatchedWindow;
  transfer(view: TransferView): WatchedTransfer;
  /** The driver has seen, by a cause or a status, that something is done: whatever is. */
  allSeen(): void;
}

/** The device's part. */
export interface MemoryOwnership {
  /** A write to a BAR has arrived, and the device has taken it. */
  onWrite(bar: number, offset: number): void;
  /** The driver has read a register. */
  onRead(bar: number, offset: number, value: number): void;
}
