/** What is said of memory that was touched, freed or handed over at the wrong time. */

import { iovaName } from "../memory/iommu.ts";
import type { FindingRecorder } from "../registers/finding-text.ts";
import type { Allocation } from "./allocation.ts";
import type { DescriptorRing } from "./descriptor-ring.ts";
import type { EntryRing } from "./entry-ring.ts";
import type { Hold, Holder } from "./holds.ts";
import type { DescriptorRingView, WindowView } from "./ownership.ts";

/** The device is done, but the driver cannot know. */
function recordUnchecked(findings: FindingRecorder, holder: Holder, slot: number, what: string): void {
  if (holder.isPassed?.(slot) === true) {
    findings.record("note", "head-read-as-completion", holder.place, () => {
      return `${what}, which belongs to ${holder.nameOf(slot)}, after nothing but a read of the head register. The card moves its head when its writes have left it; where a bridge keeps writes back, the read may come back before they are in memory (8254x Software Developer's Manual, on its descriptor rings). Wait until ${holder.completion}; or have the card write its head to memory, where it can.`;
    });
    return;
  }
  findings.record("violation", "completion-not-checked", holder.place, () => {
    return `${what} while it belongs to ${holder.nameOf(slot)}. This time the card was done with it, but the driver has not looked: it was luck. A card that is slower, or a link that is busy, still has it then. Wait until ${holder.completion}.`;
  });
}

export function recordStore(findings: FindingRecorder, hold: Hold, place: string, byteLength: number): void {
  const { holder, slot, use } = hold;
  const what = `Store of ${byteLength} bytes to ${place}`;
  if (use === "streams") {
    findings.record("violation", "region-written", holder.place, () => {
      return `${what}, in ${holder.nameOf(slot)}, which the card writes whenever it has something. A reader takes what was stored for the card's, or the card writes over it. Only read there until ${holder.completion}.`;
    });
    return;
  }
  if (!holder.isBusy(slot)) {
    recordUnchecked(findings, holder, slot, what);
    return;
  }
  findings.record("violation", "buffer-changed-in-flight", holder.place, () => {
    const outcome =
      use === "reads" ? "takes the old bytes, the new ones or some of each" : "writes over it, or it over what arrived";
    return `${what} while it belongs to ${holder.nameOf(slot)}, with which the card is not done. The card ${outcome}. Wait until ${holder.completion} before the buffer is used again.`;
  });
}

export function recordLoad(findings: FindingRecorder, hold: Hold, place: string, byteLength: number): void {
  const { holder, slot } = hold;
  const what = `Load of ${byteLength} bytes from ${place}`;
  if (!holder.isBusy(slot)) {
    recordUnchecked(findings, holder, slot, what);
    return;
  }
  findings.record("violation", "buffer-read-in-flight", holder.place, () => {
    return `${what} while it belongs to ${holder.nameOf(slot)}, which the card has not filled. The load gave what was there before, or half of what arrives. Wait until ${holder.completion}, then read the buffer.`;
  });
}

export function recordDescriptorStore(
  findings: FindingRecorder,
  ring: DescriptorRing,
  slot: number,
  place: string,
  byteLength: number,
): void {
  recordStoreTo(
    findings,
    ring,
    slot,
    "descriptor-changed-in-flight",
    `Store of ${byteLength} bytes to ${place}`,
    () => {
      return `which ${ring.view.doorbell} has handed over and the card is not done with. The card takes the old descriptor, the new one or a mixture, as it has fetched it or not. Leave the descriptor alone until ${ring.completion}.`;
    },
  );
}

/** Of a store to what may be the card's: that it is, or that nobody has looked whether it still is. */
function recordStoreTo(
  findings: FindingRecorder,
  ring: DescriptorRing | EntryRing,
  slot: number,
  rule: string,
  what: string,
  whose: () => string,
): void {
  if (ring.isBusy(slot))
    findings.record("violation", rule, ring.place, () => `${what}, in ${ring.nameOf(slot)}, ${whose()}`);
  else recordUnchecked(findings, ring, slot, what);
}

