/**
 * What can go wrong. `world`: what happens to good hardware in the field, and what a driver has to live with. `broken`: a
 * card that breaks its own rules, as in bring-up or in hostile hands, so that a driver can tell: it waits in vain, or looks. `silent`:
 * one that says what is not so, and no driver can tell: it may believe a wrong result, but come to no other harm.
 * `driver`: what a kernel refuses a driver.
 */
export type FaultNature = "world" | "broken" | "silent" | "driver";

export interface FaultDescription {
  readonly nature: FaultNature;
  /** What happens, and at what it is counted. */
  readonly about: string;
  /** How long it lasts where the rule does not say. Absent for what is over at once. */
  readonly durationNs?: number;
}

export type FaultKind =
  | "interrupt-lost"
  | "interrupt-late"
  | "interrupt-spurious"
  | "link-flap"
  | "frame-lost"
  | "frame-bad-fcs"
  | "frame-runt"
  | "frame-giant"
  | "dma-read-error"
  | "dma-write-error"
  | "fetch-stall"
  | "fetch-stuck"
  | "operation-slow"
  | "operation-stuck"
  | "read-error"
  | "write-lost"
  | "config-read-error"
  | "removal"
  | "power-glitch"
  | "write-back-late"
  | "write-back-torn"
  | "write-back-reordered"
  | "write-back-partial"
  | "write-back-corrupt"
  | "write-back-repeated"
  | "payload-late"
  | "dma-alloc-failed"
  | "interrupts-fewer";

const MS = 1_000_000;
const FOR_EVER = Number.POSITIVE_INFINITY;

const DESCRIPTIONS: Readonly<Record<FaultKind, FaultDescription>> = {
  "interrupt-lost": { nature: "world", about: "the n-th interrupt message never arrives" },
  "interrupt-late": { nature: "world", about: "the n-th interrupt message arrives late", durationNs: MS },
  "interrupt-spurious": {
    nature: "world",
    about: "behind the n-th interrupt comes another, without a cause",
    durationNs: 1000,
  },
  "link-flap": { nature: "world", about: "the link goes down as the n-th frame passes, which is lost", durationNs: MS },
  "frame-lost": { nature: "world", about: "the n-th frame towards the card is lost on the wire" },
  "frame-bad-fcs": { nature: "world", about: "the n-th frame towards the card arrives with a wrong FCS" },
  "frame-runt": { nature: "world", about: "of the n-th frame towards the card 32 bytes arrive" },
  "frame-giant": { nature: "world", about: "the n-th frame towards the card is as long as a wire takes" },
  "dma-read-error": { nature: "world", about: "the n-th DMA read is answered with Unsupported Request" },
  "dma-write-error": { nature: "world", about: "the n-th DMA write is refused on its way and goes nowhere" },
  "fetch-stall": { nature: "world", about: "from the n-th DMA read on, that engine's reads wait", durationNs: MS },
  "fetch-stuck": {
    nature: "broken",
    about: "from the n-th DMA read on, that engine's reads are never made",
    durationNs: FOR_EVER,
  },
  "operation-slow": { nature: "world", about: "what the n-th timer of the card stands for takes 50 times as long" },
  "operation-stuck": { nature: "broken", about: "what the n-th timer of the card stands for never ends" },
  "read-error": { nature: "world", about: "the n-th register read times out and gives all ones" },
  "write-lost": {
    nature: "broken",
    about: "the n-th register write is ignored. A link does not lose one: it is sent again",
  },
  "config-read-error": { nature: "world", about: "the n-th configuration read gives all ones" },
  removal: { nature: "world", about: "the card is pulled out at the n-th access of its driver", durationNs: FOR_EVER },
  "power-glitch": {
    nature: "world",
    about: "the card loses power at the n-th access, and is back as after power-on",
    durationNs: 0.01 * MS,
  },
  "write-back-late": {
    nature: "broken",
    about: "the n-th write-back lands late, behind its interrupt",
    durationNs: MS,
  },
  "write-back-torn": {
    nature: "broken",
    about: "the n-th write-back lands in two parts, its flag late",
    durationNs: MS,
  },
  "write-back-reordered": {
    nature: "silent",
    about: "the n-th write-back lands in two parts, its flag first",
    durationNs: MS,
  },
  "write-back-partial": { nature: "broken", about: "of the n-th write-back nothing but the flag lands" },
  "write-back-corrupt": { nature: "silent", about: "the n-th write-back says something else: see hostile devices" },
  "write-back-repeated": {
    nature: "silent",
    about: "the n-th write-back lands a second time, whatever the driver has done since",
    durationNs: MS,
  },
  "payload-late": { nature: "silent", about: "the n-th payload lands late, behind its write-back", durationNs: MS },
  "dma-alloc-failed": { nature: "driver", about: "the n-th allocation of DMA memory fails" },
  "interrupts-fewer": { nature: "driver", about: "the n-th set-up of interrupts is granted one less than asked for" },
};

export const FAULT_KINDS: readonly FaultKind[] = Object.keys(DESCRIPTIONS) as FaultKind[];

export function describeFault(kind: FaultKind): FaultDescription {
  return DESCRIPTIONS[kind];
}

/** A kind's number: its place in {@link FAULT_KINDS}. Throws RangeError that lists the kinds for what is none. */
export function faultNumber(kind: string): number {
  const number = FAULT_KINDS.indexOf(kind as FaultKind);
  if (number >= 0) return number;
  throw new RangeError(`there is no fault "${kind}"; there are ${FAULT_KINDS.join(", ")}`);
}
