import type { RaceProgram } from "../../harness/explore/race-program.ts";
import { acknowledgeAll } from "./acknowledge-all.ts";
import { availRing } from "./avail-ring.ts";
import { commandBeforePhase } from "./command-before-phase.ts";
import { controlCorr } from "./control-corr.ts";
import { controlIriw } from "./control-iriw.ts";
import { controlLb } from "./control-lb.ts";
import { doubleFetch } from "./double-fetch.ts";
import { eventIndex } from "./event-index.ts";
import { futexLostWakeup } from "./futex-lost-wakeup.ts";
import { intxBeforeDma } from "./intx-before-dma.ts";
import { lappedCopy } from "./lapped-copy.ts";
import { lappedNoBarrier } from "./lapped-no-barrier.ts";
import { lappedRecheck } from "./lapped-recheck.ts";
import { lengthBeforeDone } from "./length-before-done.ts";
import { lockOrder } from "./lock-order.ts";
import { lostInterrupt } from "./lost-interrupt.ts";
import { lostUpdate } from "./lost-update.ts";
import { maskNotFlushed } from "./mask-not-flushed.ts";
import { messagePassing } from "./message-passing.ts";
import { ownBeforeFields } from "./own-before-fields.ts";
import { phaseNotFlipped } from "./phase-not-flipped.ts";
import { queueStopNoBarrier } from "./queue-stop-no-barrier.ts";
import { queueStopNoRecheck } from "./queue-stop-no-recheck.ts";
import { relaxedDoorbell } from "./relaxed-doorbell.ts";
import { ringFull } from "./ring-full.ts";
import { seqlockReader } from "./seqlock-reader.ts";
import { sharedMaskRegister } from "./shared-mask-register.ts";
import { stopAgainstIo } from "./stop-against-io.ts";
import { storeBuffering } from "./store-buffering.ts";
import { teardownUnderDma } from "./teardown-under-dma.ts";
import { threeSetters } from "./three-setters.ts";
import { twoPlusTwoWrites } from "./two-plus-two-writes.ts";
import { twoStage } from "./two-stage.ts";
import { writeCombinedPush } from "./write-combined-push.ts";

/** Small programs with a known race each, and controls without one. */
export const races: readonly RaceProgram[] = [
  lostInterrupt,
  lostUpdate,
  twoStage,
  threeSetters,
  stopAgainstIo,
  lockOrder,
  futexLostWakeup,
  storeBuffering,
  messagePassing,
  twoPlusTwoWrites,
  seqlockReader,
  controlCorr,
  controlLb,
  controlIriw,
  ownBeforeFields,
  relaxedDoorbell,
  lengthBeforeDone,
  maskNotFlushed,
  queueStopNoRecheck,
  queueStopNoBarrier,
  eventIndex,
  acknowledgeAll,
  sharedMaskRegister,
  ringFull,
  phaseNotFlipped,
  commandBeforePhase,
  writeCombinedPush,
  teardownUnderDma,
  doubleFetch,
  intxBeforeDma,
  availRing,
  lappedCopy,
  lappedRecheck,
  lappedNoBarrier,
];
