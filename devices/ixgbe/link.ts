import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import { fieldOf, placed } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import type { Interrupts } from "./interrupts.ts";
import { ModuleCage } from "./module-cage.ts";
import type { ModuleKind } from "./module-image.ts";
import * as reg from "./registers.ts";
import { LINK_TIMER } from "./timers.ts";

/** A forced link needs no partner. */
const FORCED_LINK_NS = 10_000;
const { LINK_UP, LINK_STATUS, LINK_SPEED, KX_AN_COMP } = reg.LINKS.fields;
/** LINKS.LINK_SPEED. */
const NO_LINK = 0;
const SPEED_1_GIGABIT = 2;
const SPEED_10_GIGABIT = 3;
const { RESTART_AN, FLU, LMS, KX, KX4, KR } = reg.AUTOC.fields;
/** Link modes (8.2.3.22.19) in which the backplane negotiates KX, KX4 or KR. */
const BACKPLANE_MODES: readonly number[] = [4, 6, 7];
/** 10 GbE parallel and serial, without negotiation. All other modes are 1 GbE. */
const TEN_GIGABIT_MODES: readonly number[] = [1, 3];
const ANAS = reg.ANLP1.fields.ANAS;
/** The arbitration state of a negotiation that has ended well. */
const ANAS_DONE = placed(ANAS, 8);

/** What AUTOC and AUTOC2 get from the EEPROM of a card with an SFP+ cage: 10 GbE, serial, by SFI. */
const LMS_10G_SERIAL = 3;
const SERIAL_BY_SFI = 2;

/** Registers of the link, which a device reset (CTRL.RST) leaves as they are. */
const KEPT_BY_RESET = [reg.AUTOC, reg.AUTOC2, reg.AUTOC3, reg.LINKS, reg.LINKS2, reg.ANLP1] as const;

/** What the rest of the card does when the link comes up. */
export interface LinkOwner {
  onLinkUp(): void;
}

interface State {
  readonly hasCarrier: boolean;
  readonly isUp: boolean;
  readonly speed: number;
  readonly isNegotiated: boolean;
  readonly cage: Int32Array;
}

/** AUTOC, LINKS and their neighbours: a link partner that agrees to everything that is offered, some time later (3.7). */
export class Link {
  isUp = false;
  /** Of the link that is up or coming up. What AUTOC says since then waits for the next restart. */
  #speed = NO_LINK;
  #isNegotiated = false;
  #hasCarrier = true;
  owner: LinkOwner | undefined;
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #interrupts: Interrupts;
  readonly #linkUpNs: number;
  readonly #module: ModuleKind | undefined;
  readonly #cage: ModuleCage;

