import { styleText } from "node:util";

export { bytesText, counted, durationText, grouped, listText, threeDigits } from "./quantities.ts";

type Style = Parameters<typeof styleText>[0];

/** Colours text, unless nobody would see it: the stream is no terminal, or NO_COLOR is set (no-color.org). */
export function painter(stream: { readonly isTTY?: boolean }): (style: Style, text: string) => string {
  const isColoured = stream.isTTY === true && (process.env.NO_COLOR ?? "") === "";
  return (style, text) => (isColoured ? styleText(style, text, { validateStream: false }) : text);
}

const PLAIN_WIDTH = 100;
const NARROWEST = 60;
const WIDEST = 140;

/** Columns of a line: the terminal's, within what can be read, or 100 where there is none. */
export function lineWidth(stream: { readonly isTTY?: boolean; readonly columns?: number }): number {
  if (stream.isTTY !== true || stream.columns === undefined) return PLAIN_WIDTH;
  return Math.min(WIDEST, Math.max(NARROWEST, stream.columns));
}

/** Words in lines of at most `width` characters; a longer word has a line of its own. */
export function folded(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
