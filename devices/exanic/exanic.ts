/**
 * The ExaNIC X10: a trading card that streams frames into host memory without asking whether anybody keeps up. This file
 * puts the parts together and hands each event to the one it is for; DATASHEET.md says what is modelled, registers.ts what
 * an access does by itself. A frame's way in is receive.ts with steering.ts and regions.ts, its way out transmit.ts.
 */

import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DeviceModel, DevicePort, DmaDescription } from "../../emulator/pcie/device-model.ts";
import { recordRegisterFindings } from "../../emulator/registers/finding-text.ts";
import { RegisterFile } from "../../emulator/registers/register-file.ts";
import type { Handover, MemoryOwnership } from "../../emulator/sanitize/ownership.ts";
import { RX_CHUNK_COUNT } from "./chunks.ts";
import { Counters, DMA_WRITE_ERRORS, TOTAL_NAMES } from "./counters.ts";
import { CHUNK_TIMER, type ExanicOptions, LINK_TIMER, STARTUP_TIMER, TRANSMIT_TIMER } from "./declaration.ts";
import { recordWriteInStartup, recordWrongWidth } from "./findings.ts";
import { HardwareClock } from "./hardware-clock.ts";
import { Link } from "./link.ts";
import { macWords } from "./mac-address.ts";
import { ExanicOwnership } from "./ownership.ts";
import { Receive } from "./receive.ts";
import { Regions } from "./regions.ts";
import * as reg from "./registers.ts";
import { Steering } from "./steering.ts";
import { Transmit } from "./transmit.ts";

export { declaration, type ExanicOptions } from "./declaration.ts";

/** Throws RangeError for a MAC address that is none. */
export function create(port: DevicePort, options: ExanicOptions = {}): DeviceModel {
  return new Exanic(port, options);
}

const ALL_ONES = -1;
const TX_REGION_BAR = 2;
const HW_STARTUP = reg.FEATURE_CFG.fields.HW_STARTUP.mask;
const PCIE_IF_VER_AT = reg.PCIE_IF_VER.at();

class Exanic implements DeviceModel {
  readHigh = 0;
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #macWords: readonly (readonly [oui: number, nic: number])[];
  readonly #startupNs: number;
  readonly #clock: HardwareClock;
  readonly #counters: Counters;
  readonly #regions: Regions;
  readonly #steering: Steering;
  readonly #link: Link;
  readonly #receive: Receive;
  readonly #transmit: Transmit;

