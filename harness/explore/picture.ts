import * as k from "../../emulator/explore/kinds.ts";
import type { Machine } from "../../emulator/explore/machine.ts";
import { HAS_PAYLOAD } from "../../emulator/explore/state.ts";
import type { StepTrace } from "../../emulator/explore/trace.ts";

/** Wider columns make lines that a terminal breaks. */
const COLUMN_WIDTH_MAX = 72;
/** Places that are named of those that somebody polls. */
const POLLED_MAX = 4;
const LOADS: readonly number[] = [k.LOAD, k.LOAD_ACQUIRE, k.LOAD_ATOMIC];

/**
 * One run as people read it: a column for each CPU and each device, a line for each step. What arrives at once, as it
 * ordinarily does, is not worth a line; what arrives late has one.
 */
export function picture(machine: Machine, trace: StepTrace, notes: StepNotes = {}): string {
  return draw(machine, trace, notes).text;
}

/** Numbers of the lines of a picture; undefined where a step has none. */
export interface StepNumbers {
  /** An operation of a thread, counted from 0. */
  ofOperation(thread: number, ordinal: number): number | undefined;
  /** A DMA transfer of a device, counted from 0 in its direction. */
  ofTransfer(device: number, ordinal: number, isWrite: boolean): number | undefined;
}

/** A picture, and what its lines are called. */
export interface Drawing {
  readonly text: string;
  readonly numbers: StepNumbers;
}

/** See {@link picture}. */
export function draw(machine: Machine, trace: StepTrace, notes: StepNotes = {}): Drawing {
  const columns = [...machine.cpuNames, ...machine.devices.map((device) => device.name)];
  const rows = drawnRows(machine, trace, notes);
  const widths = columns.map((name, column) => {
    const longest = rows.reduce((width, row) => (row.column === column ? Math.max(width, row.text.length) : width), 0);
    return Math.min(COLUMN_WIDTH_MAX, Math.max(name.length, longest)) + 2;
  });
  const digits = String(rows.length).length;
  const line = (number: string, cells: readonly string[]): string =>
    ` ${number.padStart(digits)} ${cells.map((cell, column) => ` ${cell.padEnd(widths[column] ?? 0)}`).join("")}`.trimEnd();
  const lines = [line("", columns)];
  for (const [index, { column, text }] of rows.entries()) {
    const cells = columns.map((_, other) => (other === column ? text : ""));
    lines.push(line(String(index + 1), cells));
  }
  return { text: lines.join("\n"), numbers: numbersOf(trace, rows) };
}

function numbersOf(trace: StepTrace, rows: readonly DrawnRow[]): StepNumbers {
  const numberOf = (isIt: (at: number) => boolean): number | undefined => {
    const index = rows.findIndex(({ at }) => at >= 0 && isIt(at));
    return index < 0 ? undefined : index + 1;
  };
  return {
    ofOperation: (thread, ordinal) => numberOf((at) => trace.actor[at] === thread && trace.ordinal[at] === ordinal),
    ofTransfer: (device, ordinal, isWrite) => {
      const kind = isWrite ? k.DMA_LANDING : k.DMA_FETCH;
      const queue = (isWrite ? k.UP : k.FETCHES) + device;
      return numberOf((at) => trace.kind[at] === kind && trace.actor[at] === queue && trace.ordinal[at] === ordinal);
    },
  };
}

/** The lines of a picture. Those of the rest are as the machine is now: behind the run that has the trace. */
export function drawnRows(machine: Machine, trace: StepTrace, notes: StepNotes = {}): DrawnRow[] {
  const rows: DrawnRow[] = [];
  for (let at = 0; at < trace.count; at++) {
    const text = textOf(machine, trace, at);
    if (text === "") continue;
    const actor = trace.actor[at] as number;
    const note = notes.noteOf?.(actor, trace.ordinal[at] as number) ?? "";
    const isDrain = trace.kind[at] === k.BUFFERED_STORE && actor >= k.THREAD_LIMIT;
    const told = note === "" ? text : `${text}  ${note}`;
    rows.push({ column: columnOf(machine, trace, at), text: told, at, actor, isDrain });
  }
  foldDrains(rows);
  rows.push(...restOf(machine, trace));
  return rows;
}

