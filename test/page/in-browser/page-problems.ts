/**
 * What a reader with a keyboard, a screen reader or weak eyes would stumble over, found in the page itself: names, headings,
 * landmarks, tables, contrast, sizes. Runs in the browser; returns sentences, none for a page that is as it should be.
 */
function pageProblems(): string[] {
  return [...structureProblems(), ...nameProblems(), ...tableProblems(), ...textProblems()];
}

const SMALLEST_TEXT_PX = 11;
const LARGE_PX = 24;
const LARGE_BOLD_PX = 18.66;

function structureProblems(): string[] {
  const problems: string[] = [];
  const expectOne = (selector: string): void => {
    const count = document.querySelectorAll(selector).length;
    if (count !== 1) problems.push(`${count} of ${selector}, want one`);
  };
  if (document.documentElement.lang === "") problems.push("the page names no language");
  if (document.title === "") problems.push("the page has no title");
  for (const selector of ["main", "h1", "body > header"]) expectOne(selector);
  for (const nav of document.querySelectorAll("nav, section, [role=region], search form, form[role=search]")) {
    if (nav.tagName !== "FORM" && nameOf(nav) === "") problems.push(`${describe(nav)} has no name`);
  }
  const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) problems.push(`the id ${id} is not unique`);
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const next = Number(heading.tagName.charAt(1));
    if (next > level + 1) problems.push(`${describe(heading)} comes behind a heading of level ${level}`);
    level = next;
  }
  for (const reference of ["aria-labelledby", "aria-describedby", "aria-activedescendant", "for"]) {
    for (const element of document.querySelectorAll(`[${reference}]`)) {
      for (const id of (element.getAttribute(reference) ?? "").split(" ")) {
        if (document.getElementById(id) === null)
          problems.push(`${describe(element)}: ${reference} names ${id}, which is not there`);
      }
    }
  }
  for (const link of document.querySelectorAll<HTMLAnchorElement>("a[href^='#']")) {
    const id = decodeURIComponent(link.hash.slice(1));
    if (!/^event-\d+$/.test(id) && document.getElementById(id) === null)
      problems.push(`a link leads to #${id}, which is not there`);
  }
  return problems;
}

function nameProblems(): string[] {
  const problems: string[] = [];
  const interactive = "a[href], button, input, select, summary, [tabindex='0'], [role=grid]";
  for (const element of document.querySelectorAll(interactive)) {
    if (nameOf(element) === "") problems.push(`${describe(element)} has no name`);
  }
  for (const picture of document.querySelectorAll("svg, canvas, img")) {
    const isHidden = picture.closest("[aria-hidden=true]") !== null;
    const isTold = picture.getAttribute("role") === "img" && nameOf(picture).length > 20;
    if (!isHidden && !isTold) problems.push(`${describe(picture)} is neither hidden nor told in words`);
  }
  return problems;
}

function tableProblems(): string[] {
  const problems: string[] = [];
  for (const table of document.querySelectorAll("table")) {
    if ((table.caption?.textContent ?? "") === "") problems.push(`${describe(table)} has no caption`);
    for (const head of table.querySelectorAll("th")) {
      if (!["col", "row"].includes(head.scope))
        problems.push(`a heading of ${table.caption?.textContent} has no scope`);
    }
    const widths = new Set([...table.rows].map(({ cells }) => cells.length));
    if (widths.size > 1) problems.push(`${table.caption?.textContent}: rows have ${[...widths].join(" and ")} cells`);
  }
  return problems;
}

/** Contrast as WCAG 2.2 counts it (1.4.3), and sizes that can be read. */
function textProblems(): string[] {
  const problems = new Set<string>();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    if (element === null || (node.textContent ?? "").trim() === "" || !isSeen(element)) continue;
    if (element.closest("button:disabled, .unseen, script, style") !== null) continue;
    const style = getComputedStyle(element);
    const size = Number.parseFloat(style.fontSize);
    if (size < SMALLEST_TEXT_PX) problems.add(`${describe(element)} is ${size.toFixed(1)} px small`);
    const colour = rgbaOf(style.color);
    if (colour[3] === 0) continue;
    const ratio = contrast(colour, backgroundOf(element));
    const isLarge = size >= LARGE_PX || (size >= LARGE_BOLD_PX && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) problems.add(`${describe(element)} has a contrast of ${ratio.toFixed(2)}`);
  }
  return [...problems];
}

function isSeen(element: Element): boolean {
  return element.checkVisibility({ contentVisibilityAuto: true, opacityProperty: true, visibilityProperty: true });
}

/** The accessible name, as far as these pages use the rules for it. */
function nameOf(element: Element): string {
  const byIds = (element.getAttribute("aria-labelledby") ?? "")
    .split(" ")
    .map((id) => document.getElementById(id)?.textContent ?? "")
    .join(" ");
  const label =
    element instanceof HTMLInputElement || element instanceof HTMLSelectElement
      ? element.labels?.[0]?.textContent
      : undefined;
  const own = element instanceof HTMLInputElement || element instanceof HTMLSelectElement ? "" : element.textContent;
  return (
    [byIds, element.getAttribute("aria-label"), label, own]
      .map((text) => (text ?? "").trim())
      .find((text) => text !== "") ?? ""
  );
}

function describe(element: Element): string {
  const classes = element.getAttribute("class");
  const name = `${element.tagName.toLowerCase()}${element.id === "" ? "" : `#${element.id}`}${classes === null ? "" : `.${classes.trim().replaceAll(" ", ".")}`}`;
  return `${name} "${(element.textContent ?? "").trim().slice(0, 30)}"`;
}

type Rgba = readonly [red: number, green: number, blue: number, alpha: number];

const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** Any colour that CSS can say, as the browser paints it. */
function rgbaOf(colour: string): Rgba {
  if (pixel === null) throw new Error("no canvas");
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = colour;
  pixel.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0, alpha = 0] = pixel.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
}

/** What lies behind an element: its background and those of its parents, one over the other. */
function backgroundOf(element: Element): Rgba {
  const layers: Rgba[] = [];
  for (let each: Element | null = element; each !== null; each = each.parentElement) {
    layers.push(
      rgbaOf(
        getComputedStyle(each, "::before").position === "absolute" && each.classList.contains("row")
          ? getComputedStyle(each, "::before").backgroundColor
          : getComputedStyle(each).backgroundColor,
      ),
    );
  }
  let below: Rgba = [255, 255, 255, 1];
  for (const layer of layers.reverse()) below = over(layer, below);
  return below;
}

function over(top: Rgba, below: Rgba): Rgba {
  const mix = (at: 0 | 1 | 2): number => top[at] * top[3] + below[at] * (1 - top[3]);
  return [mix(0), mix(1), mix(2), 1];
}

function contrast(text: Rgba, background: Rgba): number {
  const [one, other] = [luminance(over(text, background)), luminance(background)];
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

function luminance([red, green, blue]: Rgba): number {
  const linear = (value: number): number =>
    value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

/** The element that has the focus: what a screen reader says of it, and whether a reader sees where it is. */
function focused(): { readonly name: string; readonly what: string; readonly isSeen: boolean; readonly place: number } {
  const element = document.activeElement ?? document.body;
  const { top, bottom, left, right } = element.getBoundingClientRect();
  const isInSight = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
  const hasOutline = getComputedStyle(element).outlineStyle !== "none";
  const all = [...document.querySelectorAll("*")];
  return {
    name: nameOf(element),
    what: describe(element),
    isSeen: isInSight && hasOutline,
    place: all.indexOf(element),
  };
}

Object.assign(globalThis, { pageProblems, focused });
