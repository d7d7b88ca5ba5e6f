import { readFileSync } from "node:fs";
import * as nodeModule from "node:module";
import { fileURLToPath } from "node:url";

/**
 * The script of a page, out of the modules in browser/. A page that opens from `file://` can load no module by its URL,
 * so they are put one behind the other, each behind what it imports, and their import and export words taken off.
 *
 * From the source the types are stripped as Node strips them when it runs TypeScript; in the package the compiler has
 * made JavaScript of them beforehand. Either way what stands in the page is what was type-checked, and can be read there.
 */

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

/** The only form of import that the modules use: values by their names, in one statement. Those of types are stripped. */
const IMPORT = /^import \{[^}]*\} from "(\.[^"]+)";$/gm;
const EXPORT = /^export (?=(?:async )?(?:function|const|let|class) )/gm;
const TOP_LEVEL_NAME = /^(?:async )?(?:function|const|let|class) (\w+)/gm;

/** `entry` is the name of a module in browser/, without its extension. Throws Error for a module that cannot be joined. */
export function inlineScript(entry: string): string {
  return scriptOf(new URL(`./browser/${entry}${EXTENSION}`, import.meta.url).href);
}

/** The same for a module anywhere, by its URL: for tests that run something in a page. */
export function scriptOf(url: string): string {
  return joinModules(url, (each) => javaScriptOf(fileURLToPath(each)));
}

/** The module at `entryUrl` and what it imports as one script. `read` gives the JavaScript of a module. */
export function joinModules(entryUrl: string, read: (url: string) => string): string {
  const parts: string[] = [];
  const state = new Map<string, "begun" | "done">();
  const ownerOf = new Map<string, string>();
  const add = (url: string): void => {
    if (state.get(url) === "done") return;
    if (state.get(url) === "begun")
      throw new Error(`${url} imports itself, by way of others: a page's script has no circles`);
    state.set(url, "begun");
    const source = read(url);
    for (const [, name = ""] of source.matchAll(IMPORT)) add(new URL(name, url).href);
    const script = source.replace(IMPORT, "").replace(EXPORT, "");
    const left = /^(?:import|export)\b.*/m.exec(script);
    if (left !== null) throw new Error(`${url}: "${left[0]}" cannot be put into a page; write import { … } from "./…"`);
    if (/<\/script|<!--/i.test(script))
      throw new Error(`${url} holds </script or <!--, which would end the page's script`);
    for (const [, name = ""] of script.matchAll(TOP_LEVEL_NAME)) {
      const owner = ownerOf.get(name);
      if (owner !== undefined) throw new Error(`${url} and ${owner} both declare ${name}: one page, one name`);
      ownerOf.set(name, url);
    }
    parts.push(compact(script));
    state.set(url, "done");
  };
  add(entryUrl);
  return parts.join("\n");
}

function javaScriptOf(path: string): string {
  const source = readFileSync(path, "utf8");
  if (EXTENSION === ".js") return source;
  // Node says at every first call that the function may change. The reader of a report can do nothing about that.
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return nodeModule.stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Without the blanks that stand where types were, and without a map of the source that no page can load. */
function compact(script: string): string {
  return script
    .replace(/^\/\/# sourceMappingURL=.*$/gm, "")
    .replace(/[ \t]+$/gm, "")
    .replace(/\n{2,}/g, "\n")
    .trim();
}
