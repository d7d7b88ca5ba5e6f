/** What the driver can be asked for. */
export interface IxgbeOptions {
  /** 1 (default) to 16. With more than one the card spreads flows over them by RSS. */
  readonly rxQueueCount?: number;
  /** 1 (default) to 16. */
  readonly txQueueCount?: number;
  /** Descriptors of every ring: a multiple of 8 from 8 to 4,096. Default 512. */
  readonly ringSize?: number;
  /** Bytes of a packet buffer: a multiple of 1,024 up to 16,384. Default 2,048. */
  readonly bufferBytes?: number;
  /** Packet buffers of the pool that all queues share. By default enough for all rings and 256 in the application's hands. */
  readonly bufferCount?: number;
  /** Largest frame from the destination address to the end of the payload; a VLAN tag comes on top. 1,514 (default) to 15,868. */
  readonly maxFrameBytes?: number;
  /** Takes every frame, whoever it is for. Default false: own address and broadcast. */
  readonly promiscuous?: boolean;
  /** Takes VLAN tags out of received frames; they are in the batch then. Default false. */
  readonly vlanStrip?: boolean;
  /** "msix": one vector for each receive queue. "none" (default): waiting is polling. */
  readonly interrupts?: "msix" | "none";
  /** Shortest time between two interrupts of a vector, in steps of 2. Default 10. */
  readonly interruptIntervalUs?: number;
  /** How long to wait for the link; 0 does not wait. Default 10,000. */
  readonly linkLimitMs?: number;
}

/** What a card takes that was not told of jumbo frames, without FCS and VLAN tag. */
export const STANDARD_FRAME_BYTES = 1514;
/** 15.5 KiB with FCS (7.2.1.1). */
const JUMBO_FRAME_BYTES = 15_868;

/** Fills in the defaults. Throws RangeError for what the card or the driver cannot do. */
export function checkedOptions(options: IxgbeOptions): Required<IxgbeOptions> {
  const { rxQueueCount = 1, txQueueCount = 1, ringSize = 512 } = options;
  const chosen: Required<IxgbeOptions> = {
    bufferBytes: 2048,
    bufferCount: (rxQueueCount + txQueueCount) * ringSize + 256,
    maxFrameBytes: STANDARD_FRAME_BYTES,
    promiscuous: false,
    vlanStrip: false,
    interrupts: "none",
    interruptIntervalUs: 10,
    linkLimitMs: 10_000,
    ...options,
    rxQueueCount,
    txQueueCount,
    ringSize,
  };
  checkRange("rxQueueCount", rxQueueCount, 1, 16);
  checkRange("txQueueCount", txQueueCount, 1, 16);
  checkRange("ringSize", ringSize, 8, 4096, 8);
  checkRange("bufferBytes", chosen.bufferBytes, 1024, 16384, 1024);
  checkRange("maxFrameBytes", chosen.maxFrameBytes, STANDARD_FRAME_BYTES, JUMBO_FRAME_BYTES);
  checkRange("interruptIntervalUs", chosen.interruptIntervalUs, 0, 1022, 2);
  // One spare buffer for each ring: a frame that came can only be taken when its descriptor gets another buffer.
  checkRange("bufferCount", chosen.bufferCount, rxQueueCount * (ringSize + 1), 2 ** 20);
  const span = buffersPerFrame(chosen.maxFrameBytes, chosen.bufferBytes);
  if (span > ringSize - 1) {
    throw new RangeError(
      `ixgbe: a frame of ${chosen.maxFrameBytes} bytes fills ${span} buffers and the card holds at most ${ringSize - 1} of a ring of ${ringSize}: want larger buffers or rings`,
    );
  }
  return chosen;
}

/** Descriptors that the largest frame takes, with its VLAN tag. */
export function buffersPerFrame(maxFrameBytes: number, bufferBytes: number): number {
  return Math.ceil((maxFrameBytes + 4) / bufferBytes);
}

function checkRange(name: string, value: number, min: number, max: number, step = 1): void {
  if (Number.isInteger(value) && value >= min && value <= max && value % step === 0) return;
  const unit = step === 1 ? "an integer" : `a multiple of ${step}`;
  throw new RangeError(`ixgbe: ${name} is ${value}; want ${unit} from ${min} to ${max}`);
}
