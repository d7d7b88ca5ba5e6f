/** A reader of value change dumps (IEEE 1364-2005, 18), by the letter and with nothing of the writer in it. */

/** By path of the signal: its value after each time at which it changed, the last one where there are several. */
export type Waves = Map<string, Map<number, string>>;

/** Values without leading zeros; an event's is how often it has happened by then. */
export function readVcd(text: string): Waves {
  const paths = new Map<string, { readonly path: string; readonly isEvent: boolean }>();
  const waves: Waves = new Map();
  const scope: string[] = [];
  const counts = new Map<string, number>();
  const words = text.split(/\s+/);
  let timeNs = 0;
  const set = (code: string, value: string): void => {
    const signal = paths.get(code);
    if (signal === undefined) throw new Error(`no signal has the code ${code}`);
    const count = (counts.get(code) ?? 0) + 1;
    counts.set(code, count);
    const shown = signal.isEvent ? String(count) : value.replace(/^0+(?=.)/, "");
    waves.get(signal.path)?.set(timeNs, shown);
  };
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "$scope") scope.push(words[at + 2] ?? "");
    if (word === "$upscope") scope.pop();
    if (word === "$var") {
      const [type, , code = "", name] = words.slice(at + 1, at + 5);
      const path = [...scope, name].join(".");
      paths.set(code, { path, isEvent: type === "event" });
      waves.set(path, new Map());
    }
    if (
      ["$date", "$version", "$comment", "$timescale", "$scope", "$upscope", "$var", "$enddefinitions"].includes(word)
    ) {
      while (words[at] !== "$end") at++;
    } else if (word.startsWith("#")) timeNs = Number(word.slice(1));
    else if (/^[bB]/.test(word)) set(words[++at] ?? "", word.slice(1));
    else if (/^[01xz]./.test(word)) set(word.slice(1), word.charAt(0));
  }
  return waves;
}
