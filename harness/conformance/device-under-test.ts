import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { DmaBuffer, PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { PlugInOptions, Testbed } from "../testbed.ts";

/** What the conformance suite has to be told of a device: numbers from its data sheet, not from its model. */
export interface DeviceUnderTest {
  readonly spec: () => DeviceSpec;
  readonly identity: {
    readonly vendorId: number;
    readonly deviceId: number;
    readonly revisionId: number;
    readonly classCode: number;
  };
  /** In the order of their slots. */
  readonly bars: readonly {
    readonly index: number;
    readonly kind: "memory32" | "memory64";
    readonly byteLength: number;
  }[];
  /** 0 for a device without MSI-X. */
  readonly msixVectorCount: number;
  /** From a reset until nothing changes by itself any more. */
  readonly settleNs: number;
  /**
   * What a read gives once settled after a reset, by the name of the register or of one of its family ("RAL(0)"), where
   * that is not the reset value of the table: another value, what the first read gives when reading changes it, or in
   * words why nobody can say.
   */
  readonly afterReset: Readonly<Record<string, number | { readonly firstRead: number } | string>>;
  /** An offset in BAR0 without a register, and what a read of it gives. */
  readonly hole: { readonly offset: number; readonly value: number };
  /** Accesses to BAR0 whose width the card does not take. */
  readonly wrongWidths: readonly { readonly offset: number; readonly byteLength: 1 | 2 | 8 }[];
  /** A transfer in which the card changes `buffer`, 8 KiB: everything but the doorbell, then the doorbell. */
  readonly dma: {
    readonly prepare: (pci: PciFunction, buffer: DmaBuffer) => void;
    readonly ring: (pci: PciFunction) => void;
    /** From the doorbell to the end. */
    readonly durationNs: number;
  };
  /** A driver's life from probe to close, with work in between. */
  readonly driverLife: (pci: PciFunction) => void;
}

/** A way to run. */
export interface RunMode {
  readonly name: string;
  readonly options: PlugInOptions;
  /** How a testbed of this kind is opened, where `plugIn` does not open it. */
  readonly open?: (spec: DeviceSpec) => Promise<Testbed>;
}
