import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import { insertIpChecksum, insertL4Checksum, insertLegacyChecksum } from "./checksum-offload.ts";
import * as bits from "./descriptors.ts";
import { recordNotModelled, recordTransmit } from "./findings.ts";
import { QUEUE_COUNT } from "./queues.ts";
import { OffloadContext, type Segmentation } from "./segmentation.ts";
import type { TransmitBuffer } from "./transmit-buffer.ts";
import * as buffer from "./transmit-buffer.ts";
import type { TransmitMac } from "./transmit-mac.ts";
import { insertTag } from "./vlan.ts";

/** Words 0, 2 and 3 of a context descriptor, and whether there is one. */
const CONTEXT_WORDS = 4;
const LOADED = 3;
const NO_COMPLAINT = "";

/**
 * What the card does to frames between gathering and sending (data sheet 7.2.3.2, 7.2.5): checksums, VLAN tags,
 * segmentation. Contexts say where the headers are; each queue has two, and keeps them until they are replaced.
 */
export class TransmitOffload {
  readonly #contexts: Int32Array = new Int32Array(QUEUE_COUNT * bits.CONTEXTS_PER_QUEUE * CONTEXT_WORDS);
  readonly #context = new OffloadContext();
  readonly #port: DevicePort;
  readonly #mac: TransmitMac;
  readonly #segmentation: Segmentation;

  constructor(port: DevicePort, mac: TransmitMac, segmentation: Segmentation) {
    this.#port = port;
    this.#mac = mac;
    this.#segmentation = segmentation;
  }

  /** Keeps the context descriptor at `from` of the queue's cache. */
  loadContext(queue: number, cache: Int32Array, from: number): void {
    const index = ((cache[from + 3] as number) & bits.TX_CONTEXT_INDEX) === 0 ? 0 : 1;
    const at = this.#contextAt(queue, index);
    this.#contexts[at] = cache[from] as number;
    this.#contexts[at + 1] = cache[from + 2] as number;
    this.#contexts[at + 2] = cache[from + 3] as number;
    this.#contexts[at + LOADED] = 1;
  }

  /** Checks the first descriptor of an advanced frame and keeps the context that it names. */
  prepare(frames: Int32Array, at: number, index: number, byteLength: number, wantsOffload: boolean): void {
    const queue = frames[at + buffer.FRAME_QUEUE] as number;
    const command = frames[at + buffer.FRAME_COMMAND] as number;
    const options = frames[at + buffer.FRAME_OPTIONS] as number;
    let payload = byteLength;
    if (wantsOffload) {
      const from = this.#contextAt(queue, (options & bits.TX_CONTEXT_INDEX) === 0 ? 0 : 1);
      if (this.#contexts[from + LOADED] === 0) this.#recordNoContext(queue, index);
      frames[at + buffer.FRAME_CONTEXT] = this.#contexts[from] as number;
      frames[at + buffer.FRAME_CONTEXT + 1] = this.#contexts[from + 1] as number;
      frames[at + buffer.FRAME_CONTEXT + 2] = this.#contexts[from + 2] as number;
      if ((command & bits.TX_TSE) !== 0) payload = this.#prepareSegmented(frames, at, index, byteLength);
      if ((options & bits.TX_IPSEC) !== 0) this.#recordIpsec();
      if ((command & bits.TX_IFCS) === 0) this.#recordNoFcs(queue, index);
    }
    if (options >>> bits.TX_PAYLEN_SHIFT !== payload) this.#recordPayloadLength(queue, index, options, payload);
  }

  /** Sends a frame to which nothing is done, from wherever it lies. */
  sendPlain(queue: number, memory: MemoryView, offset: number, byteLength: number, command: number): void {
    this.#mac.send(queue, memory, offset, byteLength, command);
  }

  /** Sends the gathered frame whose words begin at `at`. */
  send(from: TransmitBuffer, at: number): void {
    const { frames, memory } = from;
    const queue = frames[at + buffer.FRAME_QUEUE] as number;
    const command = frames[at + buffer.FRAME_COMMAND] as number;
    const options = frames[at + buffer.FRAME_OPTIONS] as number;
    const offset = frames[at + buffer.FRAME_OFFSET] as number;
    const byteLength = frames[at + buffer.FRAME_LENGTH] as number;
    if (frames[at + buffer.FRAME_PLAIN] !== 0) {
      this.#mac.send(queue, memory, offset, byteLength, command);
    } else if ((command & bits.TX_DEXT) === 0) {
      this.#sendLegacy(queue, memory, offset, byteLength, command, options);
    } else {
      const context = frames[at + buffer.FRAME_CONTEXT] as number;
      const commands = frames[at + buffer.FRAME_CONTEXT + 1] as number;
      this.#context.load(context, commands, frames[at + buffer.FRAME_CONTEXT + 2] as number);
      if ((command & bits.TX_TSE) !== 0) {
        this.#segmentation.send(queue, memory, offset, byteLength, command, this.#context);
      } else {
        this.#sendAdvanced(queue, memory, offset, byteLength, command, options);
      }
    }
  }

  reset(): void {
    this.#contexts.fill(0);
  }

  snapshot(): unknown {
    return this.#contexts.slice();
  }

  restore(state: unknown): void {
    this.#contexts.set(state as Int32Array);
  }

  #sendAdvanced(
    queue: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    command: number,
    options: number,
  ): void {
    const context = this.#context;
    const l3At = offset + context.macByteLength;
    const l4At = l3At + context.ipByteLength;
    const l4ByteLength = offset + byteLength - l4At;
    if ((options & bits.TX_IXSM) !== 0 && context.isIpv4 && l4ByteLength >= 0 && context.ipByteLength >= 20) {
      insertIpChecksum(memory.bytes, l3At, context.ipByteLength);
    }
    if ((options & bits.TX_TXSM) !== 0) {
      if (!context.isUdp && !context.isTcp) this.#recordSctp();
      else if (l4ByteLength >= 8) insertL4Checksum(memory.bytes, l4At, l4ByteLength, context.isUdp, 0);
    }
    this.#sendTagged(queue, memory, offset, byteLength, command, context.tag);
  }

