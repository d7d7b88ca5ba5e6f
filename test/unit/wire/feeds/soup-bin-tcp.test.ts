import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LengthPrefixFramer } from "../../../../emulator/wire/feeds/length-prefix-framer.ts";
import { SoupBinReader } from "../../../../emulator/wire/feeds/soup-bin-tcp.ts";
import { anyCuts, cutsOf, prefixed } from "./streams.ts";

const packet = (type: string, data: string | Uint8Array = ""): Uint8Array =>
  Uint8Array.from([type.charCodeAt(0), ...(typeof data === "string" ? new TextEncoder().encode(data) : data)]);
const accepted = (session: string, sequence: number | string): Uint8Array =>
  packet("A", session.padStart(10) + `${sequence}`.padStart(20));

/** Feeds the packets in one chunk, and gives the data that came out. */
function feed(soup: SoupBinReader, ...packets: Uint8Array[]): string[] {
  const stream = prefixed(packets);
  soup.push(stream, 0, stream.length);
  return drain(soup);
}

function drain(soup: SoupBinReader): string[] {
  const data: string[] = [];
  while (soup.next()) {
    const content = soup.bytes.slice(soup.dataOffset, soup.dataOffset + soup.dataByteLength);
    data.push(`${soup.isSequenced ? soup.sequence : "-"}:${new TextDecoder().decode(content)}`);
  }
  return data;
}

describe("a framer of length-prefixed bodies", () => {
  test("gives the same bodies however the stream is cut", () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 15 });
    fc.assert(
      fc.property(bodies, anyCuts, fc.uint8Array({ maxLength: 3 }), (sent, cuts, rest) => {
        // Behind the last body there may be the beginning of another.
        const stream = Uint8Array.from([...prefixed(sent), ...(rest.length === 0 ? [] : [0, 200]), ...rest]);
        const framer = new LengthPrefixFramer();
        const found: Uint8Array[] = [];
        for (const { bytes, offset, byteLength } of cutsOf(cuts, stream)) {
          framer.push(bytes, offset, byteLength);
          while (framer.next()) {
            found.push(framer.bytes.slice(framer.bodyOffset, framer.bodyOffset + framer.bodyByteLength));
          }
        }
        expect(found).toEqual(sent);
        expect(framer.pendingByteLength).toBe(rest.length === 0 ? 0 : 2 + rest.length);
      }),
    );
  });

  test("takes the longest body there can be, in pieces and in one", () => {
    const body = Uint8Array.from({ length: 65_535 }, (_, index) => index * 7);
    const stream = prefixed([body, body]);
    for (const cut of [1, 2, 40_000, 65_537, 65_538, stream.length]) {
      const framer = new LengthPrefixFramer();
      let count = 0;
      for (const { bytes, offset, byteLength } of cutsOf([cut], stream)) {
        framer.push(bytes, offset, byteLength);
        while (framer.next()) {
          expect(Buffer.compare(framer.bytes.subarray(framer.bodyOffset, framer.bodyOffset + 65_535), body)).toBe(0);
          count++;
        }
      }
      expect(count).toBe(2);
    }
  });

  test("a chunk that was not read to its end is not thrown away in silence", () => {
    const framer = new LengthPrefixFramer();
    const stream = prefixed([Uint8Array.of(1), Uint8Array.of(2)]);
    framer.push(stream, 0, stream.length);
    framer.next();
    expect(() => framer.push(stream, 0, 1)).toThrow(/3 bytes of the chunk before were not taken. Call next\(\)/);
    framer.reset();
    framer.push(stream, 0, stream.length);
    expect(framer.next()).toBe(true);
  });
});

