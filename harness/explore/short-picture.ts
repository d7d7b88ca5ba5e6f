import { counted } from "../cli/quantities.ts";

/** Lines of a picture that are shown: what went before the last of them seldom matters, and nobody reads it. */
const LINES_MAX = 60;
/** The longest block of lines whose repetition is looked for, and how often it must come to be folded. */
const BLOCK_MAX = 8;
const REPEATS_MIN = 3;

/** A picture of many steps: its head and its last lines, with a loop that goes round and round told once. */
export function shortPicture(picture: string): string {
  const [head = "", ...lines] = picture.split("\n");
  const folded = foldLoops(lines);
  const hidden = folded.length - LINES_MAX;
  if (hidden <= 0) return [head, ...folded].join("\n");
  return [head, ` (${counted(hidden, "line")} before are left out)`, ...folded.slice(hidden)].join("\n");
}

function foldLoops(lines: readonly string[]): string[] {
  const texts = lines.map((line) => line.replace(/^ *\d+/, ""));
  const folded: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const { size, repeats } = loopAt(texts, at);
    folded.push(...lines.slice(at, at + size));
    if (repeats > 1) folded.push(` (the same ${counted(repeats - 1, "time")} more)`);
    at += size * repeats;
  }
  return folded;
}

/** The shortest block at `at` that is repeated at once, and how often it stands there. */
function loopAt(texts: readonly string[], at: number): { readonly size: number; readonly repeats: number } {
  for (let size = 1; size <= BLOCK_MAX; size++) {
    let same = 0;
    while (at + size + same < texts.length && texts[at + same] === texts[at + size + same]) same++;
    const repeats = 1 + Math.floor(same / size);
    if (repeats >= REPEATS_MIN) return { size, repeats };
  }
  return { size: 1, repeats: 1 };
}
