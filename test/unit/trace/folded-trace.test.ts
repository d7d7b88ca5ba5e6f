import { expect, test } from "vitest";
import { edu, exanic, ixgbe } from "../../../devices/index.ts";
import { frames } from "../../../harness/frames.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import type { TraceRecord } from "../../../harness/trace/trace-event.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";
import { causeOf, checkOrder, checkSchema, eventsOf, schemaCheck } from "./trace-checks.ts";
import { type Access, watchedFunction } from "./watched-function.ts";

const validate = await schemaCheck();

/** Frames out and one in, with a driver whose accesses somebody else notes too. */
async function ixgbeRun(): Promise<{
  records: readonly TraceRecord[];
  accesses: readonly Access[];
  sent: Uint8Array[];
}> {
  const accesses: Access[] = [];
  const bed = await plugIn(ixgbe(), { run: "folded", trace: true });
  const driver = IxgbeDriver.probe(watchedFunction(bed.pci, accesses));
  const sent = frames(5);
  for (const frame of sent) while (!driver.transmit(frame)) bed.pci.cpu.relax();
  bed.wire.send(sent[0] as Uint8Array);
  await bed.quiesce();
  expect(driver.receive()).toEqual(sent[0]);
  expect(bed.wire.sent).toEqual(sent);
  driver.close();
  await bed.close();
  return { records: bed.trace().records, accesses, sent };
}

const run = await ixgbeRun();

test("what a driver reads and writes is what the trace says, at the driver and at the card", () => {
  const { records, accesses } = run;
  checkOrder(records);
  const atDriver: Access[] = [];
  const atCard: Access[] = [];
  for (const event of records) {
    if (event.kind === "mmio-answer") atDriver.push({ kind: "read", offset: event.offset, value: event.value });
    if (event.kind === "mmio-write") atDriver.push({ kind: "write", offset: event.offset, value: event.value });
    if (event.kind === "register-read") atCard.push({ kind: "read", offset: event.offset, value: event.value });
    if (event.kind === "register-write") atCard.push({ kind: "write", offset: event.offset, value: event.value });
  }
  expect(accesses.length).toBeGreaterThan(200);
  expect(atDriver).toEqual(accesses);
  expect(atCard).toEqual(accesses);
});

test("every access leads to its arrival, and every answer comes from one", () => {
  const { records } = run;
  const [writes, arrivals] = [eventsOf(records, "mmio-write"), eventsOf(records, "register-write")];
  expect(arrivals.map((event) => causeOf(records, event, "post")?.seq)).toEqual(writes.map(({ seq }) => seq));
  const answers = eventsOf(records, "mmio-answer");
  const reads = eventsOf(records, "register-read");
  expect(answers.map((event) => causeOf(records, event, "completion")?.seq)).toEqual(reads.map(({ seq }) => seq));
  expect(reads.map((event) => causeOf(records, event, "request")?.seq)).toEqual(
    eventsOf(records, "mmio-read").map(({ seq }) => seq),
  );
});

test("descriptors are decoded, and what the driver wrote is what the card fetched", () => {
  const { records, sent } = run;
  const fetched = eventsOf(records, "dma-data").flatMap((event) => event.records ?? []);
  const data = fetched.filter(({ layout }) => layout === "transmit data descriptor");
  expect(data.map(({ fields }) => fields.LENGTH)).toEqual(sent.map((frame) => frame.length));
  for (const { fields } of data) expect(fields).toMatchObject({ EOP: 1, IFCS: 1, DEXT: 1, DTYP: 3 });
  // A card fetches its receive descriptors in bursts; of the bytes that are kept, each is decoded.
  const bursts = eventsOf(records, "dma-data").filter(
    ({ buffer, byteLength }) => buffer === "rx ring 0" && byteLength > 64,
  );
  expect(bursts.length).toBeGreaterThan(0);
  for (const { records: decoded = [] } of bursts)
    expect(decoded.map(({ layout, offset }) => [layout, offset])).toEqual(
      [0, 16, 32, 48].map((offset) => ["receive descriptor", offset]),
    );
  const writeBacks = eventsOf(records, "dma-write").flatMap((event) => event.records ?? []);
  expect(writeBacks.filter(({ layout }) => layout === "transmit write-back")).toHaveLength(sent.length);
  expect(writeBacks.find(({ layout }) => layout === "receive write-back")?.fields).toMatchObject({
    DD: 1,
    EOP: 1,
    LENGTH: sent[0]?.length,
  });
  // Each fetch answers a read of the card, and returns what a CPU has stored there.
  for (const event of eventsOf(records, "dma-data")) {
    expect(causeOf(records, event, "completion")?.kind).toBe("dma-read");
    expect(causeOf(records, event, "reads")?.kind).toBe("memory-write");
  }
});

