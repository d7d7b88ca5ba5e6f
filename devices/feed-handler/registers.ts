/**
 * The registers of the feed handler's BAR0, by what they are for. Everything that an access does by itself is declared here;
 * what the card does about it is in the files of its parts.
 */

import type { Register } from "../../emulator/registers/declare.ts";
import { RegisterMap } from "../../emulator/registers/register-map.ts";
import { CARD_REGISTERS } from "./registers/card.ts";
import { CHANNEL_REGISTERS } from "./registers/channels.ts";
import { ORDER_REGISTERS } from "./registers/orders.ts";
import { BAR0_BYTE_LENGTH } from "./registers/shapes.ts";

export * from "./registers/card.ts";
export * from "./registers/channels.ts";
export * from "./registers/orders.ts";
export * from "./registers/shapes.ts";

export const FEED_HANDLER_REGISTERS: readonly Register[] = [
  ...CARD_REGISTERS,
  ...CHANNEL_REGISTERS,
  ...ORDER_REGISTERS,
];

export const FEED_HANDLER_REGISTER_MAP: RegisterMap = new RegisterMap(BAR0_BYTE_LENGTH, FEED_HANDLER_REGISTERS);
