import type { DmaField, DmaLayout } from "../../emulator/pcie/dma-layout.ts";

/** Records of a device in host memory, by what they are for: "transmit", "event". */
export type DmaLayouts = Readonly<Record<string, readonly DmaLayout[]>>;

/** All records with their fields, one line each: where the word lies, which of its bits, the name. Lines for a person. */
export function descriptorLines(layouts: DmaLayouts, emphasised: (text: string) => string): string[] {
  return Object.values(layouts)
    .flat()
    .flatMap((layout, index) => [...(index > 0 ? [""] : []), ...layoutLines(layout, emphasised)]);
}

function layoutLines(layout: DmaLayout, emphasised: (text: string) => string): string[] {
  const rows = Object.entries(layout.fields)
    .map(([name, field]) => ({ name, field }))
    .sort((a, b) => a.field.offset - b.field.offset || bitsOf(a.field).low - bitsOf(b.field).low);
  return [
    `${emphasised(layout.name)}, ${layout.byteLength} bytes${conditionOf(layout)}`,
    ...rows.map(({ name, field }) => {
      const word = `${field.byteLength * 8}`.padStart(2);
      return `    byte ${field.offset.toString().padStart(2)}, ${word} bits  ${bitsText(field).padStart(5)}  ${name}`;
    }),
  ];
}

/** What tells it from others that may lie in its place. */
function conditionOf({ fields, when }: DmaLayout): string {
  if (when === undefined) return "";
  const [name] = Object.entries(fields).find(([, field]) => isSame(field, when.field)) ?? [];
  const place = name ?? `byte ${when.field.offset}, bit ${bitsText(when.field)}`;
  return `, where ${place} is ${when.values.join(" or ")}`;
}

function isSame(one: DmaField, other: DmaField): boolean {
  const [ofOne, ofOther] = [bitsOf(one), bitsOf(other)];
  return one.offset === other.offset && ofOne.high === ofOther.high && ofOne.low === ofOther.low;
}

function bitsText(field: DmaField): string {
  const { high, low } = bitsOf(field);
  return high === low ? `${high}` : `${high}:${low}`;
}

function bitsOf({ byteLength, high = 8 * byteLength - 1, low = 0 }: DmaField): { high: number; low: number } {
  return { high, low };
}

/** The same as plain data. */
export function descriptorJson(layouts: DmaLayouts): unknown {
  return Object.entries(layouts).flatMap(([use, ofUse]) =>
    ofUse.map(({ name, byteLength, fields, when }) => ({
      use,
      name,
      byteLength,
      fields: Object.entries(fields).map(([field, declared]) => ({
        name: field,
        offset: declared.offset,
        byteLength: declared.byteLength,
        ...bitsOf(declared),
      })),
      ...(when === undefined
        ? {}
        : { when: { offset: when.field.offset, ...bitsOf(when.field), values: when.values } }),
    })),
  );
}