test("a doorbell leads to a fetch, the fetch to a frame, and a write-back to the load that sees it", () => {
  const { records, sent } = run;
  const out = eventsOf(records, "frame-out");
  expect(out.map(({ bytes }) => bytes)).toEqual(sent.map((frame) => Buffer.from(frame).toString("hex")));
  for (const frame of out) {
    const data = causeOf(records, frame, "effect");
    expect(data?.kind).toBe("dma-data");
    const request = data === undefined ? undefined : causeOf(records, data, "completion");
    const descriptor = request === undefined ? undefined : causeOf(records, request, "effect");
    const fetch = descriptor === undefined ? undefined : causeOf(records, descriptor, "completion");
    const bell = fetch === undefined ? undefined : causeOf(records, fetch, "doorbell");
    expect(bell).toMatchObject({ kind: "register-write", register: "TDT(0)", doorbell: true });
  }
  const seen = eventsOf(records, "memory-read").flatMap((event) => causeOf(records, event, "reads") ?? []);
  expect(seen.filter((event) => event.kind === "dma-write" && event.flagOffset !== undefined).length).toBeGreaterThan(
    1,
  );
  const [arrived] = eventsOf(records, "frame-in");
  const received = eventsOf(records, "dma-write").filter(({ buffer }) => buffer === "packet buffers");
  expect(received.map((event) => causeOf(records, event, "effect")?.seq)).toEqual([arrived?.seq]);
});

test("rings are followed: what lies between head and tail never leaves the ring", () => {
  const { records } = run;
  const rings = eventsOf(records, "ring");
  expect(new Set(rings.map(({ ring }) => ring))).toEqual(new Set(["receive queue 0", "transmit queue 0"]));
  for (const { head, tail, occupied, size } of rings) {
    if (size === 0) continue;
    expect(occupied).toBe((tail - head + size) % size);
    expect(occupied).toBeLessThan(size);
  }
  expect(rings.filter(({ ring }) => ring === "transmit queue 0").at(-1)).toMatchObject({ occupied: 0 });
});

test("interrupts lead to their handlers, and timers to what they set off", async () => {
  const bed = await plugIn(edu(), { run: "folded", trace: { dmaBytes: 16 } });
  const bar = bed.pci.bar(0);
  bed.pci.config.setBusMaster(true);
  bar.write32(0x08, 5);
  await bed.quiesce();
  expect(bar.read32(0x08)).toBe(120);
  const [interrupt] = bed.pci.interrupts("msi", 1);
  let handled = 0;
  interrupt?.handle(() => {
    handled++;
    bar.write32(0x64, 1);
  });
  bar.write32(0x60, 1);
  bed.pci.cpu.relax();
  expect(handled).toBe(1);
  await bed.close();
  const { records } = bed.trace();
  checkOrder(records);
  const [entered] = eventsOf(records, "handler-enter");
  expect(entered).toMatchObject({ actor: "cpu0.handler", device: 0, vector: 0 });
  expect(entered && causeOf(records, entered, "raise")).toMatchObject({ kind: "interrupt", mode: "msi" });
  // What the handler does is its own; what comes behind it is the CPU's again.
  const acknowledged = eventsOf(records, "mmio-write").filter(({ actor }) => actor === "cpu0.handler");
  expect(acknowledged.map(({ offset }) => offset)).toEqual([0x64]);
  const timers = eventsOf(records, "timer");
  expect(timers.length).toBeGreaterThan(0);
  for (const timer of timers) {
    const start = causeOf(records, timer, "timer");
    expect(start).toMatchObject({ kind: "timer-start", timer: timer.timer });
    if (start?.kind === "timer-start") expect(timer.timeNs - start.timeNs).toBe(start.delayNs);
  }
});

test("a cable leads from the frame that one card sends to the one that the other gets", async () => {
  const cables = [
    [
      [0, 0],
      [1, 0],
    ],
  ] as const;
  const bed = await plugIn([ixgbe(), exanic()], { run: "folded", cables, trace: { frameBytes: 20 } });
  const driver = IxgbeDriver.probe(bed.pci);
  for (const frame of frames(3)) expect(driver.transmit(frame)).toBe(true);
  await bed.quiesce();
  await bed.close();
  const { records } = bed.trace();
  const arrived = eventsOf(records, "frame-in").filter(({ device }) => device === 1);
  expect(arrived).toHaveLength(3);
  const sent = arrived.map((event) => causeOf(records, event, "wire"));
  expect(sent.map((event) => event?.kind === "frame-out" && event.bytes)).toEqual(arrived.map(({ bytes }) => bytes));
  expect(arrived[0]?.bytes).toHaveLength(40);
});

