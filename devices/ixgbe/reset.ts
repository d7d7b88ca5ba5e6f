import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { recordWriteInReset } from "./findings.ts";
import * as reg from "./registers.ts";
import { AUTO_READ_TIMER, CONFIGURATION_TIMER, RESET_TIMER } from "./timers.ts";

/**
 * A driver may look at RST and LRST 1 ms after it has set them (8.2.3.1.1): from then on they read 1 until the reset is over.
 * Intel's own shared code looks after 1 to 10 µs and takes a 1 for a card that is broken, and Intel's specification update has
 * two resets follow each other after "larger than 1 microsecond": so the bits are seen for 2 µs, and then not until that 1 ms
 * is over. A driver that looked too early is found by what it writes.
 */
const BITS_SEEN_NS = 2_000;
const BITS_MEANT_NS = 1_000_000;
/** Drivers wait 1 ms before they touch a register again. */
const RESET_NS = 900_000;
/**
 * On the wall clock the card's thread may begin a reset later than the driver's wait for it ends: a driver that did wait would be
 * accused. There it is over soon, and RST and LRST read 1 as long as it takes.
 */
const RESET_ON_WALL_CLOCK_NS = 2_000;
/** From the end of a reset until the EEPROM has been read and the receive DMA is initialized (4.6.3). */
const AUTO_READ_NS = 50_000;
/** From then until the firmware has configured the port: 4.6.3 has drivers wait for that too. */
const CONFIGURATION_NS = 100_000;

const MASTER_DISABLE = reg.CTRL.fields.MASTER_DISABLE.mask;
const RESET_BITS = reg.CTRL.fields.RST.mask | reg.CTRL.fields.LRST.mask;
const LINK_RESET = reg.CTRL.fields.LRST.mask;
const MASTER_ENABLE = reg.STATUS.fields.MASTER_ENABLE.mask;
const AUTO_RD = reg.EEC.fields.AUTO_RD.mask;
const CFG_DONE = reg.EEMNGCTL.fields.CFG_DONE0.mask;
const DMAIDONE = reg.RDRXCTL.fields.DMAIDONE.mask;

interface State {
  readonly dmaAllowed: boolean;
  readonly isBusMaster: boolean;
  readonly inReset: boolean;
  readonly disabling: boolean;
  readonly resetBits: number;
  readonly begunNs: number;
}

/** What the rest of the card does about a reset and about the bus. */
export interface ResetOwner {
  /** Everything goes back to its defaults; with `link`, auto-negotiation starts over as well. */
  onSoftwareReset(link: boolean): void;
  /** The EEPROM has been read: what comes from it is in its registers. */
  onAutoRead(): void;
  /** The card may ask for host memory again. */
  onDmaAllowed(): void;
}

/**
 * CTRL and STATUS: software reset (4.2.1.7), master disable (5.2.5.3.2), and whether the card may use the bus.
 * A reset takes effect with the write. Until it is over, which RST and LRST do not tell from the beginning, writes are lost.
 * The EEPROM is read after that.
 */
export class MasterControl {
  /** The card may issue requests: Bus Master Enable is set, CTRL.MASTER_DISABLE is not, and no reset is under way. */
  dmaAllowed = false;
  /** Bus Master Enable is set. What was asked for is still answered without it, but nothing may be written. */
  isBusMaster = false;
  /** A reset is under way: writes are lost. */
  inReset = false;
  owner: ResetOwner | undefined;
  #disabling = false;
  /** Which of RST and LRST began the reset; neither for a function-level reset. */
  #resetBits = 0;
  #begunNs = 0;
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #resetNs: number;

