import { ByteCursor } from "./byte-cursor.ts";

const MAGIC_BYTES = 8;
const CUSTOM = 0;
const IMPORT = 2;
const CODE = 10;
const KIND_FUNCTION = 0;
const KIND_TABLE = 1;
const KIND_MEMORY = 2;
const KIND_GLOBAL = 3;
const LIMITS_HAS_MAXIMUM = 1;
const LIMITS_SHARED = 2;

/** What the JavaScript API of WebAssembly does not tell about a module. */
export interface WasmSections {
  /** Of the imported memory, in pages of 64 KiB; undefined when none is imported. */
  readonly memory: MemoryLimits | undefined;
  /** Where the contents of the code section begin in the file: addresses of DWARF are relative to it. */
  readonly codeOffset: number;
  /** Contents of the custom sections, by name. */
  readonly custom: ReadonlyMap<string, Uint8Array>;
}

export interface MemoryLimits {
  readonly module: string;
  readonly name: string;
  readonly initialPages: number;
  /** Undefined: as much as there is. */
  readonly maximumPages: number | undefined;
  readonly isShared: boolean;
}

/** Takes a module apart that the engine has compiled already. Throws RangeError for one that is cut short. */
export function wasmSections(bytes: Uint8Array): WasmSections {
  const cursor = new ByteCursor(bytes, MAGIC_BYTES);
  const custom = new Map<string, Uint8Array>();
  let memory: MemoryLimits | undefined;
  let codeOffset = 0;
  while (!cursor.isAtEnd) {
    const id = cursor.byte();
    const byteLength = cursor.unsigned();
    const start = cursor.at;
    if (id === IMPORT) memory = importedMemory(new ByteCursor(bytes, start, start + byteLength));
    if (id === CODE) codeOffset = start;
    if (id === CUSTOM) {
      const content = new ByteCursor(bytes, start, start + byteLength);
      const name = content.text(content.unsigned());
      custom.set(name, bytes.subarray(content.at, start + byteLength));
    }
    cursor.skip(byteLength);
  }
  return { memory, codeOffset, custom };
}

function importedMemory(cursor: ByteCursor): MemoryLimits | undefined {
  for (let left = cursor.unsigned(); left > 0; left--) {
    const module = cursor.text(cursor.unsigned());
    const name = cursor.text(cursor.unsigned());
    const kind = cursor.byte();
    if (kind === KIND_MEMORY) return { module, name, ...limits(cursor) };
    if (kind === KIND_FUNCTION) cursor.unsigned();
    else if (kind === KIND_GLOBAL) cursor.skip(2);
    else if (kind === KIND_TABLE) {
      cursor.skip(1);
      limits(cursor);
    } else return undefined; // Tags and what may come: behind them nothing is understood any more.
  }
  return undefined;
}

function limits(cursor: ByteCursor): Pick<MemoryLimits, "initialPages" | "maximumPages" | "isShared"> {
  const flags = cursor.byte();
  const initialPages = cursor.unsigned();
  const maximumPages = (flags & LIMITS_HAS_MAXIMUM) === 0 ? undefined : cursor.unsigned();
  return { initialPages, maximumPages, isShared: (flags & LIMITS_SHARED) !== 0 };
}
