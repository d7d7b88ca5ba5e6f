/** The element that a selector finds. Throws Error where the page has none: page and script do not belong together. */
export function bySelector<Kind extends HTMLElement = HTMLElement>(
  selector: string,
  within: ParentNode = document,
): Kind {
  const element = within.querySelector<Kind>(selector);
  if (element === null) throw new Error(`this page has no ${selector}`);
  return element;
}

/** "1 register", "1,234 registers". */
export function labelled(count: number, singular: string): string {
  return `${count.toLocaleString("en-US")} ${singular}${count === 1 ? "" : "s"}`;
}