  /** `resetNs` says how long a reset takes, where it is not as long as the clock suggests. */
  constructor(port: DevicePort, registers: RegisterFile, resetNs: number | undefined) {
    this.#port = port;
    this.#registers = registers;
    this.#resetNs = resetNs ?? (port.clock.kind === "wall" ? RESET_ON_WALL_CLOCK_NS : RESET_NS);
    registers.onWrite(reg.CTRL, (_index, value) => this.#writeControl(value));
    registers.beforeRead(reg.CTRL, () => {
      if (this.inReset) registers.set(reg.CTRL, this.#shownBits());
    });
  }

  /** Says that a register was written during a reset. The write is lost. */
  recordWriteInReset(offset: number, value: number): void {
    recordWriteInReset(this.#port, this.#registers.map, offset, value);
  }

  /** A DMA read was answered: a master disable that waited for it may be done. */
  afterDma(): void {
    if (this.#disabling && this.#port.outstandingReads === 0) {
      this.#disabling = false;
      this.#registers.set(reg.STATUS, this.#registers.get(reg.STATUS) & ~MASTER_ENABLE);
    }
  }

  /** Bus Master Enable or CTRL has changed. */
  refresh(): void {
    const disabled = (this.#registers.get(reg.CTRL) & MASTER_DISABLE) !== 0;
    const before = this.dmaAllowed;
    this.isBusMaster = this.#port.busMasterEnabled;
    this.dmaAllowed = this.isBusMaster && !disabled && !this.inReset;
    if (this.dmaAllowed && !before) this.owner?.onDmaAllowed();
  }

  /** Power-on: the card has long been ready when the first driver looks at it. */
  powerOn(): void {
    this.inReset = false;
    this.#resetBits = this.#begunNs = 0;
    this.#disabling = false;
    this.#finishAutoRead();
    this.refresh();
  }

  /**
   * A function-level reset, or a software reset by these bits of CTRL, has put everything to its defaults: the card needs
   * time to come back.
   */
  beginReset(resetBits = 0): void {
    this.inReset = true;
    this.#disabling = false;
    this.#resetBits = resetBits;
    this.#begunNs = this.#nowNs();
    // The reset has cleared CTRL too, all but the bits that began it.
    this.#registers.set(reg.CTRL, resetBits);
    this.refresh();
    this.#registers.set(reg.EEC, this.#registers.get(reg.EEC) & ~AUTO_RD);
    this.#registers.set(reg.RDRXCTL, this.#registers.get(reg.RDRXCTL) & ~DMAIDONE);
    this.#registers.set(reg.EEMNGCTL, this.#registers.get(reg.EEMNGCTL) & ~CFG_DONE);
    this.#port.startTimer(RESET_TIMER, this.#resetNs);
  }

  onTimer(timer: number): void {
    if (timer === RESET_TIMER) {
      this.inReset = false;
      this.#resetBits = this.#begunNs = 0;
      this.#registers.set(reg.CTRL, 0);
      this.refresh();
      this.#port.startTimer(AUTO_READ_TIMER, AUTO_READ_NS);
    } else if (timer === AUTO_READ_TIMER) {
      this.#finishAutoRead();
      this.#port.startTimer(CONFIGURATION_TIMER, CONFIGURATION_NS);
    } else {
      this.#registers.set(reg.EEMNGCTL, this.#registers.get(reg.EEMNGCTL) | CFG_DONE);
    }
  }

  snapshot(): unknown {
    const { dmaAllowed, isBusMaster, inReset } = this;
    return {
      dmaAllowed,
      isBusMaster,
      inReset,
      disabling: this.#disabling,
      resetBits: this.#resetBits,
      begunNs: this.#begunNs,
    } satisfies State;
  }

  restore(state: unknown): void {
    const { dmaAllowed, isBusMaster, inReset, disabling, resetBits, begunNs } = state as State;
    this.dmaAllowed = dmaAllowed;
    this.isBusMaster = isBusMaster;
    this.inReset = inReset;
    this.#disabling = disabling;
    this.#resetBits = resetBits;
    this.#begunNs = begunNs;
  }

  #finishAutoRead(): void {
    this.#registers.set(reg.EEC, this.#registers.get(reg.EEC) | AUTO_RD);
    this.#registers.set(reg.RDRXCTL, this.#registers.get(reg.RDRXCTL) | DMAIDONE);
    this.owner?.onAutoRead();
  }

  #writeControl(value: number): void {
    const shown = this.inReset ? this.#shownBits() : 0;
    // A second reset while the first goes on is what Intel advises where DMA does not come to rest (5.2.5.3.2).
    const isSecond = this.#resetBits !== 0 && shown === 0;
    if ((value & RESET_BITS) !== 0 && (!this.inReset || isSecond)) {
      this.owner?.onSoftwareReset((value & LINK_RESET) !== 0);
      this.beginReset(value & RESET_BITS);
      return;
    }
    if (this.inReset) {
      this.#registers.set(reg.CTRL, shown);
      // While the bits read 1, a driver that keeps them set says nothing new.
      if (shown === 0) this.recordWriteInReset(reg.CTRL.at(), value);
      return;
    }
    if ((value & MASTER_DISABLE) !== 0) {
      this.#disabling = true;
      this.refresh();
      this.afterDma();
    } else {
      this.#disabling = false;
      this.#registers.set(reg.STATUS, this.#registers.get(reg.STATUS) | MASTER_ENABLE);
      this.refresh();
    }
  }
  /** What a read gives of RST and LRST during a reset. */
  #shownBits(): number {
    if (this.#port.clock.kind === "wall") return this.#resetBits;
    const ageNs = this.#nowNs() - this.#begunNs;
    return ageNs < BITS_SEEN_NS || ageNs >= BITS_MEANT_NS ? this.#resetBits : 0;
  }

  #nowNs(): number {
    const { clock } = this.#port;
    clock.refresh();
    return clock.now[0] as number;
  }
}
