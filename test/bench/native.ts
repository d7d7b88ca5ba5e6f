/** The driver in C as a process of its own, over shared memory: what it sends a second, beside the copy floor. */
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { PACKAGE_ROOT } from "../../harness/new-device/template.ts";
import { ShmServer } from "../../harness/shm/shm-server.ts";
import { copyFloor } from "./copy-floor.ts";

export interface NativeFigures {
  readonly framesPerSecond: readonly number[];
  readonly floorFramesPerSecond: readonly number[];
}

const run = promisify(execFile);
const WARM_UP = 1_000_000;

/** Rejects where there is no C compiler or no koffi. */
export async function nativeFigures(rounds: number, frameCount: number): Promise<NativeFigures> {
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "softbar-native-"));
  try {
    const driver = join(folder, "driver");
    const [native, source] = ["harness/shm/include", "scenarios/drivers/c"].map((path) => join(PACKAGE_ROOT, path)) as [
      string,
      string,
    ];
    const files = [join(source, "ixgbe.c"), join(source, "main.c"), join(native, "softbar-main.c")];
    execFileSync("cc", ["-O2", "-I", native, "-I", source, "-o", driver, ...files]);
    const rates: number[] = [];
    const floors: number[] = [];
    for (let round = 0; round < rounds; round++) {
      floors.push(await copyFloor(frameCount));
      await using server = await ShmServer.start(ixgbe(), join(folder, "card"));
      const send = (count: number): Promise<{ readonly stdout: string }> =>
        run(driver, [server.folder, "--set", "mode=1", "--set", "lengths=0", "--set", `frames=${count}`]);
      await send(WARM_UP);
      const { stdout } = await send(frameCount);
      const [, durationUs = "NaN"] = /frames in (\d+) us/.exec(stdout) ?? [];
      rates.push((frameCount * 1e6) / Number(durationUs));
    }
    return { framesPerSecond: rates, floorFramesPerSecond: floors };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
