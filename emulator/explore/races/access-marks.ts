/**
 * What kind of access it is, as far as data races go. Sums of these; 0 is a plain one.
 *
 * A plain accessor makes one access of the bus that nobody tears or repeats (what READ_ONCE is in the kernel, and volatile
 * in C), but orders nothing. By which accesses CPUs and devices synchronise is seen from what stands beside them: acquire,
 * release and atomic accesses, a store that is the first behind a write barrier, a load that no further load follows
 * before a read barrier, or that a poll loop repeats.
 */
/** One by which somebody synchronises. */
export const SYNCHRONISES = 1;
/** Whether it synchronises is seen by what its thread does next. */
export const PENDING = 2;
/** A word that a card writes last and drivers poll: DD, a phase, a generation. */
export const DEVICE_FLAG = 4;
/** Any other write of a card: the rest of a descriptor; with {@link SYNCHRONISES}, payload that comes without a flag. */
export const DEVICE_DATA = 8;
/** The driver says that others access the place meanwhile, and why that does no harm. */
export const DECLARED = 16;
/** Of a whole card. The device of a small program reads memory as a program does: to look for flags too. */
export const CARD = 32;
/** With {@link SYNCHRONISES}: by a barrier that is only tried out, to see whether it is the one that is missing. */
export const TRIED = 64;

/** One half of a race. Sites are numbers: who in the upper byte, and which access of its below. */
const ORDINAL_BITS = 24;
/** Devices follow the threads. */
export const FIRST_DEVICE_SITE = 16;

export function siteOf(who: number, ordinal: number): number {
  return (who << ORDINAL_BITS) | (ordinal & (2 ** ORDINAL_BITS - 1));
}

export function whoseSite(site: number): number {
  return site >>> ORDINAL_BITS;
}

export function ordinalOfSite(site: number): number {
  return site & (2 ** ORDINAL_BITS - 1);
}

/** True for the halves of a race: both are known, and nothing excuses them. */
export function isRace(
  firstWrites: boolean,
  first: number,
  secondWrites: boolean,
  second: number,
  isRelaxed: boolean,
): boolean {
  const both = first | second;
  if ((both & DECLARED) !== 0) return false;
  const isBetweenCpus = (both & (DEVICE_FLAG | DEVICE_DATA | CARD)) === 0;
  const reads = !(firstWrites && secondWrites);
  // A flag of a card may be looked at in any way and at any time. What counts is what is read behind it.
  if (reads && (both & DEVICE_FLAG) !== 0) return false;
  if ((first & second & SYNCHRONISES) !== 0) return false;
  // A look that came too early takes nothing with it.
  if (!firstWrites && (second & (SYNCHRONISES | DEVICE_DATA)) === SYNCHRONISES) return false;
  // Where nothing is reordered every plain access may be a flag: only what is written by two at once is sure not to be.
  if (!isRelaxed && reads && isBetweenCpus) return false;
  // A card may poll a word by which descriptors are handed over (OWN). One that a tried barrier makes look so proves nothing.
  return !((second & CARD) !== 0 && !secondWrites && (first & (SYNCHRONISES | TRIED)) === SYNCHRONISES);
}
