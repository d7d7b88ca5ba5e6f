import { counted } from "../../cli/quantities.ts";
import { bySelector } from "./dom.ts";

/** The register page: the filter, offsets as anchors, and which register is in sight. */

interface Filtered {
  readonly card: HTMLElement;
  readonly entry: HTMLElement | undefined;
  /** Everything that a reader sees of it, in small letters. */
  readonly text: string;
}

const cards = [...document.querySelectorAll<HTMLElement>(".register")];
const entries = new Map([...document.querySelectorAll<HTMLElement>(".map li")].map((item) => [item.dataset.for, item]));
const listed: readonly Filtered[] = cards.map((card) => ({
  card,
  entry: entries.get(card.id),
  text: (card.textContent ?? "").toLowerCase(),
}));
const find = bySelector<HTMLInputElement>("#find");
const selects = {
  model: bySelector<HTMLSelectElement>("#model"),
  access: bySelector<HTMLSelectElement>("#access"),
  mirror: bySelector<HTMLSelectElement>("#mirror"),
};

/** Whether one of the places "offset,count,stride" of a register holds the byte at `offset`. */
function holds(card: HTMLElement, offset: number): boolean {
  return (card.dataset.at ?? "").split(" ").some((place) => {
    const [start = 0, count = 0, stride = 4] = place.split(",").map(Number);
    const distance = offset - start;
    return distance >= 0 && Math.floor(distance / stride) < count && distance % stride < 4;
  });
}

function fits({ card, text }: Filtered, words: readonly string[]): boolean {
  const { model, access, mirror } = selects;
  if (model.value !== "" && card.dataset.model !== model.value) return false;
  if (mirror.value !== "" && card.dataset.mirror !== mirror.value) return false;
  if (access.value !== "" && !(card.dataset.access ?? "").split(" ").includes(access.value)) return false;
  return words.every((word) => (/^0x[0-9a-f]+$/.test(word) && holds(card, Number(word))) || text.includes(word));
}

function applyFilter(): void {
  const words = find.value
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  let count = 0;
  for (const each of listed) {
    const isShown = fits(each, words);
    each.card.hidden = !isShown;
    if (each.entry !== undefined) each.entry.hidden = !isShown;
    if (isShown) count++;
  }
  for (const section of document.querySelectorAll<HTMLElement>("main section")) {
    section.hidden = section.querySelector(".register:not([hidden])") === null;
  }
  bySelector("#found").textContent =
    count === listed.length ? counted(count, "register") : `${count} of ${counted(listed.length, "register")}`;
  bySelector(".nothing").hidden = count > 0;
}

function clearFilter(): void {
  find.value = "";
  for (const select of Object.values(selects)) select.value = "";
  applyFilter();
}

/** "#0x1028" is the register at that offset. One that the filter hides is shown again. */
function followAnchor(): void {
  const anchor = decodeURIComponent(location.hash.slice(1));
  if (anchor === "") return;
  const card = /^0x[0-9a-f]+$/i.test(anchor)
    ? cards.find((each) => holds(each, Number(anchor)))
    : cards.find((each) => each.id === anchor);
  if (card === undefined) return;
  if (card.hidden) clearFilter();
  if (card.id !== anchor) location.replace(`#${card.id}`);
  card.scrollIntoView();
}

/** Marks in the map what stands at the top of the page. */
function watchSight(): void {
  let marked: Element | null = null;
  const observer = new IntersectionObserver(
    (changes) => {
      const top = changes.filter(({ isIntersecting }) => isIntersecting).at(0);
      if (top === undefined) return;
      marked?.removeAttribute("aria-current");
      marked = entries.get(top.target.id)?.querySelector("a") ?? null;
      marked?.setAttribute("aria-current", "location");
    },
    { rootMargin: "-15% 0px -75% 0px" },
  );
  for (const card of cards) observer.observe(card);
}

find.addEventListener("input", applyFilter);
for (const select of Object.values(selects)) select.addEventListener("change", applyFilter);
bySelector("form").addEventListener("submit", (event) => event.preventDefault());
bySelector("#clear").addEventListener("click", () => {
  clearFilter();
  find.focus();
});
addEventListener("hashchange", followAnchor);
// A phone has no room for the map beside the registers: there it is opened on demand.
if (matchMedia("(max-width: 62rem)").matches) bySelector<HTMLDetailsElement>(".map details").open = false;
followAnchor();
watchSight();
