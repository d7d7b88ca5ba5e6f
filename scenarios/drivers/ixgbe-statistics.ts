import type { RegisterAccess } from "./ixgbe-access.ts";
import * as reg from "./ixgbe-registers.ts";

/** What the card counted since the driver was probed, and what the driver saw itself. */
export interface IxgbeStatistics {
  /** Good frames, and their octets with FCS. */
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly txBytes: number;
  /** Frames lost because the card's packet buffer was full. */
  readonly rxMissed: number;
  /** Frames lost because their queue had no descriptor (with several queues, which drop instead of blocking the others). */
  readonly rxNoDescriptor: number;
  readonly crcErrors: number;
  readonly errorBytes: number;
  readonly undersized: number;
  readonly oversized: number;
}

/**
 * The card's counters are cleared by the read and stick at their maximum, so a driver adds them up in time: 32 bits of
 * frames last 288 s at line rate.
 */
export class IxgbeCounters {
  readonly #registers: RegisterAccess;
  readonly #rxQueueCount: number;
  readonly #totals = {
    rxPackets: 0,
    rxBytes: 0,
    txPackets: 0,
    txBytes: 0,
    rxMissed: 0,
    rxNoDescriptor: 0,
    crcErrors: 0,
    errorBytes: 0,
    undersized: 0,
    oversized: 0,
  };

  constructor(registers: RegisterAccess, rxQueueCount: number) {
    this.#registers = registers;
    this.#rxQueueCount = rxQueueCount;
  }

  /** Section 4.6.5: reading is clearing. What earlier owners of the card left is thrown away. */
  clear(): void {
    this.collect();
    for (const name of Object.keys(this.#totals) as (keyof IxgbeStatistics)[]) this.#totals[name] = 0;
  }

  save(): IxgbeStatistics {
    return { ...this.#totals };
  }

  restore(totals: IxgbeStatistics): void {
    Object.assign(this.#totals, totals);
  }

  /** Adds what the card counted since the last call and returns the sums. */
  collect(): IxgbeStatistics {
    const card = this.#registers;
    const totals = this.#totals;
    totals.rxPackets += card.read(reg.GPRC);
    totals.txPackets += card.read(reg.GPTC);
    totals.rxBytes += this.#octets(reg.GORCL, reg.GORCH);
    totals.txBytes += this.#octets(reg.GOTCL, reg.GOTCH);
    for (let buffer = 0; buffer < reg.PACKET_BUFFER_COUNT; buffer++) totals.rxMissed += card.read(reg.RXMPC(buffer));
    for (let queue = 0; queue < this.#rxQueueCount; queue++) totals.rxNoDescriptor += card.read(reg.QPRDC(queue));
    totals.crcErrors += card.read(reg.CRCERRS);
    totals.errorBytes += card.read(reg.ERRBC);
    totals.undersized += card.read(reg.RUC);
    totals.oversized += card.read(reg.ROC);
    return { ...totals };
  }

  /** 36 bits in two registers. The low word first: it is the read of the high word that clears both. */
  #octets(low: number, high: number): number {
    const lowWord = this.#registers.read(low);
    return (this.#registers.read(high) & 0xf) * 2 ** 32 + lowWord;
  }
}
