import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { OwnMemory } from "../../emulator/run/machine.ts";
import { DebugLines } from "./debug-lines.ts";
import { engine, type WasmMemory, type WasmModule } from "./engine.ts";
import { WasmDriver, type WasmDriverOptions } from "./wasm-driver.ts";
import { WasmProgramError } from "./wasm-errors.ts";
import { IMPORT_NAMES } from "./wasm-import-names.ts";
import { wasmSections } from "./wasm-sections.ts";

const PAGE_BYTES = 65_536;
/** 256 MiB: what the smallest card reaches, which has 28 address bits. */
const PAGE_LIMIT = 4096;
const HEAP_BYTES = 1 << 20;
const HOW = "see the head of softbar.h for how it is built";

export interface WasmProgramOptions {
  /** What messages call it; the file's name when absent. */
  readonly name?: string;
  /** What sb_alloc serves. Default 1 MiB. */
  readonly heapBytes?: number;
}

/** What another thread needs to run the same driver in the same memory. Structured-cloneable. */
export interface WasmProgramData {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  readonly heapBase: number;
  readonly heapBytes: number;
}

/**
 * A driver that was compiled to WebAssembly, with the memory that it runs in: one testbed's, whose arena it is.
 *
 * ```ts
 * const nic = await WasmProgram.load("nic.wasm");
 * await using bed = await plugIn(ixgbe(), { ownMemory: nic.ownMemory, run: "folded" });
 * const driver = nic.attach(bed.pci);
 * expect(driver.call("sb_main")).toBe(0);
 * ```
 */
export class WasmProgram {
  readonly name: string;
  /** For `plugIn`: the memory in which the testbed has its BARs and DMA buffers. */
  readonly ownMemory: OwnMemory;
  readonly data: WasmProgramData;
  readonly lines: DebugLines;
  readonly codeOffset: number;
  readonly imports: ReadonlySet<string>;

  constructor(data: WasmProgramData) {
    this.name = data.name;
    this.data = data;
    const { custom, codeOffset } = wasmSections(data.bytes);
    this.lines = new DebugLines(custom);
    this.codeOffset = codeOffset;
    this.imports = new Set(engine.Module.imports(data.module).map(({ name }) => name));
    this.ownMemory = { buffer: data.memory.buffer, reservedBytes: data.heapBase + 4096 + data.heapBytes };
  }

  /**
   * Compiles a driver and makes its memory. `source` is a path, a URL or the bytes. Rejects with WasmProgramError for what
   * is no driver for softbar, and says what is wrong with it.
   */
  static async load(source: string | URL | Uint8Array, options: WasmProgramOptions = {}): Promise<WasmProgram> {
    const name = options.name ?? nameOf(source);
    const bytes = source instanceof Uint8Array ? source : fileBytes(source, name);
    const module = await compiled(bytes, name);
    checkImports(module, name);
    const memory = new engine.Memory(memoryShape(bytes, name));
    const heapBase = heapBaseOf(module, memory, name);
    const heapBytes = options.heapBytes ?? HEAP_BYTES;
    const byteLength = memory.buffer.byteLength;
    if (heapBase + heapBytes + PAGE_BYTES > byteLength)
      throw new WasmProgramError(
        `${name}: its memory of ${byteLength} bytes has no room for BARs and DMA buffers behind its data (${heapBase} bytes) and its heap (${heapBytes}): link it with a larger -Wl,--max-memory.`,
      );
    return new WasmProgram({ name, bytes, module, memory, heapBase, heapBytes });
  }

  /** True when accesses of DMA memory are calls, as a search needs them: by SB_TRACED, or by the compiler's coverage. */
  get isTraced(): boolean {
    return (
      this.isCovered ||
      ["load32", "load_acquire32", "store32", "store_release32"].some((name) => this.imports.has(name))
    );
  }

  /** True when no access of it would be missed by a search: it is traced, or it has no DMA memory at all. */
  get canBeSearched(): boolean {
    return this.isTraced || !this.imports.has("dma_alloc");
  }

