import fc from "fast-check";
import { expect, test } from "vitest";
import type { MemoryView } from "../../../emulator/memory/memory-view.ts";
import { MemoryView as Memory } from "../../../emulator/memory/memory-view.ts";
import type { Endpoint } from "../../../emulator/pcie/endpoint.ts";
import { FrameQueue } from "../../../emulator/wire/frame-queue.ts";
import { WirePeer } from "../../../harness/vm/wire-peer.ts";

const GUEST_MAC = [0x02, 0, 0, 0x82, 0x59, 0x90];
const GUEST_IP = [10, 0, 0, 2];
const PEER_IP = [10, 0, 0, 1];
const BROADCAST = [255, 255, 255, 255, 255, 255];

function bench(): { send(frame: readonly number[]): Uint8Array | undefined; peer: WirePeer } {
  const buffer = FrameQueue.createBuffer(1 << 16);
  const out = new FrameQueue(buffer);
  let answer: Uint8Array | undefined;
  const endpoint = {
    device: {
      onFrame(_port: number, memory: MemoryView, offset: number, byteLength: number): void {
        answer = memory.bytes.slice(offset, offset + byteLength);
      },
    },
  } as unknown as Endpoint;
  const peer = new WirePeer(endpoint, 0, buffer, PEER_IP);
  return {
    peer,
    send(frame) {
      answer = undefined;
      const memory = Memory.ofSize(frame.length);
      memory.bytes.set(frame);
      out.deliver(memory, 0, frame.length, 0);
      expect(peer.poll()).toBe(true);
      expect(peer.poll()).toBe(false);
      return answer;
    },
  };
}

/** The Internet checksum, the slow way (RFC 1071): 0 over data with a right checksum in it. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function echoRequest(payload: readonly number[], to: readonly number[] = PEER_IP): number[] {
  const icmp = [8, 0, 0, 0, 0x12, 0x34, 0, 1, ...payload];
  const sum = checksum(Uint8Array.from(icmp));
  icmp.splice(2, 2, sum >>> 8, sum & 0xff);
  const total = 20 + icmp.length;
  const ip = [0x45, 0, total >>> 8, total & 0xff, 0, 1, 0, 0, 64, 1, 0, 0, ...GUEST_IP, ...to];
  const ipSum = checksum(Uint8Array.from(ip));
  ip.splice(10, 2, ipSum >>> 8, ipSum & 0xff);
  const frame = [...BROADCAST, ...GUEST_MAC, 8, 0, ...ip, ...icmp];
  return frame.concat(Array.from({ length: Math.max(0, 60 - frame.length) }, () => 0));
}

function arpRequest(target: readonly number[], operation = 1): number[] {
  const arp = [0, 1, 8, 0, 6, 4, 0, operation, ...GUEST_MAC, ...GUEST_IP, 0, 0, 0, 0, 0, 0, ...target];
  return [...BROADCAST, ...GUEST_MAC, 8, 6, ...arp, ...Array.from({ length: 18 }, () => 0)];
}

test("answers ARP for its own address only, and no answer", () => {
  const { send, peer } = bench();
  const answer = send(arpRequest(PEER_IP));
  const mac = answer?.subarray(6, 12) ?? new Uint8Array();
  expect([...(answer ?? [])]).toEqual([
    ...[...GUEST_MAC, ...mac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2],
    ...[...mac, ...PEER_IP, ...GUEST_MAC, ...GUEST_IP],
    ...Array.from({ length: 18 }, () => 0),
  ]);
  expect(send(arpRequest([10, 0, 0, 3]))).toBeUndefined();
  expect(send(arpRequest(PEER_IP, 2))).toBeUndefined();
  expect(peer.report()).toEqual({ receivedCount: 3, arpAnswerCount: 1, echoAnswerCount: 0 });
});

test("an echo request comes back with the addresses turned round, the payload whole and right checksums", () => {
  const { send } = bench();
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 1000 }), (payload) => {
      const request = echoRequest(payload);
      const answer = send(request) as Uint8Array;
      expect(answer.length).toBe(request.length);
      expect([...answer.subarray(0, 6)]).toEqual(GUEST_MAC);
      expect([...answer.subarray(26, 34)]).toEqual([...PEER_IP, ...GUEST_IP]);
      expect(checksum(answer.subarray(14, 34))).toBe(0);
      expect(checksum(answer.subarray(34, 42 + payload.length))).toBe(0);
      expect([...answer.subarray(34, 36)]).toEqual([0, 0]);
      expect([...answer.subarray(38)]).toEqual(request.slice(38));
    }),
  );
});

test("what is meant for others, cut short or no frame at all gets no answer", () => {
  const { send, peer } = bench();
  expect(send(echoRequest([1, 2, 3], [10, 0, 0, 9]))).toBeUndefined();
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 200 }),
      fc.nat(60),
      (noise, cut) => {
        const spoiled = echoRequest([1, 2, 3]).slice(0, Math.max(1, cut));
        if (cut < 45) expect(send(spoiled)).toBeUndefined();
        send(noise);
      },
    ),
  );
  expect(peer.report().arpAnswerCount).toBe(0);
});
