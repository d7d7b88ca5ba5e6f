import { VirtualClock } from "../../../emulator/clock/clock.ts";
import { HostMemory } from "../../../emulator/memory/host-memory.ts";
import { type DmaPermissions, Iommu } from "../../../emulator/memory/iommu.ts";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { DeviceDeclaration, DeviceModel, ResetKind } from "../../../emulator/pcie/device-model.ts";
import { Endpoint } from "../../../emulator/pcie/endpoint.ts";
import { InterruptController } from "../../../emulator/pcie/interrupt-controller.ts";

/** Configuration space offsets of a function with both kinds of messages (see config-layout). */
export const COMMAND = 0x04;
export const MEMORY_SPACE = 0x2;
export const BUS_MASTER = 0x4;
export const INTX_DISABLE = 0x400;
export const MSI_CONTROL = 0x52;
export const MSIX_CONTROL = 0x72;
export const DEVICE_CONTROL = 0xa8;
export const INITIATE_FLR = 0x8000;

export const MSIX_TABLE_AT = 0x4000;
export const PENDING_BITS_AT = 0x5000;
export const FUNCTION_INDEX = 3;

export const DECLARATION: DeviceDeclaration = {
  name: "probe",
  about: "records what reaches it",
  identity: { vendorId: 0x1234, deviceId: 0x5678, revisionId: 1, classCode: 0xff0000, interruptPin: 1 },
  bars: [
    { index: 0, byteLength: 0x8000, kind: "memory32", about: "registers and MSI-X" },
    { index: 2, byteLength: 0x1000, kind: "memory64", about: "more registers" },
  ],
  msix: { vectorCount: 8, bar: 0, tableOffset: MSIX_TABLE_AT, pendingBitsOffset: PENDING_BITS_AT },
  registerMaps: {},
  timerCount: 2,
  wirePortCount: 1,
};

/** A device that records every event. Reads give what {@link low} and {@link high} say. */
export class RecordingDevice implements DeviceModel {
  readonly events: unknown[][] = [];
  readHigh = 0;
  low = 0x1111;
  high = 0x2222;
  /** Runs within each completion, to ask for more from there. */
  onCompletion: () => void = () => {};

  /** What was recorded since the last call. */
  take(): unknown[][] {
    return this.events.splice(0);
  }

  onWrite(...access: number[]): void {
    this.events.push(["write", ...access]);
  }

  onRead(...access: number[]): number {
    this.events.push(["read", ...access]);
    this.readHigh = this.high;
    return this.low;
  }

  onDmaRead(tag: number, context: number, memory: MemoryView, offset: number, byteLength: number): void {
    this.events.push([
      "dmaRead",
      tag,
      context,
      Buffer.from(memory.bytes.slice(offset, offset + byteLength)).toString(),
    ]);
    this.onCompletion();
  }

  onDmaReadError(tag: number, context: number): void {
    this.events.push(["dmaReadError", tag, context]);
  }

  onDmaWriteError(): void {
    this.events.push(["dmaWriteError"]);
  }

  onFrame(): void {}

  onTimer(timer: number): void {
    this.events.push(["timer", timer]);
  }

  onConfigChanged(): void {
    this.events.push(["config"]);
  }

  onReset(kind: ResetKind): void {
    this.events.push(["reset", kind]);
  }

  isIdle(): boolean {
    return true;
  }

  statistics(): Record<string, number> {
    return {};
  }

  snapshot(): unknown {
    return undefined;
  }

  restore(): void {}
}

/** One endpoint with everything around it, decoded and bus master unless told otherwise. */
export class EndpointBench {
  readonly clock: VirtualClock = new VirtualClock();
  readonly iommu: Iommu = Iommu.create();
  readonly memory: HostMemory = new HostMemory(HostMemory.tablesFor(new SharedArrayBuffer(0x1_0000)));
  readonly interrupts: InterruptController = new InterruptController(InterruptController.createWords());
  readonly endpoint: Endpoint;
  readonly device: RecordingDevice = new RecordingDevice();
  readonly card: MemoryView = MemoryView.ofSize(4096);

  constructor(command: number = MEMORY_SPACE | BUS_MASTER, declaration: DeviceDeclaration = DECLARATION) {
    const { clock, iommu, memory, interrupts } = this;
    this.endpoint = new Endpoint(declaration, { clock, iommu, memory, interrupts, functionIndex: FUNCTION_INDEX });
    this.endpoint.attach(this.device);
    this.endpoint.configWrite(COMMAND, 2, command);
    this.device.take();
  }

  /** Maps `text` in host memory at `offset`; returns its address as two words. */
  mapText(text: string, offset = 0, permissions: DmaPermissions = 3): readonly [high: number, low: number] {
    const bytes = this.memory.segment(0)?.bytes;
    bytes?.set(Buffer.from(text), offset);
    const iova = this.iommu.map(0, offset, text.length, { permissions, label: "text" });
    return [Math.floor(iova / 2 ** 32) | 0, (iova % 2 ** 32) | 0];
  }

  hostText(offset: number, byteLength: number): string {
    return Buffer.from(this.memory.segment(0)?.bytes.slice(offset, offset + byteLength) ?? []).toString();
  }

  /** Points vector `vector` at interrupt `irq` and unmasks it. */
  aimVector(vector: number, irq: number): void {
    const entry = MSIX_TABLE_AT + 16 * vector;
    this.endpoint.write(0, entry, 4, 0xfee00000 | 0, 0);
    this.endpoint.write(0, entry + 4, 4, 0, 0);
    this.endpoint.write(0, entry + 8, 4, irq, 0);
    this.endpoint.write(0, entry + 12, 4, 0, 0);
  }

  enableMsi(irq: number): void {
    this.endpoint.configWrite(0x54, 4, 0xfee00000);
    this.endpoint.configWrite(0x58, 4, 0);
    this.endpoint.configWrite(0x5c, 2, irq);
    this.endpoint.configWrite(MSI_CONTROL, 2, 1);
  }

  functionLevelReset(): void {
    this.endpoint.configWrite(DEVICE_CONTROL, 2, INITIATE_FLR);
  }

  get rules(): string[] {
    return this.endpoint.findings.findings.map((finding) => finding.rule);
  }

  get messages(): string[] {
    return this.endpoint.findings.findings.map((finding) => finding.message);
  }
}
