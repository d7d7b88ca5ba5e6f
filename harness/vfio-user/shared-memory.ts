import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { EventSignal } from "./client-interrupts.ts";
import type { CopiedFile } from "./copied-file.ts";
import type { DmaRange } from "./dma-table.ts";
import { EINVAL, RequestError } from "./protocol.ts";

/** What descriptors of the client's are made into; absent where they cannot be received. */
export interface DescriptorUse {
  /**
   * Finds how so many bytes of a descriptor's file, from `fileOffset` on, are reached. A copied file keeps the descriptor;
   * the other forms leave it to the caller. Throws Error when the file does not have the bytes, or is not open for what is to be done.
   */
  share(descriptor: number, fileOffset: number, byteLength: number, canWrite: boolean): SharedMemory;
  /** What comes of it owns the descriptor. Throws Error when it is no event descriptor; it is still the caller's then. */
  signal(descriptor: number): EventSignal;
  close(descriptor: number): void;
}

/** Memory is mapped in views: an offset in one is an int32, and an access lies within the view where it begins. */
export const SLICE_BYTES: number = 2 ** 30;
/** The longest access of a device. */
export const OVERLAP_BYTES: number = 1 << 20;

/** Memory that a client shares: mapped where it cannot shrink, else by calls, else not through its descriptor at all. */
export type SharedMemory =
  | {
      readonly form: "mapped";
      /** One for each {@link SLICE_BYTES}, beginning with the range; each goes on for {@link OVERLAP_BYTES} into the next. */
      readonly slices: readonly MemoryView[];
      release(): void;
    }
  | { readonly form: "copied"; readonly file: CopiedFile }
  | { readonly form: "messages" };

const FORMS: Readonly<Record<SharedMemory["form"], string>> = {
  mapped: "its memory is mapped: DMA in place",
  copied: "its memory is a file that can shrink, and is not mapped: DMA by copies, a system call each",
  messages: "its memory is a file that is not in memory, or cannot be mapped: DMA by messages",
};
const FASTER =
  "DMA in place takes a memfd that is sealed by F_SEAL_SHRINK, as QEMU's -object memory-backend-memfd,share=on makes";

/** How a client's memory is reached, and how it could be faster. */
export function memoryText(form: SharedMemory["form"]): string {
  return form === "mapped" ? FORMS[form] : `${FORMS[form]}. ${FASTER}`;
}

/** A range with what it is reached by, and what gives that back. */
export function heldRange(range: DmaRange, shared: SharedMemory): DmaRange {
  switch (shared.form) {
    case "mapped":
      return { ...range, slices: shared.slices, release: shared.release };
    case "copied":
      return { ...range, file: shared.file, release: () => shared.file.close() };
    case "messages":
      return range;
  }
}

/** As {@link DescriptorUse.share}. @throws RequestError EINVAL where that throws. */
export function sharedBy(
  use: DescriptorUse,
  descriptor: number,
  fileOffset: number,
  byteLength: number,
  canWrite: boolean,
): SharedMemory {
  try {
    return use.share(descriptor, fileOffset, byteLength, canWrite);
  } catch (error) {
    throw new RequestError(EINVAL, `the file of a DMA range cannot be used: ${(error as Error).message}`);
  }
}
