import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { GuestShell } from "../../../harness/vm/guest-shell.ts";

test("a shell that comes up in the middle of a question answers the next one", async () => {
  for (let lostBytes = 0, questionBytes = 1; lostBytes <= questionBytes; lostBytes++) {
    const questions: Buffer[] = [];
    const shell = new GuestShell((bytes) => {
      questions.push(Buffer.from(bytes));
      // The line echoes as long as nobody has told it not to.
      shell.take(bytes);
    });
    await expect(shell.untilUp(1)).rejects.toThrow(/did not end/);
    questionBytes = questions[0]?.length ?? 0;
    const answer = shell.run("echo hello; false");
    await new Promise((resolve) => setImmediate(resolve));
    shell.take(answersTo(Buffer.concat(questions).subarray(lostBytes), questions.at(-1) ?? Buffer.alloc(0)));
    const expected = { code: 1, output: expect.stringMatching(/hello$/) };
    expect(await answer, `${lostBytes} bytes lost`).toMatchObject(expected);
  }
});

/**
 * What a shell says to `input`. One that ends at a syntax error is started anew in the guest and hears `last`, which is
 * asked again; one that waits for the end of a quotation does not end there.
 */
function answersTo(input: Buffer, last: Buffer): Buffer {
  const { stdout, stderr, status } = spawnSync("sh", ["-s"], { input });
  const hasEnded = status === 2 && !/EOF|nterminated/.test(stderr.toString());
  return hasEnded ? Buffer.concat([stdout, answersTo(last, last)]) : stdout;
}
