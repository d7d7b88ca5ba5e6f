import type { CaptureEnd } from "../../../../emulator/wire/capture/capture-reader.ts";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";
import type { RecordStream } from "../../../../emulator/wire/capture/record-stream.ts";
import { copyOf, type ReadRecord } from "./read-whole.ts";

/** A record to be streamed; what is left out is as in a fresh CaptureRecord. */
export type RecordPlan = Partial<Omit<ReadRecord, "bytes">> & { readonly bytes: Uint8Array };

/**
 * Streams the records in parts of so many, through one buffer that is overwritten for each record, and then ends, or
 * throws `damage` where the next record would be.
 */
export function streamOf(plans: readonly RecordPlan[], partLength = 3, damage?: Error): RecordStream {
  const buffer = new Uint8Array(8 + Math.max(0, ...plans.map(({ bytes }) => bytes.length)));
  let at = 0;
  let readable = 0;
  let end: CaptureEnd | null = null;
  return {
    get end() {
      return end;
    },
    next(record) {
      if (at === plans.length && damage !== undefined) throw damage;
      if (at === readable) return false;
      const plan = plans[at++] as RecordPlan;
      // What was lent for the record before is gone.
      buffer.fill(0xdd);
      buffer.set(plan.bytes, 5);
      Object.assign(record, new CaptureRecord(), { originalByteLength: plan.bytes.length }, plan);
      Object.assign(record, { bytes: buffer, offset: 5, byteLength: plan.bytes.length });
      return true;
    },
    async more() {
      if (readable >= plans.length) {
        end = { format: "pcap", recordCount: plans.length, fileByteLength: 0, cut: null };
        return false;
      }
      readable = Math.min(plans.length, readable + partLength);
      return true;
    },
    async close() {},
  };
}

/** Reads a stream to its end and copies what it gives; what it throws is in `error`, behind what it gave. */
export async function readStream(stream: RecordStream): Promise<{ records: ReadRecord[]; error: unknown }> {
  const record = new CaptureRecord();
  const records: ReadRecord[] = [];
  try {
    do {
      while (stream.next(record)) records.push(copyOf(record));
    } while (await stream.more());
    return { records, error: undefined };
  } catch (error) {
    return { records, error };
  }
}
