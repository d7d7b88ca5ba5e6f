import type { CpuLink } from "../../emulator/driver/cpu-link.ts";
import { stopOfLeftOver } from "../explore/unawaited-errors.ts";

/** How much one run may take before it is taken for one that hangs. */
export interface RunLimits {
  /** Accesses and waits of the driver. */
  readonly steps: number;
  readonly virtualNs: number;
}

/** A run takes more than it may. Each further access throws it again, so that no `catch` of the driver swallows it. */
export class HangError extends Error {
  override readonly name = "HangError";
}

/** A CPU's way to its functions that ends when a run takes too long. All links of one run share the account. */
export class LimitedLink implements CpuLink {
  readonly #link: CpuLink;
  readonly #account: StepAccount;

  constructor(link: CpuLink, account: StepAccount) {
    this.#link = link;
    this.#account = account;
  }

  get readHigh(): number {
    return this.#link.readHigh;
  }

  write(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    this.#account.step(this.#link);
    this.#link.write(bar, offset, byteLength, low, high);
  }

  read(bar: number, offset: number, byteLength: number): number {
    this.#account.step(this.#link);
    return this.#link.read(bar, offset, byteLength);
  }

  configRead(offset: number, byteLength: number): number {
    this.#account.step(this.#link);
    return this.#link.configRead(offset, byteLength);
  }

  configWrite(offset: number, byteLength: number, value: number): void {
    this.#account.step(this.#link);
    this.#link.configWrite(offset, byteLength, value);
  }

  announce(segment: number, buffer: SharedArrayBuffer | undefined): void {
    this.#link.announce(segment, buffer);
  }

  mapBar(bar: number): SharedArrayBuffer {
    return this.#link.mapBar(bar);
  }

  relax(): void {
    this.#account.step(this.#link);
    this.#link.relax();
  }

  waitForInterrupt(irq: number, seenSequence: number, limitMs: number): number {
    this.#account.step(this.#link);
    return this.#link.waitForInterrupt(irq, seenSequence, limitMs);
  }

  delay(durationNs: number): void {
    this.#account.step(this.#link);
    this.#link.delay(durationNs);
  }

  nowNs(): number {
    return this.#link.nowNs();
  }
}

/** What a run has taken so far. */
export class StepAccount {
  steps = 0;
  readonly #limits: RunLimits;
  readonly #onStep: (() => void) | undefined;

  /** `onStep` is called before each access and wait. */
  constructor(limits: RunLimits, onStep?: () => void) {
    this.#limits = limits;
    this.#onStep = onStep;
  }

  /** The run is over: whoever still goes on is stopped at its next access or wait, and that is no verdict on the run under way. */
  close(): void {
    this.steps = Number.POSITIVE_INFINITY;
  }

  /** Throws {@link HangError} beyond the limits, ABORT when it is closed. */
  step(link: CpuLink): void {
    const { steps, virtualNs } = this.#limits;
    if (++this.steps > steps)
      throw this.steps === Number.POSITIVE_INFINITY
        ? stopOfLeftOver()
        : new HangError(`the driver has made ${steps} accesses and waits, and is at no end`);
    if (link.nowNs() > virtualNs) throw new HangError(`${virtualNs / 1e6} ms have passed, and the driver is at no end`);
    this.#onStep?.();
  }
}
