import * as header from "../../emulator/pcie/config-header.ts";
import type { DeviceDeclaration } from "../../emulator/pcie/device-model.ts";
import { fieldOf } from "../../emulator/registers/declare.ts";
import { hex, NO_REGISTER } from "../../emulator/registers/register-map.ts";
import type { FieldValues } from "./trace-event.ts";

/** "RDT(0)", or "BAR0+0x01234" where no register is. */
export function registerName(declaration: DeviceDeclaration | undefined, bar: number, offset: number): string {
  const map = declaration?.registerMaps[bar];
  const ordinal = map?.ordinalAt(offset & ~3) ?? NO_REGISTER;
  return map === undefined || ordinal === NO_REGISTER ? `BAR${bar}+${hex(offset, 5)}` : map.nameOf(ordinal);
}

/** Whether a write there is a doorbell. */
export function isDoorbell(declaration: DeviceDeclaration | undefined, bar: number, offset: number): boolean {
  const map = declaration?.registerMaps[bar];
  const ordinal = map?.ordinalAt(offset & ~3) ?? NO_REGISTER;
  return map !== undefined && ordinal !== NO_REGISTER && map.registerOf(ordinal).mirror === "doorbell";
}

/** The fields of a value that are not 0; undefined for a register without fields, or a part of one. */
export function fieldValues(
  declaration: DeviceDeclaration | undefined,
  bar: number,
  offset: number,
  byteLength: number,
  value: number,
): FieldValues | undefined {
  if (byteLength < 4) return undefined;
  const map = declaration?.registerMaps[bar];
  const ordinal = map?.ordinalAt(offset & ~3) ?? NO_REGISTER;
  if (map === undefined || ordinal === NO_REGISTER || map.upperHalf[ordinal] === 1) return undefined;
  const { fields } = map.registerOf(ordinal);
  const values: Record<string, number> = {};
  let isEmpty = true;
  for (const name in fields) {
    const field = fields[name];
    const part = field === undefined ? 0 : fieldOf(value, field);
    if (part === 0) continue;
    values[name] = part;
    isEmpty = false;
  }
  return isEmpty ? undefined : values;
}

/** "0x00000020": a value as wide as its access; `high` counts for 8 bytes alone. */
export function valueText(byteLength: number, low: number, high: number): string {
  const digits = (low >>> 0).toString(16).padStart(8, "0");
  if (byteLength === 8) return `0x${(high >>> 0).toString(16).padStart(8, "0")}${digits}`;
  return `0x${digits.slice(8 - 2 * byteLength)}`;
}

const CONFIG_NAMES: ReadonlyMap<number, string> = new Map([
  [header.VENDOR_ID, "VENDOR_ID"],
  [header.DEVICE_ID, "DEVICE_ID"],
  [header.COMMAND, "COMMAND"],
  [header.STATUS, "STATUS"],
  [header.REVISION_ID, "REVISION_ID"],
  [header.CAPABILITIES_POINTER, "CAPABILITIES_POINTER"],
  [header.INTERRUPT_LINE, "INTERRUPT_LINE"],
  [header.INTERRUPT_PIN, "INTERRUPT_PIN"],
  ...[0, 1, 2, 3, 4, 5].map((bar) => [header.BASE_ADDRESS_0 + 4 * bar, `BAR${bar}`] as const),
]);

/** The name of a register of the header of configuration space. */
export function configName(offset: number): string | undefined {
  return CONFIG_NAMES.get(offset);
}
