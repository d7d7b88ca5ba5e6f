import { ByteCursor } from "./byte-cursor.ts";

const LONGEST_LENGTH_32 = 0xffff_fff0;
const STANDARD_COPY = 1;
const STANDARD_ADVANCE_PC = 2;
const STANDARD_ADVANCE_LINE = 3;
const STANDARD_SET_FILE = 4;
const STANDARD_CONST_ADD_PC = 8;
const STANDARD_FIXED_ADVANCE_PC = 9;
const EXTENDED_END_SEQUENCE = 1;
const EXTENDED_SET_ADDRESS = 2;

const CONTENT_PATH = 1;
const FORM_BLOCK = 0x09;
const FORM_DATA1 = 0x0b;
const FORM_DATA2 = 0x05;
const FORM_DATA16 = 0x1e;
const FORM_STRING = 0x08;
const FORM_LINE_STRP = 0x1f;
const FORM_STRP = 0x0e;
const FORM_UDATA = 0x0f;

/** A line of a driver's source. */
export interface SourceLine {
  /** As the compiler had it: "ixgbe.c". */
  readonly file: string;
  readonly line: number;
}

/**
 * Which line of the source an instruction comes from: the line tables of DWARF 4 and 5 (section 6.2), as clang writes them
 * into the custom sections of a module. Addresses are relative to the contents of the code section.
 */
export class DebugLines {
  readonly #addresses: number[] = [];
  /** Undefined behind the end of a sequence. */
  readonly #lines: (SourceLine | undefined)[] = [];
  readonly #strings: (name: string) => Uint8Array | undefined;

  /** Without line tables, or with tables that it cannot read, it knows no lines. */
  constructor(custom: ReadonlyMap<string, Uint8Array>) {
    this.#strings = (name) => custom.get(name);
    const table = custom.get(".debug_line");
    if (table === undefined) return;
    const rows: (readonly [number, SourceLine | undefined])[] = [];
    try {
      const cursor = new ByteCursor(table);
      while (!cursor.isAtEnd) this.#unit(table, cursor, rows);
    } catch (error) {
      // Lines are a help for people: a table of another make is no reason to refuse its driver.
      if (!(error instanceof RangeError)) throw error;
    }
    rows.sort(([a, atA], [b, atB]) => a - b || Number(atA !== undefined) - Number(atB !== undefined));
    for (const [address, line] of rows) {
      this.#addresses.push(address);
      this.#lines.push(line);
    }
  }

  /** The line of the instruction at an address, or undefined. */
  at(address: number): SourceLine | undefined {
    let low = 0;
    let high = this.#addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#addresses[middle] as number) <= address) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : this.#lines[low - 1];
  }

