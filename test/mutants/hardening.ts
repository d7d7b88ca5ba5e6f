import type { FaultKind } from "../../harness/faults/fault-kinds.ts";
import type { FaultVerdict } from "../../harness/faults/scenario-run.ts";
import type { Change } from "./mutant.ts";

/** A driver without one of its precautions, and the fault that shows it. */
export interface HardeningMutant extends Change {
  /** Module in scenarios/faults. */
  readonly scenario: string;
  /** Under which faults, or so many runs against a card that lies. */
  readonly kinds?: readonly FaultKind[];
  readonly hostileRuns?: number;
  /** What becomes of it. Written down before any run. */
  readonly verdict: FaultVerdict;
  /** And why, in words that the driver as it is gives no reason for. */
  readonly detail: string;
}

const ixgbe = "ixgbe-faults.ts";
const feedHandler = "feed-handler-faults.ts";
const exanic = "exanic-faults.ts";

export const HARDENING_MUTANTS: readonly HardeningMutant[] = [
  {
    name: "ixgbe-believes-all-ones",
    file: "ixgbe-access.ts",
    find: "return value === NOBODY_THERE ? this.#readAgain(offset) : value;",
    replace: "return value;",
    mistake: "a read that timed out is written back to the card",
    scenario: ixgbe,
    kinds: ["read-error"],
    verdict: "violation",
    detail: "reserved-bits-changed",
  },
  {
    name: "ixgbe-reset-not-awaited",
    file: "ixgbe-base.ts",
    find: "      this.pci.cpu.delay(FUNCTION_LEVEL_RESET_NS);\n",
    replace: "",
    mistake: "the next driver touches a function that is still in its reset",
    scenario: ixgbe,
    kinds: ["fetch-stuck"],
    verdict: "violation",
    detail: "write-during-reset",
  },
  {
    name: "ixgbe-memory-kept",
    file: "ixgbe-base.ts",
    find: "      this.#cutOff();\n",
    replace: "",
    mistake: "a probe that fails leaves its memory mapped",
    scenario: ixgbe,
    kinds: ["dma-alloc-failed"],
    verdict: "lost-buffer",
    detail: "left behind",
  },
  {
    name: "ixgbe-length-believed",
    file: "ixgbe.ts",
    find: "      if (byteLength > bufferBytes || byteLength === 0) throw extra.brokenLength(this, slot, byteLength);\n",
    replace: "",
    mistake: "a frame is as long as the card says",
    scenario: ixgbe,
    kinds: ["write-back-corrupt"],
    verdict: "outside",
    detail: "byte access at",
  },
  {
    name: "ixgbe-chain-believed",
    file: "ixgbe.ts",
    find: "    if (seen - whole >= this.spanMax) throw extra.endlessFrame(this.index, slot, seen - whole);\n",
    replace: "",
    mistake: "a frame without an end is taken for a mistake of the caller's",
    scenario: ixgbe,
    hostileRuns: 300,
    verdict: "failed",
    detail: "the next frame lies in more than",
  },
  {
    name: "feed-handler-polls-for-ever",
    file: "feed-handler.ts",
    find: "    if (polls === POLL_LIMIT) throw this.#broken(what);\n",
    replace: "",
    mistake: "an entry that the card never comes to the end of is waited for",
    scenario: feedHandler,
    kinds: ["operation-stuck"],
    verdict: "hang",
    detail: "at no end",
  },
  {
    name: "feed-handler-kill-believed",
    file: "feed-handler.ts",
    find: '    if (this.#read(this.bar, reg.KILL) !== 1) throw this.#broken("the kill switch is not on");',
    replace: "    this.bar.read32(reg.KILL);",
    mistake: "whether the kill switch is on is not looked at",
    scenario: feedHandler,
    kinds: ["write-lost"],
    verdict: "wrong-result",
    detail: "an order left after the kill switch",
  },
  {
    name: "exanic-memory-kept",
    file: "exanic.ts",
    find: "      this.close();\n      throw error;",
    replace: "      throw error;",
    mistake: "a probe that fails leaves its memory mapped",
    scenario: exanic,
    kinds: ["dma-alloc-failed"],
    verdict: "lost-buffer",
    detail: "left behind",
  },
  {
    name: "exanic-length-believed",
    file: "exanic-reader.ts",
    find: "byteLength > reg.RX_PAYLOAD_BYTES || size > this.#memory.byteLength",
    replace: "size > this.#memory.byteLength",
    mistake: "a chunk is as long as the card says",
    scenario: exanic,
    hostileRuns: 400,
    verdict: "outside",
    detail: "byte access at",
  },
  {
    name: "exanic-waits-for-ever",
    file: "exanic-reader.ts",
    find: "      if (isLate) break;\n",
    replace: "",
    mistake: "the rest of a frame that was lost is waited for",
    scenario: exanic,
    kinds: ["dma-write-error"],
    verdict: "hang",
    detail: "at no end",
  },
];
