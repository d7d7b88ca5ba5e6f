import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { DeviceFile } from "./template.ts";

/** The project that a new device comes into. */
export interface Project {
  /** Files that a folder without a project gets beside the device. */
  readonly files: readonly DeviceFile[];
  /** What is left to its owner, one sentence each. */
  readonly toDo: readonly string[];
}

const INSTALL = "npm install -D path/to/softbar-VERSION.tgz vitest typescript @types/node";

const STAYS =
  "Its test is found below test/unit. A device that stays goes into devices/, its driver into scenarios/drivers/, with a line each in devices/index.ts, scenarios/catalogue.ts and test/conformance/devices.ts.";

/** The device is TypeScript. */
const NODE: readonly string[] = process.features.typescript
  ? []
  : [
      `Take Node 22.18 or later: ${process.versions.node} runs no TypeScript, and the device's thread loads it as it is.`,
    ];

/** What the device's code asks of the compiler: it runs by type stripping, so imports are spelled with `.ts`. */
const COMPILER_OPTIONS = {
  target: "es2022",
  module: "nodenext",
  lib: ["es2023", "es2024.sharedmemory", "esnext.disposable"],
  types: ["node"],
  strict: true,
  noEmit: true,
  allowImportingTsExtensions: true,
  erasableSyntaxOnly: true,
  verbatimModuleSyntax: true,
  skipLibCheck: true,
};

/**
 * What the project around `folder` needs for a device in it: a whole one where there is none, else what its package.json
 * lacks. `version` is softbar's. Throws RangeError for a package.json that is no JSON.
 */
export function projectAround(folder: string, device: string, version: string): Project {
  const install = `Install: ${INSTALL.replace("VERSION", version)}`;
  const manifestPath = nearest(folder, "package.json");
  if (manifestPath === undefined) {
    const manifest = {
      name: `${device}-project`,
      private: true,
      type: "module",
      scripts: { test: "vitest run", typecheck: "tsc" },
      softbar: { devices: [`./${device}`] },
    };
    const files = [jsonFile("package.json", manifest)];
    if (!existsSync(join(folder, "tsconfig.json"))) {
      files.push(jsonFile("tsconfig.json", { compilerOptions: COMPILER_OPTIONS, include: ["**/*.ts"] }));
    }
    return { files, toDo: [...NODE, install] };
  }
  return { files: [], toDo: [...NODE, ...lacks(manifestPath, device, install)] };
}

/** The paths of devices that a folder's package.json lists under "softbar". Throws RangeError where it is no JSON. */
export function listedDevices(folder: string): readonly string[] {
  const path = join(folder, "package.json");
  const listed = existsSync(path) ? readManifest(path).softbar?.devices : undefined;
  return Array.isArray(listed) ? listed.filter((each) => typeof each === "string") : [];
}

interface Manifest {
  readonly name?: string;
  readonly type?: string;
  readonly dependencies?: object;
  readonly devDependencies?: object;
  readonly softbar?: { readonly devices?: unknown };
}

function lacks(path: string, device: string, install: string): string[] {
  const { name, type, dependencies, devDependencies } = readManifest(path);
  const shown = relative(process.cwd(), path);
  const toDo: string[] = [];
  if (name === "softbar") return [STAYS];
  if (type !== "module") toDo.push(`Add "type": "module" to ${shown}.`);
  const installed = { ...dependencies, ...devDependencies };
  if (!["softbar", "vitest", "typescript", "@types/node"].every((each) => each in installed)) toDo.push(install);
  toDo.push(
    `Let "softbar devices" list it: "softbar": { "devices": ["./${device}"] } in ${shown}, by the path from there.`,
  );
  toDo.push('The compiler needs "allowImportingTsExtensions" and "noEmit", or "rewriteRelativeImportExtensions".');
  return toDo;
}

function readManifest(path: string): Manifest {
  try {
    const manifest: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof manifest === "object" && manifest !== null) return manifest;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new RangeError(`${path} is no JSON object: mend it first.`);
}

function nearest(folder: string, file: string): string | undefined {
  const path = join(folder, file);
  if (existsSync(path)) return path;
  const parent = dirname(resolve(folder));
  return parent === resolve(folder) ? undefined : nearest(parent, file);
}

function jsonFile(name: string, value: object): DeviceFile {
  return { name, text: `${JSON.stringify(value, null, 2)}\n` };
}
