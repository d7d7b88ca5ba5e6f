/**
 * What is in the card's EEPROM (data sheet 6): as little as drivers look for. A section is reached through a pointer, by
 * word; a pointer of 0 says that there is none.
 */

/** Words, as EEC.EE_SIZE says. */
const WORD_COUNT = 1024;
/** Words 0x00–0x3f sum up to this (6.2.4). The sections that the sum goes on to are behind pointers that are 0 here. */
const CHECKSUM = 0xbaba;
const CHECKSUM_WORD = 0x3f;

const FIRMWARE_POINTER = 0x0f;
/** From its section's beginning: where the pass-through patch is, and from there its version. Below 6 is pre-production. */
const PATCH_POINTER = 0x04;
const PATCH_VERSION = 0x07;
const FIRMWARE_VERSION = 0x0900;

const PART_NUMBER_GUARD = 0x15;
const PART_NUMBER_POINTER = 0x16;
/** Says that a pointer to text follows, and not the number itself. */
const GUARD = 0xfafa;
const PART_NUMBER = "SOFTBAR-01";

/** What has to be written to CORECTL for a kind of module: a list of kinds, each with a pointer to words that end with 0xffff. */
const MODULE_SETTINGS_POINTER = 0x2b;
const END = 0xffff;
/** Drivers' numbers for a passive copper cable, an optical module and an active cable at port 0. */
const MODULE_KINDS: readonly number[] = [3, 5, 7];

/** The words, which the caller owns. */
export function eepromImage(): Uint16Array {
  const words = new Uint16Array(WORD_COUNT);
  const [firmware, patch, partNumber, modules, settings] = [0x100, 0x110, 0x120, 0x130, 0x140];
  words[FIRMWARE_POINTER] = firmware;
  words[firmware + PATCH_POINTER] = patch;
  words[patch + PATCH_VERSION] = FIRMWARE_VERSION;

  words[PART_NUMBER_GUARD] = GUARD;
  words[PART_NUMBER_POINTER] = partNumber;
  // The length counts itself.
  words[partNumber] = 1 + PART_NUMBER.length / 2;
  for (let index = 0; index < PART_NUMBER.length; index += 2)
    words[partNumber + 1 + index / 2] = (PART_NUMBER.charCodeAt(index) << 8) | PART_NUMBER.charCodeAt(index + 1);

  // Both blocks begin with a word that drivers pass over. There is nothing analog here to be set.
  words[MODULE_SETTINGS_POINTER] = modules;
  words.set([...MODULE_KINDS.flatMap((kind) => [kind, settings]), END], modules + 1);
  words[settings + 1] = END;

  words[CHECKSUM_WORD] = CHECKSUM - words.subarray(0, CHECKSUM_WORD).reduce((sum, word) => sum + word, 0);
  return words;
}
