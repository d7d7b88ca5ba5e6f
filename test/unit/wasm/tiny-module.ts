/** WebAssembly modules by hand: an import section, a memory, exports and custom sections, and no code worth running. */
export interface TinyModule {
  /** The imported memory; none when absent. */
  readonly memory?: {
    readonly module?: string;
    readonly initial: number;
    readonly maximum?: number;
    readonly shared?: boolean;
  };
  /** Functions without parameters and results that are imported: "softbar.relax". */
  readonly imports?: readonly string[];
  /** An exported global `__heap_base` with this value; none when absent. */
  readonly heapBase?: number;
  /** Body of one exported function `run`, behind its locals; none when absent. */
  readonly run?: readonly number[];
}

const text = (word: string): number[] => [word.length, ...new TextEncoder().encode(word)];
const leb = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);
/** Signed: a value below 2^27 needs at most four bytes, and one more bit for its sign. */
const signedLeb = (value: number): number[] =>
  value < 64 ? [value] : [(value & 127) | 128, ...signedLeb(value >>> 7)];
const section = (id: number, ...items: readonly number[][]): number[] => {
  const content = [...leb(items.length), ...items.flat()];
  return items.length === 0 ? [] : [id, ...leb(content.length), ...content];
};

export function tinyModule({ memory, imports = [], heapBase, run }: TinyModule): Uint8Array {
  const imported = imports.map((name) => {
    const [module = "", field = ""] = name.split(".");
    return [...text(module), ...text(field), 0, 0];
  });
  if (memory !== undefined) {
    const flags = (memory.maximum === undefined ? 0 : 1) | (memory.shared === true ? 2 : 0);
    const limits = [flags, ...leb(memory.initial), ...(memory.maximum === undefined ? [] : leb(memory.maximum))];
    imported.push([...text(memory.module ?? "env"), ...text("memory"), 2, ...limits]);
  }
  const exported: number[][] = [];
  if (heapBase !== undefined) exported.push([...text("__heap_base"), 3, 0]);
  if (run !== undefined) exported.push([...text("run"), 0, ...leb(imports.length)]);
  const body = run === undefined ? [] : [0, ...run, 0x0b];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [0x60, 0, 0]),
    ...section(2, ...imported),
    ...section(3, ...(run === undefined ? [] : [[0]])),
    ...section(6, ...(heapBase === undefined ? [] : [[0x7f, 0, 0x41, ...signedLeb(heapBase), 0x0b]])),
    ...section(7, ...exported),
    ...section(10, ...(run === undefined ? [] : [[...leb(body.length), ...body]])),
  ]);
}
