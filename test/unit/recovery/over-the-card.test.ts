import fc from "fast-check";
import { expect, test } from "vitest";
import { MoldUdp64Packet } from "../../../emulator/wire/feeds/mold-udp64.ts";
import {
  type RecoveryResult,
  type RecoveryScenario,
  recoverSession,
} from "../../../scenarios/recovery/recover-session.ts";
import { openDriver } from "../ixgbe-driver/driver-bed.ts";

interface Recovered extends RecoveryResult {
  /** Every message of the session as text, by sequence − 1, and what the client made of it. */
  readonly truth: readonly string[];
  readonly events: readonly { readonly sequence: number; readonly text: string | undefined }[];
}

const textOf = (bytes: Uint8Array, offset: number, byteLength: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + offset, byteLength).toString("latin1");

/** Plays the scenario on a card of its own, with a driver on it. */
async function recover(scenario: RecoveryScenario): Promise<Recovered> {
  const { bed, driver } = await openDriver({ ringSize: 64 });
  const truth: string[] = [];
  const events: { sequence: number; text: string | undefined }[] = [];
  const packet = new MoldUdp64Packet();
  const result = recoverSession(
    bed,
    driver,
    scenario,
    (bytes, offset, byteLength) => {
      packet.parse(bytes, offset, byteLength);
      while (packet.nextMessage()) truth.push(textOf(bytes, packet.messageOffset, packet.messageByteLength));
    },
    {
      message: (sequence, bytes, offset, byteLength) =>
        events.push({ sequence: sequence[0] as number, text: textOf(bytes, offset, byteLength) }),
      lost(range) {
        for (let sequence = range[0] as number; sequence < (range[1] as number); sequence++)
          events.push({ sequence, text: undefined });
      },
    },
  );
  expect(bed.violations).toEqual([]);
  driver.close();
  expect(bed.pci.dma.mappingCount).toBe(0);
  return { ...result, truth, events };
}

const scenarios = fc.record({
  seed: fc.nat(2 ** 31),
  frameCount: fc.integer({ min: 6, max: 60 }),
  lineCount: fc.constantFrom(1 as const, 2 as const),
  lineLoss: fc.constantFrom(0, 0.05, 0.3, 0.8),
  requestLoss: fc.constantFrom(0, 0.3),
  arbitration: fc.constantFrom({ mode: "latency" as const }, { mode: "reliability" as const }),
  isArbitrated: fc.boolean(),
});

/** An arbiter where there are two lines, and it is wanted. */
function chosen({
  isArbitrated,
  arbitration,
  ...scenario
}: typeof scenarios extends fc.Arbitrary<infer S> ? S : never) {
  return isArbitrated && scenario.lineCount === 2 ? { ...scenario, arbitration } : scenario;
}

test("a session over lines that lose frames equals the undamaged one: every message once, in order", async () => {
  const servers = fc.record({
    refusalProbability: fc.constantFrom(0, 0.3),
    partialProbability: fc.constantFrom(0, 0.7),
    latencySpreadNs: fc.constantFrom(0, 200_000),
  });
  await fc.assert(
    fc.asyncProperty(scenarios, servers, async (scenario, server) => {
      const recovery = { attemptLimit: 255, windowMessages: 256, requestMessageLimit: 32, askedMessageLimit: 64 };
      const { truth, events, client, missedSequences, messageCount } = await recover({
        ...chosen(scenario),
        server,
        recovery,
      });
      expect(events).toEqual(truth.map((text, index) => ({ sequence: index + 1, text })));
      expect(truth).toHaveLength(messageCount);
      expect(client).toMatchObject({ delivered: messageCount, lost: 0, recovered: client.missing, unreadable: 0 });
      expect(client.missing).toBeGreaterThanOrEqual(missedSequences.length);
    }),
    { numRuns: 25 },
  );
});

test("where the server refuses for ever, exactly what no line carried is reported lost", async () => {
  await fc.assert(
    fc.asyncProperty(scenarios, async (scenario) => {
      const recovery = { attemptLimit: 2, windowMessages: 1024 };
      const server = { refusalProbability: 1 };
      const { truth, events, client, missedSequences } = await recover({ ...chosen(scenario), server, recovery });
      const missed = new Set(missedSequences);
      const wanted = truth.map((text, index) => ({
        sequence: index + 1,
        text: missed.has(index + 1) ? undefined : text,
      }));
      expect(events).toEqual(wanted);
      const reported = client.lostRanges.flatMap(([first, end]) => {
        return Array.from({ length: end - first }, (_, index) => first + index);
      });
      expect(reported).toEqual(missedSequences);
    }),
    { numRuns: 25 },
  );
});

test("the same seed gives the same run, and nothing is asked for where nothing is lost", async () => {
  const lossy: RecoveryScenario = { seed: 7, frameCount: 80, lineCount: 2, lineLoss: 0.3, requestLoss: 0.2 };
  const [first, second] = [await recover(lossy), await recover(lossy)];
  expect(second).toEqual(first);
  expect(first.client.requests).toBeGreaterThan(0);
  const whole = await recover({ ...lossy, lineLoss: 0, requestLoss: 0 });
  expect(whole.client).toMatchObject({ requests: 0, gaps: 0, duplicates: whole.messageCount });
  expect(whole.truth).toEqual(first.truth);
});