describe("SoupBinTCP", () => {
  test("counts sequences from the login, over any cut of the stream, with everything else in between", () => {
    const kinds = fc.constantFrom("S", "U", "H", "+", "?", "");
    const data = fc.string({ unit: fc.constantFrom(..."abc"), maxLength: 9 });
    const first = fc.constantFrom(1, 99, 2 ** 32 - 2, 2 ** 52);
    fc.assert(
      fc.property(fc.array(fc.tuple(kinds, data), { maxLength: 20 }), first, anyCuts, (sent, sequence, cuts) => {
        const packets = sent.map(([type, text]) => (type === "" ? new Uint8Array(0) : packet(type, text)));
        const stream = prefixed([accepted("S1", sequence), ...packets, packet("Z")]);
        const soup = new SoupBinReader();
        const found: string[] = [];
        for (const { bytes, offset, byteLength } of cutsOf(cuts, stream)) {
          soup.push(bytes, offset, byteLength);
          found.push(...drain(soup));
        }
        let next = sequence;
        const wanted = sent.flatMap(([type, text]) => {
          if (type === "S") return [`${next++}:${text}`];
          return type === "U" ? [`-:${text}`] : [];
        });
        const count = (type: string): number => sent.filter(([of]) => of === type).length;
        expect(found).toEqual(wanted);
        expect(soup).toMatchObject({
          state: "ended",
          session: "S1",
          nextSequence: next,
          logins: 1,
          sequencedPackets: count("S"),
          unsequencedPackets: count("U"),
          heartbeats: count("H"),
          debugPackets: count("+"),
          malformed: count("?") + count(""),
          unexpected: 0,
          pendingByteLength: 0,
        });
      }),
    );
  });

  test("a login that is rejected says why, and what comes then is unexpected", () => {
    const soup = new SoupBinReader();
    expect(feed(soup, packet("J", "S"), packet("S", "x"))).toEqual([]);
    expect(soup).toMatchObject({
      state: "rejected",
      rejectReason: "S",
      session: "",
      unexpected: 1,
      sequencedPackets: 0,
    });
    soup.reconnect();
    expect(feed(soup, accepted("NEXT", 7), packet("S", "x"))).toEqual(["7:x"]);
    expect(soup).toMatchObject({ state: "logged in", rejectReason: "", session: "NEXT" });
  });

  test("after a connection was lost inside a packet, the next login goes on where the last one was", () => {
    const soup = new SoupBinReader();
    const stream = prefixed([accepted("S1", 10), packet("S", "a"), packet("S", "lost")]);
    soup.push(stream, 0, stream.length - 2);
    expect(drain(soup)).toEqual(["10:a"]);
    expect(soup.pendingByteLength).toBe(5);
    expect(soup.nextSequence).toBe(11);
    soup.reconnect();
    expect(soup.pendingByteLength).toBe(0);
    expect(feed(soup, accepted("S1", 11), packet("S", "lost"))).toEqual(["11:lost"]);
    expect(soup.logins).toBe(2);
  });

  test("data before the login and after the end, and a second login, are unexpected and given to nobody", () => {
    const soup = new SoupBinReader();
    expect(feed(soup, packet("S", "early"), packet("Z"))).toEqual([]);
    expect(feed(soup, accepted("S1", 1), accepted("S2", 500), packet("S", "a"))).toEqual(["1:a"]);
    expect(feed(soup, packet("Z"), packet("S", "late"), packet("U", "late"), packet("J", "A"))).toEqual([]);
    expect(soup).toMatchObject({ state: "ended", session: "S1", unexpected: 6, nextSequence: 2 });
  });

  test.each([
    ["too short", packet("A", "S1        ")],
    ["too long", packet("A", `${"S1".padEnd(10)}${"1".padStart(21)}`)],
    ["without a sequence", accepted("S1", "")],
    ["with letters for a sequence", accepted("S1", "12x")],
    ["with a blank inside the sequence", accepted("S1", "1 2")],
    ["with a sequence of 2^53", accepted("S1", "9007199254740992")],
    ["with the largest sequence that fits", accepted("S1", "99999999999999999999")],
  ])("a login that is %s is malformed, and none", (_, login) => {
    const soup = new SoupBinReader();
    expect(feed(soup, login, packet("S", "x"))).toEqual([]);
    expect(soup).toMatchObject({ state: "awaiting login", malformed: 1, unexpected: 1, nextSequence: 0, logins: 0 });
    expect(feed(soup, packet("J"))).toEqual([]);
    expect(soup).toMatchObject({ state: "awaiting login", malformed: 2 });
  });

  test("any bytes in any chunks end, and never read outside", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), anyCuts, (stream, cuts) => {
        const soup = new SoupBinReader();
        let consumed = 0;
        for (const { bytes, offset, byteLength } of cutsOf(cuts, stream)) {
          soup.push(bytes, offset, byteLength);
          while (soup.next()) consumed += 3 + soup.dataByteLength;
        }
        expect(consumed + soup.pendingByteLength).toBeLessThanOrEqual(stream.length);
      }),
    );
  });
});
