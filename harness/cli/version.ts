import { readFileSync } from "node:fs";

/** Softbar's version. The manifest stands two folders up from the source and three up from dist. */
export function version(): string {
  const manifest = import.meta.url.endsWith(".ts") ? "../../package.json" : "../../../package.json";
  return (JSON.parse(readFileSync(new URL(manifest, import.meta.url), "utf8")) as { version: string }).version;
}
