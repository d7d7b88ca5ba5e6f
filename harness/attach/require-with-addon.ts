import Module, { createRequire } from "node:module";
import { basename, extname, resolve } from "node:path";

/** How CommonJS loads what is required: not documented, the same in all versions of Node, and what mocks are made with. */
interface Loader {
  _load(request: string, parent: unknown, isMain: boolean): unknown;
}

/**
 * Requires a driver in CommonJS as it is, with something else in place of its native addon: whatever in this thread requires a
 * file named `addonName` ("native" for "../build/Release/native" or "./native.node") gets `addon`. Returns what the driver
 * exports.
 */
export function requireWithAddon(driverPath: string, addonName: string, addon: unknown): unknown {
  const loader = Module as unknown as Loader;
  const load = loader._load;
  loader._load = function replaced(request, parent, isMain) {
    if (basename(request, extname(request)) === addonName) return addon;
    return load.call(this, request, parent, isMain);
  };
  return createRequire(import.meta.url)(resolve(driverPath));
}
