import { DIRECTION_INBOUND, DIRECTION_OUTBOUND } from "../../emulator/wire/capture/capture-record.ts";
import { PcapngWriter } from "../../emulator/wire/capture/write-pcapng.ts";
import type { FrameEvent, TraceRecord } from "./trace-event.ts";
import type { TraceHeader } from "./trace-header.ts";
import type { TraceOutput } from "./trace-output.ts";
import type { TraceWriter } from "./trace-writer.ts";

const NS_PER_S = 1e9;
const NS_PER_MS = 1e6;
/** Link-layer error in the flags of a packet: the check sum is wrong (pcapng, epb_flags, bit 24). */
const FLAG_CRC_ERROR: number = 1 << 24;

interface Interface {
  readonly index: number;
  inboundCount: number;
}

/**
 * The frames of a trace as pcapng: an interface for each wire port, with directions from the device's side, and what else
 * the trace knows as comments. Frames whose bytes are not in the trace have their length alone. In virtual time the clock
 * begins in 1970.
 */
export class WireWriter implements TraceWriter {
  readonly #output: TraceOutput;
  readonly #file: PcapngWriter;
  readonly #interfaces = new Map<string, Interface>();
  #header: TraceHeader | undefined;
  #startMs = 0;
  #timeNs = 0;
  #lostSinceFrame = 0;
  frameCount = 0;

  constructor(output: TraceOutput) {
    this.#output = output;
    this.#file = new PcapngWriter({ comment: "the wires of a softbar trace" });
  }

  write(record: TraceRecord): void {
    switch (record.kind) {
      case "header":
        this.#header = record;
        this.#startMs = record.startedAt === undefined ? 0 : Date.parse(record.startedAt);
        for (const [device, { name, wirePortCount, gigabitsPerSecond = 10 }] of record.devices.entries())
          for (let port = 0; port < wirePortCount; port++) this.#add(device, port, name, gigabitsPerSecond);
        return;
      case "lost":
        this.#lostSinceFrame += record.count;
        return;
      case "frame-in":
      case "frame-out":
        this.#frame(record);
        return;
      default:
    }
  }

  end(): void {
    const [seconds, nanoseconds] = this.#moment(this.#timeNs);
    for (const { index, inboundCount } of this.#interfaces.values())
      this.#file.addStatistics(index, seconds, nanoseconds, { receivedCount: inboundCount });
    this.#output.write(this.#file.drain());
  }

  #add(device: number, port: number, name: string, gigabitsPerSecond: number): void {
    const isAlone = this.#header?.devices.filter((each) => each.name === name).length === 1;
    const of = isAlone ? name : `${name} ${device}`;
    const index = this.#file.addInterface({ name: `${of} port ${port}`, bitsPerSecond: gigabitsPerSecond * 1e9 });
    this.#interfaces.set(`${device}.${port}`, { index, inboundCount: 0 });
  }

  #frame(event: FrameEvent): void {
    const { device, port, byteLength, bytes = "", badFcs, kind, seq, timeNs } = event;
    const wire = this.#interfaces.get(`${device}.${port}`);
    if (wire === undefined) return;
    if (kind === "frame-in") wire.inboundCount++;
    this.#timeNs = timeNs;
    const [seconds, nanoseconds] = this.#moment(timeNs);
    const notes = [`event ${seq}`];
    if (badFcs === true) notes.push("bad FCS");
    if (this.#lostSinceFrame > 0) notes.push(`${this.#lostSinceFrame} events of the trace are missing before`);
    this.#lostSinceFrame = 0;
    this.#file.append(wire.index, seconds, nanoseconds, Buffer.from(bytes, "hex"), {
      direction:
        (kind === "frame-in" ? DIRECTION_INBOUND : DIRECTION_OUTBOUND) | (badFcs === true ? FLAG_CRC_ERROR : 0),
      originalByteLength: byteLength,
      comment: notes.join(", "),
    });
    this.frameCount++;
    this.#output.write(this.#file.drain());
  }

  /** Whole seconds since 1970, and the rest. */
  #moment(timeNs: number): [number, number] {
    const wholeSeconds = Math.floor(this.#startMs / 1000);
    const ns = (this.#startMs % 1000) * NS_PER_MS + Math.round(timeNs);
    return [wholeSeconds + Math.floor(ns / NS_PER_S), ns % NS_PER_S];
  }
}
