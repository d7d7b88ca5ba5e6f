import { strict as assert } from "node:assert";
import type { Bar } from "../../emulator/pcie/driver-view.ts";
import { registerPlace } from "../../emulator/registers/finding-text.ts";
import type { AccessMasks, RegisterMap } from "../../emulator/registers/register-map.ts";
import { declarationOf, loadDevice } from "../../emulator/run/machine.ts";
import type { DeviceUnderTest } from "./device-under-test.ts";

export async function mapOf(device: DeviceUnderTest): Promise<RegisterMap> {
  const map = declarationOf(await loadDevice(device.spec())).registerMaps[0];
  return map ?? assert.fail("BAR0 has no register table");
}

/** By place: what each register reads. Undefined where nobody can say. */
export type Values = ReadonlyMap<string, number | undefined>;

export function readAll(bar: Bar, map: RegisterMap): Values {
  const values = new Map<string, number>();
  for (let ordinal = 0; ordinal < map.wordCount; ordinal++) {
    const offset = map.offsetOf[ordinal] as number;
    values.set(registerPlace(map, offset), bar.read32(offset));
  }
  return values;
}

export function expectedAfterReset(device: DeviceUnderTest, map: RegisterMap): Values {
  const values = new Map<string, number | undefined>();
  for (let ordinal = 0; ordinal < map.wordCount; ordinal++) {
    const described = device.afterReset[map.nameOf(ordinal)] ?? device.afterReset[map.registerOf(ordinal).name];
    const declared = (map.resetValues[ordinal] as number) & ~masksOfOrdinal(map, ordinal).readsAsZero;
    const value = typeof described === "object" ? described.firstRead : (described ?? declared);
    const place = registerPlace(map, map.offsetOf[ordinal] as number);
    values.set(place, typeof value === "string" ? undefined : value >>> 0);
  }
  return values;
}

/** What differs, in words, in those places that count. */
export function differences(are: Values, should: Values, counts: (place: string) => boolean = () => true): string[] {
  const found: string[] = [];
  for (const [place, value] of are) {
    const expected = should.get(place);
    if (expected === undefined || expected === value || !counts(place)) continue;
    found.push(`${place} reads 0x${(value ?? 0).toString(16)} instead of 0x${expected.toString(16)}`);
  }
  return found;
}

/** Whether a register reads the same twice. */
export function isSteady(device: DeviceUnderTest, map: RegisterMap, place: string): boolean {
  const ordinal = map.ordinalAt(Number.parseInt(place.slice(-7), 16));
  const masks = masksOfOrdinal(map, ordinal);
  const described = device.afterReset[map.registerOf(ordinal).name];
  return (masks.clearedByRead | masks.setByRead) === 0 && (described === undefined || typeof described === "number");
}

export function masksOfOrdinal(map: RegisterMap, ordinal: number): AccessMasks {
  return map.masks[map.familyOf[ordinal] as number] as AccessMasks;
}

/** Whether the model stands behind the register: of others, only that is said. */
export function modelled(map: RegisterMap, place: string): boolean {
  const offset = Number.parseInt(place.slice(-7), 16);
  return map.registerOf(map.ordinalAt(offset)).modelled !== "reserved";
}
