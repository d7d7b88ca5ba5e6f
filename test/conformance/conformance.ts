import { describe, expect, test } from "vitest";
import { sizeBar } from "../../emulator/pcie/bar-sizing.ts";
import { findExtendedCapability } from "../../emulator/pcie/capability-walk.ts";
import type { Bar, DmaBuffer, PciFunction } from "../../emulator/pcie/driver-view.ts";
import { registerPlace } from "../../emulator/registers/finding-text.ts";
import type { AccessMasks, RegisterMap } from "../../emulator/registers/register-map.ts";
import { declarationOf, loadDevice } from "../../emulator/run/machine.ts";
import { Rng } from "../../emulator/run/rng.ts";
import { plugIn } from "../../harness/plug-in.ts";
import type { Testbed } from "../../harness/testbed.ts";
import type { DeviceUnderTest, RunMode } from "./device-under-test.ts";

/** What every device owes its driver, in every way of running. */
export function conformance(device: DeviceUnderTest, mode: RunMode): void {
  const open = (): Promise<Testbed> => mode.open?.(device.spec()) ?? plugIn(device.spec(), mode.options);

  describe(`${device.spec().name}, ${mode.name}: configuration space`, () => {
    test("says who the function is, as its data sheet does", async () => {
      await using bed = await open();
      const { config } = bed.pci;
      expect({
        vendorId: config.read16(0x00),
        deviceId: config.read16(0x02),
        revisionId: config.read8(0x08),
        classCode: config.read32(0x08) >>> 8,
      }).toEqual(device.identity);
    });

    test("sizes its BARs, and leaves them as they were", async () => {
      await using bed = await open();
      const { config } = bed.pci;
      const before = Array.from({ length: 7 }, (_, index) => config.read32(index === 6 ? 0x04 : 0x10 + 4 * index));
      const read = (offset: number, byteLength: number): number => configRead(bed.pci, offset, byteLength);
      const write = (offset: number, byteLength: number, value: number): void =>
        configWrite(bed.pci, offset, byteLength, value);
      const sized: unknown[] = [];
      for (let index = 0; index < 6; ) {
        const { kind, byteLength, slotCount } = sizeBar(read, write, index);
        if (kind !== "none") sized.push({ index, kind, byteLength });
        index += slotCount;
      }
      expect(sized).toEqual(device.bars);
      expect(Array.from({ length: 7 }, (_, index) => config.read32(index === 6 ? 0x04 : 0x10 + 4 * index))).toEqual(
        before,
      );
      // Decoded still.
      await settle(bed, device);
      expect(bed.violations).toEqual([]);
    });

    test("has the capabilities that a driver looks for, in lists that end", async () => {
      await using bed = await open();
      const { config } = bed.pci;
      const ids: number[] = [];
      for (let at = config.read8(0x34), count = 0; at !== 0 && count < 48; count++, at = config.read8(at + 1)) {
        expect(at % 4).toBe(0);
        expect(config.findCapability(config.read8(at))).toBe(at);
        ids.push(config.read8(at));
      }
      const [powerManagement, msi, pciExpress, msix] = [0x01, 0x05, 0x10, 0x11];
      expect(ids).toEqual(expect.arrayContaining([powerManagement, msi, pciExpress]));
      expect(new Set(ids).size).toBe(ids.length);
      const msixAt = config.findCapability(msix);
      expect(msixAt === 0 ? 0 : (config.read16(msixAt + 2) & 0x7ff) + 1).toBe(device.msixVectorCount);
      const read = (offset: number, byteLength: number): number => configRead(bed.pci, offset, byteLength);
      expect(findExtendedCapability(read, 0x0001)).toBeGreaterThanOrEqual(0x100);
      expect(findExtendedCapability(read, 0xffff)).toBe(0);
      expect(config.findCapability(0xee)).toBe(0);
    });

    test("refuses what is not there: other BARs, too many interrupts", async () => {
      await using bed = await open();
      const { pci } = bed;
      const slots = device.bars.map(({ index }) => index);
      for (let index = 0; index < 6; index++) {
        if (!slots.includes(index)) expect(() => pci.bar(index)).toThrow(RangeError);
        else expect(pci.bar(index).byteLength).toBe(device.bars.find((bar) => bar.index === index)?.byteLength);
      }
      expect(() => pci.interrupts("msix", device.msixVectorCount + 1)).toThrow(RangeError);
      expect(() => pci.interrupts("msi", 2)).toThrow(RangeError);
    });

    test("has an MSI-X table of as many vectors, all masked and nothing pending, or none at all", async () => {
      await using bed = await open();
      const { pci } = bed;
      const at = pci.config.findCapability(0x11);
      expect(at !== 0).toBe(device.msixVectorCount > 0);
      if (at === 0) return;
      const [table, pending] = [pci.config.read32(at + 4), pci.config.read32(at + 8)];
      for (let vector = 0; vector < device.msixVectorCount; vector++) {
        expect(pci.bar(table & 7).read32((table & ~7) + 16 * vector + 12)).toBe(1);
      }
      for (let word = 0; word < Math.ceil(device.msixVectorCount / 64); word++) {
        expect(pci.bar(pending & 7).read64((pending & ~7) + 8 * word)).toBe(0n);
      }
    });
  });

  describe(`${device.spec().name}, ${mode.name}: registers`, () => {
    test("have the reset values of their table, and the exceptions that are described", async () => {
      await using bed = await open();
      await settle(bed, device);
      const map = await mapOf(device);
      const names = new Set(map.registers.map(({ name }) => name));
      expect(Object.keys(device.afterReset).filter((name) => !names.has(name.replace(/\(\d+\)$/, "")))).toEqual([]);
      expect(differences(readAll(bed.pci.bar(0), map), expectedAfterReset(device, map))).toEqual([]);
    });

    test("that are read-only stay, and writing one is said with its name and offset", async () => {
      await using bed = await open();
      await settle(bed, device);
      const map = await mapOf(device);
      const bar = bed.pci.bar(0);
      const places: string[] = [];
      const changed: string[] = [];
      for (let ordinal = 0; ordinal < map.wordCount; ordinal++) {
        const masks = masksOfOrdinal(map, ordinal);
        const register = map.registerOf(ordinal);
        if (masks.writable !== 0 || masks.clearedByRead !== 0 || masks.setByRead !== 0) continue;
        const described = device.afterReset[register.name];
        if (described !== undefined && typeof described !== "number") continue;
        const offset = map.offsetOf[ordinal] as number;
        const before = bar.read32(offset);
        bar.write32(offset, ~before >>> 0);
        if (bar.read32(offset) !== before) changed.push(registerPlace(map, offset));
        if (!register.harmless) places.push(registerPlace(map, offset));
      }
      expect(changed).toEqual([]);
      await bed.quiesce();
      const said = bed.violations.filter(({ rule }) => rule === "write-to-read-only");
      const expected = places.filter((place) => modelled(map, place));
      expect(said.map(({ place }) => place).sort()).toEqual(expected.sort());
      for (const { message, place } of said) {
        expect(message).toContain(place);
        expect(place).toMatch(/ 0x[0-9a-f]{5}$/);
      }
    });

    test("are nowhere else: a hole answers as the data sheet says, and is said", async () => {
      await using bed = await open();
      await settle(bed, device);
      const { offset, value } = device.hole;
      const map = await mapOf(device);
      expect(map.ordinalAt(offset)).toBe(-1);
      bed.pci.bar(0).write32(offset, 0x1234_5678);
      expect(bed.pci.bar(0).read32(offset)).toBe(value);
      await bed.quiesce();
      const place = `0x${offset.toString(16).padStart(5, "0")}`;
      expect([...bed.violations, ...bed.notes].map((found) => `${found.rule} ${found.place}`)).toEqual([
        `no-register ${place}`,
      ]);
      expect(bed.notes[0]?.message).toContain(place);
    });

    test("take accesses of their width only", async () => {
      for (const { offset, byteLength } of device.wrongWidths) {
        await using bed = await open();
        await settle(bed, device);
        const map = await mapOf(device);
        const bar = bed.pci.bar(0);
        const before = readAll(bar, map);
        expect(accessOf(bar, offset, byteLength)).toBe(2n ** BigInt(8 * byteLength) - 1n);
        expect(bed.violations.map(({ rule }) => rule)).toContain("wrong-width");
        const found = bed.violations.find(({ rule }) => rule === "wrong-width");
        expect(found?.message).toContain(`0x${offset.toString(16).padStart(5, "0")}`);
        expect(differences(readAll(bar, map), before, (place) => isSteady(device, map, place))).toEqual([]);
      }
    });
  });

  describe(`${device.spec().name}, ${mode.name}: reset`, () => {
    test("function-level reset brings every register back, whatever was written", async () => {
      await using bed = await open();
      await settle(bed, device);
      const map = await mapOf(device);
      const bar = bed.pci.bar(0);
      const rng = new Rng(1);
      for (let round = 0; round < 3; round++) {
        scramble(bar, map, rng);
        bed.pci.config.functionLevelReset();
        await settle(bed, device);
        expect(differences(readAll(bar, map), expectedAfterReset(device, map))).toEqual([]);
      }
      expect(bed.pci.config.read16(0x04) & 0x4).toBe(0);
      await bed.quiesce();
    });

    test("and ends what is under way: nothing lands afterwards", async () => {
      await using bed = await open();
      await settle(bed, device);
      const buffer = prepareDma(bed, device);
      bed.pci.config.setBusMaster(true);
      device.dma.ring(bed.pci);
      bed.pci.config.functionLevelReset();
      // What landed before the reset did is there; from here on nothing may change.
      const landed = buffer.bytes.slice();
      const moved = (await bed.statistics())[0]?.bus;
      bed.pci.config.setBusMaster(true);
      bed.pci.cpu.delay(device.dma.durationNs);
      await settle(bed, device);
      expect(Buffer.compare(buffer.bytes, landed)).toBe(0);
      expect((await bed.statistics())[0]?.bus).toEqual(moved);
      buffer.free();
    });
  });

  describe(`${device.spec().name}, ${mode.name}: DMA`, () => {
    test("happens with bus master on, and every byte within the buffer", async () => {
      await using bed = await open();
      await settle(bed, device);
      bed.pci.config.setBusMaster(true);
      const buffer = prepareDma(bed, device);
      const before = buffer.bytes.slice();
      device.dma.ring(bed.pci);
      bed.pci.cpu.delay(device.dma.durationNs);
      await bed.quiesce();
      expect(bed.violations).toEqual([]);
      expect(Buffer.compare(buffer.bytes, before)).not.toBe(0);
      const { dmaReads = 0, dmaWrites = 0 } = (await bed.statistics())[0]?.bus ?? {};
      expect(dmaReads + dmaWrites).toBeGreaterThan(0);
    });

    test("does not without: nothing moves, and if it was tried, that is said", async () => {
      await using bed = await open();
      await settle(bed, device);
      const buffer = prepareDma(bed, device);
      const before = buffer.bytes.slice();
      device.dma.ring(bed.pci);
      bed.pci.cpu.delay(device.dma.durationNs);
      await bed.quiesce();
      expect(Buffer.compare(buffer.bytes, before)).toBe(0);
      expect((await bed.statistics())[0]?.bus).toMatchObject({ dmaReads: 0, dmaWrites: 0 });
      const said = bed.violations.map(({ rule }) => rule);
      expect(said.length).toBeGreaterThan(0);
      // The machine's rule, or that of a card which sees it at the doorbell already.
      for (const rule of said) expect(rule).toMatch(/^bus-master-off/);
    });

    test("into memory that was unmapped faults, by the buffer's name", async () => {
      await using bed = await open();
      await settle(bed, device);
      bed.pci.config.setBusMaster(true);
      const buffer = prepareDma(bed, device);
      buffer.free();
      device.dma.ring(bed.pci);
      bed.pci.cpu.delay(device.dma.durationNs);
      await bed.quiesce();
      const fault = bed.violations.find(({ rule }) => rule === "dma-outside-map");
      expect(fault?.message).toMatch(/hits conformance buffer 0x[0-9a-f_]+–0x[0-9a-f_]+, which was unmapped/);
    });

    test("of a driver's whole life leaves no mapping and breaks no rule, twice", async () => {
      await using bed = await open();
      for (let life = 0; life < 2; life++) {
        device.driverLife(bed.pci);
        await bed.quiesce();
        expect(bed.pci.dma.mappingCount).toBe(0);
        expect(bed.violations).toEqual([]);
      }
    });
  });
}

