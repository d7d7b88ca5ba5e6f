import type { PciFunction } from "../emulator/pcie/driver-view.ts";
import { DriverModuleError } from "../emulator/run/testbed-error.ts";

/** What a driver module exports by default. */
export type DriverMain = (functions: readonly PciFunction[], argument: unknown) => unknown;

/** Imports a driver module. Throws DriverModuleError when it cannot be loaded or has no default export that is a function. */
export async function loadDriver(url: string): Promise<DriverMain> {
  return loadDefault<DriverMain>(url, "driver", "(functions, argument) => result");
}

/**
 * The default export of a module, which is a function. What Node cannot load is said in a sentence; what the module itself
 * throws is its own. `kind` is what the module is called, `shape` what its default export should look like.
 */
export async function loadDefault<Main>(url: string, kind: string, shape: string): Promise<Main> {
  const module = await loaded(url, kind);
  if (typeof module.default === "function") return module.default as Main;
  throw new DriverModuleError(`${url} is no ${kind} module: it must have a default export ${shape}.`);
}

async function loaded(url: string, kind: string): Promise<{ readonly default?: unknown }> {
  try {
    return (await import(url)) as { readonly default?: unknown };
  } catch (thrown) {
    const code = (thrown as { code?: unknown } | null)?.code;
    if (!(thrown instanceof SyntaxError) && !(typeof code === "string" && code.startsWith("ERR_"))) throw thrown;
    const reason = (thrown as Error).message.split("\n", 1)[0]?.replace(/\.$/, "");
    throw new DriverModuleError(`${url} cannot be loaded as a ${kind} module: ${reason}.`, { cause: thrown });
  }
}
