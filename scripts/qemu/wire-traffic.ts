import { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { EventSource } from "../../emulator/run/device-host.ts";
import { FrameQueue } from "../../emulator/wire/frame-queue.ts";
import type { ServedDevice } from "../../harness/vfio-user/served-device.ts";

const MAC_BYTES = 6;
/** Frames that the card has been given and the driver may not have taken yet: fewer than its ring has descriptors. */
const UNDER_WAY = 128;
const FRAMES_PER_TURN = 64;

/** What the driver makes of the frames that it is sent. */
export type Answer = "none" | "swapped";

/**
 * The far end of the card's wire for a driver that forwards: it counts what comes, sends frames no faster than the driver
 * takes them, and holds what comes back against what was sent, byte for byte and in order.
 */
export class WireTraffic implements EventSource {
  receivedCount = 0;
  receivedBytes = 0;
  /** Frames that came back with their addresses swapped and all else as it was, each in its turn. */
  swappedCount = 0;
  /** What came and should not have, in words. The first few. */
  readonly faults: string[] = [];
  readonly #card: ServedDevice;
  readonly #arrived: FrameQueue;
  #frames: readonly Uint8Array[] = [];
  #memory = MemoryView.ofSize(4);
  #offsets: number[] = [];
  #sentCount = 0;
  #answer: Answer = "none";
  #deliveredBefore = 0;
  /** The first frame since {@link expectOne}: all others are to be like it. */
  #model: Uint8Array | undefined;

  constructor(card: ServedDevice) {
    const { machine } = card;
    const outbound = machine.tables.functions[0]?.ports[0]?.outbound;
    if (outbound === undefined) throw new Error("the card has no wire");
    this.#card = card;
    this.#arrived = new FrameQueue(outbound);
    machine.host.sources.push(this);
  }

  /** All that comes from now on is to be like the first that comes. */
  expectOne(): void {
    this.#reset();
  }

  /** Sends frames, one after the other; with "swapped" each must come back. */
  send(frames: readonly Uint8Array[], answer: Answer): void {
    this.#reset();
    this.#frames = frames;
    this.#answer = answer;
    this.#offsets = [];
    let end = 0;
    for (const { length } of frames) {
      this.#offsets.push(end);
      end += (length + 3) & ~3;
    }
    this.#memory = MemoryView.ofSize(end);
    for (const [index, frame] of frames.entries()) this.#memory.bytes.set(frame, this.#offsets[index]);
    this.#card.advance();
  }

  get sentCount(): number {
    return this.#sentCount;
  }

  poll(): boolean {
    let isBusy = false;
    for (let budget = FRAMES_PER_TURN; budget > 0 && this.#arrived.peek(); budget--) {
      isBusy = true;
      this.#take();
      this.#arrived.release();
    }
    if (isBusy) this.#arrived.acknowledge();
    for (; this.#sentCount < this.#frames.length && this.#underWay < UNDER_WAY; this.#sentCount++) {
      const { length } = this.#frames[this.#sentCount] as Uint8Array;
      this.#card.endpoint.device.onFrame(0, this.#memory, this.#offsets[this.#sentCount] as number, length, 0);
      isBusy = true;
    }
    return isBusy;
  }

  isIdle(): boolean {
    return this.#arrived.isEmpty;
  }

  get #delivered(): number {
    return this.#card.endpoint.device.statistics().rxDelivered ?? 0;
  }

  get #underWay(): number {
    const doneCount = this.#answer === "swapped" ? this.receivedCount : this.#delivered - this.#deliveredBefore;
    return this.#sentCount - doneCount;
  }

  #reset(): void {
    this.receivedCount = 0;
    this.receivedBytes = 0;
    this.swappedCount = 0;
    this.faults.length = 0;
    this.#frames = [];
    this.#sentCount = 0;
    this.#answer = "none";
    this.#deliveredBefore = this.#delivered;
    this.#model = undefined;
  }

  #take(): void {
    const { memory, offset, byteLength } = this.#arrived;
    const bytes = memory.bytes.subarray(offset, offset + byteLength);
    const nth = this.receivedCount++;
    this.receivedBytes += byteLength;
    if (this.#answer === "swapped") this.#compare(nth, bytes);
    else {
      this.#model ??= Uint8Array.from(bytes);
      if (Buffer.compare(bytes, this.#model) !== 0) this.#fault(`frame ${nth} is unlike frame 0`);
    }
  }

  #compare(nth: number, bytes: Uint8Array): void {
    const sent = this.#frames[nth];
    const isSame =
      sent !== undefined &&
      sent.length === bytes.length &&
      Buffer.compare(sent.subarray(2 * MAC_BYTES), bytes.subarray(2 * MAC_BYTES)) === 0 &&
      Buffer.compare(sent.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES, 2 * MAC_BYTES)) === 0 &&
      Buffer.compare(sent.subarray(MAC_BYTES, 2 * MAC_BYTES), bytes.subarray(0, MAC_BYTES)) === 0;
    if (isSame) this.swappedCount++;
    else this.#fault(`frame ${nth}, ${bytes.length} bytes, is not what was sent with its addresses swapped`);
  }

  #fault(text: string): void {
    if (this.faults.length < 3) this.faults.push(text);
  }
}
