#!/usr/bin/env node
// Placeholder.
import { readFileSync } from "node:fs";

/** The manifest stands two folders up from the source and three up from dist. */
function version(): string {
  const manifest = import.meta.url.endsWith(".ts") ? "../../package.json" : "../../../package.json";
  return (JSON.parse(readFileSync(new URL(manifest, import.meta.url), "utf8")) as { version: string }).version;
}

console.log(process.argv.includes("--version") ? version() : "softbar replay | explore | rerun | report | devices");
