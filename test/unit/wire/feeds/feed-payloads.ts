/** Payloads of every feed, by first sequence and count: what each feed numbers is the feed's. */
import { cboeMessage, cboeUnit } from "./cboe-packet.ts";
import {
  cmeEventRoot,
  cmeMessage,
  cmePacket,
  csmPacket,
  IEX_PROTOCOLS,
  icePacket,
  iexPacket,
  letterMessage,
  machDatagram,
  memxPacket,
  xdpMessage,
  xdpPacket,
} from "./feed-packets.ts";
import { moldPacket } from "./mold-packet.ts";

export interface FeedPayload {
  /** Messages `first` to `first + count − 1`; where packets are numbered, packet `first` of `count` messages. */
  readonly payload: (first: number, count: number) => Uint8Array;
  /** What reports call its session. */
  readonly session: string;
  readonly numbersPackets?: true;
}

const times = <Value>(count: number, value: (index: number) => Value): Value[] =>
  Array.from({ length: count }, (_, index) => value(index));

const iex = (protocolId: number, letter: string, byteLength: number): FeedPayload => ({
  payload: (sequence, count) =>
    iexPacket(
      { protocolId, sequence },
      times(count, () => letterMessage(letter, byteLength)),
    ),
  session: "channel 1, session 1137508352",
});

export const FEED_PAYLOADS: Readonly<Record<string, FeedPayload>> = {
  "MoldUDP64, ITCH 5.0": {
    payload: (first, count) =>
      moldPacket(
        "000010059B",
        first,
        times(count, () => letterMessage("D", 19)),
      ),
    session: "000010059B",
  },
  "Cboe PITCH": {
    payload: (first, count) =>
      cboeUnit(
        3,
        first,
        times(count, () => cboeMessage(0x29, 14)),
      ),
    session: "unit 3",
  },
  "IEX TOPS": iex(IEX_PROTOCOLS.TOPS, "Q", 42),
  "IEX DEEP": iex(IEX_PROTOCOLS.DEEP, "8", 30),
  "IEX DEEP+": iex(IEX_PROTOCOLS["DEEP+"], "a", 38),
  "CME MDP 3.0": {
    payload: (sequence, count) =>
      cmePacket(
        sequence,
        times(count, () => cmeMessage(12, new Uint8Array(0))),
      ),
    session: "",
    numbersPackets: true,
  },
  "NYSE XDP": {
    payload: (first, count) =>
      xdpPacket(
        11,
        first,
        times(count, () => xdpMessage(102, 25)),
      ),
    session: "",
  },
  "MIAX MACH": {
    payload: (first, count) =>
      machDatagram(times(count, (index) => ({ sequence: first + index, message: letterMessage("B", 24) }))),
    session: "session 1",
  },
  "ICE iMpact": {
    payload: (first, count) =>
      icePacket(
        9,
        first,
        times(count, () => ({ type: "G".charCodeAt(0), body: new Uint8Array(30) })),
      ),
    session: "session 9",
  },
  "MEMX MEMOIR": {
    payload: (first, count) =>
      memxPacket(
        2,
        first,
        times(count, () => ({ type: 20, body: cmeEventRoot(0) })),
      ),
    session: "session 7",
  },
  "Cboe CSM": { payload: (first, count) => csmPacket(first, count, 40 * count), session: "" },
};
