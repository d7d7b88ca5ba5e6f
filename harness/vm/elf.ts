/**
 * As much of ELF as it takes to know what a kernel module or a program needs besides itself (System V ABI, chapters 4
 * and 5). Little-endian, 32 and 64 bits.
 */

const SHT_DYNAMIC = 6;
const DT_NULL = 0;
const DT_NEEDED = 1;

interface Section {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly byteLength: number;
  readonly link: number;
}

/** An ELF file's sections. */
export class ElfFile {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #is64: boolean;
  readonly #sections: readonly Section[];

  /** Throws RangeError naming `name` when the bytes are no little-endian ELF file or are cut short. */
  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!ElfFile.isElf(bytes) || bytes[5] !== 1) throw new RangeError(`${name} is no little-endian ELF file`);
    this.#is64 = bytes[4] === 2;
    try {
      this.#sections = this.#readSections();
    } catch (error) {
      throw new RangeError(`${name} is an ELF file that is cut short`, { cause: error });
    }
  }

  static isElf(bytes: Uint8Array): boolean {
    return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
  }

  /** File names of the shared libraries that a program asks its loader for. */
  neededLibraries(): string[] {
    const dynamic = this.#sections.find(({ type }) => type === SHT_DYNAMIC);
    const names = dynamic === undefined ? undefined : this.#sections[dynamic.link];
    if (dynamic === undefined || names === undefined) return [];
    const needed: string[] = [];
    const wordBytes = this.#is64 ? 8 : 4;
    for (let at = dynamic.offset; at < dynamic.offset + dynamic.byteLength; at += 2 * wordBytes) {
      const tag = this.#view.getUint32(at, true);
      if (tag === DT_NULL) break;
      if (tag === DT_NEEDED) needed.push(this.#text(names.offset + this.#view.getUint32(at + wordBytes, true)));
    }
    return needed;
  }

  get is64Bit(): boolean {
    return this.#is64;
  }

  /** Path of the loader that a program asks for; undefined for one that needs none. */
  interpreter(): string | undefined {
    const section = this.#sections.find(({ name }) => name === ".interp");
    return section === undefined ? undefined : this.#text(section.offset);
  }

  /** What a kernel module says of itself: `depends`, `vermagic`, `alias` …, each as often as it stands there. */
  moduleInfo(key: string): string[] {
    const section = this.#sections.find(({ name }) => name === ".modinfo");
    if (section === undefined) return [];
    const text = new TextDecoder("latin1").decode(
      this.#bytes.subarray(section.offset, section.offset + section.byteLength),
    );
    const entries = text.split("\0").filter((entry) => entry.startsWith(`${key}=`));
    return entries.map((entry) => entry.slice(key.length + 1));
  }

  #readSections(): Section[] {
    const view = this.#view;
    const at = this.#is64 ? Number(view.getBigUint64(0x28, true)) : view.getUint32(0x20, true);
    const [entryBytes, count, nameIndex] = (this.#is64 ? [0x3a, 0x3c, 0x3e] : [0x2e, 0x30, 0x32]).map((offset) =>
      view.getUint16(offset, true),
    ) as [number, number, number];
    const headers = Array.from({ length: count }, (_, index) => this.#header(at + index * entryBytes));
    const namesAt = headers[nameIndex]?.offset ?? 0;
    return headers.map(({ nameOffset, ...rest }) => ({ ...rest, name: this.#text(namesAt + nameOffset) }));
  }

  #header(at: number): Omit<Section, "name"> & { readonly nameOffset: number } {
    const view = this.#view;
    const word = (offset: number): number =>
      this.#is64 ? Number(view.getBigUint64(at + offset, true)) : view.getUint32(at + offset, true);
    const [offsetAt, lengthAt, linkAt] = this.#is64 ? [0x18, 0x20, 0x28] : [0x10, 0x14, 0x18];
    return {
      nameOffset: view.getUint32(at, true),
      type: view.getUint32(at + 4, true),
      offset: word(offsetAt as number),
      byteLength: word(lengthAt as number),
      link: view.getUint32(at + (linkAt as number), true),
    };
  }

  #text(at: number): string {
    const end = this.#bytes.indexOf(0, at);
    return new TextDecoder("latin1").decode(this.#bytes.subarray(at, end < 0 ? undefined : end));
  }
}
