import { GROUPS, type Group } from "../report/entry-groups.ts";
import { showDetails } from "./details.ts";
import { bySelector, dataOf } from "./dom.ts";
import { OverviewStrip } from "./overview-strip.ts";
import { type TimelineData, TimelineModel } from "./timeline-model.ts";
import { shownText, TimelineView } from "./timeline-view.ts";

/** The report's page: its interleaving comes to life. All else stands in the page as it is. */

const TYPING_PAUSE_MS = 120;

function startTimeline(root: HTMLElement, data: TimelineData): void {
  const model = new TimelineModel(data);
  const panel = bySelector(".details", root);
  const find = bySelector<HTMLInputElement>("#event-text", root);
  const lane = bySelector<HTMLSelectElement>("#event-lane", root);
  const boxes = [...root.querySelectorAll<HTMLInputElement>("[name=group]")];
  const setUp = root.querySelector<HTMLInputElement>("[name=set-up]");
  const count = bySelector("#event-count", root);
  const view = new TimelineView(root, model, (index) => {
    showDetails(panel, model, index, goTo);
    updateSteps();
  });
  const strip = new OverviewStrip(bySelector<HTMLCanvasElement>(".strip", root), model, (row) => view.scrollToRow(row));
  view.onScroll = (first, end) => strip.mark(first, end);

  function choose(): void {
    const groups = new Set(boxes.filter(({ checked }) => checked).map(({ value }) => value as Group));
    for (const group of GROUPS) if (!boxes.some(({ value }) => value === group)) groups.add(group);
    const text = find.value.trim().toLowerCase();
    model.choose({ groups, lane: Number(lane.value), text, setUp: setUp?.checked ?? true });
    count.textContent = shownText(model);
    bySelector(".nothing", root).hidden = model.rowCount > 0;
    view.refresh();
    strip.draw();
  }

  /** An entry that the filter hides takes the filter off. */
  function goTo(index: number): void {
    if (!model.isShown(index)) {
      find.value = "";
      lane.value = "-1";
      for (const box of boxes) box.checked = true;
      if (setUp !== null) setUp.checked = true;
      choose();
    }
    view.select(index);
    view.focus();
  }

  const next = bySelector<HTMLButtonElement>("#finding-next", root);
  const previous = bySelector<HTMLButtonElement>("#finding-previous", root);
  function updateSteps(): void {
    next.disabled = model.findingFrom(view.selected, 1) < 0;
    previous.disabled = view.selected < 0 || model.findingFrom(view.selected, -1) < 0;
  }
  next.addEventListener("click", () => goTo(model.findingFrom(view.selected, 1)));
  previous.addEventListener("click", () => goTo(model.findingFrom(view.selected, -1)));

  let pause = 0;
  find.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(choose, TYPING_PAUSE_MS);
  });
  lane.addEventListener("change", choose);
  for (const box of boxes) box.addEventListener("change", choose);
  setUp?.addEventListener("change", choose);
  bySelector("form", root).addEventListener("submit", (event) => event.preventDefault());

  /** "#event-1234", from a table of the page or from a link that somebody was sent. */
  function followAnchor(): void {
    const seq = /^#event-(\d+)$/.exec(location.hash)?.[1];
    const index = seq === undefined ? -1 : model.entries.indexOf(Number(seq));
    if (index < 0) return;
    // Of a narrow screen the tools above the list may take it all.
    bySelector(".split", root).scrollIntoView({ block: "start" });
    goTo(index);
  }
  addEventListener("hashchange", followAnchor);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href^='#event-']") : null;
    if (link?.getAttribute("href") === location.hash) followAnchor();
  });

  choose();
  updateSteps();
  // A long run opens where it fails; whoever scrolls up sees how it came to that.
  if (data.failure !== undefined) view.reveal(model.entries.indexOf(data.failure));
  followAnchor();
  root.dataset.ready = "true";
  performance.mark("report ready");
}

const timeline = dataOf<TimelineData>("timeline");
if (timeline !== undefined) startTimeline(bySelector("#interleaving"), timeline);
