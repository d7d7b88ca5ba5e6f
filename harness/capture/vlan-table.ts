import type { FrameHeaders } from "../../emulator/wire/frame.ts";

/** A VLAN and the packets that carry its tag. Plain data. */
export interface CaptureVlan {
  readonly vlanId: number;
  readonly packetCount: number;
}

const VLAN_ID_MASK = 0xfff;

/** Counts packets by VLAN. A packet with two tags counts for both: the outer one and the one within. */
export class VlanTable {
  readonly #packetCounts = new Float64Array(VLAN_ID_MASK + 1);

  count({ vlanTci, innerVlanTci }: FrameHeaders): void {
    const counts = this.#packetCounts;
    const outer = vlanTci < 0 ? -1 : vlanTci & VLAN_ID_MASK;
    const inner = innerVlanTci < 0 ? -1 : innerVlanTci & VLAN_ID_MASK;
    if (outer >= 0) (counts[outer] as number)++;
    if (inner >= 0 && inner !== outer) (counts[inner] as number)++;
  }

  /** In order of their ids. */
  report(): CaptureVlan[] {
    const all = Array.from(this.#packetCounts, (packetCount, vlanId) => ({ vlanId, packetCount }));
    return all.filter(({ packetCount }) => packetCount > 0);
  }
}
