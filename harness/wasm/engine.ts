/**
 * The WebAssembly API, as far as it is used here. TypeScript declares it in the library of browsers alone, which Node has no
 * other use for; a user's own declarations are not touched by these.
 */
export interface WasmModule {
  readonly [Symbol.toStringTag]: string;
}

export interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
}

export interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

export type WasmFunction = (...words: number[]) => unknown;

interface ModuleImport {
  readonly module: string;
  readonly name: string;
  readonly kind: "function" | "table" | "memory" | "global" | "tag";
}

type ErrorClass = abstract new () => Error;

interface Engine {
  compile(bytes: Uint8Array): Promise<WasmModule>;
  readonly Module: {
    imports(module: WasmModule): readonly ModuleImport[];
    exports(module: WasmModule): readonly Omit<ModuleImport, "module">[];
  };
  readonly Memory: new (limits: { initial: number; maximum: number; shared: true }) => WasmMemory;
  readonly Instance: new (
    module: WasmModule,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => WasmInstance;
  readonly Global: abstract new () => { readonly value: unknown };
  readonly Table: abstract new () => { get(index: number): unknown; readonly length: number };
  readonly CompileError: ErrorClass;
  readonly RuntimeError: ErrorClass;
}

export const engine: Engine = (globalThis as unknown as { readonly WebAssembly: Engine }).WebAssembly;
