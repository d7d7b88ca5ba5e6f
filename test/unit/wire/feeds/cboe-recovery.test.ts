import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CBOE_GAP_STATUSES,
  CBOE_LOGIN_STATUSES,
  CBOE_RECOVERY_MESSAGES,
  CBOE_SPIN_STATUSES,
  CboeRecoveryMessage,
  writeCboeGapRequest,
  writeCboeGapResponse,
  writeCboeLogin,
  writeCboeLoginResponse,
  writeCboeSpinFinished,
  writeCboeSpinImageAvailable,
  writeCboeSpinRequest,
  writeCboeSpinResponse,
} from "../../../../emulator/wire/feeds/cboe-recovery.ts";
import { boundedBytes } from "../bounded-bytes.ts";

const units = fc.nat(255);
const words = fc.nat(2 ** 32 - 1);
const counts = fc.nat(65_535);
const letterOf = (letters: string): fc.Arbitrary<string> => fc.constantFrom(...letters);

/** Writes behind `offset` bytes, and reads what was written and nothing else. */
function roundTrip(offset: number, write: (bytes: Uint8Array, at: number) => number): CboeRecoveryMessage {
  const bytes = new Uint8Array(offset + 40).fill(0xee);
  const byteLength = write(bytes, offset);
  expect(bytes.slice(offset + byteLength).every((byte) => byte === 0xee)).toBe(true);
  const message = new CboeRecoveryMessage();
  expect(message.parse(boundedBytes(bytes, offset, byteLength), offset, byteLength)).toBe(true);
  for (let cut = 0; cut < byteLength; cut++) {
    expect(new CboeRecoveryMessage().parse(boundedBytes(bytes, offset, cut), offset, cut)).toBe(false);
  }
  return message;
}

describe("the messages of Cboe's recovery services", () => {
  test("a gap request and its response come back as they were written", () => {
    fc.assert(
      fc.property(
        fc.nat(9),
        units,
        words,
        counts,
        letterOf(CBOE_GAP_STATUSES),
        (offset, unit, sequence, count, status) => {
          const asked = { unit, sequence, messageCount: count };
          const request = roundTrip(offset, (bytes, at) => writeCboeGapRequest(bytes, at, unit, sequence, count));
          expect(request).toMatchObject({ type: 0x03, ...asked, status: 0, orderCount: 0 });
          const response = roundTrip(offset, (bytes, at) =>
            writeCboeGapResponse(bytes, at, unit, sequence, count, status),
          );
          expect(response).toMatchObject({ type: 0x04, ...asked, status: status.charCodeAt(0) });
        },
      ),
    );
  });

  test("the four messages of a spin come back as they were written", () => {
    fc.assert(
      fc.property(fc.nat(9), words, words, letterOf(CBOE_SPIN_STATUSES), (offset, sequence, orderCount, status) => {
        const response = roundTrip(offset, (bytes, at) =>
          writeCboeSpinResponse(bytes, at, sequence, orderCount, status),
        );
        expect(response).toMatchObject({ type: 0x82, sequence, orderCount, status: status.charCodeAt(0) });
        for (const [type, write] of [
          [0x80, writeCboeSpinImageAvailable],
          [0x81, writeCboeSpinRequest],
          [0x83, writeCboeSpinFinished],
        ] as const) {
          const message = roundTrip(offset, (bytes, at) => write(bytes, at, sequence));
          expect(message).toMatchObject({ type, sequence, orderCount: 0, status: 0, unit: 0, messageCount: 0 });
        }
      }),
    );
  });

  test("a login and its response come back as they were written", () => {
    const texts = (maxLength: number): fc.Arbitrary<string> => fc.stringMatching(/^[A-Z0-9]*$/, { maxLength });
    fc.assert(
      fc.property(
        texts(4),
        texts(4),
        texts(10),
        letterOf(CBOE_LOGIN_STATUSES),
        (sessionSubId, username, password, status) => {
          const login = { sessionSubId, username, password };
          expect(roundTrip(3, (bytes, at) => writeCboeLogin(bytes, at, login)).login).toEqual(login);
          const response = roundTrip(3, (bytes, at) => writeCboeLoginResponse(bytes, at, status));
          expect(response).toMatchObject({ type: 0x02, status: status.charCodeAt(0) });
        },
      ),
    );
  });

  test("a login as an exchange's own test client sends it", () => {
    const login = Uint8Array.from("\x16\x010006MKDA            ", (letter) => letter.charCodeAt(0));
    const message = new CboeRecoveryMessage();
    expect(message.parse(login, 0, login.length)).toBe(true);
    expect(message.login).toEqual({ sessionSubId: "0006", username: "MKDA", password: "" });
    const written = new Uint8Array(22);
    writeCboeLogin(written, 0, message.login);
    expect(written).toEqual(login);
  });

  test("a text that has no room is refused and named", () => {
    const login = { sessionSubId: "0006", username: "TOOLONG", password: "" };
    expect(() => writeCboeLogin(new Uint8Array(22), 0, login)).toThrow(/username "TOOLONG".* has 7 characters; 4 fit/);
  });

  test("any bytes are read inside their bounds, and taken only when type and length agree", () => {
    const byteLengths = new Map(CBOE_RECOVERY_MESSAGES.map(({ type, byteLength }) => [type, byteLength]));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
        const isTaken = new CboeRecoveryMessage().parse(boundedBytes(bytes, 0, bytes.length), 0, bytes.length);
        const wanted = byteLengths.get(bytes[1] ?? 0) === bytes.length && bytes[0] === bytes.length;
        expect(isTaken).toBe(wanted);
      }),
    );
  });
});
