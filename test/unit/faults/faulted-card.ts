import { ixgbe } from "../../../devices/ixgbe/index.ts";
import type { FaultRule } from "../../../harness/faults/fault-rules.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import type { Testbed } from "../../../harness/testbed.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";
import type { IxgbeOptions } from "../../../scenarios/drivers/ixgbe-options.ts";

/** A simulated 82599 with faults around it, in this thread and in virtual time. */
export const openFaulted = (faults: readonly FaultRule[] = [], faultSeed = 1): Promise<Testbed> =>
  plugIn(ixgbe(), { run: "folded", faults, faultSeed });
/** Its driver. */
export const probe = (bed: Testbed, options: IxgbeOptions = {}): IxgbeDriver =>
  IxgbeDriver.probe(bed.pci, { promiscuous: true, ringSize: 16, ...options });

/** Sends frames into the card one after the other and returns what comes out of its driver. */
export function through(bed: Testbed, driver: IxgbeDriver, list: readonly Uint8Array[]): Uint8Array[] {
  const got: Uint8Array[] = [];
  for (const frame of list) {
    bed.wire.send(frame);
    bed.advance(100_000);
    for (let next = driver.receive(); next !== undefined; next = driver.receive()) got.push(next);
  }
  return got;
}

/** The counters of card and bus. */
export async function countersOf(bed: Testbed): Promise<Record<string, number>> {
  const [card] = await bed.statistics();
  return { ...card?.counters, ...card?.bus };
}