export function recordNotWritten(findings: FindingRecorder, ring: DescriptorRing, slot: number): void {
  findings.record("violation", "descriptor-not-written", ring.place, () => {
    return `${ring.view.doorbell} hands over ${ring.nameOf(slot)}, which was not written since the card had it last. The card fetches what lies there: zeros, or an old address. Write the descriptors first, then ring the doorbell.`;
  });
}

export function recordHandedOverDone(findings: FindingRecorder, ring: DescriptorRing, slot: number): void {
  findings.record("violation", "descriptor-handed-over-done", ring.place, () => {
    return `${ring.view.doorbell} hands over ${ring.nameOf(slot)} with its DD bit set from the lap before. The card sends the frame, but the driver takes it for sent before it is. Write the descriptor's last word, DD included, before the doorbell.`;
  });
}

export function recordHandedOverTwice(
  findings: FindingRecorder,
  ring: DescriptorRing,
  slot: number,
  other: Hold,
  iova: number,
  cameBackWith: string | undefined,
): void {
  findings.record("violation", "buffer-handed-over-twice", ring.place, () => {
    const twice =
      cameBackWith === undefined
        ? ""
        : ` The buffer came back once, with ${cameBackWith}: was that completion processed twice?`;
    return `${ring.view.doorbell} hands over ${ring.nameOf(slot)} with the buffer at IOVA ${iovaName(iova)}, which ${other.holder.nameOf(other.slot)} has. The card writes two frames into one buffer, or one over another that it still sends.${twice} Take a buffer out of use until ${other.holder.completion}.`;
  });
}

export function recordOverfull(
  findings: FindingRecorder,
  { doorbell, name, descriptorName }: DescriptorRingView,
  slotCount: number,
  tail: number,
  head: number,
  outstanding: number,
): void {
  findings.record("violation", "ring-overfull", name, () => {
    return `${doorbell} leaves no ${descriptorName} of the ${slotCount} free: the tail, which was ${tail} with ${outstanding} of them the card's, comes to the head (${head}) or beyond. The card takes a ring whose tail is its head for empty, and forgets what was in it. Keep one descriptor free.`;
  });
}

export function recordFreed(
  findings: FindingRecorder,
  holder: Holder,
  slot: number,
  allocation: Allocation,
  iova: number,
): void {
  if (!holder.isBusy(slot)) {
    recordUnchecked(findings, holder, slot, `Free of ${allocation.nameAt(Math.max(iova, allocation.iova))}`);
    return;
  }
  findings.record("violation", "freed-in-flight", allocation.label, () => {
    const [who, until] =
      holder.release === undefined
        ? [holder.nameOf(slot), `Stop the queue and wait until it has stopped, or until ${holder.completion},`]
        : [holder.place, `Wait until ${holder.release}`];
    return `${allocation.nameAt(Math.max(iova, allocation.iova))} was freed while ${who} has it. The card reads or writes memory that is somebody else's by then; an IOMMU faults. ${until} before the memory is given back.`;
  });
}

/** A store to an entry that the driver does not have. */
export function recordEntryStore(
  findings: FindingRecorder,
  ring: EntryRing,
  slot: number,
  place: string,
  byteLength: number,
): void {
  recordStoreTo(findings, ring, slot, "buffer-changed-in-flight", `Store of ${byteLength} bytes to ${place}`, () => {
    return `which is the card's. The card writes over it, or it over what arrived. Wait until ${ring.completion}, and leave an entry alone from ${ring.view.doorbell} on.`;
  });
}

/** A load from an entry that the driver does not have. */
export function recordEntryLoad(
  findings: FindingRecorder,
  ring: EntryRing,
  slot: number,
  isGivenBack: boolean,
  place: string,
  byteLength: number,
): void {
  const what = `Load of ${byteLength} bytes from ${place}`;
  if (!ring.isBusy(slot)) {
    recordUnchecked(findings, ring, slot, what);
    return;
  }
  findings.record("violation", "buffer-read-in-flight", ring.place, () => {
    return isGivenBack
      ? `${what}, in ${ring.nameOf(slot)}, which ${ring.view.doorbell} has given back. The card may be writing the next ${ring.view.entryName} there: the load gives one, the other, or some of each. Copy it first, then ring the doorbell.`
      : `${what}, in ${ring.nameOf(slot)}, which the card has not written. The load gave what was there before, or half of what arrives. Wait until ${ring.completion}, then read the rest of it.`;
  });
}

