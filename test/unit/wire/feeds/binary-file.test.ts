import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BinaryFileReader } from "../../../../emulator/wire/feeds/binary-file.ts";
import { anyCuts, cutsOf, prefixed } from "./streams.ts";

function readAll(file: BinaryFileReader, stream: Uint8Array, cuts: readonly number[] = []): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const { bytes, offset, byteLength } of cutsOf(cuts, stream)) {
    file.push(bytes, offset, byteLength);
    while (file.next()) {
      found.push(file.bytes.slice(file.messageOffset, file.messageOffset + file.messageByteLength));
      expect(file.sequence).toBe(found.length);
    }
  }
  return found;
}

const someMessages = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 12 });
const END = new Uint8Array(0);

describe("BinaryFILE", () => {
  test("gives its messages however it is cut into chunks, up to the length of 0", () => {
    fc.assert(
      fc.property(someMessages, anyCuts, fc.uint8Array({ maxLength: 9 }), (messages, cuts, behind) => {
        const file = new BinaryFileReader();
        const stream = Uint8Array.from([...prefixed([...messages, END]), ...behind]);
        expect(readAll(file, stream, cuts)).toEqual(messages);
        expect(file).toMatchObject({ isEnded: true, messages: messages.length, bytesBehindEnd: behind.length });
        const why = file.whyNotWhole;
        if (behind.length === 0) expect(why).toBe("");
        else expect(why).toMatch(messages.length === 0 ? /begins with a length of 0/ : /bytes stand behind the end/);
      }),
    );
  });

  test("a file that was cut anywhere says so, and loses none of the messages before", () => {
    const messages = [Uint8Array.of(1, 2, 3), Uint8Array.of(4)];
    const stream = prefixed([...messages, END]);
    for (let byteLength = 0; byteLength < stream.length; byteLength++) {
      const file = new BinaryFileReader();
      const count = byteLength >= 8 ? 2 : byteLength >= 5 ? 1 : 0;
      expect(readAll(file, stream.slice(0, byteLength))).toEqual(messages.slice(0, count));
      expect(file.whyNotWhole).toMatch(new RegExp(`^The file stops after ${count} messages without the end`));
      const isInside = ![0, 5, 8].includes(byteLength);
      expect(/are the beginning of a message/.test(file.whyNotWhole)).toBe(isInside);
    }
  });

  test("a file with a prefix of 0 before every message, as RITCH's samples have it, is named as what it is", () => {
    const file = new BinaryFileReader();
    const sample = Uint8Array.from([0, 0, 0x53, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x4f, 0, 0, 0x52]);
    expect(readAll(file, sample)).toEqual([]);
    expect(file.whyNotWhole).toMatch(/Some tools write 0 in front of every message \(the sample files of RITCH do\)/);
  });
});