  constructor(port: DevicePort, options: ExanicOptions) {
    const { macAddress = "64:3f:5f:01:02:30", startupNs = 1_000_000, linkUpNs = 2_000_000 } = options;
    const registers = new RegisterFile(reg.EXANIC_REGISTER_MAP, recordRegisterFindings(port, reg.EXANIC_REGISTER_MAP));
    this.#port = port;
    this.#registers = registers;
    this.#startupNs = startupNs;
    this.#macWords = Array.from({ length: reg.PORT_COUNT }, (_, index) => macWords(macAddress, index));
    const clock = new HardwareClock(port, registers);
    const counters = new Counters(registers);
    const regions = new Regions(port, registers, options.chunkCount ?? RX_CHUNK_COUNT);
    const steering = new Steering(port, registers);
    const link = new Link(port, registers, regions, linkUpNs);
    const receive = new Receive(port, registers, { link, regions, steering, clock, counters });
    this.#transmit = new Transmit(port, registers, { link, regions, receive, clock, counters });
    [this.#clock, this.#counters, this.#regions] = [clock, counters, regions];
    [this.#steering, this.#link, this.#receive] = [steering, link, receive];
  }

  // ---- accesses ----------------------------------------------------------------------------------------------------

  onRead(bar: number, offset: number, byteLength: number): number {
    if (bar === TX_REGION_BAR) {
      if (byteLength === 8) this.readHigh = this.#transmit.read(offset + 4, 4);
      return this.#transmit.read(offset, byteLength);
    }
    if (byteLength === 4) return this.#registers.read(offset);
    recordWrongWidth(this.#port, offset, byteLength);
    this.readHigh = ALL_ONES;
    return ALL_ONES;
  }

  onWrite(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    if (bar === TX_REGION_BAR) this.#transmit.write(offset, byteLength, low, high);
    else if (byteLength !== 4) recordWrongWidth(this.#port, offset, byteLength);
    else if (this.#isStarting() && offset !== PCIE_IF_VER_AT) recordWriteInStartup(this.#port, offset, low);
    else this.#registers.write(offset, low);
  }

  registerFile(bar: number): RegisterFile | undefined {
    return bar === 0 ? this.#registers : undefined;
  }

  // ---- events ------------------------------------------------------------------------------------------------------

  onFrame(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    this.#receive.onFrame(port, memory, offset, byteLength, flags);
  }

  hasRoomForFrame(port: number, byteLength: number): boolean {
    return this.#receive.hasRoom(port, byteLength);
  }

  onTimer(timer: number): void {
    if (timer >= TRANSMIT_TIMER) this.#transmit.onTimer(timer - TRANSMIT_TIMER);
    else if (timer >= CHUNK_TIMER) this.#receive.onTimer(timer - CHUNK_TIMER);
    else if (timer >= LINK_TIMER) this.#link.onTimer(timer - LINK_TIMER);
    else this.#finishStartup();
  }

  describeTimer(timer: number): string {
    if (timer >= TRANSMIT_TIMER) return `room on the wire of port ${timer - TRANSMIT_TIMER}`;
    if (timer >= CHUNK_TIMER) return `the next chunk of port ${timer - CHUNK_TIMER}`;
    return timer >= LINK_TIMER ? `the link of port ${timer - LINK_TIMER} coming up` : "the start-up of the card";
  }

  onCarrier(port: number, isThere: boolean): void {
    this.#link.setCarrier(port, isThere);
  }

  /** The card reads nothing in host memory: there is no descriptor. */
  onDmaRead(): void {}

  onDmaReadError(): void {}

  onDmaWriteError(): void {
    this.#counters.count(DMA_WRITE_ERRORS, -1, 0);
  }

  describeWrite(high: number, low: number): DmaDescription | undefined {
    return this.#regions.describe(high, low);
  }

  // ---- reset -------------------------------------------------------------------------------------------------------

  /** Both kinds alike; the counters for people go on. */
  onReset(): void {
    for (let timer = 0; timer < TRANSMIT_TIMER + reg.PORT_COUNT; timer++) this.#port.stopTimer(timer);
    this.#port.setLegacyInterrupt(false);
    this.#registers.reset();
    this.#regions.reset();
    this.#steering.refresh();
    this.#receive.reset();
    this.#transmit.reset();
    this.#clock.reset();
    for (const [index, [oui, nic]] of this.#macWords.entries()) {
      this.#registers.set(reg.PORT_MAC_ADDR_OUI, oui, index);
      this.#registers.set(reg.PORT_MAC_ADDR_NIC, nic, index);
    }
    if (this.#startupNs === 0) this.#finishStartup();
    else this.#port.startTimer(STARTUP_TIMER, this.#startupNs);
  }

  #finishStartup(): void {
    this.#registers.set(reg.FEATURE_CFG, this.#registers.get(reg.FEATURE_CFG) & ~HW_STARTUP);
  }

  #isStarting(): boolean {
    return (this.#registers.get(reg.FEATURE_CFG) & HW_STARTUP) !== 0;
  }

  ownership(handover: Handover): MemoryOwnership {
    const parts = { regions: this.#regions, receive: this.#receive, transmit: this.#transmit };
    return new ExanicOwnership(this.#port, this.#registers, parts, handover);
  }

  // ---- what others ask ---------------------------------------------------------------------------------------------

  isIdle(): boolean {
    for (let port = 0; port < reg.PORT_COUNT; port++) if (!this.#transmit.isIdle(port)) return false;
    return true;
  }

  /** Since the card was plugged in: neither a reset nor STAT_RESET clears them. */
  statistics(): Record<string, number> {
    const result: Record<string, number> = {};
    for (const [index, name] of TOTAL_NAMES.entries()) result[name] = this.#counters.totals[index] ?? 0;
    return result;
  }

  snapshot(): unknown {
    return {
      registers: this.#registers.values.slice(),
      totals: this.#counters.totals.slice(),
      link: this.#link.snapshot(),
      clock: this.#clock.snapshot(),
      regions: this.#regions.snapshot(),
      receive: this.#receive.snapshot(),
      transmit: this.#transmit.snapshot(),
    } satisfies ExanicState;
  }

  restore(state: unknown): void {
    const saved = state as ExanicState;
    this.#registers.values.set(saved.registers);
    this.#counters.totals.set(saved.totals);
    this.#link.restore(saved.link);
    this.#clock.restore(saved.clock);
    this.#regions.restore(saved.regions);
    this.#receive.restore(saved.receive);
    this.#transmit.restore(saved.transmit);
    this.#steering.refresh();
  }
}

interface ExanicState {
  readonly registers: Int32Array;
  readonly totals: Float64Array;
  readonly link: Uint8Array;
  readonly clock: Float64Array;
  readonly regions: readonly Int32Array[];
  readonly receive: unknown;
  readonly transmit: unknown;
}
