import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/clock/clock.ts";
import { copyMemory, MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { CompletedReads } from "../../../emulator/pcie/read-burst.ts";
import { DeviceHost } from "../../../emulator/run/device-host.ts";
import { createRequestRing, RequestRing } from "../../../emulator/run/request-ring.ts";
import { RingLink } from "../../../emulator/run/ring-link.ts";
import { ThreadStatus } from "../../../emulator/run/thread-status.ts";
import { FrameQueue } from "../../../emulator/wire/frame-queue.ts";
import { WireLane } from "../../../emulator/wire/wire.ts";
import { BareDevice } from "../../fixtures/bare-device.ts";
import { DECLARATION, EndpointBench, MSIX_CONTROL } from "../pcie/endpoint-bench.ts";

/** Collections of the young generation so far: 16 MiB of garbage make one. */
let scavenges = 0;
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if ((entry as PerformanceEntry & { detail?: { kind: number } }).detail?.kind === 1) scavenges++;
  }
});
observer.observe({ entryTypes: ["gc"] });

const CALLS = 4_000_000;

/** A machine whose device does nothing, on which every kind of failure has happened once. */
function machine() {
  const bench = new EndpointBench();
  const device = new BareDevice(bench.endpoint);
  const { endpoint } = bench;
  endpoint.attach(device);
  const card = MemoryView.ofSize(4096);
  const iova = bench.iommu.map(0, 0, 0x1_0000);
  const [high, low] = [Math.floor(iova / 2 ** 32) | 0, (iova % 2 ** 32) | 0];
  endpoint.configWrite(MSIX_CONTROL, 2, 0x8000);
  bench.aimVector(0, 20);
  // A text that was made once keeps what it captured: paths that share a function with it would allocate for ever.
  endpoint.read(0, 0x2_0000, 4);
  endpoint.dmaWrite(0, 0, card, 0, 4, -1);
  endpoint.dmaRead(0, 0, 4, 0, 0);
  endpoint.step();
  endpoint.raise(99);
  return { bench, endpoint, card, high, low };
}

type Work = (count: number) => void;

const works: Record<string, () => Work> = {
  "a DMA write with a flag": () => {
    const { endpoint, card, high, low } = machine();
    return (count) => {
      for (let index = 0; index < count; index++) endpoint.dmaWrite(high, low + ((index & 255) << 4), card, 0, 16, 8);
    };
  },
  "a DMA write at an odd address": () => {
    const { endpoint, card, high, low } = machine();
    return (count) => {
      for (let index = 0; index < count; index++) endpoint.dmaWrite(high, low + (index & 255), card, 1, 3, -1);
    };
  },
  "a DMA read and its completion": () => {
    const { endpoint, high, low } = machine();
    return (count) => {
      for (let index = 0; index < count; index++) {
        endpoint.dmaRead(high, low + ((index & 255) << 4), 64, index, -index);
        endpoint.step();
      }
    };
  },
  "DMA reads that are answered in bursts": () => {
    const { endpoint, high, low } = machine();
    let seen = 0;
    const onDmaReads = ({ count, contexts, byteLengths }: CompletedReads): void => {
      for (let nth = 0; nth < count; nth++) seen ^= (contexts[nth] as number) + (byteLengths[nth] as number);
    };
    endpoint.attach(Object.assign(new BareDevice(endpoint), { burstTag: 1, onDmaReads }));
    return (count) => {
      for (let index = 0; index < count; index++) {
        endpoint.dmaRead(high, low + ((index & 255) << 4), 64, 1, -index ^ seen);
        if ((index & 31) === 31) endpoint.step();
      }
    };
  },
  "a BAR write and a read": () => {
    const { endpoint } = machine();
    return (count) => {
      for (let index = 0; index < count; index++) {
        endpoint.write(0, (index & 255) << 2, 4, -index, 0);
        endpoint.read(0, (index & 255) << 2, 4);
      }
    };
  },
  "an MSI-X message": () => {
    const { endpoint } = machine();
    return (count) => {
      for (let index = 0; index < count; index++) endpoint.raise(0);
    };
  },
  "a posted write through a request ring, and turns of the host": () => {
    const { bench, endpoint } = machine();
    const host = new DeviceHost(bench.clock);
    host.endpoints.push(endpoint);
    const ring = createRequestRing();
    host.sources.push(
      new RequestRing(
        ring,
        endpoint,
        () => false,
        () => {},
      ),
    );
    const link = new RingLink({
      name: "probe",
      cpuIndex: 0,
      ring,
      status: new ThreadStatus(ThreadStatus.createBuffer()),
      controller: bench.interrupts,
      clock: bench.clock,
      wantedNs: new SharedArrayBuffer(8),
      port: undefined as never,
      bars: {},
      onMap: () => {},
      answerLimitMs: 1000,
    });
    return (count) => {
      for (let index = 0; index < count; index++) {
        link.write(0, (index & 255) << 2, 4, -index, 0);
        if ((index & 127) === 127) host.turn();
      }
    };
  },
  "an idle turn": () => {
    const { bench, endpoint } = machine();
    const host = new DeviceHost(bench.clock);
    host.endpoints.push(endpoint);
    host.sources.push(
      new RequestRing(
        createRequestRing(),
        endpoint,
        () => false,
        () => {},
      ),
    );
    return (count) => {
      for (let index = 0; index < count; index++) host.turn();
    };
  },
  "a frame over a cable": () => {
    const clock = new VirtualClock();
    const lane = new WireLane(clock, { deliver: () => {} }, 10);
    const frame = MemoryView.ofSize(64);
    return (count) => {
      for (let index = 0; index < count; index += 16) {
        for (let burst = 0; burst < 16; burst++) lane.deliver(frame, 0, 60, 0);
        clock.advanceBy(2000);
        lane.pump(64);
      }
    };
  },
  "a frame through a queue": () => {
    const buffer = FrameQueue.createBuffer(1 << 16);
    const [producer, consumer] = [new FrameQueue(buffer), new FrameQueue(buffer)];
    const frame = MemoryView.ofSize(64);
    return (count) => {
      for (let index = 0; index < count; index++) {
        producer.deliver(frame, 0, 60, 0);
        consumer.peek();
        consumer.release();
        consumer.acknowledge();
      }
    };
  },
  "a copy": () => {
    const [to, from] = [MemoryView.ofSize(4096), MemoryView.shared(4096)];
    return (count) => {
      for (let index = 0; index < count; index++) copyMemory(to, index & 63, from, (index >> 6) & 63, 60);
    };
  },
};

test.each(Object.keys(works))("%s leaves no garbage", async (name) => {
  const work = works[name]?.();
  if (work === undefined) return expect.fail(`no ${name}`);
  // Compiled code is what counts: a Number that is boxed before that is not boxed afterwards.
  for (let round = 0; round < 10; round++) work(CALLS / 20);
  await new Promise((resolve) => setTimeout(resolve, 20));
  scavenges = 0;
  work(CALLS);
  await new Promise((resolve) => setTimeout(resolve, 20));
  // Twelve bytes a call, the smallest object that there is, would make three.
  expect(scavenges).toBeLessThan(2);
});

test("the measure itself sees what it is meant to see", async () => {
  const kept: { index: number }[] = [];
  scavenges = 0;
  for (let index = 0; index < CALLS; index++) kept[index & 15] = { index };
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(scavenges).toBeGreaterThanOrEqual(2);
  expect(DECLARATION.name).toBe("probe");
});
