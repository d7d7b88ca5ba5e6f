import { Rng } from "../emulator/run/rng.ts";

export interface FrameShape {
  /** Default 1. */
  readonly seed?: number;
  /** Bytes without FCS. Default 60 to 1514. */
  readonly minByteLength?: number;
  readonly maxByteLength?: number;
  /** Destination address; broadcast when absent, which every card takes. */
  readonly destination?: readonly number[];
}

/** `count` Ethernet frames of random length and content, the same for the same seed. Each begins with its number, so that a lost or doubled one is seen. */
export function frames(count: number, shape: FrameShape = {}): Uint8Array[] {
  const { seed = 1, minByteLength = 60, maxByteLength = 1514, destination = [255, 255, 255, 255, 255, 255] } = shape;
  const rng = new Rng(seed);
  return Array.from({ length: count }, (_, index) => {
    const frame = new Uint8Array(minByteLength + rng.below(maxByteLength - minByteLength + 1));
    for (let at = 0; at < frame.length; at++) frame[at] = rng.below(256);
    frame.set(destination);
    // Locally administered source, then an EtherType for experiments (RFC 5342), then the number.
    frame.set([0x02, 0, 0, 0, 0, 1, 0x88, 0xb5, index >>> 24, index >>> 16, index >>> 8, index], 6);
    return frame;
  });
}