function prepareDma(bed: Testbed, device: DeviceUnderTest): DmaBuffer {
  const buffer = bed.pci.dma.alloc(8192, { label: "conformance buffer" });
  buffer.bytes.fill(0x5a);
  device.dma.prepare(bed.pci, buffer);
  return buffer;
}

async function mapOf(device: DeviceUnderTest): Promise<RegisterMap> {
  const map = declarationOf(await loadDevice(device.spec())).registerMaps[0];
  return map ?? expect.fail("BAR0 has no register table");
}

/** Lets a card come to rest after a reset. */
async function settle(bed: Testbed, device: DeviceUnderTest): Promise<void> {
  bed.pci.cpu.delay(device.settleNs);
  await bed.quiesce();
}

function configRead({ config }: PciFunction, offset: number, byteLength: number): number {
  if (byteLength === 1) return config.read8(offset);
  return byteLength === 2 ? config.read16(offset) : config.read32(offset);
}

function configWrite({ config }: PciFunction, offset: number, byteLength: number, value: number): void {
  if (byteLength === 1) config.write8(offset, value);
  else if (byteLength === 2) config.write16(offset, value);
  else config.write32(offset, value);
}

function accessOf(bar: Bar, offset: number, byteLength: 1 | 2 | 8): bigint {
  if (byteLength === 1) {
    bar.write8(offset, 0xa5);
    return BigInt(bar.read8(offset));
  }
  if (byteLength === 2) {
    bar.write16(offset, 0xa5a5);
    return BigInt(bar.read16(offset));
  }
  bar.write64(offset, 0xa5a5_a5a5_a5a5_a5a5n);
  return bar.read64(offset);
}

