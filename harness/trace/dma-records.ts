import { type DmaLayout, dmaFieldOf, layoutOf } from "../../emulator/pcie/dma-layout.ts";
import type { DmaRecord } from "./trace-event.ts";

/** The records in the bytes of a transfer, one behind the other, up to the first of which no layout knows anything. */
export function recordsIn(layouts: readonly DmaLayout[], bytes: Uint8Array): DmaRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: DmaRecord[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const layout = layoutOf(layouts, view, at);
    if (layout === undefined) break;
    records.push({ layout: layout.name, offset: at, fields: fieldsOf(layout, view, at) });
    at += layout.byteLength;
  }
  return records;
}

function fieldsOf(layout: DmaLayout, view: DataView, at: number): Record<string, number | string> {
  const fields: Record<string, number | string> = {};
  for (const [name, field] of Object.entries(layout.fields)) {
    const value = dmaFieldOf(view, at, field);
    if (value === 0 || value === 0n) continue;
    fields[name] = typeof value === "bigint" ? `0x${value.toString(16).padStart(16, "0")}` : value;
  }
  return fields;
}
