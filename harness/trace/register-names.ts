import * as header from "../../emulator/pcie/config-header.ts";
import type { DeviceDeclaration } from "../../emulator/pcie/device-model.ts";
import { type Field, fieldOf } from "../../emulator/registers/declare.ts";
import { hex, NO_REGISTER } from "../../emulator/registers/register-map.ts";
import type { FieldValues } from "./trace-event.ts";

/** What is known of an offset in a BAR: looked up once, as traces are made of few registers. */
interface KnownRegister {
  readonly name: string;
  readonly isDoorbell: boolean;
  /** None for a register without fields, and for the upper half of one. */
  readonly fields: readonly (readonly [string, Field])[];
}

/** Names registers and their fields. */
export class RegisterNames {
  readonly #declarations: readonly DeviceDeclaration[];
  /** By device, then BAR and offset. */
  readonly #known: Map<number, KnownRegister>[];

  constructor(declarations: readonly DeviceDeclaration[]) {
    this.#declarations = declarations;
    this.#known = declarations.map(() => new Map());
  }

  /** "RDT(0)", or "BAR0+0x01234" where no register is. */
  name(device: number, bar: number, offset: number): string {
    return this.#at(device, bar, offset).name;
  }

  /** Whether a write there is a doorbell. */
  isDoorbell(device: number, bar: number, offset: number): boolean {
    return this.#at(device, bar, offset).isDoorbell;
  }

  /** The fields of a value that are not 0; undefined for a register without fields, or a part of one. */
  fields(device: number, bar: number, offset: number, byteLength: number, value: number): FieldValues | undefined {
    if (byteLength < 4) return undefined;
    let values: Record<string, number> | undefined;
    for (const [name, field] of this.#at(device, bar, offset).fields) {
      if ((value & field.mask) === 0) continue;
      values ??= {};
      values[name] = fieldOf(value, field);
    }
    return values;
  }

  #at(device: number, bar: number, offset: number): KnownRegister {
    const known = this.#known[device];
    const key = bar * OFFSETS + offset;
    const found = known?.get(key);
    if (found !== undefined) return found;
    const looked = lookUp(this.#declarations[device], bar, offset);
    known?.set(key, looked);
    return looked;
  }
}

/** A BAR has fewer. */
const OFFSETS = 2 ** 32;

function lookUp(declaration: DeviceDeclaration | undefined, bar: number, offset: number): KnownRegister {
  const map = declaration?.registerMaps[bar];
  const isInside = map !== undefined && offset >= 0 && offset < map.byteLength;
  const ordinal = isInside ? map.ordinalAt(offset & ~3) : NO_REGISTER;
  if (map === undefined || ordinal === NO_REGISTER)
    return { name: `BAR${bar}+${hex(offset, 5)}`, isDoorbell: false, fields: [] };
  const register = map.registerOf(ordinal);
  const fields = map.upperHalf[ordinal] === 1 ? [] : Object.entries(register.fields);
  return { name: map.nameOf(ordinal), isDoorbell: register.mirror === "doorbell", fields };
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