test("broken rules stand in the trace where they were broken", async () => {
  const bed = await plugIn(ixgbe(), { run: "folded", trace: true });
  bed.pci.bar(0).write32(0x6018, 7);
  await bed.close();
  const { records } = bed.trace();
  const findings = eventsOf(records, "finding");
  expect(findings.map(({ rule, severity }) => ({ rule, severity }))).toEqual(
    [...bed.violations, ...bed.notes].map(({ rule, kind }) => ({ rule, severity: kind })),
  );
  expect(findings.length).toBeGreaterThan(0);
  const write = eventsOf(records, "register-write").at(-1);
  expect(findings[0]?.seq).toBeGreaterThan(write?.seq ?? Number.POSITIVE_INFINITY);
});

test("a driver that polls is told once, with how often", async () => {
  const bed = await plugIn(edu(), { run: "folded", trace: true });
  const buffer = bed.pci.dma.alloc(64, { label: "flags" });
  for (let polls = 0; polls < 1000; polls++) {
    expect(buffer.readAcquire32(8)).toBe(0);
    bed.pci.cpu.relax();
  }
  // Past the tracer, as a card's DMA is.
  buffer.bytes[8] = 5;
  expect(buffer.readAcquire32(8)).toBe(5);
  await bed.close();
  const { records } = bed.trace();
  const loads = eventsOf(records, "memory-read").map(({ value, repeats = 0 }) => ({ value, repeats }));
  expect(loads).toEqual([
    { value: "0x00000000", repeats: 0 },
    { value: "0x00000000", repeats: 999 },
    { value: "0x00000005", repeats: 0 },
  ]);
  expect(eventsOf(records, "wait").map((event) => event.for)).toEqual(["relax"]);
  expect(eventsOf(records, "wake").map((event) => event.for)).toEqual(["relax"]);
});

test("a write that the function refuses leads nowhere, and the next one to its own arrival", async () => {
  const bed = await plugIn(edu(), { run: "folded", trace: true });
  const command = bed.pci.config.read16(4);
  bed.pci.config.write16(4, command & ~2);
  bed.pci.bar(0).write32(0x04, 1);
  bed.pci.config.write16(4, command);
  bed.pci.bar(0).write32(0x04, 2);
  bed.pci.bar(0).write32(0x04, 2);
  await bed.close();
  const { records } = bed.trace();
  const [, second, third] = eventsOf(records, "mmio-write");
  const arrivals = eventsOf(records, "register-write");
  expect(arrivals.map((event) => causeOf(records, event, "post")?.seq)).toEqual([second?.seq, third?.seq]);
});

test("in memory the first events are kept, and the others counted", async () => {
  const bed = await plugIn(edu(), { run: "folded", trace: { eventLimit: 10 } });
  for (let count = 0; count < 20; count++) bed.pci.bar(0).write32(0x04, count);
  await bed.close();
  const { records, lostCount, events, eventCount } = bed.trace();
  checkOrder(records);
  expect(events).toHaveLength(10);
  expect(lostCount).toBe(eventCount - 10);
  expect(records.slice(-2)).toMatchObject([
    { kind: "lost", count: lostCount },
    { kind: "end", eventCount: 10, lostCount, reason: "limit", message: expect.stringContaining("first 10 events") },
  ]);
});

test("a bed without a trace says so, and one that is not traced is not wrapped", async () => {
  const bed = await plugIn(edu(), { run: "folded" });
  expect(() => bed.trace()).toThrow(/trace: true/);
  await expect(plugIn(edu(), { run: "folded", trace: { dmaBytes: -1 } })).rejects.toThrow(/dmaBytes is -1/);
  const off = await plugIn(edu(), { run: "folded", trace: false });
  expect(off.pci.constructor).toBe(bed.pci.constructor);
  expect(off.pci.bar(0).constructor).toBe(bed.pci.bar(0).constructor);
});

test.skipIf(validate === undefined)("every line is as the schema says (skipped without ajv)", () => {
  if (validate !== undefined) checkSchema(validate, JSON.parse(JSON.stringify(run.records)) as unknown[]);
});
