import { type CatalogueEntry, declarationOfEntry } from "./catalogue.ts";
import { EXIT_PASSED } from "./exit-codes.ts";
import type { Verb } from "./verb.ts";

interface ListedDevice {
  readonly name: string;
  readonly about: string;
  /** "8086:10f7". */
  readonly pciId: string;
  readonly wirePorts: number;
  readonly gigabitsPerSecond: number;
  readonly registers: number;
  readonly replay: boolean;
}

/** `softbar devices`: what there is to plug in. */
export const devices: Verb = {
  name: "devices",
  about: "lists the devices that can be plugged in",
  operands: "[PATH]...",
  operandLimit: Number.POSITIVE_INFINITY,
  flags: [],
  examples: [
    'softbar devices              # also those that package.json lists: "softbar": { "devices": ["./my-device"] }',
    "softbar devices ./my-device  # and one of your own",
  ],
  async run(given, catalogue) {
    const listed = await Promise.all(catalogue.map(describe));
    if (given.has("json")) console.log(JSON.stringify({ devices: listed }));
    else {
      const width = Math.max(...listed.map(({ name }) => name.length));
      for (const device of listed) console.log(textOf(device, width));
    }
    return EXIT_PASSED;
  },
};

async function describe(entry: CatalogueEntry): Promise<ListedDevice> {
  const declaration = await declarationOfEntry(entry);
  const { vendorId, deviceId } = declaration.identity;
  const hex = (id: number): string => id.toString(16).padStart(4, "0");
  return {
    name: declaration.name,
    about: declaration.about,
    pciId: `${hex(vendorId)}:${hex(deviceId)}`,
    wirePorts: declaration.wirePortCount,
    gigabitsPerSecond: declaration.wirePortCount === 0 ? 0 : (declaration.gigabitsPerSecond ?? 10),
    registers: Object.values(declaration.registerMaps).reduce((sum, map) => sum + map.wordCount, 0),
    replay: entry.target !== undefined,
  };
}

function textOf(device: ListedDevice, width: number): string {
  const ports = `${device.wirePorts} x ${device.gigabitsPerSecond} Gb/s`;
  const wire = device.wirePorts === 0 ? "no wire" : ports;
  return `${device.name.padEnd(width)} ${device.pciId}  ${wire.padEnd(11)}  ${`${device.registers}`.padStart(5)} registers  ${device.about}`;
}
