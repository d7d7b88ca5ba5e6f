import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { LINK_TIMER } from "./declaration.ts";
import { recordNoRegion } from "./findings.ts";
import type { Regions } from "./regions.ts";
import * as reg from "./registers.ts";

const { ENABLED, LINK } = reg.PORT_STATUS.fields;
const READY = ENABLED.mask | LINK.mask;

/** A port on and off: the link comes up a while after PORT_ENABLED is set, and goes down with it. */
export class Link {
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #linkUpNs: number;
  /** By port: there is somebody at the far end of the wire. */
  readonly #hasCarrier: Uint8Array = new Uint8Array(reg.PORT_COUNT).fill(1);
  readonly #statusAt: number;

  constructor(port: DevicePort, registers: RegisterFile, regions: Regions, linkUpNs: number) {
    this.#port = port;
    this.#registers = registers;
    this.#linkUpNs = linkUpNs;
    this.#statusAt = registers.map.ordinal(reg.PORT_STATUS);
    registers.onWrite(reg.PORT_ENABLED, (index, value, before) => {
      if ((value & 1) === (before & 1)) return;
      if ((value & 1) === 0) this.#disable(index);
      else this.#enable(index, regions);
    });
  }

  /** Whether the port is enabled and has a link. */
  isReady(port: number): boolean {
    return ((this.#registers.values[this.#statusAt + port] as number) & READY) === READY;
  }

  onTimer(port: number): void {
    this.#set(port, LINK.mask, true);
  }

  #enable(port: number, regions: Regions): void {
    if (!regions.begin(port)) recordNoRegion(this.#port, port);
    this.#set(port, ENABLED.mask, true);
    this.#negotiate(port);
  }

  #negotiate(port: number): void {
    if (this.#hasCarrier[port] === 0) return;
    if (this.#linkUpNs === 0) this.onTimer(port);
    else this.#port.startTimer(LINK_TIMER + port, this.#linkUpNs);
  }

  /** The far end of a port's wire has gone, or is there again: then the link comes up a while later, if the port is enabled. */
  setCarrier(port: number, isThere: boolean): void {
    if (isThere === (this.#hasCarrier[port] === 1)) return;
    this.#hasCarrier[port] = isThere ? 1 : 0;
    if (!isThere) {
      this.#port.stopTimer(LINK_TIMER + port);
      this.#set(port, LINK.mask, false);
    } else if ((this.#registers.get(reg.PORT_STATUS, port) & ENABLED.mask) !== 0) this.#negotiate(port);
  }

  snapshot(): Uint8Array {
    return this.#hasCarrier.slice();
  }

  restore(hasCarrier: Uint8Array): void {
    this.#hasCarrier.set(hasCarrier);
  }

  /** What is on its way into memory still lands: a driver waits before it takes the region away. */
  #disable(port: number): void {
    this.#port.stopTimer(LINK_TIMER + port);
    this.#set(port, READY, false);
  }

  #set(port: number, mask: number, isSet: boolean): void {
    const status = this.#registers.get(reg.PORT_STATUS, port);
    this.#registers.set(reg.PORT_STATUS, isSet ? status | mask : status & ~mask, port);
  }
}
