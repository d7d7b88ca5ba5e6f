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

/** Where a device tells of its rings and transfers. */
export interface Handover {
  ring(view: DescriptorRingView): WatchedRing;
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
