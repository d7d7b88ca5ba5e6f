/** A device that reacts to what arrives. Without one, registers are plain memory. */
export interface DeviceHook {
  /** A DMA write of the device is about to land. False when it hits nothing any more; the hook has said so. */
  mayLand?(address: number, byteLength: number): boolean;
  /** A posted write arrives. `offset` counts from the start of the device's registers. */
  onWrite?(offset: number, byteLength: number, low: number, high: number): void;
  /** A read arrives; returns the low word. */
  onRead?(offset: number, byteLength: number, sent: number): number;
  /** High word of the last 8-byte read. */
  readHigh?: number;
  /** A DMA read that {@link import("./state.ts").ExplorerState.requestRead} asked for is answered: the bytes are in memory at `address`. */
  onDmaRead?(tag: number, context: number, address: number, byteLength: number): void;
  /** What {@link import("./state.ts").ExplorerState.schedule} asked for: a timer, a frame. */
  onEvent?(tag: number, context: number): void;
  /** A message of the device reaches the interrupt controller. Without it, the vector arrives that the message names. */
  onMessage?(data: number): void;
  /** A line that travels in order changes. Without it, the vector is set that the device names. */
  onLine?(asserted: boolean): void;
  /** Before each run. */
  onReset?(): void;
}
