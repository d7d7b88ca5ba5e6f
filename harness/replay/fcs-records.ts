import type { CaptureEnd } from "../../emulator/wire/capture/capture-reader.ts";
import { CaptureRecord } from "../../emulator/wire/capture/capture-record.ts";
import type { RecordStream } from "../../emulator/wire/capture/record-stream.ts";
import { FCS_BYTE_LENGTH, hasValidFcs } from "../../emulator/wire/crc32.ts";
import type { FcsMode } from "./frame-source.ts";

/** Records looked at before it is decided whether they end in an FCS. */
const LOOK_AHEAD = 16;

/**
 * Says of every record of one capture whether it ends in its FCS, where the capture itself does not say. With `auto` the
 * first records are checked: one frame in four billion has a right FCS at its end by chance, and a frame that was damaged
 * decides nothing. Captures that are merged are asked one by one, because ports are captured with it and without.
 */
export class FcsRecords implements RecordStream {
  readonly #source: RecordStream;
  readonly #mode: FcsMode;
  #undeclaredByteLength: number;
  #isDecided: boolean;
  /** Records that were read to decide, and come first. */
  readonly #lookedAt: CaptureRecord[] = [];

  constructor(source: RecordStream, mode: FcsMode) {
    this.#source = source;
    this.#mode = mode;
    this.#undeclaredByteLength = mode === "present" ? FCS_BYTE_LENGTH : 0;
    this.#isDecided = mode !== "auto";
  }

  get end(): CaptureEnd | null {
    return this.#source.end;
  }

  next(record: CaptureRecord): boolean {
    if (!this.#isDecided && !this.#lookAhead(record)) return false;
    const first = this.#lookedAt.shift();
    if (first !== undefined) Object.assign(record, first);
    else if (!this.#source.next(record)) return false;
    if (this.#mode !== "auto" || record.fcsByteLength === 0) record.fcsByteLength = this.#undeclaredByteLength;
    return true;
  }

  async more(): Promise<boolean> {
    if (await this.#source.more()) return true;
    if (!this.#isDecided) this.#decide();
    return this.#lookedAt.length > 0;
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  /** Reads until there are enough records to decide. False when the source has to read on first. */
  #lookAhead(record: CaptureRecord): boolean {
    try {
      while (this.#lookedAt.length < LOOK_AHEAD) {
        if (!this.#source.next(record)) return false;
        this.#lookedAt.push(copyOf(record));
      }
    } catch {
      // A damaged file: its source throws the same again when the records before the damage are used up.
    }
    this.#decide();
    return true;
  }

  #decide(): void {
    this.#isDecided = true;
    const whole = this.#lookedAt.filter((record) => record.byteLength === record.originalByteLength);
    const hasFcs = whole.some(({ bytes, offset, byteLength }) => hasValidFcs(bytes, offset, byteLength));
    this.#undeclaredByteLength = hasFcs ? FCS_BYTE_LENGTH : 0;
  }
}

/** A record with bytes of its own, to be kept. */
function copyOf(record: CaptureRecord): CaptureRecord {
  const copy = Object.assign(new CaptureRecord(), record);
  copy.bytes = record.bytes.slice(record.offset, record.offset + record.byteLength);
  copy.offset = 0;
  return copy;
}
