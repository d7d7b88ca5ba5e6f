/** What the machine has to know of the card before it runs, and what can be chosen about it. */

import { checkOptionNames, type OptionNames } from "../../emulator/option-names.ts";
import type { DeviceDeclaration } from "../../emulator/pcie/device-model.ts";
import { DESCRIPTOR_BYTE_LENGTH } from "./descriptors.ts";
import { DMA_LAYOUTS } from "./dma-layouts.ts";
import { QUEUE_COUNT } from "./queues.ts";
import { BAR0_BYTE_LENGTH, IXGBE_REGISTER_MAP } from "./registers.ts";
import { IXGBE_RULES } from "./rules.ts";
import { TIMER_COUNT, VECTOR_COUNT } from "./timers.ts";

export interface IxgbeOptions {
  /** 0x10fb: SFP+ (the default). 0x10f7: KX4 backplane, for drivers that would look for an optical module. */
  readonly deviceId?: 0x10fb | 0x10f7;
  /** Station address in the EEPROM. Default 02:00:00:82:59:90. */
  readonly macAddress?: string;
  /** From power-on, a link reset or AUTOC.RESTART_AN until the link is up, in nanoseconds. Default 2 ms. */
  readonly linkUpNs?: number;
  /** How long CTRL.RST and LRST read 1, in nanoseconds. Default 0.9 ms: drivers wait 1 ms and poll for µs then. */
  readonly resetNs?: number;
}

/** What the card says only because one write came before another. */
const ORDER_RULES = [
  "ring-empty",
  "ring-changed-while-enabled",
  "head-beyond-ring",
  "head-written-while-enabled",
  "doorbell-before-enable",
  "write-during-reset",
] as const;

const OPTION_NAMES: OptionNames<IxgbeOptions> = { deviceId: true, macAddress: true, linkUpNs: true, resetNs: true };

/** Throws RangeError for an option that there is not. */
export function declaration(options: IxgbeOptions = {}): DeviceDeclaration {
  checkOptionNames("ixgbe", options, OPTION_NAMES);
  const { deviceId = 0x10fb } = options;
  return {
    name: "ixgbe",
    about: "Intel 82599 10 GbE controller: 128 + 128 queues, RSS, MSI-X, offloads",
    identity: {
      vendorId: 0x8086,
      deviceId,
      revisionId: 0x01,
      classCode: 0x020000,
      subsystemVendorId: 0x8086,
      subsystemId: 0x0003,
      interruptPin: 1,
    },
    bars: [
      { index: 0, byteLength: BAR0_BYTE_LENGTH, kind: "memory64", prefetchable: true, about: "registers" },
      { index: 4, byteLength: 0x4000, kind: "memory64", prefetchable: true, about: "MSI-X" },
    ],
    msix: { vectorCount: VECTOR_COUNT, bar: 4, tableOffset: 0, pendingBitsOffset: 0x2000 },
    registerMaps: { 0: IXGBE_REGISTER_MAP },
    orderRules: ORDER_RULES,
    rules: IXGBE_RULES,
    dmaLayouts: DMA_LAYOUTS,
    rings: [
      { name: "receive queue", tail: "RDT", head: "RDH", length: "RDLEN" },
      { name: "transmit queue", tail: "TDT", head: "TDH", length: "TDLEN" },
    ].map(({ length, ...ring }) => ({
      ...ring,
      count: QUEUE_COUNT,
      bar: 0,
      size: { register: length, unit: "bytes", entryBytes: DESCRIPTOR_BYTE_LENGTH },
    })),
    timerCount: TIMER_COUNT,
    wirePortCount: 1,
    gigabitsPerSecond: 10,
  };
}
