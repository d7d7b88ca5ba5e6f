import Module, { createRequire } from "node:module";
import { basename, extname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** How CommonJS loads what is required: not documented, the same in all versions of Node, and what mocks are made with. */
interface Loader {
  _load(request: string, parent: unknown, isMain: boolean): unknown;
}

/** Addons by name, for as long as this thread lives: a driver may require its own when it is first used. */
const addons = new Map<string, unknown>();
let isReplaced = false;

/**
 * Requires a driver in CommonJS as it is, with something else in place of its native addon: whatever in this thread requires a
 * file named `addonName` ("native" for "../build/Release/native" or "./native.node") gets `addon`, also later on; of two of
 * one name the newer. `driver` is an absolute path, a URL (`new URL("./driver.cjs", import.meta.url)`), or a path from the
 * working directory. Returns what the driver exports. Throws what requiring it throws.
 */
export function requireWithAddon(driver: string | URL, addonName: string, addon: unknown): unknown {
  addons.set(addonName, addon);
  replaceLoader();
  return createRequire(import.meta.url)(driver instanceof URL ? fileURLToPath(driver) : resolve(driver));
}

function replaceLoader(): void {
  if (isReplaced) return;
  isReplaced = true;
  const loader = Module as unknown as Loader;
  const load = loader._load;
  loader._load = function replaced(request, parent, isMain) {
    const name = basename(request, extname(request));
    // A package of the same name is no addon.
    return addons.has(name) && /[/\\]/.test(request) ? addons.get(name) : load.call(this, request, parent, isMain);
  };
}
