import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { edu, exanic, ixgbe } from "../../../devices/index.ts";
import { captureInfo } from "../../../harness/capture/capture-info.ts";
import { frames } from "../../../harness/frames.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import type { RunTrace } from "../../../harness/trace/run-trace.ts";
import { type FrameEvent, isEvent, type TraceEvent } from "../../../harness/trace/trace-event.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";
import { eventsOf } from "./trace-checks.ts";
import { readVcd, type Waves } from "./vcd-reader.ts";

const folder = mkdtempSync(join(tmpdir(), "softbar-export-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Two cards on a cable, frames with a wrong FCS, a line that rises and falls. */
async function someRun(): Promise<RunTrace> {
  const cables = [
    [
      [0, 0],
      [1, 0],
    ],
  ] as const;
  const bed = await plugIn([ixgbe(), exanic(), edu()], { run: "folded", cables, trace: true });
  const driver = IxgbeDriver.probe(bed.pci);
  for (const frame of frames(4)) while (!driver.transmit(frame)) bed.pci.cpu.relax();
  bed.wireOf(1, 1).send(frames(1)[0] as Uint8Array, { badFcs: true });
  await bed.quiesce();
  const small = bed.functions[2]?.bar(0);
  const [line] = bed.functions[2]?.interrupts("intx", 1) ?? [];
  line?.handle(() => small?.write32(0x64, 2));
  small?.write32(0x60, 2);
  bed.pci.cpu.relax();
  small?.write64(0x88, 0x1234_5678_9abcn);
  driver.close();
  await bed.close();
  return bed.trace();
}

const trace = await someRun();

/** What a tool prints. */
function tool(name: string, words: readonly string[]): string {
  return execFileSync(name, words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 20_000 });
}

/** Whether a tool is on the path; without looking what it says to its own questions. */
function hasTool(name: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((directory) => existsSync(join(directory, name)));
}

/** What signals of a device are, worked out from the events by other means than the writer's. */
function wavesOfRegisters(): Waves {
  const names = ["ixgbe", "exanic", "edu"];
  const waves: Waves = new Map();
  for (const event of trace.events) {
    if (event.kind !== "register-write" && event.kind !== "register-read") continue;
    if (event.byteLength < 4) continue;
    const name = event.register.replaceAll(/\W+/g, "_").replace(/_$/, "");
    const path = `${names[event.device]}.${name}`;
    const wave = waves.get(path) ?? new Map();
    waves.set(path, wave.set(Math.round(event.timeNs), BigInt(event.value).toString(2)));
  }
  return waves;
}

/** The value of a signal at a time: its last change up to then. */
function valueAt(wave: ReadonlyMap<number, string> | undefined, timeNs: number): string | undefined {
  let value: string | undefined;
  for (const [at, each] of wave ?? []) if (at <= timeNs) value = each;
  return value;
}

test("VCD: registers, rings, doorbells and lines hold at each time what the events say", () => {
  const path = join(folder, "run.vcd");
  trace.save(path, "vcd");
  const waves = readVcd(readFileSync(path, "utf8"));
  let compared = 0;
  for (const [name, wave] of wavesOfRegisters()) {
    for (const [timeNs, value] of wave) {
      if (valueAt(waves.get(name), timeNs) !== value)
        expect([name, timeNs, waves.get(name)?.get(timeNs)]).toEqual(value);
      compared++;
    }
  }
  expect(compared).toBeGreaterThan(200);
  const events = [...trace.events];
  const bells = eventsOf(events, "register-write").filter(({ register }) => register === "TDT(0)");
  expect([...(waves.get("ixgbe.TDT_0_doorbell") ?? [])].at(-1)?.[1]).toBe(String(bells.length));
  for (const ring of eventsOf(events, "ring")) {
    const scope = `ixgbe.${ring.ring.replaceAll(" ", "_")}`;
    const last = eventsOf(events, "ring").findLast((each) => each.ring === ring.ring && each.timeNs === ring.timeNs);
    expect(valueAt(waves.get(`${scope}.occupied`), Math.round(ring.timeNs))).toBe((last?.occupied ?? 0).toString(2));
  }
  const line = eventsOf(events, "interrupt").filter(({ mode }) => mode === "intx");
  expect(line.map(({ asserted }) => asserted)).toEqual([true, false]);
  expect([...(waves.get("edu.intx")?.values() ?? [])].at(-1)).toBe("0");
  expect(waves.get("cpu0_handler.running")?.size).toBeGreaterThan(0);
});

test.skipIf(!hasTool("vcd2fst") || !hasTool("fst2vcd"))(
  "VCD goes through GTKWave's own reader and back without a change (skipped without vcd2fst)",
  () => {
    const [vcd, fst, back] = ["run.vcd", "run.fst", "back.vcd"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    trace.save(vcd, "vcd");
    tool("vcd2fst", [vcd, fst]);
    tool("fst2vcd", ["-f", fst, "-o", back]);
    const [ours, theirs] = [readVcd(readFileSync(vcd, "utf8")), readVcd(readFileSync(back, "utf8"))];
    expect([...theirs.keys()].sort()).toEqual([...ours.keys()].sort());
    for (const [name, wave] of ours) {
      // What no change has been seen of is x from the beginning, with or without being said.
      for (const [timeNs, value] of wave)
        if (value !== "x" && valueAt(theirs.get(name), timeNs) !== value)
          expect([name, timeNs, valueAt(theirs.get(name), timeNs)]).toEqual(value);
    }
  },
);

test.skipIf(!hasTool("tshark"))(
  "pcapng: Wireshark sees every frame, on its wire, with its time (skipped without tshark)",
  () => {
    const path = join(folder, "run.pcapng");
    trace.save(path, "pcapng");
    const fields = [
      "frame.time_epoch",
      "frame.interface_name",
      "frame.packet_flags_direction",
      "frame.len",
      "frame.cap_len",
    ];
    const told = tool("tshark", [
      "-r",
      path,
      "-T",
      "fields",
      ...[...fields, "frame.comment"].flatMap((field) => ["-e", field]),
      "-E",
      "separator=|",
    ]);
    const wires = ["ixgbe", "exanic", "edu"];
    const isFrame = (event: TraceEvent): event is FrameEvent => event.kind === "frame-in" || event.kind === "frame-out";
    const expected = trace.events
      .filter(isFrame)
      .map(({ device, port, kind, byteLength, timeNs, seq, badFcs }) => [
        (timeNs / 1e9).toFixed(9),
        `${wires[device]} port ${port}`,
        kind === "frame-in" ? "0x00000001" : "0x00000002",
        String(byteLength),
        String(byteLength),
        `event ${seq}${badFcs === true ? ", bad FCS" : ""}`,
      ]);
    expect(expected.length).toBeGreaterThan(8);
    expect(
      told
        .trimEnd()
        .split("\n")
        .map((line) => line.split("|")),
    ).toEqual(expected);
  },
);

test("text has a line for each event, with its number", () => {
  const [title, ...lines] = trace.text().trimEnd().split("\n");
  expect(title).toContain("ixgbe, exanic, edu");
  const events = trace.records.filter(isEvent);
  expect(lines.map((line) => Number.parseInt(line, 10))).toEqual(events.map(({ seq }) => seq));
  expect(lines.filter((line) => /undefined|NaN|\[object/.test(line))).toEqual([]);
  const doorbell = lines.find((line) => line.includes("write TDT(0)"));
  expect(doorbell).toMatch(/driver → ixgbe {3}write TDT\(0\) 0x06018 ← 0x00000001 {2}TDT=1 {2}doorbell {2}⟵ \d+ post$/);
});

test("frames whose bytes are not in the trace keep their lengths in pcapng", async () => {
  const bed = await plugIn(ixgbe(), { run: "folded", trace: { frameBytes: 14 } });
  IxgbeDriver.probe(bed.pci);
  bed.wire.send(frames(1)[0] as Uint8Array);
  await bed.quiesce();
  await bed.close();
  const path = join(folder, "short.pcapng");
  bed.trace().save(path, "pcapng");
  const { records } = await captureInfo(path, { name: "short" });
  expect(records).toMatchObject({ packetCount: 1, capturedByteLength: 14 });
});
