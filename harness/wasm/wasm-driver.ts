import { ExploredCpu } from "../../emulator/explore/plugged/explored-cpu.ts";
import type { Interrupt, PciFunction } from "../../emulator/pcie/driver-view.ts";
import { WatchedCpu } from "../../emulator/sanitize/watched-cpu.ts";
import { engine, type WasmFunction, type WasmInstance } from "./engine.ts";
import { hex, LinearMemory, type LinearMemoryState } from "./linear-memory.ts";
import { TraceWindow } from "./trace-window.ts";
import { WasmAccesses } from "./wasm-accesses.ts";
import { WasmDriverError, WasmProgramError } from "./wasm-errors.ts";
import { callChain, enterWasm } from "./wasm-frames.ts";
import { type HeldInterrupts, type WasmImports, wasmImports } from "./wasm-imports.ts";
import type { WasmProgram } from "./wasm-program.ts";

export interface WasmDriverOptions {
  /** Where lines of sb_log go. Default: standard error, and nowhere in a search, where they would come with every schedule. */
  readonly log?: (line: string) => void;
  /** What sb_option gives, by name. */
  readonly options?: Readonly<Record<string, number>>;
}

/** See {@link WasmDriver.save}. */
export interface WasmDriverState {
  readonly memory: LinearMemoryState;
  readonly interrupts: readonly Interrupt[];
}

/** A driver in WebAssembly that has a PCI function in its hands. Made by `WasmProgram.attach`. */
export class WasmDriver {
  readonly #program: WasmProgram;
  readonly #memory: LinearMemory;
  readonly #window: TraceWindow;
  readonly #held: HeldInterrupts = { interrupts: [] };
  readonly #imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  #instance: WasmInstance;

  /** Throws WasmProgramError for a program that cannot be searched and is to be, WasmDriverError for a testbed with other memory. */
  constructor(program: WasmProgram, pci: PciFunction, options: WasmDriverOptions) {
    const { data, name } = program;
    const buffer = program.ownMemory.buffer;
    this.#program = program;
    this.#memory = new LinearMemory(buffer, data.heapBase, data.heapBytes, pci);
    const cpu = pci.cpu instanceof WatchedCpu ? pci.cpu.inner : pci.cpu;
    const isSearched = cpu instanceof ExploredCpu;
    if (isSearched && !program.canBeSearched)
      throw new WasmProgramError(
        `${name} reaches DMA memory by plain instructions, for which no order could be chosen: build it with -DSB_TRACED, or with -fsanitize-coverage=edge,trace-loads,trace-stores and softbar-trace.c.`,
      );
    const accesses = new WasmAccesses(this.#memory, pci);
    this.#window = new TraceWindow(
      this.#memory,
      accesses,
      isSearched,
      () => cpu instanceof ExploredCpu && cpu.onAccess !== undefined,
    );
    const functions = wasmImports({
      pci,
      memory: this.#memory,
      accesses,
      window: this.#window,
      held: this.#held,
      callTable: (index, argument) => this.#callTable(index, argument),
      log: options.log ?? (isSearched ? () => {} : (line) => console.error(`${name}: ${line}`)),
      options: options.options ?? {},
      isCovered: program.isCovered,
    });
    this.#imports = {
      env: { memory: data.memory },
      softbar: program.isCovered ? settlingFirst(functions, this.#window) : functions,
    };
    this.#memory.clear();
    this.#instance = this.#instantiated();
    // Objects of C++ are made once, as those of a program. Where it is not exported the linker calls it in each function.
    const makeObjects = this.#instance.exports.__wasm_call_ctors;
    if (typeof makeObjects === "function") (makeObjects as WasmFunction)();
  }

  /**
   * Calls an exported function. Throws WasmDriverError, with the place in the driver's source, when it traps, gives up or
   * makes an access that cannot be; what else the testbed throws comes through as it is.
   */
  call(name: string, ...words: number[]): number {
    const callee = this.#instance.exports[name];
    if (typeof callee !== "function") {
      const names = this.#program.functionNames.join(", ");
      throw new WasmProgramError(
        `${this.#program.name} exports no function ${name}; it exports ${names === "" ? "none" : names}.`,
      );
    }
    enterWasm(this.#program.lines, this.#program.codeOffset);
    try {
      const result: unknown = (callee as WasmFunction)(...words);
      this.#window.settle();
      return typeof result === "number" ? result : Number(result ?? 0);
    } catch (error) {
      throw this.#explained(error, name);
    }
  }

  /** A view of its memory: for tests that hand frames in and out. Raw: seen by no search. */
  bytes(address: number, byteLength: number): Uint8Array<SharedArrayBuffer> {
    return this.#memory.bytes.subarray(address >>> 0, (address >>> 0) + byteLength);
  }

  /** What the driver has in its own memory, and which buffers and interrupts it holds: for `exploration`'s `save`. */
  save(): WasmDriverState {
    return { memory: this.#memory.save(), interrupts: this.#held.interrupts };
  }

  /** Back to it, whatever became of the run in between. */
  restore({ memory, interrupts }: WasmDriverState): void {
    this.#window.forget();
    this.#memory.restore(memory);
    this.#held.interrupts = interrupts;
    // Its stack pointer is where the run has left it: a new instance has it at its beginning. Its objects lie in the memory.
    this.#instance = this.#instantiated();
  }

  #instantiated(): WasmInstance {
    return new engine.Instance(this.#program.data.module, this.#imports);
  }

  #callTable(index: number, argument: number): void {
    const table = this.#instance.exports.__indirect_function_table;
    const callee = table instanceof engine.Table ? table.get(index) : undefined;
    if (typeof callee !== "function")
      throw new WasmDriverError(
        `an interrupt handler at ${hex(index)} of the function table, where none is (link with -Wl,--export-table)`,
      );
    callee(argument);
  }

  #explained(error: unknown, name: string): unknown {
    const isTrap = error instanceof engine.RuntimeError;
    // A RangeError is an access that a BAR or a buffer refuses, or recursion without an end.
    if (!isTrap && !(error instanceof WasmDriverError) && !(error instanceof RangeError)) return error;
    const chain = callChain(error.stack ?? "");
    const where = chain === "" ? name : chain;
    const { message } = error as Error;
    const what = isTrap ? `trapped: ${message}` : message;
    return new WasmDriverError(`${this.#program.name}: ${what}, in ${where}`, { cause: error });
  }
}

/** The instruction that was announced before has been executed when the driver calls anything. */
function settlingFirst(functions: WasmImports, window: TraceWindow): WasmImports {
  const settling = Object.entries(functions).map(([name, work]) => {
    const settled = (...words: number[]): unknown => {
      window.settle();
      return work(...words);
    };
    return [name, settled] as const;
  });
  return Object.fromEntries(settling);
}
