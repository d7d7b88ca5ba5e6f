/** MSI-X as the specification tells it (PCI 3.0, 6.8.2 and 6.8.3.5), with objects and sets instead of words and bits. */

export interface Message {
  readonly addressHigh: number;
  readonly addressLow: number;
  readonly data: number;
}

export class MsixModel {
  readonly entries: { addressHigh: number; addressLow: number; data: number; masked: boolean }[];
  readonly pending: Set<number> = new Set();
  readonly sent: Message[] = [];
  enabled = false;
  functionMasked = false;
  dropped = 0;

  constructor(vectorCount: number) {
    this.entries = Array.from({ length: vectorCount }, () => ({
      addressHigh: 0,
      addressLow: 0,
      data: 0,
      masked: true,
    }));
  }

  raise(vector: number): boolean {
    if (this.entries[vector] === undefined) return false;
    if (this.enabled) this.pending.add(vector);
    else this.dropped++;
    this.#flush();
    return true;
  }

  setMasked(vector: number, masked: boolean): void {
    const entry = this.entries[vector];
    if (entry !== undefined) entry.masked = masked;
    this.#flush();
  }

  setControl(enabled: boolean, functionMasked: boolean): void {
    this.enabled = enabled;
    this.functionMasked = functionMasked;
    this.#flush();
  }

  /** Whatever is pending and may go, goes: an unmasked vector is never pending for longer than this. */
  #flush(): void {
    if (!this.enabled || this.functionMasked) return;
    for (const vector of [...this.pending].sort((a, b) => a - b)) {
      const entry = this.entries[vector];
      if (entry === undefined || entry.masked) continue;
      this.pending.delete(vector);
      this.sent.push({ addressHigh: entry.addressHigh, addressLow: entry.addressLow, data: entry.data });
    }
  }
}
