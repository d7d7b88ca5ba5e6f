import { TRAILER_KINDS } from "../../emulator/wire/capture/trailer.ts";
import type { ReplayOptions } from "../replay/replay-options.ts";
import { UsageError } from "./exit-codes.ts";
import type { Arguments, Flag } from "./verb.ts";

/** How the records of a capture are made frames for a wire. */
export const PREPARATION_FLAGS: readonly Flag[] = [
  {
    name: "order",
    value: "ORDER",
    about: "time (default; file for a pipe) or file: the order in which records are sent",
  },
  { name: "trailer", value: "KIND", about: `take off what a capture device added: ${TRAILER_KINDS.join(", ")}` },
  { name: "timestamps", value: "WHOSE", about: "capture (default) or trailer: whose time a frame has" },
];

/** What these flags ask for. Throws UsageError for what makes no sense. */
export function preparationOf(given: Arguments): Pick<ReplayOptions, "order" | "trailer"> {
  const order = oneOf(given, "order", ["time", "file"] as const);
  const kind = oneOf(given, "trailer", TRAILER_KINDS);
  const timestamps = oneOf(given, "timestamps", ["capture", "trailer"] as const);
  if (timestamps === "trailer" && kind === undefined) {
    throw new UsageError("--timestamps trailer needs --trailer KIND, which says where the time is.");
  }
  return {
    ...(order === undefined ? {} : { order }),
    ...(kind === undefined ? {} : { trailer: { kind, asClock: timestamps === "trailer" } }),
  };
}

function oneOf<Word extends string>(given: Arguments, name: string, words: readonly Word[]): Word | undefined {
  const text = given.value(name);
  if (text === undefined) return undefined;
  const word = words.find((known) => known === text);
  if (word !== undefined) return word;
  throw new UsageError(`--${name} ${text} makes no sense: want ${words.slice(0, -1).join(", ")} or ${words.at(-1)}.`);
}
