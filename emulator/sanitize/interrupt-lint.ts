import type { FindingRecorder } from "../registers/finding-text.ts";

/** Messages of one vector that nobody has taken, after which nobody will. */
const UNSERVED_MESSAGES = 16;
/** Runs of a handler in a row with nothing of the driver in between. The CPU gives up a little later. */
const STORM_RUNS = 1000;

const NOTHING = 0;
const UNMASKED = 1;
const ACKNOWLEDGED = 2;

/** How a driver goes about its interrupts: the orders in which an event falls between two steps and is never seen. */
export class InterruptLint {
  readonly #findings: FindingRecorder;
  /** What was done last that an event may have come before. */
  #last = NOTHING;
  #lastPlace = "";
  /** Memory was looked at since the interrupt was taken. */
  #hasLooked = false;
  #inHandler = false;
  /** Register whose causes of queues the driver has read, and taken, without a look at memory since. */
  #causesAt = "";
  /** By number at the controller. */
  readonly #unserved = new Map<number, { readonly name: string; count: number }>();
  #vectorCount = 0;
  readonly #runs = new Map<number, number>();

  constructor(findings: FindingRecorder) {
    this.#findings = findings;
  }

  /** An interrupt was handed out. */
  handedOut(irq: number, name: string): void {
    this.#unserved.set(irq, { name, count: 0 });
  }

  /** The driver has set up so many vectors. */
  vectorsSetUp(count: number): void {
    this.#vectorCount = count;
  }

  /** The device raises a vector, whether it is masked or not. */
  raised(vector: number): void {
    const count = this.#vectorCount;
    if (count === 0 || vector < count) return;
    this.#findings.record("violation", "vector-not-set-up", `MSI-X vector ${vector}`, () => {
      return `MSI-X vector ${vector} was raised, but the driver has set up vectors 0 to ${count - 1} only. The entry of the table is still masked: the card sets its pending bit, and no interrupt ever comes. Assign causes to vectors that are set up (on the 82599: IVAR, IVAR_MISC).`;
    });
  }

  /** A message has left for the CPU. */
  arrived(irq: number): void {
    const vector = this.#unserved.get(irq);
    if (vector === undefined || ++vector.count !== UNSERVED_MESSAGES) return;
    const { name } = vector;
    this.#findings.record("note", "vector-never-serviced", name, () => {
      return `${name} was sent ${UNSERVED_MESSAGES} times, and the driver has neither polled it, waited for it nor handled it. The CPU is interrupted for nothing each time; a kernel disables such an interrupt. Handle it, or mask it and its causes.`;
    });
  }

  /** The driver has looked for an interrupt: it serves it. */
  lookedFor(irq: number): void {
    const vector = this.#unserved.get(irq);
    if (vector !== undefined) vector.count = 0;
  }

  /** The driver has taken an interrupt, or polled for one. */
  taken(irq: number): void {
    this.lookedFor(irq);
    this.#last = NOTHING;
    this.#hasLooked = false;
  }

  /** The driver has read memory. */
  looked(): void {
    this.#last = NOTHING;
    this.#hasLooked = true;
    this.#causesAt = "";
  }

  /** It has read a register that shows causes: what it acknowledges is what it has seen, and a look at what came since. */
  causeRead(): void {
    this.#last = NOTHING;
    this.#hasLooked = false;
  }

  /** And among them were causes of queues. */
  queuesCaused(place: string): void {
    this.#causesAt = place;
  }

  acknowledged(place: string): void {
    if (!this.#hasLooked) return;
    this.#last = ACKNOWLEDGED;
    this.#lastPlace = place;
  }

  unmasked(place: string): void {
    if (this.#last === ACKNOWLEDGED) return;
    this.#last = UNMASKED;
    this.#lastPlace = place;
  }

  /** The driver goes to sleep until an interrupt comes. */
  waits(): void {
    this.#judge("sleeps");
    if (this.#causesAt === "") return;
    const place = this.#causesAt;
    this.#causesAt = "";
    this.#findings.record("note", "causes-dropped", place, () => {
      return `${place} was read and showed causes of queues, and the driver waits for the next interrupt without having looked at any memory. The read has cleared them: what they told of is found with the next event, or never. Look at the queues whose causes were read, and leave this register out of register dumps.`;
    });
  }

  handlerBegins(irq: number, name: string): void {
    this.taken(irq);
    this.#inHandler = true;
    const runs = (this.#runs.get(irq) ?? 0) + 1;
    this.#runs.set(irq, runs);
    if (runs !== STORM_RUNS) return;
    this.#findings.record("violation", "interrupt-storm", name, () => {
      return `The handler of ${name} ran ${STORM_RUNS} times in a row: it does not clear the cause that it is called for. The line stays up, and the CPU does nothing else; a kernel disables such an interrupt ("nobody cared"). Read or write-1-clear the cause register in the handler.`;
    });
  }

  handlerEnds(): void {
    this.#inHandler = false;
    if (this.#last === ACKNOWLEDGED) this.#judge("returns from its handler");
  }

  /** The driver has done something outside its handlers. */
  active(): void {
    if (!this.#inHandler && this.#runs.size > 0) this.#runs.clear();
  }

  clear(): void {
    this.#causesAt = "";
    this.#last = NOTHING;
    this.#hasLooked = false;
    this.#inHandler = false;
    // An empty map gets a new table when it is cleared.
    if (this.#unserved.size > 0) this.#unserved.clear();
    this.#vectorCount = 0;
    if (this.#runs.size > 0) this.#runs.clear();
  }

  #judge(does: string): void {
    const [last, place] = [this.#last, this.#lastPlace];
    this.#last = NOTHING;
    if (last === ACKNOWLEDGED) {
      this.#findings.record("note", "acknowledge-after-processing", place, () => {
        return `${place} was acknowledged after the driver had looked at memory, and it ${does} without another look. What came between the look and the acknowledgement is acknowledged too, and raises no interrupt any more. Acknowledge first, then process; or look once more.`;
      });
    } else if (last === UNMASKED) {
      this.#findings.record("note", "unmask-without-recheck", place, () => {
        return `${place} was unmasked, and the driver ${does} without another look. An event that came while it was masked raises nothing on cards that do not keep it, and none when its cause was read meanwhile: the driver sleeps until the next one. Look at the ring once more after unmasking.`;
      });
    }
  }
}