/** What a picture may say besides the steps. */
export interface StepNotes {
  /** What stands behind step `ordinal` of an actor: the line of the driver that makes it. */
  readonly noteOf?: (actor: number, ordinal: number) => string;
}

/** One step in words, with who takes it. */
export function stepText(machine: Machine, trace: StepTrace, at: number): string {
  const text = textOf(machine, trace, at);
  return `${columnNames(machine)[columnOf(machine, trace, at)]}: ${text === "" ? "what was sent arrives" : text}`;
}

/** The CPU or the device that an actor belongs to. */
export function actorName(machine: Machine, actor: number): string {
  return columnNames(machine)[actorColumn(machine, actor)] ?? "";
}

function columnNames(machine: Machine): string[] {
  return [...machine.cpuNames, ...machine.devices.map((device) => device.name)];
}

/** A line of a picture. */
export interface DrawnRow {
  readonly column: number;
  readonly text: string;
  /** The step; -1 for what is none. */
  readonly at: number;
  readonly actor: number;
  /** A store that leaves its store buffer. */
  readonly isDrain?: boolean;
  /** Behind the last step: what had not arrived, and who was still waiting. */
  readonly rest?: "late" | "waits";
}

/** Of a long run of stores that become visible one after the other, the first and the last say enough. */
function foldDrains(rows: DrawnRow[]): void {
  for (let first = 0; first < rows.length; first++) {
    let end = first;
    while (rows[end]?.isDrain === true && rows[end]?.column === rows[first]?.column) end++;
    const hidden = end - first - 2;
    if (hidden < 2) continue;
    const { column = 0, actor = 0 } = rows[first] ?? {};
    rows.splice(first + 1, hidden, { column, text: `(and ${hidden} more stores)`, at: -1, actor });
  }
}

/** What had not arrived when the run ended, and who was still waiting. */
function restOf(machine: Machine, trace: StepTrace): DrawnRow[] {
  const { state } = machine;
  const { flight } = state;
  const rows: DrawnRow[] = [];
  const add = (actor: number, text: string, rest: DrawnRow["rest"] & string): void => {
    rows.push({ column: actorColumn(machine, actor), text, at: -1, actor, rest });
  };
  for (let index = 0; index < flight.count; index++) {
    const at = flight.order[index] as number;
    const kind = flight.kind[at] as number;
    if (kind !== k.BUFFERED_STORE && kind !== k.BUFFERED_IO && kind !== k.COMBINED_WRITE && kind !== k.POSTED_WRITE)
      continue;
    const name = machine.nameOf(flight.address[at] as number);
    const what = `(${name} ← ${numberText(flight.low[at] as number)} has not arrived)`;
    add(flight.queue[at] as number, what, "late");
  }
  if (machine.violation !== "") return rows;
  for (const [thread, { isDaemon }] of machine.threads.entries()) {
    const status = state.status[thread];
    if (isDaemon || status === k.DONE || status === k.DORMANT) continue;
    const address = state.address[thread] as number;
    const kind = k.OPERATION_NAMES[state.kind[thread] as number];
    if (state.kind[thread] === k.AWAIT) {
      add(thread, `waits for ${machine.nameAwait(state.operand[thread] as number)}`, "waits");
      continue;
    }
    const polled = state.kind[thread] === k.RELAX ? polledBy(machine, trace, thread) : [];
    if (polled.length > 0) {
      add(thread, `waits: poll ${polled.join(", ")}`, "waits");
      continue;
    }
    const isOfVector = state.kind[thread] === k.WAIT_INTERRUPT || state.kind[thread] === k.SYNCHRONIZE_IRQ;
    const place = isOfVector ? `${state.operand[thread]}` : machine.nameOf(address);
    const where = state.kind[thread] === k.RELAX || state.kind[thread] === k.DELAY ? "" : ` ${place}`;
    const waits = state.kind[thread] === k.WAIT_INTERRUPT ? `waits for interrupt${where}` : `waits: ${kind}${where}`;
    add(thread, waits, "waits");
  }
  return rows;
}

