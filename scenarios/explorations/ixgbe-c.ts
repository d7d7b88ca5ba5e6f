/**
 * The driver in C against the card: `softbar explore scenarios/explorations/ixgbe-c.ts`. Three frames come in and three go
 * out; each access of the driver is one of softbar.h's, whose kinds the search knows. What the driver keeps lies in its
 * memory, so its set-up is made once and restored.
 */
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { type ExplorationModule, exploration } from "../../harness/explore/exploration.ts";
import type { WasmDriver, WasmDriverState } from "../../harness/wasm/wasm-driver.ts";
import { WasmProgram } from "../../harness/wasm/wasm-program.ts";

const FRAME_COUNT = 3;
const RING_SIZE = 8;
const LENGTHS = 3;

const nic = await WasmProgram.load(new URL("../drivers/c/ixgbe-traced.wasm", import.meta.url));

/** As main.c numbers its frames: the number behind the header, and a length that follows from it. */
function numbered(number: number): Uint8Array {
  const frame = new Uint8Array(60 + 4 * (number % LENGTHS));
  frame.fill(0xff, 0, 6);
  frame.set([0x88, 0xb5, 0, 0, number], 12);
  return frame;
}

const traffic: ExplorationModule<WasmDriver> = exploration({
  devices: [ixgbe({ linkUpNs: 0 })],
  machine: { ownMemory: nic.ownMemory },
  setup(bed) {
    const driver = nic.attach(bed.pci);
    driver.call("nic_open", RING_SIZE, 0, LENGTHS);
    return driver;
  },
  save: (driver) => driver.save(),
  restore: (driver, state) => driver.restore(state as WasmDriverState),
  body(bed, driver) {
    for (let number = 0; number < FRAME_COUNT; number++) bed.wire.send(numbered(number));
    driver.call("nic_send", FRAME_COUNT);
    driver.call("nic_receive", FRAME_COUNT);
    bed.quiesce();
    if (bed.wire.sent.length !== FRAME_COUNT) throw new Error(`${bed.wire.sent.length} frames were sent`);
  },
});

export default traffic;
