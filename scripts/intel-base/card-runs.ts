import type { IxgbeOptions } from "../../devices/ixgbe/index.ts";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import { loadDevice } from "../../emulator/run/machine.ts";
import { type CampaignResult, runCampaign } from "../../harness/explore/campaign.ts";
import type { ExploredBed } from "../../harness/explore/explored-bed.ts";
import { PluggedSession } from "../../harness/explore/plugged-session.ts";
import { plugIn } from "../../harness/plug-in.ts";
import type { WasmDriver, WasmDriverState } from "../../harness/wasm/wasm-driver.ts";
import type { WasmProgram } from "../../harness/wasm/wasm-program.ts";

/** What one run of the shared code came to. */
export interface CardRun {
  readonly result: number;
  readonly readCount: number;
  readonly writeCount: number;
  /** Different registers that were touched. */
  readonly registerCount: number;
  /** Functions of the shared code that have run. */
  readonly functionCount: number;
  readonly violations: readonly Finding[];
  readonly notes: readonly Finding[];
}

/** A plug that joins the port to itself. */
const LOOPBACK = [
  [
    [0, 0],
    [0, 0],
  ],
] as const;

/** Calls one function of the program, with the card folded into this thread and all sanitizers on. Throws what it throws. */
export async function runOnce(
  program: WasmProgram,
  card: IxgbeOptions,
  entry: string,
  ...words: number[]
): Promise<CardRun> {
  await using bed = await plugIn(ixgbe(card), { ownMemory: program.ownMemory, run: "folded", cables: LOOPBACK });
  const driver = program.attach(bed.pci, { log: () => {} });
  const result = driver.call(entry, ...words);
  await bed.quiesce();
  const [readCount = 0, writeCount = 0, registerCount = 0, functionCount = 0] = [0, 1, 2, 3].map((which) =>
    driver.call("port_count", which),
  );
  const { violations, notes } = bed;
  return {
    result,
    readCount,
    writeCount,
    registerCount,
    functionCount,
    violations: [...violations],
    notes: [...notes],
  };
}

const ARRIVING = 2;
const SENT = 3;

/** What the program's own frames look like: see main.c. */
function numbered(number: number): Uint8Array {
  const frame = new Uint8Array(60 + 4 * number);
  frame.fill(0xff, 0, 6);
  frame.set([0x88, 0xb5, 0, 0, number], 12);
  return frame;
}

/**
 * Searches a covered build: two frames arrive and are taken, three are sent, and with `closes`, while two more arrive, the
 * shared code stops the card and the driver gives its memory back. The set-up, with all of the bring-up in it, is made once.
 */
export async function search(
  program: WasmProgram,
  { runs, seed, closes }: { readonly runs: number; readonly seed: number; readonly closes: boolean },
): Promise<CampaignResult> {
  const exploration = {
    setup(bed: ExploredBed) {
      const driver = program.attach(bed.pci);
      driver.call("nic_open", 8, 0, SENT);
      return driver;
    },
    save: (driver: WasmDriver) => driver.save(),
    restore: (driver: WasmDriver, state: unknown) => driver.restore(state as WasmDriverState),
    body(bed: ExploredBed, driver: WasmDriver) {
      for (let number = 0; number < ARRIVING; number++) bed.wire.send(numbered(number));
      driver.call("nic_receive", ARRIVING);
      driver.call("nic_send", SENT);
      if (closes) {
        for (let number = 0; number < ARRIVING; number++) bed.wire.send(numbered(number));
        driver.call("nic_close");
      }
      bed.quiesce();
      if (bed.wire.sent.length !== SENT) throw new Error(`${bed.wire.sent.length} frames left instead of ${SENT}`);
    },
  };
  const device = await loadDevice(ixgbe({ linkUpNs: 0 }));
  const session = new PluggedSession([device], exploration, { ownMemory: program.ownMemory });
  return runCampaign(session, { program: program.name, sourceHash: "0", models: ["relaxed"], runs, seed });
}
