import { FAULT_KINDS, type FaultKind } from "./fault-kinds.ts";
import type { PlacedSite } from "./scenario-run.ts";

/** "dma-read-error#7", and behind an @ the device, where it is not the first. */
export function nameOf({ kind, nth, device }: PlacedSite): string {
  return `${kind}#${nth}${device === 0 ? "" : `@${device}`}`;
}

/** The other way round; undefined for what is no name. Where it is nobody knows. */
export function placeOfName(name: string): PlacedSite | undefined {
  const [, kind = "", nth = "", device = "0"] = /^([a-z-]+)#(\d+)(?:@(\d+))?$/.exec(name) ?? [];
  if (!FAULT_KINDS.includes(kind as FaultKind)) return undefined;
  return { kind: kind as FaultKind, nth: Number(nth), device: Number(device), where: "" };
}

/** Descriptions without their numbers: there are few, and they come again and again. */
const classes = new Map<string, string>();

/** Two descriptors of one ring are one place. */
export function placeKey({ kind, device, where }: PlacedSite): string {
  let place = classes.get(where);
  if (place === undefined) {
    place = where.replaceAll(/\d+/g, "N");
    classes.set(where, place);
  }
  return `${kind}@${device}:${place}`;
}
