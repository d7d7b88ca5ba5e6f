/**
 * Times of the Arista 7150's tick counter: 32 bits at 350 MHz, which come round every 12.27 s and count from nowhere. Key
 * frames that tie it to UTC are not read; instead each sender's first frame keeps the time of the capture, later ones are
 * placed by ticks, and the capture's clock says only how often the counter has come round between two frames. So spacing
 * is the switch's and the date the capture's; between two senders the error of the two first frames remains.
 */

import type { CaptureRecord } from "./capture-record.ts";

/** Ethernet source addresses that are told apart; frames of further ones keep the time of the capture. */
const SENDER_LIMIT = 256;
const TWO_TO_32 = 0x1_0000_0000;
/** A tick is 20/7 ns. */
const NS_NUMERATOR = 20;
const NS_DENOMINATOR = 7;
const NS_PER_SECOND = 1_000_000_000;

interface Sender {
  readonly firstSeconds: number;
  readonly firstNanoseconds: number;
  lastCaptureSeconds: number;
  lastCaptureNanoseconds: number;
  lastTicks: number;
  /** Ticks since the first frame: exact for 298 days. */
  totalTicks: number;
}

export class TickClock {
  /** The time of the frame that {@link place} was asked for. */
  seconds = 0;
  nanoseconds = 0;
  readonly #senders = new Map<number, Sender>();

  /** Works out when the switch saw the frame of the record, whose stamp is `ticks`. False: too many senders. */
  place(record: CaptureRecord, ticks: number): boolean {
    const mac = macAt(record.bytes, record.offset + 6);
    const sender = this.#senders.get(mac);
    if (sender === undefined) return this.#begin(mac, record, ticks);
    const capturedNs =
      (record.seconds - sender.lastCaptureSeconds) * NS_PER_SECOND +
      (record.nanoseconds - sender.lastCaptureNanoseconds);
    const captured = (capturedNs * NS_DENOMINATOR) / NS_NUMERATOR;
    const counted = (ticks - sender.lastTicks) >>> 0;
    sender.totalTicks += counted + Math.round((captured - counted) / TWO_TO_32) * TWO_TO_32;
    sender.lastCaptureSeconds = record.seconds;
    sender.lastCaptureNanoseconds = record.nanoseconds;
    sender.lastTicks = ticks;
    this.#set(sender);
    return true;
  }

  #begin(mac: number, record: CaptureRecord, ticks: number): boolean {
    const { seconds, nanoseconds } = record;
    this.seconds = seconds;
    this.nanoseconds = nanoseconds;
    if (this.#senders.size === SENDER_LIMIT) return false;
    this.#senders.set(mac, {
      firstSeconds: seconds,
      firstNanoseconds: nanoseconds,
      lastCaptureSeconds: seconds,
      lastCaptureNanoseconds: nanoseconds,
      lastTicks: ticks,
      totalTicks: 0,
    });
    return true;
  }

  #set({ totalTicks, firstSeconds, firstNanoseconds }: Sender): void {
    const sevens = Math.floor(totalTicks / NS_DENOMINATOR);
    const elapsedNs =
      sevens * NS_NUMERATOR + Math.floor(((totalTicks - sevens * NS_DENOMINATOR) * NS_NUMERATOR) / NS_DENOMINATOR);
    const wholeSeconds = Math.floor(elapsedNs / NS_PER_SECOND);
    const nanoseconds = firstNanoseconds + (elapsedNs - wholeSeconds * NS_PER_SECOND);
    const carry = nanoseconds >= NS_PER_SECOND ? 1 : 0;
    this.seconds = firstSeconds + wholeSeconds + carry;
    this.nanoseconds = nanoseconds - carry * NS_PER_SECOND;
  }
}

/** A MAC of 48 bits as a Number. */
function macAt(bytes: Uint8Array, at: number): number {
  let mac = 0;
  for (let index = 0; index < 6; index++) mac = mac * 256 + (bytes[at + index] as number);
  return mac;
}
