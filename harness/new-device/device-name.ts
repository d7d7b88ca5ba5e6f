/** The name of a new device in its spellings: `tally-card`, `tallyCard`, `TallyCard`. */
export interface DeviceName {
  readonly kebab: string;
  readonly camel: string;
  readonly pascal: string;
}

/** Its own spellings in the template: what is put in their place everywhere. */
const PLACEHOLDER: DeviceName = spellingsOf("template-device");
const LENGTH_LIMIT = 40;
/** Words that no function can be called by in a module. */
const RESERVED =
  "arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield";

/**
 * Checks a name that somebody typed. `templates` are the texts it will stand in, `taken` names of other devices. Throws
 * RangeError, in a sentence, for a name that would not work.
 */
export function checkedName(typed: string, templates: readonly string[], taken: readonly string[]): DeviceName {
  const quoted = JSON.stringify(typed);
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(typed) || typed.length > LENGTH_LIMIT) {
    throw new RangeError(
      `${quoted} is no name for a device: want small letters and digits with single dashes between, such as tally-card, ${LENGTH_LIMIT} at most.`,
    );
  }
  if (taken.includes(typed)) throw new RangeError(`There is a device ${quoted} already: take another name.`);
  const name = spellingsOf(typed);
  const isLanguage = RESERVED.split(" ").includes(name.camel) || name.camel in globalThis || name.pascal in globalThis;
  if (isLanguage) throw new RangeError(`${quoted} means something in JavaScript: take another name.`);
  const own = new RegExp(`\\b(?:${name.kebab}|${name.camel}|${name.pascal}(?:Driver|State)?)\\b`);
  if (templates.some((text) => own.test(text))) {
    throw new RangeError(`${quoted} is a word of the code that every new device begins with: take another name.`);
  }
  return name;
}

/** The text with the name where the template's own stands. */
export function withName(text: string, name: DeviceName): string {
  return text
    .replaceAll(PLACEHOLDER.kebab, name.kebab)
    .replaceAll(PLACEHOLDER.camel, name.camel)
    .replaceAll(PLACEHOLDER.pascal, name.pascal);
}

function spellingsOf(kebab: string): DeviceName {
  const camel = kebab.replace(/-([a-z0-9])/g, (_dash, letter: string) => letter.toUpperCase());
  return { kebab, camel, pascal: camel.slice(0, 1).toUpperCase() + camel.slice(1) };
}