  /** `module` is undefined for a card without an SFP+ cage: it is on a backplane. */
  constructor(
    port: DevicePort,
    registers: RegisterFile,
    interrupts: Interrupts,
    linkUpNs: number,
    module: ModuleKind | undefined,
  ) {
    this.#port = port;
    this.#registers = registers;
    this.#interrupts = interrupts;
    this.#linkUpNs = linkUpNs;
    this.#module = module;
    this.#cage = new ModuleCage(registers, module);
    registers.onWrite(reg.AUTOC, (_index, value) => this.#writeControl(value));
    registers.afterRead(reg.LINKS, () => this.#latchStatus());
    // A bit of the 82598 that drivers for both set; nothing negotiates here.
    registers.onWrite(reg.PCS1GLCTL, (_index, value) => {
      registers.set(reg.PCS1GLCTL, value & ~(reg.PCS1GLCTL.fields.AN_RESTART?.mask ?? 0));
    });
  }

  /** Negotiation begins: after power-on, a link reset, or AUTOC.RESTART_AN. */
  negotiate(): void {
    this.#goDown();
    const control = this.#registers.get(reg.AUTOC);
    const forced = (control & FLU.mask) !== 0;
    this.#speed = speedOf(control);
    this.#isNegotiated = !forced && BACKPLANE_MODES.includes(fieldOf(control, LMS));
    if (this.#hasCarrier && this.#module !== "none")
      this.#port.startTimer(LINK_TIMER, forced ? FORCED_LINK_NS : this.#linkUpNs);
  }

  /** The partner at the far end has gone, or is there again: then the link comes up as after a restart. */
  setCarrier(isThere: boolean): void {
    if (isThere === this.#hasCarrier) return;
    this.#hasCarrier = isThere;
    if (isThere) {
      this.negotiate();
      return;
    }
    this.#port.stopTimer(LINK_TIMER);
    this.#goDown();
  }

  onTimer(): void {
    // The state machine of the negotiation moves in every mode, and drivers wait for that.
    this.#registers.set(reg.ANLP1, ANAS_DONE);
    if (this.#speed === NO_LINK) return;
    this.isUp = true;
    const negotiated = this.#isNegotiated ? KX_AN_COMP.mask : 0;
    this.#registers.set(reg.LINKS, LINK_UP.mask | negotiated | placed(LINK_SPEED, this.#speed));
    this.#registers.set(reg.LINKS2, this.#isNegotiated ? reg.LINKS2.fields.LP_AN.mask : 0);
    this.#registers.set(reg.STATUS, this.#registers.get(reg.STATUS) | reg.STATUS.fields.LINK_UP.mask);
    this.#interrupts.otherCause(reg.EICR.fields.LSC.mask);
    this.owner?.onLinkUp();
  }

  /** Puts all registers to their defaults, those of the link to what the EEPROM has for the medium. */
  resetRegisters(): void {
    const registers = this.#registers;
    registers.reset();
    this.#cage.reset();
    if (this.#module === undefined) return;
    const { PMA_PMD_1G } = reg.AUTOC.fields;
    const others = registers.get(reg.AUTOC) & ~(LMS.mask | PMA_PMD_1G.mask);
    registers.set(reg.AUTOC, others | placed(LMS, LMS_10G_SERIAL));
    registers.set(reg.AUTOC2, placed(reg.AUTOC2.fields.PMA_PMD_10G_SERIAL, SERIAL_BY_SFI));
  }

  /** Puts all registers to their defaults except those of the link. */
  resetRegistersAround(): void {
    const registers = this.#registers;
    const kept = KEPT_BY_RESET.map((register) => registers.get(register));
    const linkUp = registers.get(reg.STATUS) & reg.STATUS.fields.LINK_UP.mask;
    registers.reset();
    this.#cage.reset();
    for (const [index, register] of KEPT_BY_RESET.entries()) registers.set(register, kept[index] as number);
    registers.set(reg.STATUS, registers.get(reg.STATUS) | linkUp);
  }

  snapshot(): unknown {
    const hasCarrier = this.#hasCarrier;
    return {
      hasCarrier,
      isUp: this.isUp,
      speed: this.#speed,
      isNegotiated: this.#isNegotiated,
      cage: this.#cage.snapshot(),
    } satisfies State;
  }

  restore(state: unknown): void {
    const { hasCarrier, isUp, speed, isNegotiated, cage } = state as State;
    this.#hasCarrier = hasCarrier;
    this.isUp = isUp;
    this.#speed = speed;
    this.#isNegotiated = isNegotiated;
    this.#cage.restore(cage);
  }

  #writeControl(value: number): void {
    if ((value & RESTART_AN.mask) !== 0) {
      // Self-clearing: the command is taken with the write, the link follows later.
      this.#registers.set(reg.AUTOC, value & ~RESTART_AN.mask);
      this.negotiate();
    } else if ((value & FLU.mask) !== 0 && !this.isUp && !this.#port.isTimerArmed(LINK_TIMER)) {
      this.negotiate();
    }
  }

  #goDown(): void {
    const wasUp = this.isUp;
    this.isUp = false;
    this.#registers.set(reg.LINKS, 0);
    this.#registers.set(reg.LINKS2, 0);
    this.#registers.set(reg.ANLP1, 0);
    this.#registers.set(reg.STATUS, this.#registers.get(reg.STATUS) & ~reg.STATUS.fields.LINK_UP.mask);
    if (wasUp) this.#interrupts.otherCause(reg.EICR.fields.LSC.mask);
  }

  /** LINK_STATUS says "up, and not down since the last read": the read itself lets it follow the link again. */
  #latchStatus(): void {
    const links = this.#registers.get(reg.LINKS);
    this.#registers.set(reg.LINKS, this.isUp ? links | LINK_STATUS.mask : links & ~LINK_STATUS.mask);
  }
}

/** What a restart with this value of AUTOC leads to. */
function speedOf(control: number): number {
  const mode = fieldOf(control, LMS);
  if (!BACKPLANE_MODES.includes(mode)) return TEN_GIGABIT_MODES.includes(mode) ? SPEED_10_GIGABIT : SPEED_1_GIGABIT;
  if ((control & (KX4.mask | KR.mask)) !== 0) return SPEED_10_GIGABIT;
  return (control & KX.mask) === 0 ? NO_LINK : SPEED_1_GIGABIT;
}
