import { type EveryFaultResult, isFailure, type SiteResult } from "../faults/every-fault.ts";
import type { FaultDescription, FaultKind } from "../faults/fault-kinds.ts";
import type { Lie } from "../faults/hostile/deceiver.ts";
import type { HostileResult } from "../faults/hostile/hostile.ts";
import { FAULTS_COMMAND } from "./own-name.ts";
import { counted, folded, grouped, type painter } from "./terminal.ts";

const WIDTH = 110;
/** Failures that are told one by one. */
const TOLD_MAX = 20;
/** Lines of what is said of one. */
const DETAIL_LINES = 6;

/** Everything that there is to tell. */
export interface FaultsTold {
  readonly name: string;
  readonly result: EveryFaultResult;
  /** The kinds that were asked for by name. */
  readonly kinds?: readonly FaultKind[] | undefined;
  /** Whether all sites are listed. */
  readonly isWhole: boolean;
}

/** How a driver fared. */
export function faultsText(told: FaultsTold, paint: ReturnType<typeof painter>): string {
  const { name, result, isWhole } = told;
  const { siteCount, failurePathCount, visitedCount, verdicts, kinds, failures, sites, isComplete } = result;
  const isGood = failures.length === 0;
  const total = siteCount + failurePathCount;
  const place =
    visitedCount === total ? "everywhere" : `at ${grouped(visitedCount)} of ${counted(total, "fault site")}`;
  const well = verdicts.deceived > 0 ? "recovered, gave up cleanly or could not tell" : "recovered or gave up cleanly";
  const verdict = isGood ? `${well} ${place}` : counted(failures.length, "failure");
  const onPaths = failurePathCount > 0 ? `, ${grouped(failurePathCount)} of them on failure paths` : "";
  const missedCount = Object.values(verdicts).reduce((sum, count) => sum + count, 0) - visitedCount;
  const unmet = missedCount > 0 ? `; ${counted(missedCount, "fault")} not met` : "";
  const rest = !isComplete && unmet === "" ? "; it was ended before the others" : "";
  const without = told.kinds?.filter((kind) => kinds[kind] === undefined) ?? [];
  const lines = [
    `${paint("bold", name)}   ${paint(isGood ? "green" : "red", `${isGood ? "✓" : "✗"} ${verdict}`)}`,
    `${grouped(visitedCount)} of ${counted(total, "fault site")} visited${onPaths}${unmet}${rest}`,
    ...(without.length > 0 ? [`the run comes to no place for ${without.join(", ")}`] : []),
    Object.entries(verdicts)
      .filter(([, count]) => count > 0)
      .map(([each, count]) => `${grouped(count)} ${each}`)
      .join("   "),
    "",
    ...folded(
      Object.entries(kinds).map(([kind, count]) => `${kind} ${count}`.replaceAll(" ", "\u00a0")),
      WIDTH,
    ).map((line) => paint("dim", line.replaceAll(" ", "   "))),
  ];
  for (const site of isWhole ? sites : failures.slice(0, TOLD_MAX)) lines.push("", ...siteText(site, paint));
  if (!isWhole && failures.length > TOLD_MAX)
    lines.push("", `… and ${failures.length - TOLD_MAX} more: --all lists them.`);
  const [first] = failures;
  if (first !== undefined) lines.push("", `One again: ${FAULTS_COMMAND} ${name} --only "${first.name}"`);
  return `${lines.join("\n")}\n`;
}

function siteText(site: SiteResult, paint: ReturnType<typeof painter>): string[] {
  const isBad = isFailure(site);
  const mark = site.verdict === "not-met" ? "·" : paint(isBad ? "red" : "green", isBad ? "✗" : "✓");
  const place = site.where === "" ? "" : ` (${site.where})`;
  const title = `${mark} ${site.name}${place}: ${site.verdict}`;
  if (site.detail === "") return [title];
  // An assertion may show the whole of what it compares.
  const detail = site.detail.split("\n");
  const rest = detail.length - DETAIL_LINES;
  return [
    title,
    ...detail.slice(0, DETAIL_LINES).map((line) => `  ${line}`),
    ...(rest > 0 ? [`  … ${counted(rest, "more line")}: --json has them`] : []),
  ];
}

/** How it fared against a card that lies. */
export function hostileText(
  { name, result }: { readonly name: string; readonly result: HostileResult },
  paint: ReturnType<typeof painter>,
): string {
  const { runs, honestRuns, seed, lieCount, verdicts, failures } = result;
  const isGood = failures.length === 0;
  const verdict = isGood ? "was not deceived into harm" : counted(failures.length, "failure");
  const lines = [
    `${paint("bold", name)}   ${paint(isGood ? "green" : "red", `${isGood ? "✓" : "✗"} ${verdict}`)}`,
    `${counted(runs, "run")} with seed ${seed}, ${counted(lieCount, "lie")} told in ${grouped(runs - honestRuns)} of them: ${Object.entries(
      verdicts,
    )
      .map(([each, count]) => `${grouped(count)} ${each}`)
      .join(", ")}`,
    ...(honestRuns > 0 ? [paint("dim", `in ${grouped(honestRuns)} no lie was told: they show nothing`)] : []),
  ];
  for (const failure of failures.slice(0, TOLD_MAX)) {
    const lies = failure.lies.map(lieText).join(",");
    lines.push("", `${paint("red", "✗")} ${failure.verdict}: ${failure.detail}`);
    lines.push(`  Again: ${FAULTS_COMMAND} ${name} --lies ${lies}`);
  }
  return `${lines.join("\n")}\n`;
}

/** As --lies takes it. */
function lieText({ nth, word, at }: Lie): string {
  return `${nth}:0x${word.toString(16)}${at === undefined ? "" : `@0x${at.toString(16)}`}`;
}

/** What can go wrong, by nature. */
export function faultKindsText(kinds: readonly (FaultDescription & { readonly kind: FaultKind })[]): string {
  const width = Math.max(...kinds.map(({ kind }) => kind.length));
  const natures = [
    ["world", "What happens to good hardware:"],
    ["broken", "Cards that break their own rules:"],
    ["silent", "Cards that say what is not so, and no driver can tell: a wrong result is no failure there:"],
    ["driver", "What a kernel refuses a driver:"],
  ] as const;
  return natures
    .map(([nature, title]) => {
      const own = kinds.filter((kind) => kind.nature === nature);
      return [title, ...own.map(({ kind, about }) => `  ${kind.padEnd(width)}  ${about}`), ""].join("\n");
    })
    .join("\n");
}
