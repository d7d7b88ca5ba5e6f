import * as k from "../../emulator/explore/kinds.ts";
import type { ExploredMachine } from "../../emulator/explore/plugged/explored-machine.ts";
import type { Surroundings } from "../../emulator/explore/plugged/surroundings.ts";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import { EventAssembler } from "./event-assembler.ts";
import { StepLog } from "./step-log.ts";
import { SwitchedDevice } from "./switched-device.ts";
import type { TraceEvent } from "./trace-event.ts";
import type { TraceDetail } from "./trace-header.ts";
import { detailOf } from "./trace-options.ts";
import type { TraceRing } from "./trace-ring.ts";
import { tracedFunctions } from "./traced-function.ts";
import { noteFindings, tracedDevice } from "./tracer.ts";

/** Events that are noted of one run besides its steps. What comes behind is counted as lost. */
const NOTE_LIMIT: number = 1 << 18;
/** {@link StepNote.step} of the set-up. */
export const SET_UP: number = -2;

/** What the tracer around devices and driver has seen. Its edges name notes by their places. */
export interface StepNote {
  readonly event: TraceEvent;
  /** The step of the run within which it happened; -1 before the first one, and {@link SET_UP}. */
  readonly step: number;
  /** What its device had sent up by then: DMA writes, messages, completions. */
  readonly sentUp: number;
}

/**
 * The tracer of an explored machine. The steps of a run are the explorer's to tell; what devices do within one, with which
 * bytes, and what the set-up did, is told by the same tracer that stands around devices and driver elsewhere. It stands
 * there while it is on, and takes no step of its own.
 */
export class ExploredTracing implements Surroundings {
  readonly detail: TraceDetail;
  /** Of the last run that was made while it was on. */
  notes: StepNote[] = [];
  lostCount = 0;
  readonly #devices: SwitchedDevice[] = [];
  #machine: ExploredMachine | undefined;
  #log: StepLog | undefined;
  #isOn = false;

  /** @throws RangeError for options that make no sense. */
  constructor(options: { readonly frameBytes?: number; readonly dmaBytes?: number } = {}) {
    this.detail = detailOf(options);
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  readonly wrap = (endpoint: Endpoint): SwitchedDevice => {
    const device = new SwitchedDevice(endpoint);
    this.#devices.push(device);
    return device;
  };

  /** The machine that was made with it. */
  plugged(machine: ExploredMachine): void {
    this.#machine = machine;
    noteFindings(machine.endpoints, () => this.#log);
  }

  /** From the next run on, each is noted from its set-up on. */
  start(): void {
    this.#isOn = true;
  }

  /** The notes of the last run stay. */
  stop(): void {
    this.#isOn = false;
    this.#log = undefined;
    for (const device of this.#devices) device.surround(undefined);
  }

  /** A run begins: what was noted of the one before is forgotten. */
  functions(functions: readonly PciFunction[]): readonly PciFunction[] {
    const machine = this.#machine;
    if (!this.#isOn || machine === undefined) return functions;
    const declarations = machine.endpoints.map(({ declaration }) => declaration);
    const assembler = new EventAssembler(declarations, 0, machine.tables);
    this.notes = [];
    this.lostCount = 0;
    const clock = (machine.endpoints[0] as Endpoint).clock;
    const log = new StepLog(this.detail, clock, (raw) => this.#note(machine, assembler, raw));
    this.#log = log;
    for (const [place, device] of this.#devices.entries()) device.surround(tracedDevice(device.endpoint, log, place));
    return tracedFunctions(functions, log);
  }

  #note(machine: ExploredMachine, assembler: EventAssembler, raw: TraceRing): void {
    const { trace, state } = machine.execution;
    const isSetUp = !machine.cpu.isExploring;
    if (this.notes.length === NOTE_LIMIT || (!isSetUp && trace.seenCount > trace.count)) {
      this.lostCount++;
      return;
    }
    const sentUp = state.flight.ordinals[k.UP + raw.device] as number;
    this.notes.push({ event: assembler.event(raw), step: isSetUp ? SET_UP : trace.count - 1, sentUp });
  }
}
