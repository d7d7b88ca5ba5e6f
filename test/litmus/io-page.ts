import { Execution } from "../../emulator/explore/execution.ts";
import * as k from "../../emulator/explore/kinds.ts";
import { Machine } from "../../emulator/explore/machine.ts";
import { Replay } from "../../emulator/explore/strategies/replay.ts";
import { canFail, type RaceProgram } from "../../harness/explore/race-program.ts";

/** The tables of IO-LITMUS.md, made from the programs themselves: the page cannot say anything else than is run. */

/** A column for each CPU and each device; what the twin does instead or besides stands in brackets. */
export function programTable(shape: RaceProgram): string {
  const broken = operationsOf(shape, false);
  const fixed = operationsOf(shape, true);
  const columns = [...broken.keys()];
  const cells = columns.map((name) => merged(broken.get(name) ?? [], fixed.get(name) ?? []));
  const height = Math.max(...cells.map((column) => column.length));
  const rows = Array.from({ length: height }, (_, row) => cells.map((column) => column[row] ?? ""));
  return table([columns, ...rows]);
}

/** Where the outcome is possible, in the program as it stands and in its twin. */
export function verdictTable(shape: RaceProgram): string {
  const row = (name: string, isAllowed: (model: k.MemoryModel) => boolean): string[] => [
    name,
    ...k.MEMORY_MODELS.map((model) => (isAllowed(model) ? "allowed" : "forbidden")),
  ];
  const rows = [row("as it stands", (model) => canFail(shape, model))];
  if (shape.fails !== "never") rows.push(row("twin", () => false));
  return table([["", ...k.MEMORY_MODELS], ...rows]);
}

/** Every shape in one line: the models in which its outcome is possible without the cure. */
export function summaryTable(shapes: readonly RaceProgram[], titleOf: (shape: RaceProgram) => string): string {
  const rows = shapes.map((shape) => [
    titleOf(shape),
    ...k.MEMORY_MODELS.map((model) => (canFail(shape, model) ? "allowed" : "forbidden")),
    shape.source,
  ]);
  return table([["shape", ...k.MEMORY_MODELS, "what decides"], ...rows]);
}

function table(rows: readonly (readonly string[])[]): string {
  const width = (column: number): number => Math.max(3, ...rows.map((row) => (row[column] ?? "").length));
  const lines = rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(width(column))).join(" | ")} |`);
  const rule = `| ${(rows[0] ?? []).map((_, column) => "-".repeat(width(column))).join(" | ")} |`;
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

/** What each CPU and device does in the ordinary run. */
function operationsOf(shape: RaceProgram, isFixed: boolean): Map<string, string[]> {
  const machine = new Machine();
  shape.build(machine, isFixed);
  const execution = new Execution(machine);
  execution.trace.isOn = true;
  execution.run(new Replay(), k.SC, 0);
  const { trace } = execution;
  const operations = new Map<string, string[]>(
    [...machine.cpuNames, ...machine.devices.map(({ name }) => name)].map((name) => [name, []]),
  );
  for (let at = 0; at < trace.count; at++) {
    const thread = trace.actor[at] as number;
    if (thread >= k.THREAD_LIMIT) continue;
    const name = machine.threads[thread]?.name ?? "";
    operations.get(name)?.push(textOf(machine, execution, at));
  }
  return operations;
}

const WRITES: ReadonlySet<number> = new Set([
  k.STORE,
  k.MMIO_WRITE,
  k.MMIO_WRITE_RELAXED,
  k.WC_WRITE,
  k.DMA_WRITE,
  k.REGISTER_WRITE,
]);

function textOf(machine: Machine, { trace, state }: Execution, at: number): string {
  const kind = trace.kind[at] as number;
  const operation = k.OPERATION_NAMES[kind] ?? "";
  const where = machine.nameOf(trace.address[at] as number);
  if (kind === k.DMA_WRITE && trace.operand[at] === 1)
    return `${operation} (relaxed ordering) ${where} ← ${trace.value[at]}`;
  if (WRITES.has(kind)) return `${operation} ${where} ← ${trace.value[at]}`;
  if (kind === k.MB || kind === k.WMB || kind === k.DMA_RMB || kind === k.DMA_WMB) return operation;
  if (kind === k.LINE) return "interrupt line up";
  if (kind === k.MESSAGE || kind === k.WAIT_INTERRUPT) return operation;
  if (kind !== k.FETCH || trace.byteLength[at] === 1) return `${operation} ${where}`;
  const count = trace.byteLength[at] as number;
  const base = 4 * (trace.actor[at] as number);
  const names = [...state.fetchAddresses.slice(base, base + count)].map((address) => machine.nameOf(address));
  return `${operation}s ${names.join(", ")}, ${trace.operand[at] === 1 ? "one after the other" : "asked for together"}`;
}

/** What both do once; what differs with the twin's way in brackets. */
function merged(broken: readonly string[], fixed: readonly string[]): string[] {
  let head = 0;
  while (head < broken.length && broken[head] === fixed[head]) head++;
  let tail = 0;
  while (tail < Math.min(broken.length, fixed.length) - head && broken.at(-1 - tail) === fixed.at(-1 - tail)) tail++;
  const own = broken.slice(head, broken.length - tail);
  const cure = fixed.slice(head, fixed.length - tail).map((operation) => `[${operation}]`);
  const middle = own.length > 0 && cure.length > 0 ? [[...own, ...cure].join(" ")] : [...own, ...cure];
  return [...broken.slice(0, head), ...middle, ...broken.slice(broken.length - tail)];
}
