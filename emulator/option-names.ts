/** The names of all options of a type: a record, so that the compiler finds one that is missing or was renamed. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Refuses options that there are not. A compiler would have refused them too, but test runners do not ask one: a misspelt
 * option would be taken for its default, and the test would pass without what it is about.
 *
 * @throws RangeError naming the option and those that there are.
 */
export function checkOptionNames(of: string, options: object, names: object): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue;
    throw new RangeError(`${of}: there is no option "${name}"; there are ${Object.keys(names).sort().join(", ")}`);
  }
}
