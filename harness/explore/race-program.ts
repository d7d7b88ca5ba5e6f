import type { MemoryModel } from "../../emulator/explore/kinds.ts";
import type { Machine } from "../../emulator/explore/machine.ts";

/** A small driver × device program whose behaviour under every memory model is known. */
export interface RaceProgram {
  /** As it is called on the command line. */
  readonly name: string;
  /** What driver and device do, and what goes wrong, in a sentence or two. */
  readonly protocol: string;
  /** Where the bug was seen. */
  readonly source: string;
  /** The memory models in which it can fail. The fixed twin never fails. */
  readonly fails: "all" | "never" | readonly MemoryModel[];
  /** Lays the program out; `isFixed` asks for the twin in which the bug is mended. */
  readonly build: (machine: Machine, isFixed: boolean) => void;
}

/** True when `program` can fail under `model`. */
export function canFail(program: RaceProgram, model: MemoryModel): boolean {
  return program.fails === "all" || (program.fails !== "never" && program.fails.includes(model));
}

export const isSet = (value: number): boolean => value !== 0;
export const isClear = (value: number): boolean => value === 0;
