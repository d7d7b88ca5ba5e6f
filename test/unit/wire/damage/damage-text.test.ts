import { expect, test } from "vitest";
import { damageFromJson, damageWords, parseDamage } from "../../../../emulator/wire/damage/damage-text.ts";

test("a plan in words is the plan", () => {
  expect(parseDamage("loss=0.01,duplicate=0.1%,seed=7,line=233.54.12.111:26477")).toEqual({
    seed: 7,
    rules: [{ loss: 0.01, duplicate: 0.001, line: "233.54.12.111:26477" }],
  });
  expect(parseDamage("line=:15348,sequence=17..19+25,loss=1; delay=50us,jitter=10us;protocol=cme-mdp3")).toEqual({
    protocol: "cme-mdp3",
    rules: [
      {
        line: ":15348",
        sequences: [
          [17, 19],
          [25, 25],
        ],
        loss: 1,
      },
      { delayNs: 50_000, jitterNs: 10_000 },
    ],
  });
});

test("every word that there is can be said", () => {
  const values: Readonly<Record<string, string>> = {
    line: "1.2.3.4",
    protocol: "moldudp64",
    sequence: "1",
    frame: "0..9",
    "duplicate-delay": "1us",
    "reorder-time": "1ms",
    delay: "2s",
    jitter: "1s",
    "burst-length": "4",
    "reorder-window": "4",
  };
  const text = damageWords().map((word) => `${word}=${values[word] ?? 1}`);
  expect(Object.keys(parseDamage(text.join(",")).rules?.[0] ?? {})).toHaveLength(damageWords().length - 2);
});

test.each([
  ["loss", /"loss" is no word=value/],
  ["loss=", /"loss=" is no word=value/],
  ["los=0.1", /"los" is no damage; there are line, sequence, /],
  ["toString=1", /is no word=value|is no damage/],
  ["constructor=1", /"constructor" is no damage/],
  ["loss=2", /rule 1 of the damage: loss is a probability, 0 to 1, not 2/],
  ["loss=-1", /"-1" is no number/],
  ["loss=0.1;duplicate=many", /"many" is no number/],
  ["loss=0", /damages nothing/],
  ["seed=4", /damages nothing/],
  ["line=1.2.3.4,seed=x,loss=1", /"x" is no whole number/],
  ["line=1.2.3,loss=1", /"1\.2\.3" is no IPv4 address/],
  ["line=:70000,loss=1", /":70000" is no line/],
  ["line=1.2.3.4:1:2,loss=1", /is no line/],
  ["sequence=19..17,loss=1", /19\.\.17 is no range/],
  ["sequence=a,loss=1", /"a" is no range/],
  ["delay=50", /"50" is no duration/],
  ["delay=1us,jitter=2us", /jitter is larger than the delay/],
  ["burst-loss=0.1,burst-length=0.5", /burstLength is 1 or more/],
  ["reorder=1,reorder-window=0", /reorderWindow is a whole number/],
  ["reorder=1,reorder-window=1.5", /reorderWindow is a whole number/],
  ["loss=1,protocol=itch", /"itch" is no protocol with sequences/],
  ["delay=1000h", /delayNs is a time of up to/],
])("%s is refused in one sentence", (text, sentence) => {
  expect(() => parseDamage(text)).toThrow(RangeError);
  expect(() => parseDamage(text)).toThrow(sentence);
});

test("a plan as JSON is the plan", () => {
  const plan = { seed: 3, rules: [{ burstLoss: 0.1, frames: [[0, 9]] }], events: [{ frame: 4, what: "lost" }] };
  expect(damageFromJson(JSON.stringify(plan))).toEqual(plan);
});

test.each([
  ["{", /is no JSON/],
  ["[]", /the damage is no object/],
  ["null", /the damage is no object/],
  ['{"rule":[]}', /the damage has no field "rule"/],
  ['{"rules":{}}', /no list/],
  ['{"rules":[{"los":1}]}', /a rule of the damage has no field "los"/],
  ['{"rules":[null]}', /a rule of the damage is no object/],
  ['{"rules":[{"loss":3}]}', /loss is a probability/],
  ['{"events":[{"frame":1,"what":"eaten"}]}', /none of lost, duplicated/],
  ['{"events":[null]}', /none of lost, duplicated/],
  ['{"events":[{"frame":1,"what":"lost","bit":3}]}', /no field "bit"/],
  ['{"events":[{"frame":2,"what":"lost"},{"frame":1,"what":"lost"}]}', /ascending order/],
  ['{"events":[{"frame":1,"what":"delayed"}]}', /frame 1: undefined is no time/],
  ['{"protocol":"itch"}', /no protocol/],
])("%s is refused in one sentence", (text, sentence) => {
  expect(() => damageFromJson(text)).toThrow(RangeError);
  expect(() => damageFromJson(text)).toThrow(sentence);
});
