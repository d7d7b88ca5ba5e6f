import { Iommu, iovaName, type Mapping } from "../../emulator/memory/iommu.ts";
import { type DeviceDeclaration, FRAME_BAD_FCS } from "../../emulator/pcie/device-model.ts";
import { fieldOf } from "../../emulator/registers/declare.ts";
import { hex, NO_REGISTER, type RegisterMap } from "../../emulator/registers/register-map.ts";
import type { MachineTables } from "../../emulator/run/machine.ts";
import type { TraceRing } from "./trace-ring.ts";
import * as event from "./trace-ring.ts";

/** Puts traced events into words: registers and fields by name, DMA by the driver's label of the buffer. */
export class TraceText {
  readonly #declarations: readonly DeviceDeclaration[];
  readonly #iommus: readonly Iommu[];
  /** By device: the mappings that were last seen, some of them perhaps gone since. */
  readonly #mappings: Mapping[][];
  #startNs = Number.NaN;

  /** `declarations` are those of the testbed's devices, in order. */
  constructor(declarations: readonly DeviceDeclaration[], tables: MachineTables) {
    this.#declarations = declarations;
    this.#iommus = tables.functions.map((functionTables) => new Iommu(functionTables.iommu));
    this.#mappings = tables.functions.map(() => []);
  }

  /** `      12.345 µs  driver → ixgbe   write TDT(0) 0x06018 ← 0x00000020`; time counts from the first event. */
  line(ring: TraceRing): string {
    const now = ring.time[0] as number;
    if (Number.isNaN(this.#startNs)) this.#startNs = now;
    const time = `${((now - this.#startNs) / 1000).toFixed(3).padStart(14)} µs`;
    const name = this.#declarations[ring.device]?.name ?? `device ${ring.device}`;
    return `${time}  ${this.#event(ring, name)}`;
  }

  #event(ring: TraceRing, name: string): string {
    switch (ring.kind) {
      case event.TRACE_WRITE:
        return `driver → ${name}   write ${this.#register(ring)} ← ${valueName(ring)}`;
      case event.TRACE_READ:
        return `driver ← ${name}   read  ${this.#register(ring)} → ${valueName(ring)}${this.#fields(ring)}`;
      case event.TRACE_DMA_READ:
        return `memory → ${name}   DMA read  ${ring.c} B ${this.#buffer(ring)}`;
      case event.TRACE_DMA_WRITE:
        return `memory ← ${name}   DMA write ${ring.c} B ${this.#buffer(ring)}`;
      case event.TRACE_DMA_READ_ERROR:
        return `memory → ${name}   DMA read answered with Unsupported Request`;
      case event.TRACE_MESSAGE:
        return `driver ← ${name}   MSI-X vector ${ring.a}`;
      case event.TRACE_LEGACY:
        return `driver ← ${name}   interrupt line ${ring.a === 1 ? "rises" : "falls"}`;
      case event.TRACE_FRAME_IN:
        return `wire   → ${name}   frame in, port ${ring.a}, ${ring.c} B${(ring.d & FRAME_BAD_FCS) === 0 ? "" : ", bad FCS"}`;
      case event.TRACE_FRAME_OUT:
        return `wire   ← ${name}   frame out, port ${ring.a}, ${ring.c} B`;
      default:
        return `       → ${name}   ${ring.a === 1 ? "function-level reset" : "power-on reset"}`;
    }
  }

  #register({ device, a, b }: TraceRing): string {
    const map = this.#mapOf(device, a);
    const ordinal = map?.ordinalAt(b & ~3) ?? NO_REGISTER;
    const name = map === undefined || ordinal === NO_REGISTER ? `BAR${a}` : map.nameOf(ordinal);
    return `${name} ${hex(b, 5)}`;
  }

  /** "  LINK_UP=1 SPEED=3": the fields of a read that are not 0. */
  #fields({ device, byteLength, a, b, c }: TraceRing): string {
    const map = this.#mapOf(device, a);
    const ordinal = map?.ordinalAt(b & ~3) ?? NO_REGISTER;
    if (map === undefined || ordinal === NO_REGISTER || byteLength < 4 || map.upperHalf[ordinal] === 1) return "";
    const shown = Object.entries(map.registerOf(ordinal).fields)
      .map(([name, field]) => [name, fieldOf(c, field)] as const)
      .filter(([, value]) => value !== 0)
      .map(([name, value]) => `${name}=${value < 10 ? value : hex(value, 1)}`);
    return shown.length === 0 ? "" : `  ${shown.join(" ")}`;
  }

  /** "rx ring 0 + 0x0200 at 0x1_0001_0200". */
  #buffer({ device, a, b }: TraceRing): string {
    const iova = a * 2 ** 32 + (b >>> 0);
    const mapping = this.#mappingOf(device, iova);
    if (mapping === undefined) return `at ${iovaName(iova)}, which is not mapped`;
    const label = mapping.label === "" ? "buffer" : mapping.label;
    return `${label} + ${hex(iova - mapping.iova)} at ${iovaName(iova)}`;
  }

  #mappingOf(device: number, iova: number): Mapping | undefined {
    const covers = ({ iova: start, byteLength }: Mapping): boolean => iova >= start && iova < start + byteLength;
    const known = this.#mappings[device]?.find(covers);
    if (known !== undefined) return known;
    this.#mappings[device] = this.#iommus[device]?.mappings() ?? [];
    return this.#mappings[device]?.find(covers);
  }

  #mapOf(device: number, bar: number): RegisterMap | undefined {
    return this.#declarations[device]?.registerMaps[bar];
  }
}

function valueName({ byteLength, c, d }: TraceRing): string {
  if (byteLength === 8)
    return `0x${(d >>> 0).toString(16).padStart(8, "0")}_${(c >>> 0).toString(16).padStart(8, "0")}`;
  const mask = byteLength === 4 ? -1 : (1 << (8 * byteLength)) - 1;
  return hex((c & mask) >>> 0, 2 * byteLength);
}
