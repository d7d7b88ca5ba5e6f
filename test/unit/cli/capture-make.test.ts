import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { CaptureRecord } from "../../../emulator/wire/capture/capture-record.ts";
import { openCapture } from "../../../emulator/wire/capture/open-capture.ts";
import { ItchSession } from "../../../emulator/wire/feeds/itch-session.ts";
import { makeCapture } from "../../../harness/cli/capture-make.ts";

const folder = mkdtempSync(join(tmpdir(), "softbar-make-"));
afterAll(() => rmSync(folder, { recursive: true }));

const never = new AbortController().signal;

describe.each(["pcap", "pcapng"])("a made-up session as %s", (ending) => {
  test("reads back frame by frame as it was made, and the same seed gives the same file", async () => {
    const options = { seed: 7, frameCount: 3000, stockCount: 4 };
    const [one, other] = [join(folder, `one.${ending}`), join(folder, `other.${ending}`)];
    const made = await makeCapture(one, options, never, () => {});
    await makeCapture(other, options, never, () => {});
    expect(readFileSync(one).equals(readFileSync(other))).toBe(true);

    const session = new ItchSession(options);
    const [expected, record] = [new CaptureRecord(), new CaptureRecord()];
    const file = await openCapture(one);
    for (let number = 0; session.next(expected); number++) {
      while (!file.next(record)) if (!(await file.more())) expect.fail(`the file ends at frame ${number}`);
      const { bytes, offset, byteLength, seconds, nanoseconds } = record;
      expect([seconds, nanoseconds]).toEqual([expected.seconds, expected.nanoseconds]);
      const sent = expected.bytes.subarray(0, expected.byteLength);
      expect(Buffer.compare(bytes.subarray(offset, offset + byteLength), sent)).toBe(0);
    }
    expect(file.next(record) || (await file.more())).toBe(false);
    await file.close();
    expect(made).toEqual({
      file: one,
      format: ending,
      seed: 7,
      frameCount: 3000,
      messageCount: session.messagesWritten,
      byteCount: session.bytesWritten,
      isComplete: true,
    });
  });

  test("one that is interrupted is a capture as far as it goes", async () => {
    const file = join(folder, `short.${ending}`);
    const controller = new AbortController();
    const made = await makeCapture(file, { seed: 1, frameCount: 50_000 }, controller.signal, () => controller.abort());
    expect(made.isComplete).toBe(false);
    const capture = await openCapture(file);
    let count = 0;
    const record = new CaptureRecord();
    do while (capture.next(record)) count++;
    while (await capture.more());
    expect(count).toBe(made.frameCount);
    expect(capture.end?.cut).toBeNull();
    await capture.close();
  });
});
