import { loadDevice } from "../../emulator/run/machine.ts";
import { type ExplorationModule, isExploration } from "./exploration.ts";
import { PluggedSession } from "./plugged-session.ts";
import type { RaceProgram } from "./race-program.ts";
import type { SearchSession } from "./search-session.ts";
import { Session } from "./session.ts";
import { hashOfModule } from "./source-hash.ts";
import { sourceHashOf } from "./token.ts";

/** Where a scenario is. Structured-cloneable. */
export interface ScenarioPlace {
  /** What it is called in tokens: the name of a race program, or the path of a module from the current folder on. */
  readonly name: string;
  /** The module: of the race programs, or of the exploration itself. */
  readonly url: string;
  readonly isRace: boolean;
  /** The twin of a race program in which the bug is mended. */
  readonly isFixed: boolean;
}

/** A scenario that is ready to be searched. */
export interface Scenario {
  readonly session: SearchSession;
  readonly sourceHash: string;
}

/** What was asked for is no scenario: one sentence. */
export class ScenarioError extends Error {
  override readonly name = "ScenarioError";
}

/** The driver's set-up threw, before anything was explored. */
export class SetupError extends Error {
  override readonly name = "SetupError";

  constructor(thrown: unknown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    super(`${error.name}: ${error.message}`, { cause: thrown });
    this.stack = error.stack ?? "";
  }
}

/** Loads what stands there. `onBody` hears when a body begins (true) and when a set-up does (false). */
export async function loadScenario(place: ScenarioPlace, onBody: (isBody: boolean) => void): Promise<Scenario> {
  if (place.isRace) {
    const program = (await loadRaces(place.url)).find(({ name }) => name === place.name);
    if (program === undefined) throw new ScenarioError(`There is no scenario "${place.name}".`);
    onBody(true);
    return { session: new Session(program, place.isFixed), sourceHash: sourceHashOf(program) };
  }
  const module = await loadExploration(place);
  const devices = await Promise.all(module.devices.map(loadDevice));
  const session = new PluggedSession(devices, watched(module, place.name, onBody), module.machine);
  return { session, sourceHash: hashOfModule(place.url) };
}

export async function loadRaces(url: string): Promise<readonly RaceProgram[]> {
  return ((await import(url)) as { readonly races: readonly RaceProgram[] }).races;
}

async function loadExploration({ name, url }: ScenarioPlace): Promise<ExplorationModule> {
  const loaded = await imported(name, url);
  if (!isExploration(loaded.default))
    throw new ScenarioError(
      `${name} is no exploration: it must end in \`export default exploration({ devices: [...], setup, body })\`.`,
    );
  const { setup, body } = loaded.default;
  for (const [what, is] of Object.entries({ setup, body })) {
    if (is.constructor.name === "Function") continue;
    throw new ScenarioError(`${name}: ${what} is no plain function; one that awaits or yields cannot be explored.`);
  }
  return loaded.default;
}

async function imported(name: string, url: string): Promise<{ readonly default?: unknown }> {
  try {
    return (await import(url)) as { readonly default?: unknown };
  } catch (thrown) {
    const [reason = ""] = `${thrown instanceof Error ? thrown.message : thrown}`.split("\n", 1);
    throw new ScenarioError(`${name} cannot be loaded: ${reason.replace(/\.$/, "")}.`, { cause: thrown });
  }
}

/** Tells set-up from body, and both from our own mistakes. */
function watched(module: ExplorationModule, name: string, onBody: (isBody: boolean) => void): ExplorationModule {
  return {
    ...module,
    setup(bed) {
      onBody(false);
      try {
        return module.setup(bed);
      } catch (thrown) {
        throw new SetupError(thrown);
      }
    },
    body(bed, context) {
      onBody(true);
      const returned: unknown = module.body(bed, context);
      if (typeof (returned as { then?: unknown } | undefined)?.then === "function")
        throw new Error(`the body of ${name} returned a promise; what it does later is not explored`);
    },
  };
}
