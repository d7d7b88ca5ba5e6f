import { expect, test } from "vitest";
import { loadDevice, type MachineOptions } from "../../../emulator/run/machine.ts";
import { explore } from "../../../harness/explore/explore.ts";
import { InterleavingError } from "../../../harness/explore/explore-errors.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";
import { PluggedSession } from "../../../harness/explore/plugged-session.ts";
import { relayNic } from "../../fixtures/relay-nic.ts";

// The wires of an explored machine: every port has one, and cables lead where the machine says.

const frame = (name: number): Uint8Array => new Uint8Array(60).fill(name);
const namesOf = (sent: readonly Uint8Array[]): string => sent.map((bytes) => bytes[0]).join("");

/** A relay that puts what comes in on either port out on port 1: what that has sent is the order in which frames came. */
const funnel = relayNic("funnel", { bounces: true });

function sendOnBoth(bed: ExploredBed): void {
  for (const name of [1, 2]) bed.wireOf(0, 0).send(frame(name));
  for (const name of [3, 4]) bed.wireOf(0, 1).send(frame(name));
  bed.quiesce();
}

test("the frames of one port keep their order, those of two come in any", async () => {
  const orders = new Set<string>();
  const session = new PluggedSession([await loadDevice(funnel)], {
    setup: () => undefined,
    body: (bed) => {
      sendOnBoth(bed);
      orders.add(namesOf(bed.wireOf(0, 1).sent));
    },
  });
  expect(session.search("sc", 300, 1)).toMatchObject({ hasFailed: false, unknown: 0 });
  expect([...orders].sort()).toEqual(["1234", "1324", "1342", "3124", "3142", "3412"]);
});

test("a token brings the order of two ports back", async () => {
  const body = (bed: ExploredBed): void => {
    sendOnBoth(bed);
    if (namesOf(bed.wireOf(0, 1).sent) === "3142") throw new Error("3142");
  };
  const errorOf = async (replay?: string): Promise<unknown> =>
    explore(funnel, replay === undefined ? {} : { replay }, body).catch((error: unknown) => error);
  const found = await errorOf();
  expect(found).toBeInstanceOf(InterleavingError);
  const token = /"(race2~\S+)"/.exec((found as Error).message)?.[1] ?? "";
  expect((found as Error).message).toContain("frame from the wire of port 1");
  const again = await errorOf(token);
  expect((again as Error).message).toContain("3142");
  expect((again as Error).message).toContain(token);
});

test("a cable carries frames from card to card, each at any moment and in order; its ports are not the test's", async () => {
  const machine: MachineOptions = {
    cables: [
      [
        [0, 1],
        [1, 0],
      ],
    ],
  };
  const seen: string[] = [];
  const session = new PluggedSession(
    await Promise.all([relayNic("near"), relayNic("far")].map(loadDevice)),
    {
      setup: (bed) => {
        bed.wire.send(frame(9));
        expect(namesOf(bed.wireOf(1, 1).sent)).toBe("9");
        expect(() => bed.wireOf(0, 1)).toThrow("device 0 has no wire port 1 that no cable takes");
        expect(() => bed.wireOf(2)).toThrow(RangeError);
      },
      body: (bed) => {
        for (const name of [1, 2, 3]) bed.wireOf(0).send(frame(name));
        bed.wireOf(1, 1).send(frame(4));
        bed.quiesce();
        seen.push(`${namesOf(bed.wireOf(0, 0).sent)}/${namesOf(bed.wireOf(1, 1).sent)}`);
      },
    },
    machine,
  );
  expect(session.search("sc", 50, 1)).toMatchObject({ hasFailed: false, unknown: 0 });
  expect(new Set(seen)).toEqual(new Set(["4/9123"]));
});
