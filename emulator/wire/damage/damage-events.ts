import { ARRIVES_NS, DamageDecision, DUPLICATE_DELAY_NS, REORDER_WITHIN_NS, RuleChance } from "./damage-decision.ts";
import { checkDamagePlan, type DamageEvent, type DamagePlan } from "./damage-plan.ts";
import { FrameSequence } from "./frame-sequence.ts";

/** A frame as it goes into the damage. */
export interface OfferedFrame {
  /** Without FCS. */
  readonly bytes: Uint8Array;
  readonly timeNs: number;
}

/**
 * What the rules of a plan make of these frames, as a script of events that can be changed one by one. `firstIndex` is
 * the number of the first frame. The same plan over the same frames gives the same events.
 * @throws RangeError when the plan makes no sense.
 */
export function damageEvents(plan: DamagePlan, frames: readonly OfferedFrame[], firstIndex = 0): DamageEvent[] {
  checkDamagePlan(plan);
  const rules = (plan.rules ?? []).map((rule, index) => new RuleChance(rule, index, plan.seed ?? 1));
  const sequence = new FrameSequence(plan.protocol ?? "auto");
  const decision = new DamageDecision();
  const atNs = new Float64Array(1);
  const last = firstIndex + frames.length - 1;
  const scripted = (plan.events ?? []).filter(({ frame }) => frame >= firstIndex && frame <= last);
  const byChance = frames.flatMap(({ bytes, timeNs }, index) => {
    atNs[0] = timeNs;
    decision.reset(atNs);
    sequence.read(bytes, 0, bytes.length);
    for (const rule of rules) if (rule.fits(firstIndex + index, sequence)) rule.decide(bytes.length, decision);
    return eventsOf(firstIndex + index, timeNs, decision);
  });
  return [...byChance, ...scripted].sort((left, right) => left.frame - right.frame);
}

function eventsOf(frame: number, timeNs: number, decision: DamageDecision): DamageEvent[] {
  const times = decision.timesNs;
  if (decision.isLost) return [{ frame, what: "lost" }];
  const events: DamageEvent[] = [];
  if (decision.isDelayed) events.push({ frame, what: "delayed", delayNs: (times[ARRIVES_NS] as number) - timeNs });
  if (decision.bit >= 0) events.push({ frame, what: "corrupted", bit: decision.bit });
  if (decision.isDuplicated) {
    events.push({ frame, what: "duplicated", delayNs: times[DUPLICATE_DELAY_NS] as number });
  }
  if (decision.overtakers > 0) {
    const withinNs = times[REORDER_WITHIN_NS] as number;
    events.push({ frame, what: "reordered", frameCount: decision.overtakers, withinNs });
  }
  return events;
}
