import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { AttachedPart, WrappedDevice } from "../../emulator/run/device-thread.ts";
import type { Machine } from "../../emulator/run/machine.ts";
import { RingWatch } from "./ring-watch.ts";
import { type TraceChannel, TraceLog } from "./trace-log.ts";
import { FINDING, NO_CPU, placeWord } from "./trace-ring.ts";
import { TracedModel } from "./traced-model.ts";
import { TracedPort } from "./traced-port.ts";

/** What the tracer is attached with. */
export interface TracerOptions {
  readonly channel: TraceChannel;
}

/** The devices of one thread write into one ring. Devices are wrapped in the order of their numbers. */
interface Wrapped {
  readonly log: TraceLog;
  count: number;
}

const wrapped = new WeakMap<TracerOptions, Wrapped>();

/** The entry of the device thread's Attachment: every device gets a tracer on either side of it. */
export function wrap(endpoint: Endpoint, options: unknown): WrappedDevice {
  const tracer = options as TracerOptions;
  const known = wrapped.get(tracer) ?? { log: new TraceLog(tracer.channel, endpoint.clock), count: 0 };
  wrapped.set(tracer, known);
  return tracedDevice(endpoint, known.log, known.count++);
}

/** The other entry: from here on what its driver does wrong is noted too. */
export function attach(machine: Machine, options: unknown): AttachedPart {
  const log = wrapped.get(options as TracerOptions)?.log;
  if (log !== undefined) noteFindings(machine.endpoints, () => log);
  return {};
}

/** A tracer on either side of device number `device`. */
export function tracedDevice(endpoint: Endpoint, log: TraceLog, device: number): WrappedDevice {
  const place = placeWord(device, NO_CPU, false);
  const rings = new RingWatch(log, place, endpoint.declaration);
  const ports: TracedPort[] = [];
  return {
    port: (port) => {
      const traced = new TracedPort(port, log, place);
      ports.push(traced);
      return traced;
    },
    model: (model) => {
      for (const port of ports) port.device = model;
      return new TracedModel(model, log, place, rings);
    },
  };
}

/** Notes each new finding of a machine's devices, and hands it on. `logOf`: where to, at the moment. */
export function noteFindings(endpoints: Machine["endpoints"], logOf: () => TraceLog | undefined): void {
  for (const [device, { findings }] of endpoints.entries()) {
    const place = placeWord(device, NO_CPU, false);
    const { onFinding } = findings;
    findings.onFinding = (found) => {
      const isNote = found.kind === "note" ? 1 : 0;
      logOf()?.noteText(FINDING, place, 0, isNote, 0, 0, 0, `${found.rule}\n${found.message}`);
      onFinding(found);
    };
  }
}
