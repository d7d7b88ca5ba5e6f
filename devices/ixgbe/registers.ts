/**
 * The registers of the Intel 82599 (BAR0), in the order of chapter 8.2.3 of its data sheet, revision 3.3 (331520).
 * Everything that an access does by itself is declared; what one register does to another is the device's.
 */

import type { Register } from "../../emulator/registers/declare.ts";
import { RegisterMap } from "../../emulator/registers/register-map.ts";
import { FCOE_AND_FLOW_DIRECTOR_REGISTERS } from "./registers/fcoe-and-flow-director.ts";
import { FILTER_REGISTERS } from "./registers/filters.ts";
import { GENERAL_REGISTERS } from "./registers/general.ts";
import { INTERRUPT_REGISTERS } from "./registers/interrupts.ts";
import { MAC_AND_LINK_REGISTERS } from "./registers/mac-and-link.ts";
import { MANAGEMENT_AND_TIME_REGISTERS } from "./registers/management-and-time.ts";
import { NVM_REGISTERS } from "./registers/nvm.ts";
import { RECEIVE_REGISTERS } from "./registers/receive.ts";
import { SECURITY_REGISTERS } from "./registers/security.ts";
import { STATISTICS_REGISTERS } from "./registers/statistics.ts";
import { STORAGE_REGISTERS } from "./registers/storage.ts";
import { TRANSMIT_REGISTERS } from "./registers/transmit.ts";
import { UNDOCUMENTED_REGISTERS } from "./registers/undocumented.ts";
import { VIRTUALIZATION_REGISTERS } from "./registers/virtualization.ts";

export * from "./registers/fcoe-and-flow-director.ts";
export * from "./registers/filters.ts";
export * from "./registers/general.ts";
export * from "./registers/interrupts.ts";
export * from "./registers/mac-and-link.ts";
export * from "./registers/management-and-time.ts";
export * from "./registers/nvm.ts";
export * from "./registers/receive.ts";
export * from "./registers/security.ts";
export * from "./registers/statistics.ts";
export * from "./registers/storage.ts";
export * from "./registers/transmit.ts";
export * from "./registers/undocumented.ts";
export * from "./registers/virtualization.ts";

export const BAR0_BYTE_LENGTH = 0x0008_0000;

export const IXGBE_REGISTERS: readonly Register[] = [
  ...GENERAL_REGISTERS,
  ...NVM_REGISTERS,
  ...STORAGE_REGISTERS,
  ...INTERRUPT_REGISTERS,
  ...FILTER_REGISTERS,
  ...RECEIVE_REGISTERS,
  ...TRANSMIT_REGISTERS,
  ...SECURITY_REGISTERS,
  ...FCOE_AND_FLOW_DIRECTOR_REGISTERS,
  ...MAC_AND_LINK_REGISTERS,
  ...STATISTICS_REGISTERS,
  ...MANAGEMENT_AND_TIME_REGISTERS,
  ...VIRTUALIZATION_REGISTERS,
  ...UNDOCUMENTED_REGISTERS,
];

/** Built once; every simulated card shares it. */
export const IXGBE_REGISTER_MAP: RegisterMap = new RegisterMap(BAR0_BYTE_LENGTH, IXGBE_REGISTERS);
