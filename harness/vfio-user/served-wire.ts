import type { Machine } from "../../emulator/run/machine.ts";
import { WirePeer, type WirePeerReport } from "../vm/wire-peer.ts";

/** Puts a host at the far end of the device's first wire port; undefined for a device without a wire. */
export function layServedWire(machine: Machine, address: readonly number[]): { report(): WirePeerReport } | undefined {
  const [endpoint] = machine.endpoints;
  const outbound = machine.tables.functions[0]?.ports[0]?.outbound;
  if (endpoint === undefined || outbound === undefined) return undefined;
  const peer = new WirePeer(endpoint, 0, outbound, address);
  machine.host.sources.push(peer);
  return peer;
}
