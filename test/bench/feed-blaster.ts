/** Attachment that sends a generated trading session into line A of a card, as fast as it has room. */
import { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { EventSource } from "../../emulator/run/device-host.ts";
import type { AttachedPart } from "../../emulator/run/device-thread.ts";
import type { Machine } from "../../emulator/run/machine.ts";
import { CaptureRecord } from "../../emulator/wire/capture/capture-record.ts";
import { ItchSession } from "../../emulator/wire/feeds/itch-session.ts";

export interface FeedBlastOptions {
  readonly seed: number;
  readonly frameCount: number;
  readonly stockCount: number;
  /** Shared word 0: how many frames may have been sent; the driver raises it. */
  readonly quota: SharedArrayBuffer;
}

const FRAMES_PER_TURN = 32;

/** The frames of a session, one behind the other, made beforehand: making one costs more than handling it. */
export class SessionFrames {
  readonly memory: MemoryView;
  readonly offsets: Int32Array;
  readonly byteLengths: Int32Array;
  readonly messageCount: number;

  constructor({ seed, frameCount, stockCount }: Omit<FeedBlastOptions, "quota">) {
    const session = new ItchSession({ seed, frameCount, stockCount });
    const record = new CaptureRecord();
    this.offsets = new Int32Array(frameCount);
    this.byteLengths = new Int32Array(frameCount);
    const memory = MemoryView.ofSize(frameCount * 320);
    let at = 0;
    for (let frame = 0; session.next(record); frame++) {
      if (at + record.byteLength > memory.byteLength) throw new Error("the session's frames are longer than expected");
      for (let byte = 0; byte < record.byteLength; byte++)
        memory.bytes[at + byte] = record.bytes[record.offset + byte] as number;
      this.offsets[frame] = at;
      this.byteLengths[frame] = record.byteLength;
      at = (at + record.byteLength + 3) & ~3;
    }
    this.memory = memory;
    this.messageCount = session.messagesWritten;
  }
}

export function attach(machine: Machine, options: unknown): AttachedPart {
  const endpoint = machine.endpoints[0];
  if (endpoint === undefined) throw new Error("nothing is plugged in to blast at");
  machine.host.sources.push(new FeedBlaster(endpoint, options as FeedBlastOptions));
  return {};
}

class FeedBlaster implements EventSource {
  readonly #endpoint: Endpoint;
  readonly #frames: SessionFrames;
  readonly #quota: Int32Array;
  #sent = 0;

  constructor(endpoint: Endpoint, options: FeedBlastOptions) {
    this.#endpoint = endpoint;
    this.#frames = new SessionFrames(options);
    this.#quota = new Int32Array(options.quota);
  }

  poll(): boolean {
    const { device } = this.#endpoint;
    const { memory, offsets, byteLengths } = this.#frames;
    const end = Math.min(Atomics.load(this.#quota, 0), this.#sent + FRAMES_PER_TURN);
    const before = this.#sent;
    while (this.#sent < end) {
      const byteLength = byteLengths[this.#sent] as number;
      if (device.hasRoomForFrame?.(0, byteLength) === false) break;
      device.onFrame(0, memory, offsets[this.#sent] as number, byteLength, 0);
      this.#sent++;
    }
    return this.#sent > before;
  }

  isIdle(): boolean {
    return this.#sent === Atomics.load(this.#quota, 0);
  }
}