  #unit(table: Uint8Array, cursor: ByteCursor, rows: (readonly [number, SourceLine | undefined])[]): void {
    const byteLength = cursor.uint32();
    if (byteLength >= LONGEST_LENGTH_32) throw new RangeError("64-bit DWARF");
    const unit = new ByteCursor(table, cursor.at, cursor.at + byteLength);
    cursor.skip(byteLength);
    const version = unit.uint16();
    if (version < 2 || version > 5) return;
    if (version === 5) unit.skip(2);
    const headerLength = unit.uint32();
    const program = unit.at + headerLength;
    const unitBytes = unit.byte();
    if (version >= 4) unit.skip(1);
    unit.skip(1);
    const lineBase = unit.signedByte();
    const lineRange = unit.byte();
    const opcodeBase = unit.byte();
    const operandCounts = Array.from({ length: opcodeBase - 1 }, () => unit.byte());
    const files = version === 5 ? this.#files5(unit) : files4(unit);
    unit.at = program;
    const shape = { unitBytes, lineBase, lineRange, opcodeBase, operandCounts };
    // A file of version 5 is counted from 0; the first entry is the compiled one.
    runProgram(unit, shape, (file) => files[version === 5 ? file : file - 1] ?? "?", rows);
  }

  #files5(unit: ByteCursor): string[] {
    this.#entries5(unit);
    return this.#entries5(unit);
  }

  /** Directories, or files: the path of each. */
  #entries5(unit: ByteCursor): string[] {
    const format = Array.from({ length: unit.byte() }, () => [unit.unsigned(), unit.unsigned()] as const);
    return Array.from({ length: unit.unsigned() }, () => {
      let path = "";
      for (const [content, form] of format) {
        const value = this.#form(unit, form);
        if (content === CONTENT_PATH) path = value;
      }
      return path;
    });
  }

  #form(unit: ByteCursor, form: number): string {
    switch (form) {
      case FORM_STRING:
        return unit.zeroTerminated();
      case FORM_LINE_STRP:
        return this.#stringAt(".debug_line_str", unit.uint32());
      case FORM_STRP:
        return this.#stringAt(".debug_str", unit.uint32());
      case FORM_UDATA:
        return String(unit.unsigned());
      case FORM_DATA1:
        return String(unit.byte());
      case FORM_DATA2:
        return String(unit.uint16());
      case FORM_DATA16:
        unit.skip(16);
        return "";
      case FORM_BLOCK:
        unit.skip(unit.unsigned());
        return "";
      default:
        throw new RangeError(`form 0x${form.toString(16)}`);
    }
  }

  #stringAt(section: string, offset: number): string {
    const bytes = this.#strings(section);
    if (bytes === undefined) throw new RangeError(`no ${section}`);
    return new ByteCursor(bytes, offset).zeroTerminated();
  }
}

function files4(unit: ByteCursor): string[] {
  while (unit.zeroTerminated() !== "") {
    // Directories.
  }
  const files: string[] = [];
  for (let name = unit.zeroTerminated(); name !== ""; name = unit.zeroTerminated()) {
    files.push(name);
    for (let field = 0; field < 3; field++) unit.unsigned();
  }
  return files;
}

interface ProgramShape {
  readonly unitBytes: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  readonly operandCounts: readonly number[];
}

/** Runs a line number program (6.2.5): each row says where the instructions of a line begin. */
function runProgram(
  unit: ByteCursor,
  { unitBytes, lineBase, lineRange, opcodeBase, operandCounts }: ProgramShape,
  fileOf: (file: number) => string,
  rows: (readonly [number, SourceLine | undefined])[],
): void {
  let address = 0;
  let file = 1;
  let line = 1;
  // Line 0 is code that belongs to no line; the line before it is as near as one can say.
  const append = (): void => void (line > 0 && rows.push([address, { file: fileOf(file), line }]));
  const restart = (): void => {
    [address, file, line] = [0, 1, 1];
  };
  while (!unit.isAtEnd) {
    const opcode = unit.byte();
    if (opcode >= opcodeBase) {
      const special = opcode - opcodeBase;
      address += unitBytes * Math.floor(special / lineRange);
      line += lineBase + (special % lineRange);
      append();
      continue;
    }
    switch (opcode) {
      case 0: {
        const byteLength = unit.unsigned();
        const end = unit.at + byteLength;
        const extended = unit.byte();
        if (extended === EXTENDED_END_SEQUENCE) {
          rows.push([address, undefined]);
          restart();
        } else if (extended === EXTENDED_SET_ADDRESS) address = unit.uint32();
        unit.at = end;
        break;
      }
      case STANDARD_COPY:
        append();
        break;
      case STANDARD_ADVANCE_PC:
        address += unitBytes * unit.unsigned();
        break;
      case STANDARD_ADVANCE_LINE:
        line += unit.signed();
        break;
      case STANDARD_SET_FILE:
        file = unit.unsigned();
        break;
      case STANDARD_CONST_ADD_PC:
        address += unitBytes * Math.floor((255 - opcodeBase) / lineRange);
        break;
      case STANDARD_FIXED_ADVANCE_PC:
        address += unit.uint16();
        break;
      default:
        for (let left = operandCounts[opcode - 1] ?? 0; left > 0; left--) unit.unsigned();
    }
  }
}
