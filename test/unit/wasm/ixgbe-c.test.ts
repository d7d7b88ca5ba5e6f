import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ixgbe } from "../../../devices/ixgbe/index.ts";
import { TestbedError } from "../../../emulator/run/testbed-error.ts";
import { explore } from "../../../harness/explore/explore.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import { WasmProgram } from "../../../harness/wasm/wasm-program.ts";

const built = (name: string): URL => new URL(`../../../scenarios/drivers/c/${name}.wasm`, import.meta.url);
function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return "nothing was thrown";
}

const LOOPBACK = [
  [
    [0, 0],
    [0, 0],
  ],
] as const;

describe("the driver in C, folded", () => {
  test.each([
    ["ixgbe", "polls", { frames: 700, ring: 64 }],
    ["ixgbe", "waits for MSI-X", { frames: 700, ring: 64, interrupts: 1 }],
    ["ixgbe-traced", "waits for MSI-X", { frames: 200, ring: 8, interrupts: 1 }],
  ])(
    "%s %s: what it sends comes back in order, no rule is broken, and all memory is given back",
    async (name, _, options) => {
      const nic = await WasmProgram.load(built(name));
      await using bed = await plugIn(ixgbe(), { ownMemory: nic.ownMemory, run: "folded", cables: LOOPBACK });
      const lines: string[] = [];
      const driver = nic.attach(bed.pci, { options, log: (line) => lines.push(line) });
      expect(driver.call("sb_main")).toBe(0);
      await bed.quiesce();
      expect(bed.violations).toEqual([]);
      expect(bed.pci.dma.mappingCount).toBe(0);
      expect((await bed.statistics())[0]?.counters).toMatchObject({
        txFrames: options.frames,
        rxDelivered: options.frames,
      });
      expect(lines[0]).toBe(`up: 02:00:00:82:59:90, rings of ${options.ring}`);
    },
  );

  test("an address in its memory is the address for the card, below 4 GiB", async () => {
    const nic = await WasmProgram.load(built("ixgbe"));
    await using bed = await plugIn(ixgbe(), { ownMemory: nic.ownMemory, run: "folded" });
    const buffer = bed.pci.dma.alloc(100);
    expect(buffer.bytes.buffer).toBe(nic.ownMemory.buffer);
    expect(buffer.iova).toBe(buffer.bytes.byteOffset);
    expect(bed.pci.bar(0).mappedOffset).toBeGreaterThanOrEqual(nic.ownMemory.reservedBytes);
    expect(() => bed.pci.dma.alloc(100, { separate: true })).toThrow(/offsets in the driver's own memory/);
  });

  test("a second life in the same memory begins anew", async () => {
    const nic = await WasmProgram.load(built("ixgbe"));
    await using bed = await plugIn(ixgbe(), { ownMemory: nic.ownMemory, run: "folded", cables: LOOPBACK });
    for (let life = 0; life < 2; life++) {
      const driver = nic.attach(bed.pci, { options: { frames: 40, ring: 8 }, log: () => {} });
      expect(driver.call("sb_main")).toBe(0);
    }
  });

  test("where a driver gives up, the line of its source is named", async () => {
    const nic = await WasmProgram.load(built("ixgbe"));
    await using bed = await plugIn(ixgbe(), { ownMemory: nic.ownMemory, run: "folded" });
    const driver = nic.attach(bed.pci, { options: { frames: 4 }, log: () => {} });
    const message = messageOf(() => driver.call("sb_main"));
    const [, line = ""] =
      /^ixgbe\.wasm: frame 0 never came back: has .*\?, in sb_main \(main\.c:(\d+)\)$/.exec(message) ??
      expect.fail(message);
    const source = readFileSync(new URL("../../../scenarios/drivers/c/main.c", import.meta.url), "utf8");
    expect(source.split("\n")[Number(line) - 1]).toContain('sb_panic("frame %u never came back');
  });

  test("a mapped build needs a device in a thread of its own", async () => {
    const nic = await WasmProgram.load(built("ixgbe-mapped"));
    await using bed = await plugIn(ixgbe(), { ownMemory: nic.ownMemory, run: "folded" });
    expect(() => nic.attach(bed.pci).call("nic_open", 8, 0, 0)).toThrow(TestbedError);
  });
});

test("a search refuses a build whose accesses of memory it would not see", async () => {
  const nic = await WasmProgram.load(built("ixgbe"));
  const searching = explore(
    ixgbe(),
    { runs: 1, machine: { ownMemory: nic.ownMemory }, setup: (bed) => nic.attach(bed.pci) },
    () => {},
  );
  await expect(searching).rejects.toThrow(
    /ixgbe\.wasm reaches DMA memory by plain instructions.*-DSB_TRACED.*trace-loads/s,
  );
});
