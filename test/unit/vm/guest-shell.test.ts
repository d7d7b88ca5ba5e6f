import { spawnSync } from "node:child_process";
import fc from "fast-check";
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

const KEPT = 4 << 20;

/** A shell at the other end of a serial line that answers each command with `output` and hands it over in pieces. */
function shellThatPrints(output: string, code: number, pieceBytes: (at: number) => number): GuestShell {
  const shell: GuestShell = new GuestShell((question) => {
    const mark = /echo (softbar-\d+) /.exec(Buffer.from(question).toString())?.[1];
    const answer = Buffer.from(`${output}\n${mark} ${code}\n`);
    for (let at = 0; at < answer.length; ) {
      const end = at + pieceBytes(at);
      shell.take(answer.subarray(at, end));
      at = end;
    }
  });
  return shell;
}

test("what a command prints comes back as it is, in whatever pieces it comes", async () => {
  const line = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => text.replaceAll(/[\r\n]/g, " ")),
    // Nearly the mark that ends it.
    fc.constantFrom("softbar-1", "softbar-1 x", "softbar-99 0", " softbar-1 0", "softbar-1 0 ", "softbar-"),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
      fc.nat(255),
      async (lines, sizes, code) => {
        const output = lines.join("\n");
        const shell = shellThatPrints(
          output === "" ? "" : `${output}\n`,
          code,
          (at) => sizes[at % sizes.length] as number,
        );
        expect(await shell.run("a command")).toEqual({ code, output, cutLength: 0 });
      },
    ),
  );
});

test("much output is kept whole, byte by byte as a serial line hands it over", async () => {
  const lines = Array.from({ length: 40_000 }, (_, index) => `line ${index}`);
  const shell = shellThatPrints(`${lines.join("\r\n")}\r\n`, 0, () => 1);
  expect(await shell.mustRun("dmesg")).toBe(lines.join("\n"));
  const most = shellThatPrints(`${"x".repeat(KEPT - 1)}\n`, 0, () => 1000);
  const { output, cutLength } = await most.run("cat big");
  expect([output === "x".repeat(KEPT - 1), cutLength]).toEqual([true, 0]);
});

test("of more than is kept the end comes back, with how much is missing; and nothing of it passes for whole", async () => {
  const lines = Array.from({ length: 600_000 }, (_, index) => `line ${index}`).join("\n");
  const shell = shellThatPrints(`${lines}\n`, 0, () => 4096);
  const { code, output, cutLength } = await shell.run("cat bigger");
  expect([code, output.length + cutLength]).toEqual([0, lines.length]);
  expect(lines.endsWith(output)).toBe(true);
  expect(output.length).toBe(KEPT - 1);
  await expect(shell.mustRun("cat bigger")).rejects.toThrow(
    `in the guest, "cat bigger" printed ${lines.length} characters, of which ${KEPT} are kept: let it write to a file`,
  );
  // The next command has nothing of it.
  const failing = shellThatPrints(`${lines}\nno such device\n`, 3, () => 4096);
  const error = (await failing.mustRun("modprobe").catch((thrown: unknown) => thrown)) as Error;
  expect(error.message).toMatch(/^in the guest, "modprobe" ended with 3: … [\s\S]*\nno such device$/);
  expect(error.message.length).toBeLessThan(5000);
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
