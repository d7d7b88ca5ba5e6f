import type { Cpu } from "../../emulator/explore/cpu.ts";
import type { MemoryModel } from "../../emulator/explore/kinds.ts";
import type { Machine } from "../../emulator/explore/machine.ts";
import type { Actor, Pending } from "../../emulator/explore/state.ts";

/** How a shape's accesses are made: plain; every load acquire and every store release; plain with an mb between. */
export type Strength = "plain" | "acquire-release" | "mb";

/** [thread, accesses]: `x=1` stores, `r0=x` loads into outcome 0. */
type Program = readonly (readonly string[])[];

/** A litmus shape: its outcome is what a program must not rely on to be impossible. */
export interface Shape {
  readonly name: string;
  readonly program: Program;
  /** True for the outcome in question. `r` are the loads, `last` what is in memory at the end. */
  readonly outcome: (r: (index: number) => number, last: (name: string) => number) => boolean;
  /** Where the outcome is possible, and why. */
  readonly allowed: Readonly<Record<Strength, readonly MemoryModel[]>>;
}

const nowhere: readonly MemoryModel[] = [];
const weak: readonly MemoryModel[] = ["tso", "relaxed"];
const relaxed: readonly MemoryModel[] = ["relaxed"];
/** Reordering of stores or of loads is needed, which only the relaxed model has; acquire-release orders either. */
const needsReordering = { plain: relaxed, "acquire-release": nowhere, mb: nowhere };
/** A store that is late for a later load: store buffers are enough, and acquire-release does not forbid it. */
const needsBuffering = { plain: weak, "acquire-release": weak, mb: nowhere };
/** Coherence, or load buffering, which the engine does not do. */
const never = { plain: nowhere, "acquire-release": nowhere, mb: nowhere };

export const shapes: readonly Shape[] = [
  {
    name: "SB",
    program: [
      ["x=1", "r0=y"],
      ["y=1", "r1=x"],
    ],
    outcome: (r) => r(0) === 0 && r(1) === 0,
    allowed: needsBuffering,
  },
  {
    name: "MP",
    program: [
      ["x=1", "y=1"],
      ["r0=y", "r1=x"],
    ],
    outcome: (r) => r(0) === 1 && r(1) === 0,
    allowed: needsReordering,
  },
  {
    name: "LB",
    program: [
      ["r0=x", "y=1"],
      ["r1=y", "x=1"],
    ],
    outcome: (r) => r(0) === 1 && r(1) === 1,
    allowed: never,
  },
  {
    name: "S",
    program: [
      ["x=2", "y=1"],
      ["r0=y", "x=1"],
    ],
    outcome: (r, last) => r(0) === 1 && last("x") === 2,
    allowed: needsReordering,
  },
  {
    name: "R",
    program: [
      ["x=1", "y=1"],
      ["y=2", "r0=x"],
    ],
    outcome: (r, last) => last("y") === 2 && r(0) === 0,
    allowed: needsBuffering,
  },
  {
    name: "2+2W",
    program: [
      ["x=1", "y=2"],
      ["y=1", "x=2"],
    ],
    outcome: (_r, last) => last("x") === 1 && last("y") === 1,
    allowed: needsReordering,
  },
  {
    // The middle thread orders by itself: its store cannot land before its load. The reader's loads do not.
    name: "WRC",
    program: [["x=1"], ["r0=x", "y=1"], ["r1=y", "r2=x"]],
    outcome: (r) => r(0) === 1 && r(1) === 1 && r(2) === 0,
    allowed: needsReordering,
  },
  {
    name: "ISA2",
    program: [
      ["x=1", "y=1"],
      ["r0=y", "z=1"],
      ["r1=z", "r2=x"],
    ],
    outcome: (r) => r(0) === 1 && r(1) === 1 && r(2) === 0,
    allowed: needsReordering,
  },
  {
    // One timeline for all: with ordered loads, readers agree.
    name: "IRIW",
    program: [["x=1"], ["y=1"], ["r0=x", "r1=y"], ["r2=y", "r3=x"]],
    outcome: (r) => r(0) === 1 && r(1) === 0 && r(2) === 1 && r(3) === 0,
    allowed: needsReordering,
  },
  { name: "CoRR", program: [["x=1"], ["r0=x", "r1=x"]], outcome: (r) => r(0) === 1 && r(1) === 0, allowed: never },
  {
    name: "CoRW",
    program: [["r0=x", "x=1"], ["x=2"]],
    outcome: (r, last) => r(0) === 1 || (r(0) === 2 && last("x") === 2),
    allowed: never,
  },
  {
    name: "CoWR",
    program: [["x=1", "r0=x"], ["x=2"]],
    outcome: (r, last) => r(0) === 0 || (r(0) === 2 && last("x") === 1),
    allowed: never,
  },
  { name: "CoWW", program: [["x=1", "x=2"]], outcome: (_r, last) => last("x") === 1, allowed: never },
];

/** Lays a shape out; its outcome ends a run as a violation. */
export function buildShape(m: Machine, shape: Shape, strength: Strength): void {
  const address: Record<string, number> = { x: m.word("x"), y: m.word("y"), z: m.word("z") };
  for (const [index, accesses] of shape.program.entries()) {
    m.cpu(`P${index}`, (cpu) => thread(m, cpu, accesses, address, strength));
  }
  m.finally(() => {
    const hit = shape.outcome(
      (index) => m.outcome[index] as number,
      (name) => m.peek32(address[name] as number),
    );
    m.assert(!hit, `${shape.name} was seen`);
  });
}

function* thread(
  m: Machine,
  cpu: Cpu,
  accesses: readonly string[],
  address: Record<string, number>,
  strength: Strength,
): Actor {
  for (const [index, access] of accesses.entries()) {
    if (index > 0 && strength === "mb") yield cpu.mb();
    const [left = "", right = ""] = access.split("=");
    if (left.startsWith("r")) m.outcome[Number(left.slice(1))] = yield load(cpu, address[right] as number, strength);
    else yield store(cpu, address[left] as number, Number(right), strength);
  }
}

function load(cpu: Cpu, address: number, strength: Strength): Pending {
  return strength === "acquire-release" ? cpu.readAcquire32(address) : cpu.read32(address);
}

function store(cpu: Cpu, address: number, value: number, strength: Strength): Pending {
  return strength === "acquire-release" ? cpu.writeRelease32(address, value) : cpu.write32(address, value);
}
