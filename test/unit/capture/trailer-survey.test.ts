import { describe, expect, test } from "vitest";
import { buildUdpFrame } from "../../../emulator/wire/build-frame.ts";
import { CaptureRecord } from "../../../emulator/wire/capture/capture-record.ts";
import { appendFcs, crc32 } from "../../../emulator/wire/crc32.ts";
import { FrameHeaders } from "../../../emulator/wire/frame.ts";
import { TrailerSurvey, type TrailerSurveyReport } from "../../../harness/capture/trailer-survey.ts";

const SECONDS = 1_700_000_000;

/** The n-th of a hundred frames, some of them below 60 bytes and padded. */
function frame(n: number): Uint8Array {
  const bytes = new Uint8Array(200);
  const flow = { sourceMac: n, sourceIp: n, destinationIp: 0xe000_0001, sourcePort: 1, destinationPort: 2 };
  return bytes.slice(0, buildUdpFrame(bytes, 0, flow, new Uint8Array(n).fill(n)));
}

function withFcs(bytes: Uint8Array): Uint8Array {
  const longer = new Uint8Array(bytes.length + 4);
  longer.set(bytes);
  appendFcs(longer, 0, bytes.length);
  return longer;
}

function behind(bytes: Uint8Array, words: readonly number[]): Uint8Array {
  const longer = new Uint8Array(bytes.length + 4 * words.length);
  longer.set(bytes);
  const view = new DataView(longer.buffer);
  for (const [index, word] of words.entries()) view.setUint32(bytes.length + 4 * index, word);
  return longer;
}

function surveyOf(frames: readonly Uint8Array[], fcsByteLength = 0): TrailerSurveyReport {
  const survey = new TrailerSurvey();
  const headers = new FrameHeaders();
  const record = new CaptureRecord();
  for (const bytes of frames) {
    const place = { bytes, byteLength: bytes.length, originalByteLength: bytes.length };
    Object.assign(record, { seconds: SECONDS, fcsByteLength, ...place });
    headers.parse(bytes, 0, bytes.length);
    survey.count(record, headers);
  }
  return survey.report();
}

const all = Array.from({ length: 100 }, (_, n) => frame(n));

describe("what stands behind the frames", () => {
  test("nothing", () => {
    expect(surveyOf(all)).toEqual({
      lookedAtCount: 100,
      fcsCount: 0,
      wrongFcsCount: 0,
      devices: {},
      suggested: undefined,
    });
  });

  test("an FCS, and a wrong one among right ones", () => {
    const frames = all.map(withFcs);
    expect(surveyOf(frames)).toMatchObject({ fcsCount: 100, wrongFcsCount: 0, devices: {} });
    (frames[7] as Uint8Array)[20] = 1;
    expect(surveyOf(frames)).toMatchObject({ fcsCount: 99, wrongFcsCount: 1, devices: {} });
  });

  test("an FCS that the file promises and no frame has", () => {
    expect(surveyOf(all, 4)).toMatchObject({ fcsCount: 0, wrongFcsCount: 100 });
  });

  test("random bytes that prove nothing", () => {
    const frames = all.map((bytes, n) => behind(bytes, [crc32(bytes, 0, n), 0x1234_5678, n]));
    expect(surveyOf(frames)).toMatchObject({ fcsCount: 0, wrongFcsCount: 0, devices: {}, suggested: undefined });
  });

  test.each([
    ["metamako", [SECONDS, 999_999_999, 0x0100_0102]],
    ["exablaze", [0x0102_0000 | (SECONDS >>> 16), ((SECONDS & 0xffff) << 16) | 0xabcd, 0x1234_5600]],
  ] as const)("a stamp of %s, with a new FCS or without", (kind, words) => {
    const stamped = all.map((bytes) => behind(withFcs(bytes), words));
    for (const frames of [stamped, stamped.map(withFcs)]) {
      expect(surveyOf(frames)).toMatchObject({ fcsCount: 0, devices: { [kind]: 100 }, suggested: kind });
    }
    const mixed = [...stamped.slice(0, 50), ...all.slice(50)];
    expect(surveyOf(mixed)).toMatchObject({ devices: { [kind]: 50 }, suggested: undefined });
  });

  test("four zeros of padding before an FCS are no ticks", () => {
    const padded = all.map((bytes) => withFcs(behind(bytes, [0])));
    expect(surveyOf(padded)).toMatchObject({ devices: {}, fcsCount: 100 });
  });

  test("a stamp proves itself behind frames that are no IP; ticks do not", () => {
    const other = all.map((bytes) => bytes.with(12, 0x88));
    const stamped = other.map((bytes) => behind(withFcs(bytes), [SECONDS, 1, 0x0100_0102]));
    expect(surveyOf(stamped)).toMatchObject({ devices: { metamako: 100 }, suggested: "metamako" });
    const ticked = other.map((bytes) => withFcs(behind(bytes, [77])));
    expect(surveyOf(ticked)).toMatchObject({ devices: {}, fcsCount: 100 });
  });

  test("ticks of an Arista 7150", () => {
    const frames = all.map((bytes, n) => withFcs(behind(bytes, [77 + n])));
    expect(surveyOf(frames)).toMatchObject({ fcsCount: 0, devices: { "arista-7150": 100 }, suggested: "arista-7150" });
  });
});
