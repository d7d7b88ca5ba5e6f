import { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { EventSource } from "../../emulator/run/device-host.ts";
import { checksumOf, onesComplementSum } from "../../emulator/wire/checksum.ts";
import { FrameQueue } from "../../emulator/wire/frame-queue.ts";

/** What the host at the far end of the wire did. */
export interface WirePeerReport {
  /** Frames that the guest sent. */
  readonly receivedCount: number;
  readonly arpAnswerCount: number;
  readonly echoAnswerCount: number;
}

const PEER_MAC: readonly number[] = [0x02, 0x50, 0x45, 0x45, 0x52, 0x01];
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV4 = 0x0800;
const ARP_BYTES = 42;
const FRAMES_PER_TURN = 64;
const MIN_FRAME_BYTES = 60;
const MAX_FRAME_BYTES = 16_384;

/**
 * Another host at the far end of the guest's wire: it answers ARP (RFC 826) and ICMP echo (RFC 792) for one address, and
 * counts all that comes. A frame is answered in place, in memory that is made once.
 */
export class WirePeer implements EventSource {
  readonly #sent: FrameQueue;
  readonly #endpoint: Endpoint;
  readonly #port: number;
  readonly #address: readonly number[];
  readonly #answer = MemoryView.ofSize(MAX_FRAME_BYTES);
  #receivedCount = 0;
  #arpAnswerCount = 0;
  #echoAnswerCount = 0;

  /** `outbound` carries what the card sends on `port`; `address` is an IPv4 address, four numbers. */
  constructor(endpoint: Endpoint, port: number, outbound: SharedArrayBuffer, address: readonly number[]) {
    this.#endpoint = endpoint;
    this.#port = port;
    this.#sent = new FrameQueue(outbound);
    this.#address = address;
  }

  poll(): boolean {
    const sent = this.#sent;
    let isBusy = false;
    for (let budget = FRAMES_PER_TURN; budget > 0 && sent.peek(); budget--) {
      isBusy = true;
      this.#receivedCount++;
      const byteLength = this.#answerTo(sent.memory.bytes, sent.offset, sent.byteLength);
      if (byteLength > 0) this.#endpoint.device.onFrame(this.#port, this.#answer, 0, byteLength, 0);
      sent.release();
    }
    if (isBusy) sent.acknowledge();
    return isBusy;
  }

  isIdle(): boolean {
    return this.#sent.isEmpty;
  }

  report(): WirePeerReport {
    return {
      receivedCount: this.#receivedCount,
      arpAnswerCount: this.#arpAnswerCount,
      echoAnswerCount: this.#echoAnswerCount,
    };
  }

  /** Bytes of the answer to a frame; 0 when it wants none. */
  #answerTo(bytes: Uint8Array, at: number, byteLength: number): number {
    if (byteLength < ARP_BYTES || byteLength > MAX_FRAME_BYTES) return 0;
    const etherType = ((bytes[at + 12] as number) << 8) | (bytes[at + 13] as number);
    if (etherType === ETHERTYPE_ARP) return this.#answerArp(bytes, at);
    if (etherType === ETHERTYPE_IPV4) return this.#answerEcho(bytes, at, byteLength);
    return 0;
  }

  #answerArp(bytes: Uint8Array, at: number): number {
    const isRequest = bytes[at + 20] === 0 && bytes[at + 21] === 1;
    if (!isRequest || !this.#isMine(bytes, at + 38)) return 0;
    const answer = this.#answer.bytes;
    answer.fill(0, 0, MIN_FRAME_BYTES);
    this.#copy(bytes, at, ARP_BYTES);
    this.#swapMacs(bytes, at);
    answer[21] = 2;
    // Sender: this host. Target: who asked.
    for (let index = 0; index < 6; index++) answer[22 + index] = PEER_MAC[index] as number;
    for (let index = 0; index < 4; index++) answer[28 + index] = this.#address[index] as number;
    for (let index = 0; index < 10; index++) answer[32 + index] = bytes[at + 22 + index] as number;
    this.#arpAnswerCount++;
    return MIN_FRAME_BYTES;
  }

  #answerEcho(bytes: Uint8Array, at: number, byteLength: number): number {
    const headerBytes = ((bytes[at + 14] as number) & 0xf) * 4;
    const icmpAt = 14 + headerBytes;
    const isEcho = bytes[at + 23] === 1 && bytes[at + icmpAt] === 8;
    const totalBytes = ((bytes[at + 16] as number) << 8) | (bytes[at + 17] as number);
    const isWhole = headerBytes >= 20 && totalBytes >= headerBytes + 8 && 14 + totalBytes <= byteLength;
    if (!isEcho || !isWhole || !this.#isMine(bytes, at + 30)) return 0;
    this.#copy(bytes, at, byteLength);
    this.#swapMacs(bytes, at);
    const answer = this.#answer.bytes;
    for (let index = 0; index < 4; index++) {
      answer[26 + index] = bytes[at + 30 + index] as number;
      answer[30 + index] = bytes[at + 26 + index] as number;
    }
    answer[icmpAt] = 0;
    answer[icmpAt + 2] = 0;
    answer[icmpAt + 3] = 0;
    const sum = checksumOf(onesComplementSum(answer, icmpAt, totalBytes - headerBytes));
    answer[icmpAt + 2] = sum >>> 8;
    answer[icmpAt + 3] = sum & 0xff;
    this.#echoAnswerCount++;
    return byteLength;
  }

  #copy(bytes: Uint8Array, at: number, byteLength: number): void {
    const answer = this.#answer.bytes;
    for (let index = 0; index < byteLength; index++) answer[index] = bytes[at + index] as number;
  }

  #swapMacs(bytes: Uint8Array, at: number): void {
    const answer = this.#answer.bytes;
    for (let index = 0; index < 6; index++) {
      answer[index] = bytes[at + 6 + index] as number;
      answer[6 + index] = PEER_MAC[index] as number;
    }
  }

  #isMine(bytes: Uint8Array, at: number): boolean {
    for (let index = 0; index < 4; index++) if (bytes[at + index] !== this.#address[index]) return false;
    return true;
  }
}
