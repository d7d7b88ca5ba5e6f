/** What is said of memory that was touched, freed or handed over at the wrong time. */

import { iovaName } from "../memory/iommu.ts";
import type { FindingRecorder } from "../registers/finding-text.ts";
import type { Allocation } from "./allocation.ts";
import type { DescriptorRing } from "./descriptor-ring.ts";
import type { Hold, Holder } from "./holds.ts";
import type { DescriptorRingView } from "./ownership.ts";

/** The device is done, but the driver cannot know. */
function recordUnchecked(findings: FindingRecorder, holder: Holder, slot: number, what: string): void {
  findings.record("violation", "completion-not-checked", holder.place, () => {
    return `${what} while it belongs to ${holder.nameOf(slot)}. This time the card was done with it, but the driver has not looked: it was luck. A card that is slower, or a link that is busy, still has it then. Wait until ${holder.completion}.`;
  });
}

export function recordStore(findings: FindingRecorder, hold: Hold, place: string, byteLength: number): void {
  const { holder, slot, use } = hold;
  const what = `Store of ${byteLength} bytes to ${place}`;
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
  const what = `Store of ${byteLength} bytes to ${place}`;
  if (!ring.isBusy(slot)) {
    recordUnchecked(findings, ring, slot, what);
    return;
  }
  findings.record("violation", "descriptor-changed-in-flight", ring.place, () => {
    return `${what}, in ${ring.nameOf(slot)}, which ${ring.view.doorbell} has handed over and the card is not done with. The card takes the old descriptor, the new one or a mixture, as it has fetched it or not. Leave the descriptor alone until ${ring.completion}.`;
  });
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
): void {
  findings.record("violation", "buffer-handed-over-twice", ring.place, () => {
    return `${ring.view.doorbell} hands over ${ring.nameOf(slot)} with the buffer at IOVA ${iovaName(iova)}, which ${other.holder.nameOf(other.slot)} has. The card writes two frames into one buffer, or one over another that it still sends. Take a buffer out of use until ${other.holder.completion}.`;
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

export function recordFreedInFlight(
  findings: FindingRecorder,
  holder: Holder,
  slot: number,
  allocation: Allocation,
  iova: number,
): void {
  findings.record("violation", "freed-in-flight", allocation.label, () => {
    return `${allocation.nameAt(Math.max(iova, allocation.iova))} was freed while ${holder.nameOf(slot)} has it. The card reads or writes memory that is somebody else's by then; an IOMMU faults. Stop the queue and wait until it has stopped, or until ${holder.completion}, before the memory is given back.`;
  });
}

/** Memory of a closed driver. */
export function recordLeak(findings: FindingRecorder, { label, iova, byteLength }: Allocation): void {
  findings.record("note", "dma-buffer-leaked", label, () => {
    return `${label}, ${byteLength} bytes at IOVA ${iovaName(iova)}, is still mapped after the driver has turned the card off. A kernel keeps the memory until it restarts, and an enabled card could write to it. Free it when the card has stopped.`;
  });
}

export function recordNeverReported(findings: FindingRecorder, ring: DescriptorRing, slot: number): void {
  findings.record("violation", "completion-never-reported", ring.place, () => {
    return `The driver waits for DD in ${ring.nameOf(slot)}, with which the card is done, but which did not ask for a report (RS). The card never writes its DD: the ring fills up and is not cleaned. Set RS in the last descriptor of each group that is looked at; or read the head.`;
  });
}
