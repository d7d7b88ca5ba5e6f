/**
 * The device: it takes words out of a command ring in host memory, adds them up, and writes each new total into a
 * completion ring. It reacts to events (its `on…` methods), asks its `port` for transactions, and never waits.
 */

import {
  type DeviceDeclaration,
  type DeviceModel,
  type DevicePort,
  type DmaDescription,
  fieldOf,
  MemoryView,
  RegisterFile,
  type RegisterFileSnapshot,
  recordRegisterFindings,
  registerPlace,
  ruleTable,
} from "../../emulator/index.ts";
import * as reg from "./registers.ts";

export const declaration: DeviceDeclaration = {
  name: "template-device",
  about: "adds up words from a command ring, one doorbell, completions with a phase bit",
  identity: { vendorId: 0x1234, deviceId: 0x7a11, revisionId: 0x01, classCode: 0xff0000 },
  bars: [{ index: 0, byteLength: reg.BAR0_BYTE_LENGTH, kind: "memory32", about: "registers" }],
  msix: { vectorCount: 1, bar: 0, tableOffset: 0x800, pendingBitsOffset: 0xc00 },
  registerMaps: { 0: reg.REGISTERS },
  rules: ruleTable("violation", {
    "doorbell-refused": [
      "Rings the doorbell of queues that are off, or with a tail that the ring does not have.",
      "The device ignores it.",
      "Set ENTRY_COUNT, then CONTROL.ENABLE, then a tail inside the ring.",
    ],
  }),
  timerCount: 0,
  wirePortCount: 0,
};

export function create(port: DevicePort): DeviceModel {
  return new TemplateDevice(port);
}

const COMMAND_BYTE_LENGTH = 4;
/** The total; then the entry's index in bits 23:16 and the phase in bit 0. */
const COMPLETION_BYTE_LENGTH = 8;
const FLAGS_OFFSET = 4;

/** All that the device remembers. */
interface TemplateDeviceState {
  readonly registers: RegisterFileSnapshot;
  readonly isFetching: boolean;
  readonly phase: number;
  readonly completionCount: number;
}

class TemplateDevice implements DeviceModel {
  readHigh = 0;
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #completion = MemoryView.ofSize(COMPLETION_BYTE_LENGTH);
  /** One command is fetched at a time. */
  #isFetching = false;
  #phase = 1;
  #completionCount = 0;

  constructor(port: DevicePort) {
    this.#port = port;
    this.#registers = new RegisterFile(reg.REGISTERS, recordRegisterFindings(port, reg.REGISTERS));
    this.#registers.onWrite(reg.CONTROL, (_index, value, before) => this.#control(value, before));
    this.#registers.onWrite(reg.TAIL, (_index, tail, before) => this.#doorbell(tail, before));
  }

  // ---- accesses ----------------------------------------------------------------------------------------------------

  onRead(_bar: number, offset: number, byteLength: number): number {
    this.readHigh = -1;
    return this.#decodes(offset, byteLength) ? this.#registers.read(offset) : -1;
  }