/** A store to memory of the card whose piece is done, as nobody has looked. */
export function recordWindowStore(
  findings: FindingRecorder,
  view: WindowView,
  piece: string,
  offset: number,
  byteLength: number,
): void {
  findings.record("violation", "completion-not-checked", view.name, () => {
    return `Store of ${byteLength} bytes to BAR${view.bar}+0x${offset.toString(16)} while it belongs to ${piece} of ${view.name}. This time the card was done with it, but the driver has not looked: it was luck. A card that is slower, or a link that is busy, still has it then. Wait until ${view.completion}.`;
  });
}

/** A device has completed what nobody had handed over, or twice. `isAnnounced`: a fault that a test has armed did it. */
export function recordRepeated(
  memory: { readonly deviceFindings: FindingRecorder },
  place: string,
  name: string,
  iova: number,
  isAnnounced: boolean,
): void {
  const where = `${name} at IOVA ${iovaName(iova)}`;
  const rest = `From here on nothing is said of what the driver does with this ring: it may believe the card in good faith.`;
  if (isAnnounced)
    memory.deviceFindings.record("note", "completion-repeated-by-fault", place, () => {
      return `The fault that is armed has made the card complete ${where}, which is not outstanding: its completion was written already, or the driver has not handed it over. A driver that counts on one completion for each takes a buffer for filled, or for free, that is not. ${rest}`;
    });
  else
    memory.deviceFindings.record("violation", "completion-repeated", place, () => {
      return `The card, and not its driver, is wrong: it has completed ${where}, which is not outstanding. Its completion was written already, or the driver has not handed it over. A driver that counts on one completion for each takes a buffer for filled, or for free, that is not. Mend the device's model. ${rest}`;
    });
}

/** From here on nothing is said of a buffer. */
export function recordRaw(findings: FindingRecorder, { label, iova, byteLength }: Allocation): void {
  findings.record("note", "raw-memory-unwatched", label, () => {
    return `The driver has ${label}, ${byteLength} bytes at IOVA ${iovaName(iova)}, as raw memory: what it does there goes past the accessors, and whose the bytes are is not watched any more, nor the buffers of a ring in it. Use the accessors where that is to be known; for a copy, copyFrom and copyTo.`;
  });
}

/** A ring that the device fills has nothing left to fill, and its driver waits. */
export function recordNotRefilled(
  findings: FindingRecorder,
  { name, doorbell, descriptorName }: DescriptorRingView,
  slotCount: number,
): void {
  findings.record("note", "ring-not-refilled", name, () => {
    return `The driver has seen every ${descriptorName} of ${name} (${slotCount} slots) that it had handed over come back, hands none over again, and waits. The card has none left: it drops what comes from here on. Write the descriptor anew when its frame has been taken, and ring ${doorbell}.`;
  });
}

/** Memory of a closed driver. */
export function recordLeak(findings: FindingRecorder, { label, iova, byteLength }: Allocation): void {
  findings.record("note", "dma-buffer-leaked", label, () => {
    return `${label}, ${byteLength} bytes at IOVA ${iovaName(iova)}, is still mapped after the driver has turned the card off. A kernel keeps the memory until it restarts, and an enabled card could write to it. Free it when the card has stopped.`;
  });
}

/** `looks`: so often has the driver looked; `unseen`: descriptors that it has not taken back. */
export function recordNeverReported(
  findings: FindingRecorder,
  ring: DescriptorRing,
  slot: number,
  iova: number,
  looks: number,
  unseen: number,
): void {
  findings.record("violation", "completion-never-reported", ring.place, () => {
    return `The ring is not cleaned: the driver has looked ${looks} times for DD in ${ring.nameOf(slot)} (IOVA ${iovaName(iova)}), with which the card is done, but which did not ask for a report (RS). The card never writes its DD; ${unseen} descriptors wait behind ${ring.view.doorbell}, and the ring fills up. Set RS in the last descriptor of each group that is looked at; or have the card write its head to memory (TDWBAL).`;
  });
}
