import fc from "fast-check";
import { MemoryView } from "../../../../emulator/memory/memory-view.ts";
import { FRAME_BAD_FCS } from "../../../../emulator/pcie/device-model.ts";
import { ipv4Address, UdpFrameTemplate } from "../../../../emulator/wire/build-frame.ts";
import { Damage } from "../../../../emulator/wire/damage/damage.ts";
import type { DamagePlan, DamageRule } from "../../../../emulator/wire/damage/damage-plan.ts";
import { MOLD_HEADER_BYTE_LENGTH } from "../../../../emulator/wire/feeds/mold-udp64.ts";

export const LINE_A = "233.54.12.111:26477";
export const LINE_B = "233.86.230.111:26478";

/** One packet of a feed. `count` 0 is a heartbeat. */
export interface Packet {
  readonly line: string;
  readonly sequence: number;
  readonly count: number;
  readonly timeNs: number;
}

/** A new one for each frame: it counts the IPv4 identification up, and equal packets are to be equal frames. */
function templateOf(line: string): UdpFrameTemplate {
  const [ip = "", port] = line.split(":");
  return new UdpFrameTemplate({
    sourceMac: 2,
    sourceIp: 1,
    destinationIp: ipv4Address(ip),
    sourcePort: 1,
    destinationPort: Number(port),
  });
}

/** A MoldUDP64 frame: every message has four bytes, which are its sequence. */
export function moldFrame({ line, sequence, count }: Packet): Uint8Array {
  const template = templateOf(line);
  const bytes = new Uint8Array(2048);
  const view = new DataView(bytes.buffer);
  const at = template.headerByteLength;
  for (let index = 0; index < 10; index++) bytes[at + index] = "SESSION001".charCodeAt(index);
  view.setBigUint64(at + 10, BigInt(sequence));
  view.setUint16(at + 18, count);
  for (let index = 0; index < count; index++) {
    view.setUint16(at + MOLD_HEADER_BYTE_LENGTH + 6 * index, 4);
    view.setUint32(at + MOLD_HEADER_BYTE_LENGTH + 6 * index + 2, sequence + index);
  }
  return bytes.slice(0, template.stamp(bytes, 0, MOLD_HEADER_BYTE_LENGTH + 6 * count));
}

/** A frame to a line with any payload. */
export function udpFrame(line: string, payload: Uint8Array): Uint8Array {
  const template = templateOf(line);
  const bytes = new Uint8Array(2048);
  bytes.set(payload, template.headerByteLength);
  return bytes.slice(0, template.stamp(bytes, 0, payload.length));
}

/** Two lines with the same packets, some of which are heartbeats. */
export const traffic: fc.Arbitrary<Packet[]> = fc
  .array(
    fc.record({
      count: fc.integer({ min: 0, max: 4 }),
      gapNs: fc.oneof(fc.constantFrom(0, 500), fc.integer({ min: 0, max: 3_000 })),
      lag: fc.boolean(),
    }),
    { maxLength: 60 },
  )
  .map((shapes) => {
    let sequence = 1;
    let timeNs = 0;
    return shapes.flatMap(({ count, gapNs, lag }) => {
      timeNs += gapNs;
      const packet = { sequence, count, timeNs };
      sequence += count;
      const lines = lag ? [LINE_B, LINE_A] : [LINE_A, LINE_B];
      return lines.map((line) => ({ ...packet, line }));
    });
  });

const probability = fc.constantFrom(0, 0, 0.1, 0.5, 1);
const duration = fc.constantFrom(0, 0, 0, 500, 1_000, 20_000);

const rule: fc.Arbitrary<DamageRule> = fc
  .record({
    line: fc.constantFrom(undefined, LINE_A, LINE_B, "233.54.12.111", ":26478"),
    sequences: fc.constantFrom(undefined, [[5, 9] as const]),
    loss: probability,
    burstLoss: fc.constantFrom(0, 0.1),
    burstLength: fc.constantFrom(1, 3),
    burstDensity: fc.constantFrom(0.5, 1),
    duplicate: probability,
    duplicateDelayNs: duration,
    reorder: probability,
    reorderWindow: fc.integer({ min: 1, max: 5 }),
    reorderTimeNs: fc.constantFrom(0, 1_000, 20_000, 1e6),
    delayNs: duration,
    jitter: fc.boolean(),
    corrupt: probability,
  })
  .map(({ line, sequences, jitter, ...rest }) => ({
    ...rest,
    ...(line === undefined ? {} : { line }),
    ...(sequences === undefined ? {} : { sequences }),
    jitterNs: jitter ? rest.delayNs : 0,
  }));

export const plans: fc.Arbitrary<DamagePlan & { readonly rules: readonly DamageRule[] }> = fc.record({
  seed: fc.nat(),
  rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
});

/** A frame that came out. */
export interface Arrival {
  readonly bytes: Uint8Array;
  readonly timeNs: number;
  readonly isBad: boolean;
}

/** Sends packets through a damaged wire. */
export function sendThrough(plan: DamagePlan, packets: readonly Packet[]): { damage: Damage; arrivals: Arrival[] } {
  const memory = MemoryView.ofSize(4096);
  const damage = new Damage(plan, memory);
  const arrivals: Arrival[] = [];
  const drain = (): void => {
    for (; damage.peek(); damage.release()) {
      const bytes = damage.memory.bytes.slice(damage.offset, damage.offset + damage.byteLength);
      arrivals.push({ bytes, timeNs: damage.outNs[0] as number, isBad: (damage.flags & FRAME_BAD_FCS) !== 0 });
    }
  };
  for (const packet of packets) {
    const frame = moldFrame(packet);
    memory.bytes.set(frame, 64);
    damage.timeNs[0] = packet.timeNs;
    damage.push(memory, 64, frame.length, 0);
    drain();
    memory.bytes.fill(0xee);
  }
  damage.end();
  drain();
  return { damage, arrivals };
}