  /** True when the compiler has put a call in front of every load and store: see softbar-trace.c. */
  get isCovered(): boolean {
    return this.imports.has("trace_load") || this.imports.has("trace_store");
  }

  /** What it exports that can be called, without what the linker has of its own (__…). */
  get functionNames(): readonly string[] {
    const exports = engine.Module.exports(this.data.module);
    return exports.filter(({ kind, name }) => kind === "function" && !name.startsWith("__")).map(({ name }) => name);
  }

  /** Brings the program to a function of a testbed that was plugged in with {@link ownMemory}, as if it were loaded now. */
  attach(pci: PciFunction, options: WasmDriverOptions = {}): WasmDriver {
    return new WasmDriver(this, pci, options);
  }
}

function nameOf(source: string | URL | Uint8Array): string {
  if (source instanceof Uint8Array) return "the driver";
  return basename(source instanceof URL ? source.pathname : source);
}

function fileBytes(source: string | URL, name: string): Uint8Array {
  const path = source instanceof URL || source.startsWith("file:") ? fileURLToPath(source) : source;
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    throw new WasmProgramError(`${name} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

async function compiled(bytes: Uint8Array, name: string): Promise<WasmModule> {
  try {
    return await engine.compile(bytes);
  } catch (error) {
    if (!(error instanceof engine.CompileError)) throw error;
    const reason = error.message.replace(/^WebAssembly\.compile\(\): /, "");
    throw new WasmProgramError(`${name} is no WebAssembly module: ${reason}.`);
  }
}

function checkImports(module: WasmModule, name: string): void {
  const missing = engine.Module.imports(module).filter((each) => {
    if (each.kind === "memory") return each.module !== "env" || each.name !== "memory";
    return each.kind !== "function" || each.module !== "softbar" || !IMPORT_NAMES.has(each.name);
  });
  if (missing.length === 0) return;
  const names = missing.map((each) => `${each.module}.${each.name}`);
  const listed = names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");
  throw new WasmProgramError(
    `${name} imports ${listed}, which softbar does not have: there are env.memory and the functions of softbar.h. A function of a C library has to be linked in.`,
  );
}

function memoryShape(bytes: Uint8Array, name: string): { initial: number; maximum: number; shared: true } {
  const { memory } = wasmSections(bytes);
  if (memory === undefined)
    throw new WasmProgramError(
      `${name} has a memory of its own, which no card can reach: link it with -Wl,--import-memory.`,
    );
  const { initialPages, maximumPages, isShared } = memory;
  if (!isShared || maximumPages === undefined)
    throw new WasmProgramError(
      `${name} does not import its memory as shared: link it with -Wl,--shared-memory and -Wl,--max-memory=BYTES, and compile it with -matomics -mbulk-memory.`,
    );
  if (maximumPages > PAGE_LIMIT || initialPages > maximumPages)
    throw new WasmProgramError(
      `${name} asks for ${maximumPages} pages of memory (${(maximumPages * PAGE_BYTES) / 2 ** 20} MiB): softbar gives 256 MiB at most, which all cards reach. Link it with a smaller -Wl,--max-memory.`,
    );
  // All of it from the beginning: a shared memory that grows is another buffer, which the device would not have.
  return { initial: maximumPages, maximum: maximumPages, shared: true };
}

/** Known to the linker alone, so it has to be exported. Running the module's start function does no harm. */
function heapBaseOf(module: WasmModule, memory: WasmMemory, name: string): number {
  const stubs = Object.fromEntries([...IMPORT_NAMES].map((each) => [each, () => 0]));
  const instance = new engine.Instance(module, { env: { memory }, softbar: stubs });
  const base = instance.exports.__heap_base;
  if (!(base instanceof engine.Global) || typeof base.value !== "number")
    throw new WasmProgramError(`${name} does not export __heap_base (-Wl,--export=__heap_base): ${HOW}.`);
  return base.value >>> 0;
}
