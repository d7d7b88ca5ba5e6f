import { describe, expect, test } from "vitest";
import { DeviceGoneError } from "../../emulator/run/testbed-error.ts";
import { failOnOpenTestbeds } from "../../harness/open-testbeds.ts";
import { plugIn } from "../../harness/plug-in.ts";
import { relayNic } from "../fixtures/relay-nic.ts";
import { BLOCK, registerBlock } from "./fixtures/register-block.ts";

const driver = (name: string): string => new URL(`./fixtures/${name}.driver.ts`, import.meta.url).href;

/** Workers that were started and have not ended. */
function watchWorkers(): { readonly liveCount: number } {
  const live = new Set<unknown>();
  process.on("worker", (worker) => {
    live.add(worker);
    worker.once("exit", () => live.delete(worker));
  });
  return {
    get liveCount() {
      return live.size;
    },
  };
}

const workers = watchWorkers();

describe("close", () => {
  test("ends the device thread and all CPUs, and may be called again and again", async () => {
    const bed = await plugIn(registerBlock());
    const ready = new Int32Array(new SharedArrayBuffer(4));
    const running = bed.cpu(1).run(driver("spinning-reader"), ready.buffer);
    const stopped = expect(running).rejects.toThrow(/stopped: the testbed was closed|its testbed was closed/);
    while (Atomics.load(ready, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(workers.liveCount).toBe(2);
    const closings = [bed.close(), bed.close(), bed[Symbol.asyncDispose]()];
    await Promise.all(closings);
    expect(workers.liveCount).toBe(0);
    await stopped;
    await bed.close();
    await failOnOpenTestbeds();
  });

  test("makes what is under way reject, and what comes later too, by the name of the reason", async () => {
    const bed = await plugIn(registerBlock());
    const pending = [bed.quiesce(), bed.statistics()].map((call) => call.catch((error: unknown) => error));
    await bed.close();
    for (const outcome of await Promise.all(pending)) {
      if (!Array.isArray(outcome) && outcome !== undefined) expect(outcome).toBeInstanceOf(DeviceGoneError);
    }
    const closed = /its testbed was closed/;
    await expect(bed.quiesce()).rejects.toThrow(closed);
    await expect(bed.statistics()).rejects.toThrow(DeviceGoneError);
    await expect(bed.cpu(1).run(driver("one-read"))).rejects.toThrow(closed);
    expect(() => bed.pci.bar(0).read32(0)).toThrow(closed);
    expect(() => bed.pci.config.read32(0)).toThrow(closed);
    expect(() => bed.pci.cpu.relax()).toThrow(closed);
    // A CPU that was refused is not left half started.
    expect(workers.liveCount).toBe(0);
  });

  test("keeps what was found and what was sent", async () => {
    const bed = await plugIn([registerBlock(), relayNic("relay")]);
    bed.pci.bar(0).write32(BLOCK.SHOWN.at(), 1);
    bed.pci.bar(0).read32(BLOCK.SHOWN.at());
    bed.wireOf(1, 0).send(Uint8Array.from({ length: 60 }, (_, index) => index));
    await bed.quiesce();
    await bed.close();
    expect(bed.violations.map(({ rule }) => rule)).toEqual(["write-to-read-only"]);
    expect(bed.wireOf(1, 1).sent).toHaveLength(1);
    expect(() => bed.wireOf(1, 0).send(new Uint8Array(60))).toThrow(/its testbed was closed/);
  });

  test("while a CPU is being started: it is not started, and says why", async () => {
    const bed = await plugIn(registerBlock());
    const starting = bed.cpu(4).run(driver("one-read"));
    const refused = expect(starting).rejects.toThrow(/closed/);
    await bed.close();
    await refused;
    expect(workers.liveCount).toBe(0);
  });

  test("a device that cannot be created leaves no thread behind", async () => {
    const { failing } = await import("./fixtures/failing-device.ts");
    await expect(plugIn(failing("create"))).rejects.toThrow();
    expect(workers.liveCount).toBe(0);
    await failOnOpenTestbeds();
  });
});

describe("a testbed left open", () => {
  test("fails its test with the line where it was plugged in, and is closed then", async () => {
    const bed = await plugIn(registerBlock());
    const other = await plugIn([registerBlock(), relayNic("relay")]);
    const failure = failOnOpenTestbeds();
    await expect(failure).rejects.toThrow(/^2 testbed\(s\) left open\. Write `await using bed = await plugIn/);
    const message = await failure.catch((error: Error) => error.message);
    const places = String(message).split("\n").slice(1);
    expect(places).toHaveLength(2);
    for (const place of places) expect(place).toMatch(/^ {2}plugged in at .*closing\.test\.ts:\d+:\d+\)?$/);
    expect(workers.liveCount).toBe(0);
    await expect(bed.statistics()).rejects.toThrow(/its testbed was closed/);
    await expect(other.statistics()).rejects.toThrow(/its testbed was closed/);
    // Said once.
    await failOnOpenTestbeds();
  });

  test("a folded one holds nothing, and is nothing to close", async () => {
    const bed = await plugIn(registerBlock(), { run: "folded" });
    expect(bed.pci.bar(0).read32(BLOCK.MIXED.at())).toBe(0x5500_0000);
    await failOnOpenTestbeds();
    expect(workers.liveCount).toBe(0);
  });
});
