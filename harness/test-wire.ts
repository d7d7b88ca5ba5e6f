import { MemoryView } from "../emulator/memory/memory-view.ts";
import { FRAME_BAD_FCS } from "../emulator/pcie/device-model.ts";
import { DeviceStuckError, TestbedError } from "../emulator/run/testbed-error.ts";
import { FrameQueue } from "../emulator/wire/frame-queue.ts";

/** The shortest frame that a MAC puts on a wire, without FCS. */
const MINIMUM_FRAME_BYTES = 60;
const LARGEST_FRAME_BYTES = 16384;

export interface SendOptions {
  /** Sends the frame with a wrong frame check sequence. */
  readonly badFcs?: boolean;
  /** False sends a runt: a frame below 60 bytes that no MAC would send. */
  readonly pad?: boolean;
}

/** How a wire reaches the side of the device. */
export interface DeviceSide {
  /** Lets the device take what was put: wakes its thread, or runs it. Throws DeviceGoneError when it is gone. */
  nudge(): void;
  /** The queue towards the device is full: lets a little time pass. */
  makeRoom(): void;
  /** How often a full queue is looked at again before the device is taken for stuck. */
  roomTries(): number;
}

/** The outside end of a device's wire port: what a test sends into the device, and what the device sent. */
export class TestWire {
  readonly #inbound: FrameQueue;
  readonly #outbound: FrameQueue;
  readonly #kept: boolean;
  readonly #side: DeviceSide;
  readonly #staging = MemoryView.ofSize(LARGEST_FRAME_BYTES);
  readonly #sent: Uint8Array[] = [];

  constructor(inbound: SharedArrayBuffer, outbound: SharedArrayBuffer, kept: boolean, side: DeviceSide) {
    this.#inbound = new FrameQueue(inbound);
    this.#outbound = new FrameQueue(outbound);
    this.#kept = kept;
    this.#side = side;
  }

  /**
   * Puts a frame (Ethernet header to payload, no FCS) on the wire towards the device. Frames below 60 bytes are padded
   * as a MAC does. Throws RangeError for a frame above 16,384 bytes or half of `wireQueueBytes`,
   * DeviceStuckError when the device does not take frames, DeviceGoneError when it is gone.
   */
  send(frame: Uint8Array, options: SendOptions = {}): void {
    const limit = Math.min(LARGEST_FRAME_BYTES, this.#inbound.largestFrameBytes);
    if (frame.length > limit) {
      throw new RangeError(`a frame of ${frame.length} bytes: the wire takes ${limit} (see wireQueueBytes)`);
    }
    const byteLength = options.pad === false ? frame.length : Math.max(frame.length, MINIMUM_FRAME_BYTES);
    this.#staging.bytes.fill(0, frame.length, byteLength);
    this.#staging.bytes.set(frame);
    const flags = options.badFcs === true ? FRAME_BAD_FCS : 0;
    for (let tries = 1; !this.#inbound.put(this.#staging, 0, byteLength, flags, 0, 0); tries++) {
      if (tries > this.#side.roomTries()) {
        throw new DeviceStuckError("the device takes no frames from the wire: its thread is stuck");
      }
      this.#inbound.publish();
      this.#side.nudge();
      this.#side.makeRoom();
    }
    this.#inbound.publish();
    this.#side.nudge();
  }

  /**
   * All frames that the device has sent since the testbed was plugged in, in order, as copies. Throws TestbedError when
   * frames were not kept because nobody looked for too long, or when the testbed was told only to count them.
   */
  get sent(): readonly Uint8Array[] {
    if (!this.#kept)
      throw new TestbedError('this testbed only counts sent frames (sentFrames: "count"); see statistics()');
    while (this.#outbound.peek()) {
      const { offset, byteLength } = this.#outbound;
      this.#sent.push(this.#outbound.memory.bytes.slice(offset, offset + byteLength));
      this.#outbound.release();
    }
    this.#outbound.acknowledge();
    const lost = this.#outbound.lostCount;
    if (lost > 0) {
      throw new TestbedError(
        `${lost} frames that the device sent were not kept for the test: the testbed's own queue of ${this.#outbound.capacityBytes} bytes (wireQueueBytes) from the wire to the test was full. Device and driver lost nothing. Read \`wire.sent\` or \`wire.takeSent()\` more often, plug in with a larger wireQueueBytes, or with sentFrames: "count" if their number is enough.`,
      );
    }
    return this.#sent;
  }

  /** The frames sent since the last call, which are then forgotten: for long runs. */
  takeSent(): Uint8Array[] {
    void this.sent;
    return this.#sent.splice(0);
  }
}
