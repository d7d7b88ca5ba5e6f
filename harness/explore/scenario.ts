import { loadDevice } from "../../emulator/run/machine.ts";
import { mindsRaces } from "../../emulator/sanitize/rule.ts";
import type { ExploredTracing } from "../trace/explored-tracing.ts";
import { AsyncSession } from "./async-session.ts";
import { type ExplorationModule, isExploration } from "./exploration.ts";
import { isAsyncExploration } from "./plain-functions.ts";
import { type Exploration, PluggedSession } from "./plugged-session.ts";
import type { RaceProgram } from "./race-program.ts";
import type { AnySession } from "./search-session.ts";
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
  readonly session: AnySession;
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

/**
 * Loads what stands there. `onBody` hears when a body begins (true) and when a set-up does (false). `tracing`: where a run is
 * to be traced.
 */
export async function loadScenario(
  place: ScenarioPlace,
  onBody: (isBody: boolean) => void,
  tracing?: ExploredTracing,
): Promise<Scenario> {
  if (place.isRace) {
    const program = (await loadRaces(place.url)).find(({ name }) => name === place.name);
    if (program === undefined) throw new ScenarioError(`There is no scenario "${place.name}".`);
    onBody(true);
    return { session: new Session(program, place.isFixed), sourceHash: sourceHashOf(program) };
  }
  const module = await loadExploration(place);
  const devices = await Promise.all(module.devices.map(loadDevice));
  const watched = watch(module, onBody);
  const session = isAsync(place, module)
    ? new AsyncSession(devices, watched, module.machine, [], tracing)
    : new PluggedSession(devices, watched, module.machine, 0, [], tracing);
  if (mindsRaces(module.machine?.sanitize)) session.plugged.detectRaces();
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
  return loaded.default;
}

function isAsync({ name }: ScenarioPlace, { setup, body }: ExplorationModule): boolean {
  try {
    return isAsyncExploration(setup, body);
  } catch (error) {
    throw new ScenarioError(`${name}: ${(error as Error).message.replace(/^explore: /, "")}`);
  }
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
function watch(module: ExplorationModule, onBody: (isBody: boolean) => void): Exploration<unknown> {
  const failed = (thrown: unknown): never => {
    throw thrown instanceof SetupError ? thrown : new SetupError(thrown);
  };
  return {
    ...module,
    setup(bed) {
      onBody(false);
      try {
        const made = module.setup(bed);
        return made instanceof Promise ? made.catch(failed) : made;
      } catch (thrown) {
        return failed(thrown);
      }
    },
    body(bed, context) {
      onBody(true);
      return module.body(bed, context);
    },
  };
}