/** What a driver that relaxes has read since it has relaxed before, with what it got: that is what it polls. */
function polledBy(machine: Machine, trace: StepTrace, thread: number): string[] {
  const read = new Map<number, string>();
  for (let at = trace.count - 1; at >= 0 && read.size < POLLED_MAX; at--) {
    const kind = trace.kind[at] as number;
    const isOwn = trace.actor[at] === thread;
    if (isOwn && kind === k.RELAX) break;
    const isAnswer =
      kind === k.COMPLETION && (trace.actor[at] as number) >= k.THREAD_LIMIT && trace.thread[at] === thread;
    if (!isAnswer && !(isOwn && LOADS.includes(kind))) continue;
    const address = trace.address[at] as number;
    const value = numberText((isAnswer ? trace.value : trace.result)[at] as number);
    if (!read.has(address)) read.set(address, `${machine.nameOf(address)} → ${value}`);
  }
  return [...read.values()].reverse();
}

/** Who had not come to its end when a run ended, and what it was waiting for, by the names of registers and memory. */
export function waitersText(machine: Machine, trace: StepTrace): string {
  const columns = columnNames(machine);
  return restOf(machine, trace)
    .filter(({ rest }) => rest === "waits")
    .map(({ column, text }) => `${columns[column]} ${text}`)
    .join("; ");
}

/** A thread's own last step, or the answer to it: behind it, the thread came to no further one. */
export function lastOfThreads(trace: StepTrace): number {
  for (let at = trace.count - 1; at >= 0; at--)
    if ((trace.actor[at] as number) < k.THREAD_LIMIT || trace.kind[at] === k.COMPLETION) return at;
  return -1;
}

function columnOf(machine: Machine, trace: StepTrace, at: number): number {
  const kind = trace.kind[at];
  const actor = trace.actor[at] as number;
  // An answer belongs to whoever has waited for it.
  const isAnswer = actor >= k.THREAD_LIMIT && kind === k.COMPLETION;
  return actorColumn(machine, isAnswer ? (trace.thread[at] as number) : actor);
}

function actorColumn(machine: Machine, actor: number): number {
  const deviceColumn = (device: number): number => machine.cpuNames.length + device;
  if (actor < k.THREAD_LIMIT) {
    const thread = machine.threads[actor];
    if (thread === undefined) return 0;
    return thread.cpu >= 0 ? thread.cpu : deviceColumn(thread.device);
  }
  if (actor < k.COMBINING) return actor - k.STORE_BUFFER;
  if (actor < k.DOWN) return actor - k.COMBINING;
  if (actor >= k.INTERRUPTS) return machine.cpuOfVector[actor - k.INTERRUPTS] ?? 0;
  return deviceColumn((actor - k.DOWN) % k.DEVICE_LIMIT);
}

function textOf(machine: Machine, trace: StepTrace, at: number): string {
  const actor = trace.actor[at] as number;
  return actor < k.THREAD_LIMIT ? threadText(machine, trace, at) : entryText(machine, trace, at);
}

