import { readFileSync } from "node:fs";
import * as nodeModule from "node:module";
import { fileURLToPath } from "node:url";
import { hashOfText } from "./token.ts";

/** softbar's own layers: a driver under test is not changed by them. */
const OWN_LAYER = /^(emulator|devices|harness)\//;
const ROOT = new URL("../../", import.meta.url).href;
const IMPORTED = /\b(?:from|import)\s*\(?\s*(["'])(\.{1,2}\/[^"'\n]+)\1/g;
/** A driver in WebAssembly, which a module loads by its place beside it. */
const LOADED = /\bnew URL\(\s*(["'])(\.{1,2}\/[^"'\n]+\.wasm)\1/g;
/** A string stays, a comment goes. */
const STRING_OR_COMMENT = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
/** Files that are followed: a driver has fewer. */
const FILE_LIMIT = 500;

/**
 * Hash of a module, of what it imports by relative paths and of the WebAssembly that it loads, softbar itself excepted: a change of the driver is a change
 * of its exploration. Types, comments and spaces do not count, so that a module and what the compiler made of it agree;
 * they do not where the compiler writes something in another way (parentheses around an expression, a renamed import).
 */
export function hashOfModule(moduleUrl: string): string {
  const texts = new Map<string, string>();
  const pending = [moduleUrl];
  while (pending.length > 0 && texts.size < FILE_LIMIT) {
    const url = pending.shift() ?? "";
    if (texts.has(url) || isOwn(url)) continue;
    const text = sourceOf(url);
    texts.set(url, text.replace(/(["'].*?)\.[mc]?[tj]s(["'])/g, "$1$2"));
    for (const [, , specifier = ""] of text.matchAll(IMPORTED)) pending.push(new URL(specifier, url).href);
    for (const [, , specifier = ""] of text.matchAll(LOADED)) pending.push(new URL(specifier, url).href);
  }
  return hashOfText([...texts.values()].join("\n"));
}

function isOwn(url: string): boolean {
  return url.startsWith(ROOT) && OWN_LAYER.test(url.slice(ROOT.length));
}

/** Without types and comments; empty for what cannot be read, which the loader has told already. */
function sourceOf(url: string): string {
  let text = "";
  try {
    if (url.endsWith(".wasm")) return readFileSync(fileURLToPath(url), "latin1");
    text = readFileSync(fileURLToPath(url), "utf8");
  } catch {
    return "";
  }
  return withoutTypes(url, text).replace(STRING_OR_COMMENT, "$1");
}

function withoutTypes(url: string, text: string): string {
  if (!/\.[mc]?ts$/.test(url)) return text;
  // In Node 22.13 and later; where it is missing, no TypeScript is loaded either.
  const { stripTypeScriptTypes } = nodeModule as { stripTypeScriptTypes?: (code: string) => string };
  if (stripTypeScriptTypes === undefined) return text;
  const { emitWarning } = process;
  // It warns that it may change. Then the hash does, and a token is replayed as well as it can be.
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(text);
  } catch {
    return text;
  } finally {
    process.emitWarning = emitWarning;
  }
}