  onWrite(_bar: number, offset: number, byteLength: number, low: number): void {
    if (this.#decodes(offset, byteLength)) this.#registers.write(offset, low);
  }

  #decodes(offset: number, byteLength: number): boolean {
    if (byteLength === 4) return true;
    this.#port.record("violation", "wrong-width", registerPlace(reg.REGISTERS, offset), () => {
      return `Access of ${byteLength} bytes to ${registerPlace(reg.REGISTERS, offset)}. The device takes 4 bytes only: it ignored a write, and a read gave all ones.`;
    });
    return false;
  }

  // ---- queues ------------------------------------------------------------------------------------------------------

  #control(value: number, before: number): void {
    if (fieldOf(value, reg.ENABLE) === fieldOf(before, reg.ENABLE)) return;
    this.#port.cancelDma();
    this.#isFetching = false;
    this.#phase = 1;
    for (const register of CLEARED_BY_ENABLE) this.#registers.set(register, 0);
  }

  #doorbell(tail: number, before: number): void {
    const isRunning = fieldOf(this.#registers.get(reg.CONTROL), reg.ENABLE) === 1;
    const entryCount = this.#registers.get(reg.ENTRY_COUNT);
    if (isRunning && tail >= 0 && tail < entryCount) {
      this.#fetch();
      return;
    }
    this.#registers.set(reg.TAIL, before);
    this.#port.record("violation", "doorbell-refused", registerPlace(reg.REGISTERS, reg.TAIL.at()), () => {
      const state = isRunning ? `a ring of ${entryCount} entries` : "queues that are off";
      return `TAIL was set to ${tail >>> 0} with ${state}. The device ignored it. Set ENTRY_COUNT, then CONTROL.ENABLE, then a tail inside the ring.`;
    });
  }

  /** Asks for the next command, if there is one and none is on its way. */
  #fetch(): void {
    const head = this.#registers.get(reg.HEAD);
    if (this.#isFetching || this.#isHalted() || head === this.#registers.get(reg.TAIL)) return;
    this.#isFetching = true;
    const low = this.#registers.get(reg.COMMANDS_LOW) + COMMAND_BYTE_LENGTH * head;
    this.#port.dmaRead(this.#registers.get(reg.COMMANDS_HIGH), low, COMMAND_BYTE_LENGTH, 0, head);
  }

  /** A command is here: adds it, writes the completion, takes the next one. */
  onDmaRead(_tag: number, head: number, memory: MemoryView, offset: number): void {
    this.#isFetching = false;
    const total = (this.#registers.get(reg.TOTAL) + (memory.words[offset >> 2] ?? 0)) | 0;
    this.#registers.set(reg.TOTAL, total);
    this.#completion.words[0] = total;
    this.#completion.words[1] = (head << 16) | this.#phase;
    const low = this.#registers.get(reg.COMPLETIONS_LOW) + COMPLETION_BYTE_LENGTH * head;
    const high = this.#registers.get(reg.COMPLETIONS_HIGH);
    // The flags are stored last: whoever sees the phase finds the total.
    this.#port.dmaWrite(high, low, this.#completion, 0, COMPLETION_BYTE_LENGTH, FLAGS_OFFSET);
    this.#completionCount++;
    if (fieldOf(this.#registers.get(reg.CONTROL), reg.INTERRUPT) === 1) this.#port.raise(0);
    const isLast = head + 1 >= this.#registers.get(reg.ENTRY_COUNT);
    if (isLast) this.#phase ^= 1;
    this.#registers.set(reg.HEAD, isLast ? 0 : head + 1);
    this.#fetch();
  }

  onDmaReadError(): void {
    this.#isFetching = false;
    this.#registers.set(reg.STATUS, reg.HALTED.mask);
  }

  /** Posted: the device learns it after the fact. */
  onDmaWriteError(): void {
    this.#registers.set(reg.STATUS, reg.HALTED.mask);
  }

  describeRead(_tag: number, head: number): DmaDescription {
    return { purpose: `command ${head}`, outcome: "the queues are halted until CONTROL.ENABLE is cleared" };
  }

  #isHalted(): boolean {
    return fieldOf(this.#registers.get(reg.STATUS), reg.HALTED) === 1;
  }

  // ---- what there is not, reset, state -----------------------------------------------------------------------------

  onFrame(): void {}
  onTimer(): void {}

  onReset(): void {
    this.#port.cancelDma();
    this.#registers.reset();
    this.#isFetching = false;
    this.#phase = 1;
  }

  isIdle(): boolean {
    return !this.#isFetching;
  }

  /** Since the device was plugged in: a reset does not clear them. */
  statistics(): Record<string, number> {
    return { completions: this.#completionCount };
  }

  registerFile(): RegisterFile {
    return this.#registers;
  }

  snapshot(): TemplateDeviceState {
    return {
      registers: this.#registers.snapshot(),
      isFetching: this.#isFetching,
      phase: this.#phase,
      completionCount: this.#completionCount,
    };
  }

  restore(state: unknown): void {
    const from = state as TemplateDeviceState;
    this.#registers.restore(from.registers);
    this.#isFetching = from.isFetching;
    this.#phase = from.phase;
    this.#completionCount = from.completionCount;
  }
}

const CLEARED_BY_ENABLE = [reg.STATUS, reg.TAIL, reg.HEAD, reg.TOTAL];