  #sendLegacy(
    queue: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    command: number,
    options: number,
  ): void {
    if ((command & bits.TX_IC) !== 0) {
      const start = (options >>> 8) & 0xff;
      insertLegacyChecksum(memory.bytes, offset, byteLength, start, (command >>> 16) & 0xff);
    }
    this.#sendTagged(queue, memory, offset, byteLength, command, options >>> 16);
  }

  #sendTagged(
    queue: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    command: number,
    tag: number,
  ): void {
    if ((command & bits.TX_VLE) === 0) {
      this.#mac.send(queue, memory, offset, byteLength, command);
    } else {
      const start = insertTag(memory.bytes, offset, this.#mac.vlanType, tag);
      this.#mac.send(queue, memory, start, byteLength + 4, command);
    }
  }

  /** Returns what PAYLEN has to be: the bytes behind the headers. A frame that cannot be segmented is dropped. */
  #prepareSegmented(frames: Int32Array, at: number, index: number, byteLength: number): number {
    const queue = frames[at + buffer.FRAME_QUEUE] as number;
    const context = this.#context;
    const commands = frames[at + buffer.FRAME_CONTEXT + 1] as number;
    context.load(
      frames[at + buffer.FRAME_CONTEXT] as number,
      commands,
      frames[at + buffer.FRAME_CONTEXT + 2] as number,
    );
    const complaint = this.#segmentation.complaint(context, byteLength);
    if (complaint !== NO_COMPLAINT) {
      frames[at + buffer.FRAME_FATE] = buffer.FATE_REFUSE;
      const advice = "Put a context descriptor with the right lengths and MSS before the frame (7.2.3.2.3).";
      recordTransmit(this.#port, "segmentation", queue, index, complaint, "dropped the frame", advice);
    }
    return byteLength - context.headerByteLength;
  }

  #contextAt(queue: number, index: number): number {
    return (queue * bits.CONTEXTS_PER_QUEUE + index) * CONTEXT_WORDS;
  }

  #recordNoContext(queue: number, index: number): void {
    const what = "asks for an offload or a tag, but no context descriptor with that IDX was given to the queue";
    const advice = "Put a context descriptor before the first frame that needs it (7.2.3.2.3).";
    recordTransmit(this.#port, "offload-without-context", queue, index, what, "uses an empty context", advice);
  }

  #recordNoFcs(queue: number, index: number): void {
    const what = "asks for an offload or a tag, but not for the FCS (IFCS)";
    const advice = "Set IFCS: the frame's own FCS is wrong once the card has changed it (7.2.3.2.4).";
    recordTransmit(
      this.#port,
      "offload-without-ifcs",
      queue,
      index,
      what,
      "sends the frame with the FCS it came with",
      advice,
    );
  }

  #recordPayloadLength(queue: number, index: number, options: number, payload: number): void {
    const what = `PAYLEN is ${options >>> bits.TX_PAYLEN_SHIFT}, but the buffers up to EOP hold ${payload} bytes of payload`;
    const outcome = "sends what the buffers hold; real cards may hang";
    const advice = "Write the frame's whole length (with TSE: without headers) into the first descriptor (7.2.3.2.4).";
    recordTransmit(this.#port, "payload-length", queue, index, what, outcome, advice);
  }

  #recordSctp(): void {
    const sentence =
      "A transmit descriptor asks for an SCTP checksum (TXSM, L4T 10), which is not modelled. The frame goes out unchanged.";
    recordNotModelled(this.#port, "sctp-checksum", "transmit", sentence);
  }

  #recordIpsec(): void {
    const sentence = "A transmit descriptor asks for IPsec, which is not modelled. The frame goes out unencrypted.";
    recordNotModelled(this.#port, "ipsec", "transmit", sentence);
  }
}
