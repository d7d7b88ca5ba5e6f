import { expect, test } from "vitest";
import { MEMORY_MODELS } from "../../emulator/explore/kinds.ts";
import { Session } from "../../harness/explore/session.ts";
import { buildShape, type Strength, shapes } from "./shapes.ts";

const STRENGTHS: readonly Strength[] = ["plain", "acquire-release", "mb"];
const RUNS = 2048;

/** herd7's shapes: each outcome is seen exactly where the memory model allows it. */
test.for(shapes.flatMap((shape) => STRENGTHS.map((strength) => ({ shape, strength, name: shape.name }))))(
  "$name $strength",
  ({ shape, strength }) => {
    const session = new Session({
      name: shape.name.toLowerCase(),
      protocol: "",
      source: "herd7",
      fails: shape.allowed[strength],
      build: (m) => buildShape(m, shape, strength),
    });
    const seen = MEMORY_MODELS.filter((model) => session.search(model, RUNS, 1).hasFailed);
    expect(seen).toEqual(shape.allowed[strength]);
  },
);
