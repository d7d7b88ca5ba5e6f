import type { Clock } from "../../emulator/clock/clock.ts";
import type { DeviceDeclaration } from "../../emulator/pcie/device-model.ts";
import type { AttachmentSpec } from "../../emulator/run/device-thread.ts";
import { clockFor, declarationOf, type LoadedDevice, type MachineTables } from "../../emulator/run/machine.ts";
import { EventAssembler } from "./event-assembler.ts";
import type { TraceRecord } from "./trace-event.ts";
import {
  type RunKind,
  TRACE_VERSION,
  type TraceActor,
  type TraceDetail,
  type TracedDevice,
  type TraceEnd,
  type TraceHeader,
} from "./trace-header.ts";
import type { TraceChannel } from "./trace-log.ts";
import { TraceRing } from "./trace-ring.ts";
import type { TracerOptions } from "./tracer.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
/** A thread that has taken its place in the order and does not say what for is waited for so long. */
const HOLE_LIMIT_MS = 1000;
const NS_PER_MS = 1e6;

export interface RecorderOptions {
  readonly run: RunKind;
  readonly title: string;
  readonly detail: TraceDetail;
  /** Threads wait for room in their rings instead of losing events. For virtual time. */
  readonly waits: boolean;
  readonly ringBytes?: number;
}

/**
 * Takes what the threads of a testbed record out of their rings, in one order, and hands it on in words. Made in the
 * thread that reads; somebody has to call {@link drain} now and then.
 */
export class TraceRecorder {
  /** Gets the header as soon as there is a first event, then all others. */
  readonly onRecord: (record: TraceRecord) => void;
  readonly #options: RecorderOptions;
  readonly #tickets = new SharedArrayBuffer(4);
  readonly #rings: TraceRing[] = [];
  readonly #assembler: EventAssembler;
  readonly #declarations: readonly DeviceDeclaration[];
  readonly #clock: Clock;
  /** The ticket that comes next. */
  #next = 0;
  #lostCount = 0;
  #stalledAtMs = 0;
  #isEnded = false;

  constructor(
    devices: readonly LoadedDevice[],
    tables: MachineTables,
    options: RecorderOptions,
    onRecord: (record: TraceRecord) => void,
  ) {
    const declarations = devices.map(declarationOf);
    this.onRecord = onRecord;
    this.#options = options;
    this.#declarations = declarations;
    this.#clock = clockFor(tables);
    this.#assembler = new EventAssembler(declarations, 0, tables);
    this.#assembler.onActor = (actor) => this.onRecord({ kind: "actor", actor });
  }

