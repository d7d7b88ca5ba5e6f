import type { FindingRecorder } from "../registers/finding-text.ts";
import * as report from "./memory-findings.ts";
import type { WatchedWindow, WindowView } from "./ownership.ts";

/** A piece in the device's hands. */
interface Piece {
  readonly piece: number;
  readonly offset: number;
  readonly byteLength: number;
}

/** Memory of the card that is handed over piece by piece, from the doorbell until the driver has seen the completion. */
export class Window implements WatchedWindow {
  readonly view: WindowView;
  readonly #findings: FindingRecorder;
  /** The oldest first. There are no more than fit into the window: one at each offset. */
  #pieces: Piece[] = [];

  constructor(view: WindowView, findings: FindingRecorder) {
    this.view = view;
    this.#findings = findings;
  }

  handOver(piece: number, offset: number, byteLength: number): void {
    this.#pieces = this.#pieces.filter((there) => there.offset !== offset);
    this.#pieces.push({ piece, offset, byteLength });
  }

  seenUpTo(piece: number): void {
    this.#pieces.splice(0, this.#pieces.findLastIndex((there) => there.piece === piece) + 1);
  }

  doneSeen(): void {
    const { view } = this;
    this.#pieces = this.#pieces.filter(({ piece, offset }) => view.isBusy(piece, offset));
  }

  pieces(): readonly number[] {
    return this.#pieces.map(({ piece }) => piece);
  }

  /** The driver has just stored into these bytes of the BAR. */
  stored(offset: number, byteLength: number): void {
    if (this.#pieces.length === 0) return;
    const { view } = this;
    if (!view.isLive()) {
      this.forget();
      return;
    }
    const at = this.#pieces.findIndex((there) => {
      return offset < there.offset + there.byteLength && there.offset < offset + byteLength;
    });
    const hit = this.#pieces[at];
    if (hit === undefined || view.isBusy(hit.piece, hit.offset)) return;
    report.recordWindowStore(this.#findings, view, view.nameOf(hit.piece, hit.offset), offset, byteLength);
    this.#pieces.splice(at, 1);
  }

  forget(): void {
    this.#pieces = [];
  }

  save(): unknown {
    return this.#pieces.slice();
  }

  restore(state: unknown): void {
    this.#pieces = (state as readonly Piece[]).slice();
  }
}
