import { expect, test } from "vitest";
import { CORPUS } from "../corpus/corpus.ts";
import { foundIn } from "../corpus/run-corpus.ts";
import { rulesOf } from "../corpus/verdicts.ts";

const threaded = CORPUS.filter(({ runs }) => runs.includes("threaded"));

/** What the driver's own thread finds, it finds at a line. */
const OWN = ["use-after-free", "double-free", "data-race"];

test("wrong drivers on threads are told by the rules that need no look at each of their accesses", async () => {
  for (const entry of threaded) {
    const found = await foundIn("threaded", entry, true);
    expect(rulesOf(found), entry.name).toEqual([entry.rule]);
    expect(found[0]?.line !== undefined, entry.name).toBe(OWN.includes(entry.rule));
  }
  // Their twins are two drivers and three accesses; one of each says nothing.
  for (const name of ["ixgbe-freed-twice", "edu-beyond-card-buffer", "edu-barrier-left-out"]) {
    const entry = threaded.find((each) => each.name === name);
    expect(entry === undefined ? undefined : await foundIn("threaded", entry, false), name).toEqual([]);
  }
}, 60_000);