function threadText(machine: Machine, trace: StepTrace, at: number): string {
  const kind = trace.kind[at] as number;
  const name = (): string => machine.nameOf(trace.address[at] as number);
  const value = numberText(trace.value[at] as number);
  const result = numberText(trace.result[at] as number);
  const staleness = trace.versions[at] === 0 ? "" : "  (older)";
  switch (kind) {
    case k.LOAD:
    case k.REGISTER_READ:
      return `${name()} → ${result}${staleness}`;
    case k.LOAD_ACQUIRE:
    case k.LOAD_ATOMIC:
    case k.POLL:
    case k.REGISTER_POLL:
      return `${name()} → ${result}  ${k.OPERATION_NAMES[kind]}${staleness}`;
    case k.MMIO_READ:
    case k.MMIO_READ_RELAXED:
    case k.MMIO_POLL:
      return `${k.OPERATION_NAMES[kind]} of ${name()} …`;
    case k.FETCH:
      return `DMA read of ${name()} …`;
    case k.STORE:
    case k.REGISTER_WRITE:
      return `${name()} ← ${value}`;
    case k.STORE_RELEASE:
    case k.STORE_ATOMIC:
    case k.MMIO_WRITE:
    case k.MMIO_WRITE_RELAXED:
    case k.WC_WRITE:
    case k.DMA_WRITE:
    case k.REGISTER_SET:
      return `${name()} ← ${value}  ${k.OPERATION_NAMES[kind]}`;
    case k.ADD:
    case k.EXCHANGE:
    case k.COMPARE_EXCHANGE:
      return `${name()}: ${k.OPERATION_NAMES[kind]} ${value}, was ${result}`;
    case k.LOCK:
    case k.UNLOCK:
    case k.FUTEX_WAIT:
    case k.FUTEX_NOTIFY:
      return `${k.OPERATION_NAMES[kind]} ${name()}`;
    case k.MESSAGE:
      return `${k.OPERATION_NAMES[kind]} ${trace.address[at]}`;
    case k.LINE:
      return `${k.OPERATION_NAMES[kind]} ${trace.address[at]} ${trace.value[at] === 0 ? "down" : "up"}`;
    case k.AWAIT:
      return `goes on after ${machine.nameAwait(trace.operand[at] as number)}`;
    case k.WAIT_INTERRUPT:
    case k.SYNCHRONIZE_IRQ:
      return `${k.OPERATION_NAMES[kind]} ${trace.operand[at]}`;
    default:
      return k.OPERATION_NAMES[kind] ?? "";
  }
}

/** A step of something on its way; empty when it comes right behind what sent it. */
function entryText(machine: Machine, trace: StepTrace, at: number): string {
  const name = (): string => machine.nameOf(trace.address[at] as number);
  const value = numberText(trace.value[at] as number);
  const isPrompt = at > 0 && trace.address[at - 1] === trace.address[at] && trace.value[at - 1] === trace.value[at];
  switch (trace.kind[at]) {
    case k.BUFFERED_STORE:
      return isPrompt ? "" : `(${name()} ← ${value} becomes visible)`;
    case k.BUFFERED_IO:
    case k.COMBINED_WRITE:
      return isPrompt ? "" : `(${name()} ← ${value} leaves the CPU)`;
    case k.POSTED_WRITE:
      return `${name()} ← ${value}  arrives`;
    case k.DMA_LANDING:
      // A card of its own has no step that sends it: its write has this line alone.
      if (isPrompt && trace.kind[at - 1] === k.DMA_WRITE) return "";
      return `(DMA write ${name()} ← ${isLong(trace, at) ? bytesOf(trace, at) : value} lands)`;
    case k.MESSAGE_LANDING:
      return isPrompt ? "" : `(interrupt message ${trace.address[at]} lands)`;
    case k.LINE_LANDING:
      return isPrompt ? "" : `(interrupt line ${trace.address[at]} changes)`;
    case k.READ_REQUEST:
      return isPrompt ? "" : `(read of ${name()} arrives)`;
    case k.COMPLETION:
      return `(${name()} → ${value}  completion)`;
    case k.DMA_FETCH:
      if ((trace.thread[at] as number) < 0) return `(DMA read of ${name()}, ${bytesOf(trace, at)})`;
      return `(${name()} → ${numberText(trace.result[at] as number)}  DMA read)`;
    case k.INTERRUPT:
      return "takes the interrupt";
    default:
      return machine.nameEvent(trace.operand[at] as number);
  }
}

/** Bytes that lie elsewhere until they land: what the trace has as value is where. */
function isLong(trace: StepTrace, at: number): boolean {
  return trace.operand[at] === HAS_PAYLOAD;
}

function bytesOf(trace: StepTrace, at: number): string {
  const byteLength = trace.byteLength[at] as number;
  return byteLength === 1 ? "1 byte" : `${byteLength} bytes`;
}

function numberText(value: number): string {
  return value >= -9 && value <= 4095 ? String(value) : `0x${(value >>> 0).toString(16)}`;
}
