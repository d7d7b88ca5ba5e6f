import { execFile } from "node:child_process";
import { expect, test } from "vitest";

const HARNESS = new URL("../../harness/index.ts", import.meta.url).href;
const DEVICES = new URL("../../devices/index.ts", import.meta.url).href;
const DRIVER = new URL("./fixtures/talkative.driver.ts", import.meta.url).href;

/** Runs the driver in a testbed of another process; resolves with what that process printed. */
function outputOf(end: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const program = `(async () => {
    const { plugIn } = await import(${JSON.stringify(HARNESS)});
    const { edu } = await import(${JSON.stringify(DEVICES)});
    const bed = await plugIn(edu());
    const run = bed.cpu(1).run(${JSON.stringify(DRIVER)}, ${JSON.stringify(end)}).then(() => {}, () => {});
    await Promise.race([run, new Promise((resolve) => setTimeout(resolve, 1500).unref())]);
    await bed.close();
  })()`;
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ["--eval", program], { timeout: 15_000 }, (error, stdout, stderr) =>
      error === null ? resolve({ stdout, stderr }) : reject(error),
    );
  });
}

test.each(["returns", "throws", "spins"])("what a driver prints reaches its stream when it %s", async (end) => {
  expect(await outputOf(end)).toEqual({
    stdout: "first line\nhalf a line\nlast line\n",
    stderr: "first trouble\nlast trouble\n",
  });
});
