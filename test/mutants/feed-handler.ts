import { ALL, type Mutant, RELAXED_ONLY } from "./mutant.ts";

const file = "feed-handler.ts";

/** Mistakes in the feed handler's driver, each of a kind that such cards see from theirs. */
export const FEED_HANDLER_MUTANTS: readonly Mutant[] = [
  {
    name: "feed-seqlock-no-recheck",
    file,
    find: "if (window.read32(at + reg.ENTRY_SEQUENCE) === before) return;",
    replace: "return;",
    mistake: "the sequence is looked at before the entry only",
    wrongIn: ALL,
    workload: "feed-book",
  },
  {
    name: "feed-seqlock-odd-taken",
    file,
    find: "if ((before & 1) === 0) {",
    replace: "if (before >= 0) {",
    mistake: "an entry that is being written all the while passes: its sequence is odd, but does not move",
    wrongIn: ALL,
    workload: "feed-book",
  },
  {
    name: "feed-torn-time",
    file,
    find: "if (bar.read32(highAt) === high) return high * TWO_TO_32 + low;",
    replace: "return high * TWO_TO_32 + low;",
    mistake: "the lower half runs over between the two reads",
    wrongIn: ALL,
    workload: "feed-time",
  },
  {
    name: "feed-phase-not-flipped",
    file,
    find: "    if ((this.#consumed & this.#entryMask) === 0) this.#phase ^= 1;\n",
    replace: "",
    mistake: "the events of the lap before pass for new ones",
    wrongIn: ALL,
    workload: "feed-events",
  },
  {
    name: "feed-phase-flipped-early",
    file,
    find: "if ((this.#consumed & this.#entryMask) === 0) this.#phase ^= 1;",
    replace: "if ((this.#consumed & this.#entryMask) === this.#entryMask) this.#phase ^= 1;",
    mistake: "the last entry of a lap is waited for in the phase of the next one",
    wrongIn: ALL,
    workload: "feed-events",
  },
  {
    name: "feed-doorbell-before-copy",
    file,
    find: `    for (let word = 0; word < 7; word++) event[word] = ring.read32(at + 4 * word);
    const flag`,
    replace: `    this.bar.write32(reg.CHANNEL_CONSUMER(CHANNEL), (this.#consumed + 1) >>> 0);
    for (let word = 0; word < 7; word++) event[word] = ring.read32(at + 4 * word);
    const flag`,
    mistake: "the entry is given back before it was copied",
    wrongIn: ALL,
    racesIn: ALL,
    workload: "feed-events",
  },
  {
    name: "feed-doorbell-forgotten",
    file,
    find: "    this.bar.write32(reg.CHANNEL_CONSUMER(CHANNEL), this.#consumed);\n",
    replace: "",
    mistake: "entries are never given back: the ring is full for ever",
    wrongIn: ALL,
    workload: "feed-events",
  },
  {
    name: "feed-phase-plain",
    file,
    find: "return this.ring.readAcquire32(at + reg.EVENT_FLAG) >>> 31 === this.#phase;",
    replace: "return this.ring.read32(at + reg.EVENT_FLAG) >>> 31 === this.#phase;",
    mistake: "no barrier between the phase and what it stands for",
    wrongIn: RELAXED_ONLY,
    racesIn: RELAXED_ONLY,
    workload: "feed-events",
  },
  {
    name: "feed-no-look-after-arming",
    file,
    find: "    if (this.hasEvent()) return;\n",
    replace: "",
    mistake: "an event between the last look and the arming interrupts nobody",
    wrongIn: ALL,
    workload: "feed-interrupts",
  },
  {
    name: "feed-arming-not-flushed",
    file,
    find: "    this.bar.read32(reg.CHANNEL_INTERRUPT(CHANNEL));\n",
    replace: "",
    mistake: "the second look comes before the arming has arrived",
    wrongIn: ALL,
    workload: "feed-interrupts",
  },
  {
    name: "feed-template-while-armed",
    file,
    find: "    this.#quiet(template);\n",
    replace: "",
    mistake: "the template is rewritten while its trigger is armed",
    wrongIn: ALL,
    workload: "feed-template",
  },
  {
    name: "feed-template-not-awaited",
    file,
    find: `    for (let polls = 0; this.#read(bar, reg.ORDERS_PENDING) !== 0; polls++) this.#pause(polls, "orders do not leave");\n`,
    replace: "    bar.read32(reg.ORDERS_PENDING);\n",
    mistake: "the trigger is disarmed, but an order that it has decided on is still to be made out of the template",
    wrongIn: ALL,
    workload: "feed-template",
  },
  {
    name: "feed-template-not-flushed",
    file,
    find: "    this.pci.cpu.wmb();\n",
    replace: "",
    mistake: "the frame is still in the write-combining buffer when the order is sent",
    wrongIn: ALL,
    workload: "feed-order",
  },
  {
    name: "feed-rearm-while-armed",
    file,
    find: "    if (this.#templateOf[trigger] !== -1) this.disarm(trigger);\n",
    replace: "",
    mistake: "a trigger gets another rule while it is armed, and a tick in between fires half of each",
    wrongIn: ALL,
    workload: "feed-rearm",
  },
  {
    name: "feed-order-price-late",
    file,
    find: `    this.bar.write32(reg.ORDER_PRICE, price);
    this.bar.write32(reg.ORDER_SIZE, size);
    this.bar.write32(reg.ORDER_DOORBELL, template | (slot << reg.ORDER_SLOT_SHIFT));`,
    replace: `    this.bar.write32(reg.ORDER_SIZE, size);
    this.bar.write32(reg.ORDER_DOORBELL, template | (slot << reg.ORDER_SLOT_SHIFT));
    this.bar.write32(reg.ORDER_PRICE, price);`,
    mistake: "the doorbell is rung before the price is set",
    wrongIn: ALL,
    workload: "feed-order",
  },
  {
    name: "feed-kill-not-flushed",
    file,
    find: '    if (this.#read(this.bar, reg.KILL) !== 1) throw this.#broken("the kill switch is not on");\n',
    replace: "",
    mistake: "the kill switch is posted, and orders leave until it arrives",
    wrongIn: ALL,
    workload: "feed-kill",
  },
  {
    name: "feed-close-not-flushed",
    file,
    find: `    this.bar.write32(reg.CONTROL, reg.CONTROL_RESET);
    this.bar.read32(reg.CONTROL);`,
    replace: "    this.bar.write32(reg.CONTROL, reg.CONTROL_RESET);",
    mistake: "the reset is posted, and the ring unmapped while events are under way",
    wrongIn: [],
    argument:
      "The next thing that close does is a configuration write, for bus mastering. It is non-posted: it pushes the reset before it, and its completion comes behind the events that the card had sent. The read is needed where bus mastering is left on.",
    workload: "feed-close",
  },
  {
    name: "feed-reset-not-flushed",
    file,
    find: `    this.#reset();
    this.pci.config.setBusMaster(false);
    this.ring.free();`,
    replace: `    this.bar.write32(reg.CONTROL, reg.CONTROL_RESET);
    this.ring.free();
    this.pci.config.setBusMaster(false);`,
    mistake: "the reset is posted, and the ring unmapped while events are under way",
    wrongIn: ALL,
    workload: "feed-close",
  },
];
