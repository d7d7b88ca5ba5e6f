/** Loads a driver with one change in its source: no file is written, and every mutant is a module of its own. */
import { readFileSync } from "node:fs";
import * as nodeModule from "node:module";
import type { Change } from "./mutant.ts";

const DRIVERS = new URL("../../scenarios/drivers/", import.meta.url).href;
const SCENARIOS = new URL("../../scenarios/faults/", import.meta.url).href;
const QUERY = "?mutant=";
const mutants = new Map<string, Change>();

/** What is missing in the types of Node 24: synchronous hooks of the module loader. */
interface Hooks {
  registerHooks(hooks: {
    resolve(
      specifier: string,
      context: { parentURL?: string },
      next: (specifier: string, context: object) => { url: string; format?: string },
    ): { url: string; format?: string };
    load(
      url: string,
      context: object,
      next: (url: string, context: object) => { source?: unknown; format: string },
    ): { source?: unknown; format: string; shortCircuit?: boolean };
  }): void;
}

(nodeModule as unknown as Hooks).registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    // The other files of a mutated driver are loaded anew with it, or they would import the driver that is whole.
    const query = context.parentURL?.indexOf(QUERY) ?? -1;
    if (query < 0 || !resolved.url.startsWith(DRIVERS) || resolved.url.includes(QUERY)) return resolved;
    return { ...resolved, url: resolved.url + (context.parentURL ?? "").slice(query) };
  },
  load(url, context, next) {
    const query = url.indexOf(QUERY);
    if (query < 0) return next(url, context);
    const mutant = mutants.get(url.slice(query + QUERY.length));
    const file = url.slice(0, query);
    if (mutant === undefined || file !== DRIVERS + mutant.file) return next(file, context);
    return { format: "module-typescript", source: mutated(mutant), shortCircuit: true };
  },
});

/** The module `entry` of scenarios/drivers, with the mutant's change in it or in a file that it imports. */
export function loadMutant(entry: string, mutant: Change): Promise<unknown> {
  mutants.set(mutant.name, mutant);
  // Throws here rather than in the loader, where nobody would see why.
  mutated(mutant);
  return import(`${DRIVERS}${entry}${QUERY}${mutant.name}`);
}

/** A module of scenarios/faults, with the mutant's change in the driver that it imports. */
export function loadMutantScenario(scenario: string, mutant: Change): Promise<unknown> {
  mutants.set(mutant.name, mutant);
  mutated(mutant);
  return import(`${SCENARIOS}${scenario}${QUERY}${mutant.name}`);
}

function mutated({ name, file, find, replace }: Change): string {
  const source = readFileSync(new URL(DRIVERS + file), "utf8");
  const parts = source.split(find);
  if (parts.length !== 2)
    throw new Error(`mutant ${name}: its text stands ${parts.length - 1} times in ${file}, and must stand once`);
  return parts.join(replace);
}