/** By place: what each register reads. Undefined where nobody can say. */
type Values = ReadonlyMap<string, number | undefined>;

function readAll(bar: Bar, map: RegisterMap): Values {
  const values = new Map<string, number>();
  for (let ordinal = 0; ordinal < map.wordCount; ordinal++) {
    const offset = map.offsetOf[ordinal] as number;
    values.set(registerPlace(map, offset), bar.read32(offset));
  }
  return values;
}

function expectedAfterReset(device: DeviceUnderTest, map: RegisterMap): Values {
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
function differences(are: Values, should: Values, counts: (place: string) => boolean = () => true): string[] {
  const found: string[] = [];
  for (const [place, value] of are) {
    const expected = should.get(place);
    if (expected === undefined || expected === value || !counts(place)) continue;
    found.push(`${place} reads 0x${(value ?? 0).toString(16)} instead of 0x${expected.toString(16)}`);
  }
  return found;
}

/** Whether a register reads the same twice. */
function isSteady(device: DeviceUnderTest, map: RegisterMap, place: string): boolean {
  const ordinal = map.ordinalAt(Number.parseInt(place.slice(-7), 16));
  const masks = masksOfOrdinal(map, ordinal);
  const described = device.afterReset[map.registerOf(ordinal).name];
  return (masks.clearedByRead | masks.setByRead) === 0 && (described === undefined || typeof described === "number");
}

function masksOfOrdinal(map: RegisterMap, ordinal: number): AccessMasks {
  return map.masks[map.familyOf[ordinal] as number] as AccessMasks;
}

/** Whether the model stands behind the register: of others, only that is said. */
function modelled(map: RegisterMap, place: string): boolean {
  const offset = Number.parseInt(place.slice(-7), 16);
  return map.registerOf(map.ordinalAt(offset)).modelled !== "reserved";
}

/** Random values into everything, in random order, as a driver gone mad would. */
function scramble(bar: Bar, map: RegisterMap, rng: Rng): void {
  for (let write = 0; write < Math.min(2 * map.wordCount, 3000); write++) {
    bar.write32(map.offsetOf[rng.below(map.wordCount)] as number, rng.nextU32());
  }
}
