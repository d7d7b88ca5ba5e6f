import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import { fieldOf, type Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { type BookTable, ENTRY_ASK_PRICE, ENTRY_ASK_SIZE, ENTRY_BID_PRICE, ENTRY_BID_SIZE } from "./book-table.ts";
import type { HardwareClock } from "./hardware-clock.ts";
import type { Orders } from "./orders.ts";
import { RecordRing } from "./record-ring.ts";
import * as reg from "./registers.ts";

const DECISION_LIMIT = 1024;
/** Words of a decision: the slot, and the top of its book as it was when the message had gone through the book. */
const SLOT = 0;
const BID_PRICE = 1;
const BID_SIZE = 2;
const ASK_PRICE = 3;
const ASK_SIZE = 4;
const DECISION_WORDS = 8;
const TRIGGER_STAGE = 3;

const ordinal = (register: Register): number => reg.FEED_HANDLER_REGISTER_MAP.ordinal(register);
const CONTROL = ordinal(reg.TRIGGER_CONTROL);
const { ARMED, REPEAT, SIDE, SLOT: OF_SLOT, TEMPLATE } = reg.TRIGGER_CONTROL.fields;

/** The trigger stage: compares each new top of a book with the rules that are armed, and sends at most one order for each. */
export class Triggers {
  readonly ring: RecordRing = new RecordRing(DECISION_LIMIT, DECISION_WORDS);
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #orders: Orders;
  readonly #clock: HardwareClock;

  constructor(port: DevicePort, registers: RegisterFile, orders: Orders, clock: HardwareClock) {
    this.#port = port;
    this.#registers = registers;
    this.#orders = orders;
    this.#clock = clock;
  }

  /** A new top enters the stage. There must be room. */
  submit(slot: number, table: BookTable, delayNs: number): void {
    const { ring } = this;
    const at = ring.wordOf(ring.push(this.#port.clock.now, delayNs));
    const { words } = ring.memory;
    words[at + SLOT] = slot;
    words[at + BID_PRICE] = table.word(slot, ENTRY_BID_PRICE);
    words[at + BID_SIZE] = table.word(slot, ENTRY_BID_SIZE);
    words[at + ASK_PRICE] = table.word(slot, ENTRY_ASK_PRICE);
    words[at + ASK_SIZE] = table.word(slot, ENTRY_ASK_SIZE);
  }

  /** The oldest new top has come through: whatever fires, fires. */
  decide(transmitNs: number): void {
    const { ring } = this;
    const index = ring.indexOf(0);
    const { values } = this.#registers;
    this.#clock.count(TRIGGER_STAGE, ring.enteredNs, index);
    const at = ring.wordOf(index);
    const slot = ring.memory.words[at + SLOT];
    for (let trigger = 0; trigger < reg.TRIGGER_COUNT; trigger++) {
      const control = values[CONTROL + trigger] as number;
      if ((control & ARMED.mask) !== 0 && fieldOf(control, OF_SLOT) === slot)
        this.#compare(trigger, control, at, transmitNs);
    }
    ring.pop();
  }

  /** True while a trigger that sends the template is armed. */
  isArmedWith(template: number): boolean {
    const { values } = this.#registers;
    for (let trigger = 0; trigger < reg.TRIGGER_COUNT; trigger++) {
      const control = values[CONTROL + trigger] as number;
      if ((control & ARMED.mask) !== 0 && fieldOf(control, TEMPLATE) === template) return true;
    }
    return false;
  }

  #compare(trigger: number, control: number, at: number, transmitNs: number): void {
    const { words } = this.ring.memory;
    const registers = this.#registers;
    const isSelling = (control & SIDE.mask) !== 0;
    const price = words[at + (isSelling ? BID_PRICE : ASK_PRICE)] as number;
    const size = words[at + (isSelling ? BID_SIZE : ASK_SIZE)] as number;
    if (size === 0 || size >>> 0 < registers.get(reg.TRIGGER_SIZE_MIN, trigger) >>> 0) return;
    const threshold = registers.get(reg.TRIGGER_PRICE, trigger) >>> 0;
    if (isSelling ? price >>> 0 < threshold : price >>> 0 > threshold) return;
    if ((control & REPEAT.mask) === 0) registers.set(reg.TRIGGER_CONTROL, control & ~ARMED.mask, trigger);
    registers.set(reg.TRIGGER_FIRED, (registers.get(reg.TRIGGER_FIRED, trigger) + 1) | 0, trigger);
    const orderSize = registers.get(reg.TRIGGER_ORDER_SIZE, trigger);
    this.#orders.submit(fieldOf(control, TEMPLATE), fieldOf(control, OF_SLOT), price, orderSize, trigger, transmitNs);
  }
}
