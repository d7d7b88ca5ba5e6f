import { describe, expect, test } from "vitest";
import { ixgbe } from "../../../devices/ixgbe/index.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { VirtualClock } from "../../../emulator/clock/clock.ts";
import type { DeviceSpec } from "../../../emulator/pcie/device-model.ts";
import { NO_REGISTER } from "../../../emulator/registers/register-map.ts";
import { createTables, loadDevice, Machine } from "../../../emulator/run/machine.ts";
import { Mirror } from "../../../emulator/run/mirror.ts";
import { BLOCK, registerBlock } from "../../threads/fixtures/register-block.ts";

/** Registers that a mirror compares in a turn, whatever the driver does. */
const SLICE_COUNT = 48;

/** A device with BAR 0 mirrored, in this thread and in virtual time: every look is a call. */
async function mirrored(spec: DeviceSpec) {
  const device = await loadDevice(spec);
  const machine = new Machine([device], createTables([device], { clock: "virtual", busMaster: true }));
  const [endpoint] = machine.endpoints;
  const memory = machine.tables.functions[0]?.bars[0];
  const file = endpoint?.device.registerFile?.(0);
  if (endpoint === undefined || memory === undefined || file === undefined) return expect.fail("no registers");
  const { clock } = machine.host;
  if (!(clock instanceof VirtualClock)) return expect.fail("no virtual clock");
  clock.advanceTo(20_000_000);
  machine.host.settle();
  const mirror = new Mirror(0, endpoint, file, memory);
  machine.host.sources.push(mirror);
  const words = new Int32Array(memory);
  return {
    endpoint,
    mirror,
    map: file.map,
    store: (offset: number, value: number): void => void Atomics.store(words, offset >> 2, value),
    turn(): void {
      clock.advanceBy(1000);
      machine.host.turn();
    },
  };
}

type Mirrored = Awaited<ReturnType<typeof mirrored>>;

/** After how many turns a slice begins between two registers. */
function turnsUntilBetween({ map }: Mirrored, first: number, second: number): number {
  const words: number[] = [];
  for (let word = 0; word < map.byteLength >>> 2; word++) {
    if (map.ordinalAt(word << 2) !== NO_REGISTER) words.push(word);
  }
  const [low, high] = [words.indexOf(first >> 2), words.indexOf(second >> 2)];
  for (let turns = 0; turns < 10_000; turns++) {
    const next = (turns * SLICE_COUNT) % words.length;
    if (next > low && next <= high) return turns;
  }
  return -1;
}

describe("a ring that is laid out while the mirror is in the middle of its registers", () => {
  const RECEIVE = { low: reg.RDBAL, high: reg.RDBAH, length: reg.RDLEN, control: reg.RXDCTL, tail: reg.RDT };
  const TRANSMIT = { low: reg.TDBAL, high: reg.TDBAH, length: reg.TDLEN, control: reg.TXDCTL, tail: reg.TDT };

  test.each([
    ["receive", RECEIVE],
    ["transmit", TRANSMIT],
  ])("is taken with its base, although ENABLE is seen first: %s", async (_, ring) => {
    let tried = 0;
    for (let queue = 0; queue < 16; queue++) {
      const card = await mirrored(ixgbe());
      const turns = turnsUntilBetween(card, ring.low.at(queue), ring.control.at(queue));
      if (turns < 0) continue;
      tried++;
      const control = card.endpoint.read(0, reg.DMATXCTL.at(), 4);
      card.endpoint.write(0, reg.DMATXCTL.at(), 4, control | reg.DMATXCTL.fields.TE.mask, 0);
      card.endpoint.write(0, reg.RXCTRL.at(), 4, reg.RXCTRL.fields.RXEN.mask, 0);
      for (let turn = 0; turn < turns; turn++) card.turn();
      card.store(ring.low.at(queue), 0x1_0000);
      card.store(ring.high.at(queue), 1);
      card.store(ring.length.at(queue), 1024);
      card.store(ring.control.at(queue), reg.RXDCTL.fields.ENABLE.mask);
      card.store(ring.tail.at(queue), 63);
      for (let turn = 0; turn < 1500; turn++) card.turn();
      // Nothing is mapped there: that the card looks for its descriptors at that address shows which ring it took.
      const places = card.endpoint.findings.findings.map(({ place }) => place);
      expect(places, `queue ${queue}`).toEqual(["IOVA 0x1_0001_0000"]);
    }
    expect(tried).toBeGreaterThan(3);
  });
});

test("a push takes every store, and doorbells that wait for their queue", async () => {
  const block = await mirrored(registerBlock());
  block.store(BLOCK.STORAGE.at(255), 7);
  block.store(BLOCK.CONTROL.at(), 5);
  block.store(BLOCK.DOORBELL.at(), 1);
  block.mirror.push();
  expect(block.endpoint.read(0, BLOCK.STORAGE.at(255), 4)).toBe(7);
  expect(block.endpoint.read(0, BLOCK.SHOWN.at(), 4)).toBe(~5);
  expect(block.endpoint.device.statistics()).toMatchObject({ doorbells: 1, disorder: 0 });
  for (let turn = 0; turn < 100; turn++) block.turn();
  expect(block.endpoint.device.statistics()).toMatchObject({ doorbells: 1, controls: 1 });
});
