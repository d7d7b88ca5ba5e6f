import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

// How the tidy test reads the tree: by a few patterns instead of a parser, because TypeScript 7 offers none to call.

export const root: string = resolve(import.meta.dirname, "../..");

export interface SourceFile {
  readonly path: string;
  readonly text: string;
  /** `text` without its comments, and without what stands in "strings"; the same length, so that positions agree. */
  readonly code: string;
}

// A regular expression literal is matched (and kept) so that a quote or a slash inside it starts nothing.
const lexeme =
  /\/\/.*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|(?<=[=(,:!&|?{};]\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\//g;

/** Blanks comments and strings, so that the rules see only code. */
export function sourceFile(path: string, text: string): SourceFile {
  const blank = (part: string) => part.replace(/[^\n]/g, " ");
  const code = text.replace(lexeme, (part) => {
    if (part.startsWith("//") || part.startsWith("/*")) return blank(part);
    return part.startsWith('"') || part.startsWith("'") ? `"${blank(part.slice(1, -1))}"` : part;
  });
  return { path, text, code };
}

/** `import … from "x"`, `export … from "x"`, `import "x"`, `import("x")`, also where only a type is meant. */
export function* imports(file: SourceFile): Iterable<{ at: number; name: string }> {
  for (const found of file.code.matchAll(/\b(?:from|import)\s*\(?\s*"( *)"/g)) {
    const start = found.index + found[0].indexOf('"') + 1;
    yield { at: found.index, name: file.text.slice(start, start + (found[1] ?? "").length) };
  }
}

/** `new URL("x", import.meta.url)`, also with a template. */
export function* ownUrls(file: SourceFile): Iterable<{ at: number; name: string }> {
  for (const found of file.code.matchAll(/\bnew URL\(\s*["`]([^"`]*)["`]\s*,\s*import\.meta\.url/g)) {
    const start = found.index + found[0].search(/["`]/) + 1;
    yield { at: found.index, name: file.text.slice(start, start + (found[1] ?? "").length) };
  }
}

/** The arguments of a call whose opening bracket ends at `start`. */
export function argumentsAt(code: string, start: number): string[] {
  const list = [""];
  let depth = 0;
  for (const char of code.slice(start, start + 1000)) {
    if (depth === 0 && char === ")") break;
    if ("([{".includes(char)) depth++;
    if (")]}".includes(char)) depth--;
    if (depth === 0 && char === ",") list.push("");
    else list[list.length - 1] += char;
  }
  return list.map((argument) => argument.trim());
}

/** Every text file of the project, but not what a tool made. */
export function readTree(): SourceFile[] {
  const ignored = /^(?:node_modules|dist|coverage|softbar-report|\.git)$/;
  const paths = readdirSync(root, { withFileTypes: true })
    .filter((entry) => !ignored.test(entry.name))
    .flatMap((entry) => {
      if (!entry.isDirectory()) return [entry.name];
      return readdirSync(join(root, entry.name), { recursive: true, encoding: "utf8" }).map((p) => join(entry.name, p));
    })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => /\.(?:ts|js|mjs|md|jsonc?|html|css|sh)$|^\.ci\/run$/.test(path))
    .filter((path) => path !== "test/tidy.test.ts" && path !== "package-lock.json");
  return paths.map((path) => sourceFile(path, readFileSync(join(root, path), "utf8")));
}
