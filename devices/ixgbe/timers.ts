/** The timers of the card, by number. */
export const RESET_TIMER = 0;
/** The auto-read of the EEPROM and the initialization of the receive DMA end. */
export const AUTO_READ_TIMER = 1;
export const LINK_TIMER = 2;
/** Receive queues that were enabled or disabled. */
export const RECEIVE_ENABLE_TIMER = 3;
export const TRANSMIT_ENABLE_TIMER = 4;
export const EEPROM_TIMER = 5;
export const MDIO_TIMER = 6;
/** The firmware has configured the port. */
export const CONFIGURATION_TIMER = 7;
/** A frame waits for room in the transmit packet buffer, which empties as the wire goes. */
export const WIRE_TIMER = 8;
/** Interrupt moderation: one timer for each of the 64 vectors. */
export const FIRST_THROTTLE_TIMER = 9;
export const VECTOR_COUNT = 64;
export const TIMER_COUNT: number = FIRST_THROTTLE_TIMER + VECTOR_COUNT;

const NAMES: readonly string[] = [
  "the end of the reset",
  "the auto-read of the EEPROM",
  "the link coming up",
  "a receive queue going on or off",
  "a transmit queue going on or off",
  "the read of an EEPROM word",
  "an MDIO transaction",
  "the configuration by the firmware",
  "room on the wire",
];

/** What waits for the timer, in words. */
export function nameOf(timer: number): string | undefined {
  return NAMES[timer] ?? `the moderation of vector ${timer - FIRST_THROTTLE_TIMER}`;
}
