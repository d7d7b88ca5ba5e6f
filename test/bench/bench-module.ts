/** Modules that other threads load: `.ts` where the benches run from source, `.js` where they were compiled. */
const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

/** The address of a module of this folder, named without its extension. */
export function benchModule(name: string): URL {
  return new URL(`./${name}${EXTENSION}`, import.meta.url);
}