  /** A ring for one more thread. */
  channel(): TraceChannel {
    const { detail, waits, ringBytes } = this.#options;
    const ring = TraceRing.createBuffer(ringBytes);
    this.#rings.push(new TraceRing(ring));
    return { ring, tickets: this.#tickets, detail, waits };
  }

  /** For the device thread. */
  attachment(): AttachmentSpec {
    const options: TracerOptions = { channel: this.channel() };
    return { moduleUrl: new URL(`./tracer${EXTENSION}`, import.meta.url).href, options };
  }

  get lostCount(): number {
    return this.#lostCount;
  }

  get eventCount(): number {
    return this.#assembler.count;
  }

  /** Hands on up to `limit` events. Returns how many there were. */
  drain(limit: number = Number.POSITIVE_INFINITY): number {
    let count = 0;
    while (count < limit) {
      const ring = this.#oldest();
      if (ring === undefined) break;
      if (this.eventCount === 0) this.#begin(ring.time[0] as number);
      const event = this.#assembler.event(ring);
      ring.release();
      this.#next = (ring.ticket + 1) | 0;
      this.#stalledAtMs = 0;
      count++;
      this.onRecord(event);
    }
    this.#countLost();
    return count;
  }

  /** All threads have ended: what is left is handed on, then the end. Further calls do nothing. */
  end(reason: TraceEnd["reason"], message: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    while (this.drain() > 0 || this.#skipHole()) {
      // A thread that was stopped in the middle leaves a hole.
    }
    if (this.eventCount === 0) this.#begin(0);
    this.onRecord({ kind: "end", eventCount: this.eventCount, lostCount: this.#lostCount, reason, message });
  }

  /** The time of the first event is that of the trace. */
  #begin(originNs: number): void {
    const { run, title, detail } = this.#options;
    const clock = this.#clock;
    const actors = actorsOf(this.#declarations);
    for (const { id } of actors) this.#assembler.know(id);
    this.#assembler.originNs = originNs;
    clock.refresh();
    const agoMs = ((clock.now[0] as number) - originNs) / NS_PER_MS;
    const header: TraceHeader = {
      kind: "header",
      softbarTrace: TRACE_VERSION,
      run,
      title,
      clock: clock.kind,
      originNs,
      ...(clock.kind === "wall" ? { startedAt: new Date(Date.now() - agoMs).toISOString() } : {}),
      devices: this.#declarations.map(tracedDevice),
      actors,
      detail,
    };
    this.onRecord(header);
  }

  /** The ring with the event whose turn it is. */
  #oldest(): TraceRing | undefined {
    let isAnyWaiting = false;
    for (const ring of this.#rings) {
      if (!ring.peek()) continue;
      // One that comes late, after its place was given up, is taken as it comes.
      if (((ring.ticket - this.#next) | 0) <= 0) return ring;
      isAnyWaiting = true;
    }
    if (isAnyWaiting && this.#hasStalled()) this.#skipHole();
    return undefined;
  }

  #hasStalled(): boolean {
    const nowMs = performance.now();
    if (this.#stalledAtMs === 0) this.#stalledAtMs = nowMs;
    return nowMs - this.#stalledAtMs > HOLE_LIMIT_MS;
  }

  /** Goes on with the oldest event that is there. False when there is none. */
  #skipHole(): boolean {
    let leastAhead = Number.POSITIVE_INFINITY;
    for (const ring of this.#rings) if (ring.peek()) leastAhead = Math.min(leastAhead, (ring.ticket - this.#next) | 0);
    if (leastAhead === Number.POSITIVE_INFINITY) return false;
    this.#next = (this.#next + leastAhead) | 0;
    this.#stalledAtMs = 0;
    return true;
  }

  #countLost(): void {
    let count = 0;
    for (const ring of this.#rings) count += ring.takeLostCount();
    if (count === 0) return;
    this.#lostCount += count;
    this.onRecord({ kind: "lost", count, timeNs: this.#assembler.timeNs });
  }
}

/** CPU 0, the devices and their wires; others are named when they turn up. */
function actorsOf(declarations: readonly DeviceDeclaration[]): TraceActor[] {
  const devices = declarations.flatMap(({ name, wirePortCount }, device): TraceActor[] => [
    { id: `device${device}`, kind: "device", name, device },
    ...wiresOf({ name, wirePortCount }, device),
  ]);
  return [{ id: "cpu0", kind: "cpu", name: "CPU 0", cpu: 0 }, ...devices];
}

/** The wires of a device, as actors. */
export function wiresOf(
  { name, wirePortCount }: Pick<TracedDevice, "name" | "wirePortCount">,
  device: number,
): TraceActor[] {
  return Array.from({ length: wirePortCount }, (_, port) => {
    return { id: `device${device}.wire${port}`, kind: "wire", name: `wire at port ${port} of ${name}`, device };
  });
}

/** What the header says of a device. */
export function tracedDevice(declaration: DeviceDeclaration): TracedDevice {
  const { name, about, wirePortCount, gigabitsPerSecond, msix, rings = [] } = declaration;
  return {
    name,
    about,
    wirePortCount,
    ...(gigabitsPerSecond === undefined ? {} : { gigabitsPerSecond }),
    vectorCount: msix?.vectorCount ?? 0,
    rings: rings.map(({ name: ring, count, tail, head }) => ({ name: ring, count, tail, head })),
  };
}
