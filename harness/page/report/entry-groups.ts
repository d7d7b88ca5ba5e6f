import type { TimelineEntry } from "./timeline-entry.ts";

/** What an entry is about: what the filter chooses by, and the shape of its mark. */
export const GROUPS = [
  "access",
  "dma",
  "interrupt",
  "frame",
  "memory",
  "wait",
  "timer",
  "ring",
  "finding",
  "other",
] as const;
export type Group = (typeof GROUPS)[number];

const GROUP_OF: Readonly<Partial<Record<TimelineEntry["kind"], Group>>> = {
  "mmio-write": "access",
  "mmio-read": "access",
  "mmio-answer": "access",
  "register-write": "access",
  "register-read": "access",
  "register-look": "access",
  "register-change": "access",
  "config-read": "access",
  "config-write": "access",
  "memory-read": "memory",
  "memory-write": "memory",
  "memory-update": "memory",
  barrier: "memory",
  visible: "memory",
  "leaves-cpu": "memory",
  wait: "wait",
  wake: "wait",
  "dma-map": "dma",
  "dma-unmap": "dma",
  "dma-read": "dma",
  "dma-data": "dma",
  "dma-error": "dma",
  "dma-write": "dma",
  "dma-landing": "dma",
  interrupt: "interrupt",
  "interrupt-landing": "interrupt",
  "interrupt-taken": "interrupt",
  "handler-enter": "interrupt",
  "handler-exit": "interrupt",
  "frame-in": "frame",
  "frame-out": "frame",
  "timer-start": "timer",
  "timer-stop": "timer",
  timer: "timer",
  reset: "other",
  ring: "ring",
  finding: "finding",
  lost: "finding",
};

/** The group of a kind of entries; those of a later softbar, which this one does not know, are "other". */
export function groupOf(kind: string): Group {
  return GROUP_OF[kind as TimelineEntry["kind"]] ?? "other";
}
