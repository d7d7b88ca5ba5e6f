/**
 * The registers of the ExaNIC X10 (BAR0), in the order of the public interface header of libexanic (pcie_if.h, PCIe
 * interface version 1; an "index" below is that of the 32-bit word there). Everything that an access does by itself is
 * declared; what the card does about it is in the engines.
 */

import type { Register } from "../../emulator/registers/declare.ts";
import { RegisterMap } from "../../emulator/registers/register-map.ts";
import { CARD_REGISTERS } from "./registers/card.ts";
import { PORT_REGISTERS } from "./registers/ports.ts";
import { BAR0_BYTE_LENGTH } from "./registers/shapes.ts";
import { STEERING_REGISTERS } from "./registers/steering.ts";

export * from "./registers/card.ts";
export * from "./registers/ports.ts";
export {
  BAR0_BYTE_LENGTH,
  CLOCK_HZ,
  FILTER_BUFFER_COUNT,
  HASH_FUNCTION_COUNT,
  PORT_COUNT,
  RULE_COUNT,
  TX_PORT_BYTE_LENGTH,
  TX_REGION_BYTE_LENGTH,
} from "./registers/shapes.ts";
export * from "./registers/steering.ts";

export const EXANIC_REGISTERS: readonly Register[] = [...CARD_REGISTERS, ...PORT_REGISTERS, ...STEERING_REGISTERS];

/** Built once; every simulated card shares it. */
export const EXANIC_REGISTER_MAP: RegisterMap = new RegisterMap(BAR0_BYTE_LENGTH, EXANIC_REGISTERS);
