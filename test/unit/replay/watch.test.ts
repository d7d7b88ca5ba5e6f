import { expect, test } from "vitest";
import {
  REPLAY_FINISHED,
  REPLAY_RUNS,
  REPLAY_WAITS_FOR_TIME,
  ReplayChannel,
} from "../../../harness/replay/replay-channel.ts";
import { ReplayStuckError } from "../../../harness/replay/replay-errors.ts";
import { ReplayWatch } from "../../../harness/replay/watch.ts";

const LIMIT_MS = 1000;

function watched(): { channel: ReplayChannel; watch: ReplayWatch } {
  const channel = new ReplayChannel(ReplayChannel.createTables());
  return { channel, watch: new ReplayWatch(channel, LIMIT_MS, 0) };
}

test("a driver that is never ready is given up after the limit, not before", () => {
  const { watch } = watched();
  watch.look(LIMIT_MS);
  expect(() => watch.look(LIMIT_MS + 1)).toThrow(/the driver did not call ready\(\) of its ReplaySink within 1 s/);
});

test("a driver that takes nothing is stuck although frames are still being sent", () => {
  const { channel, watch } = watched();
  channel.state = REPLAY_RUNS;
  for (let timeMs = 0; timeMs <= LIMIT_MS; timeMs += 100) {
    channel.sentCount = timeMs + 1;
    watch.look(timeMs);
  }
  expect(() => watch.look(LIMIT_MS + 1)).toThrow(/took no frame for 1 s although 1,001 are waiting/);
});

test("waiting for a recorded time is no standstill, unless the driver owes frames", () => {
  const { channel, watch } = watched();
  channel.state = REPLAY_WAITS_FOR_TIME;
  channel.sentCount = 5;
  channel.deliveredCount = 5;
  for (let timeMs = 0; timeMs < 60_000; timeMs += 500) watch.look(timeMs);
  channel.sentCount = 6;
  watch.look(60_000);
  expect(() => watch.look(62_000)).toThrow(ReplayStuckError);
});

test("frames that the card dropped are not owed", () => {
  const { channel, watch } = watched();
  channel.state = REPLAY_FINISHED;
  channel.sentCount = 10;
  channel.deliveredCount = 4;
  channel.droppedCount = 6;
  watch.look(0);
  expect(() => watch.look(LIMIT_MS + 1)).toThrow(/did not return within 1 s after the last frame/);
});

test("counts go on beyond the wrap of the shared words", () => {
  const { channel, watch } = watched();
  for (const count of [2 ** 31 - 10, 2 ** 31 + 10, 2 ** 32 + 5]) {
    channel.sentCount = count | 0;
    watch.look(0);
    expect(watch.sent.total).toBe(count);
  }
});
