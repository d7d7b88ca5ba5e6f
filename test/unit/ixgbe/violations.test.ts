import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as bits from "../../../devices/ixgbe/descriptors.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { Card, plainFrame, srrctl } from "./card.ts";
import { ReceiveRing, TransmitRing } from "./rings.ts";
import { IOVA_HIGH } from "./test-port.ts";

const ENABLE = reg.TXDCTL.fields.ENABLE.mask;

interface Case {
  readonly rule: string;
  readonly place: string;
  /** What was written, or what of it was wrong, as the message has it. */
  readonly value: string;
  readonly says: RegExp;
  readonly break: (card: Card) => void;
}

const cases: readonly Case[] = [
  {
    rule: "ring-misaligned",
    value: "0x00001040",
    place: "RDBAL(3) 0x010c0",
    says: /0x00001040, which is not a multiple of 128.*0x00001000/,
    break: (card) => card.set(reg.RDBAL, 0x1040, 3),
  },
  {
    rule: "ring-length",
    value: "0x000000c8",
    place: "TDLEN(64) 0x07008",
    says: /200 bytes.*takes 128/,
    break: (card) => card.set(reg.TDLEN, 200, 64),
  },
  {
    rule: "ring-empty",
    value: "0x00000000",
    place: "RDLEN(0) 0x01008",
    says: /never fetches/,
    break: (card) => card.set(reg.RXDCTL, ENABLE),
  },
  {
    rule: "ring-changed-while-enabled",
    value: "0x00000100",
    place: "TDLEN(0) 0x06008",
    says: /Disable the queue/,
    break: (card) => {
      card.startTransmit(0, 8);
      card.set(reg.TDLEN, 256);
    },
  },
  {
    rule: "ring-not-taken",
    value: "0x00000001",
    place: "TDT(2) 0x06098",
    says: /TDBAL and TDLEN of queue 2 say 0x1_0000_8000 \(8 descriptors\).*runs the ring at 0x1_[0-9a-f]{4}_[0-9a-f]{4} \(8 descriptors\).*function-level reset/,
    break: (card) => {
      card.startTransmit(2, 8);
      card.set(reg.TDBAL, 0x8000, 2);
      card.set(reg.TDT, 1, 2);
    },
  },
  {
    rule: "head-written-while-enabled",
    value: "0x00000005",
    place: "RDH(1) 0x01050",
    says: /ignored the write and stays at 0/,
    break: (card) => {
      card.startReceive(1, 8, srrctl(2));
      card.set(reg.RDH, 0, 1);
      card.set(reg.RDH, 5, 1);
      expect(card.get(reg.RDH, 1)).toBe(0);
    },
  },
  {
    rule: "head-beyond-ring",
    value: "0x00000008",
    place: "TDH(0) 0x06010",
    says: /starts at 0/,
    break: (card) => {
      card.set(reg.TDLEN, 128);
      card.set(reg.TDH, 8);
      card.set(reg.TDT, 8);
      card.set(reg.TXDCTL, ENABLE);
      card.set(reg.TDT, 0);
      card.port.advance(20_000);
    },
  },
  {
    rule: "tail-beyond-ring",
    value: "0x00000008",
    place: "TDT(0) 0x06018",
    says: /written with 0x00000008 \(8\), but the ring has 8 descriptors: 0 to 7/,
    break: (card) => {
      card.startTransmit(0, 8);
      card.set(reg.TDT, 8);
      card.port.answer();
      expect(card.port.sent).toEqual([]);
    },
  },
  {
    rule: "doorbell-on-halted-queue",
    value: "0x00000003",
    place: "TDT(2) 0x06098",
    says: /written with 0x00000003, but queue 2 is halted.*although ENABLE reads 1.*enable it again; EICR.PCI_EXCEPTION/,
    break: (card) => {
      const ring = card.startTransmit(2, 8);
      card.port.poisoned.add(ring);
      card.set(reg.TDT, 2, 2);
      card.port.answer();
      expect(card.get(reg.EICR) & reg.EICR.fields.PCI_EXCEPTION.mask).not.toBe(0);
      expect(card.violations()).toEqual([]);
      card.set(reg.TDT, 3, 2);
      card.port.answer();
      expect(card.violations()).toEqual(["doorbell-on-halted-queue"]);
      // Disabled and enabled it runs again, and the doorbell is one like any other.
      card.set(reg.TXDCTL, 0, 2);
      card.port.advance(20_000);
      card.port.poisoned.clear();
      card.set(reg.TDH, 0, 2);
      card.set(reg.TDT, 0, 2);
      card.set(reg.TXDCTL, ENABLE, 2);
      card.port.advance(20_000);
      card.set(reg.TDT, 0, 2);
      expect(card.violations()).toEqual(["doorbell-on-halted-queue"]);
    },
  },
  {
    rule: "doorbell-before-enable",
    value: "0x00000007",
    place: "RDT(0) 0x01018",
    says: /Poll ENABLE until it reads 1/,
    break: (card) => {
      card.set(reg.RDLEN, 128);
      card.set(reg.RDT, 7);
    },
  },
  {
    rule: "descriptor-handed-over-done",
    value: "descriptor 2 (at 0x0020 of the ring)",
    place: "receive queue 0",
    says: /descriptor 2 \(.*\) of queue 0.*RDT\(0\) 0x01018/,
    break: (card) => {
      const ring = card.startReceive(0, 8, srrctl(2));
      card.putDescriptor(ring, 1, [0x1000, IOVA_HIGH, 1, 0]); // a driver that goes by the length has cleared it
      card.putDescriptor(ring, 2, [0x1000, IOVA_HIGH, 1, 60]);
      card.set(reg.RDT, 3);
      card.port.answer();
    },
  },
  {
    rule: "receive-buffer-size",
    value: "0x00",
    place: "SRRCTL(0) 0x01014",
    says: /0 KiB/,
    break: (card) => card.set(reg.SRRCTL, srrctl(0)),
  },
  {
    rule: "payload-length",
    value: "PAYLEN is 61",
    place: "transmit queue 0",
    says: /PAYLEN is 61, but the buffers up to EOP hold 60/,
    break: (card) => sendOne(card, { payloadLength: 61 }),
  },
  {
    rule: "transmit-too-short",
    value: "16 bytes",
    place: "transmit queue 0",
    says: /16 bytes.*17 to 15872/,
    break: (card) => {
      sendOne(card, { bytes: plainFrame(16, 1) });
      expect(card.port.sent).toEqual([]);
    },
  },
  {
    rule: "transmit-too-long",
    value: "15873 bytes",
    place: "transmit queue 0",
    says: /15873 bytes/,
    break: (card) => sendOne(card, { bytes: plainFrame(15_873, 1) }),
  },
  {
    rule: "too-many-descriptors",
    value: "40 descriptors",
    place: "transmit queue 0",
    says: /more than 40 descriptors/,
    break: (card) => {
      const ring = new TransmitRing(card, 0, 64);
      ring.put({ bytes: plainFrame(410, 1), pieces: new Array(41).fill(10) });
      ring.doorbell();
      card.port.answer();
    },
  },
  {
    rule: "offload-without-context",
    value: "descriptor 0 (at 0x0000 of the ring)",
    place: "transmit queue 0",
    says: /no context descriptor with that IDX/,
    break: (card) => sendOne(card, { flags: bits.TX_IFCS | bits.TX_RS | bits.TX_VLE, options: 1 << 4 }),
  },
  {
    rule: "offload-without-ifcs",
    value: "descriptor 1 (at 0x0010 of the ring)",
    place: "transmit queue 0",
    says: /IFCS/,
    break: (card) => sendOne(card, { flags: bits.TX_VLE, context: [0, 0, bits.TX_DEXT | bits.TX_DTYP_CONTEXT, 0] }),
  },
  {
    rule: "context-inside-frame",
    value: "piece 1",
    place: "transmit queue 0",
    says: /piece 1 of the frame/,
    break: (card) => {
      const ring = new TransmitRing(card, 0, 16);
      ring.put({ bytes: plainFrame(60, 1), pieces: [20, 40] });
      // A context with a length and EOP in its bits, where a second piece would be; the rest follows it.
      const words = [0, 1, 2, 3].map((index) => card.word(ring.ring, 1, index)) as [number, number, number, number];
      const context = bits.TX_DEXT | bits.TX_DTYP_CONTEXT | bits.TX_EOP | 0x200;
      card.putDescriptor(ring.ring, 1, [0, 0, context, 0]);
      card.putDescriptor(ring.ring, 2, words);
      ring.tail = 3;
      ring.doorbell();
      card.port.answer();
      expect(card.port.sent.map(({ bytes }) => bytes)).toEqual([plainFrame(60, 1)]);
      expect(ring.isDone(2)).toBe(true);
    },
  },
  {
    rule: "segmentation",
    value: "MSS is 0",
    place: "transmit queue 0",
    says: /MSS is 0/,
    break: (card) =>
      sendOne(card, {
        flags: bits.TX_IFCS | bits.TX_TSE,
        payloadLength: 60 - 54,
        context: [20 | (14 << 9), 0, bits.TX_DEXT | bits.TX_DTYP_CONTEXT | bits.CONTEXT_L4T_TCP, 20 << 8],
      }),
  },
  {
    rule: "threshold-with-head-write-back",
    value: "descriptor 0 (at 0x0000 of the ring)",
    place: "transmit queue 0",
    says: /WTHRESH = 0/,
    break: (card) => {
      card.set(reg.TDWBAL, card.allocate(64) | 1);
      card.set(reg.TDWBAH, IOVA_HIGH);
      const ring = new TransmitRing(card, 0, 8, 1 << 16);
      ring.put({ bytes: plainFrame(60, 1) });
      ring.doorbell();
      card.port.answer();
    },
  },
  {
    rule: "write-during-reset",
    value: "0x10000000",
    place: "MAXFRS 0x04268",
    says: /lost the write/,
    break: (card) => {
      card.set(reg.CTRL, reg.CTRL.fields.RST.mask);
      card.set(reg.MAXFRS, 0x1000_0000);
      expect(card.get(reg.MAXFRS)).toBe(0x05ee_0000);
    },
  },
  {
    rule: "bus-master-off-at-doorbell",
    value: "0x00000003",
    place: "RDT(0) 0x01018",
    says: /Enable bus mastering/,
    break: (card) => {
      card.startReceive(0, 8, srrctl(2));
      card.port.busMasterEnabled = false;
      card.set(reg.RDT, 3);
      card.port.busMasterEnabled = true;
    },
  },
  {
    rule: "bus-master-off-at-doorbell",
    value: "0x02000000",
    place: "RXDCTL(5) 0x01168",
    says: /waits until it is on/,
    break: (card) => {
      card.port.busMasterEnabled = false;
      card.set(reg.RXDCTL, ENABLE, 5);
      card.port.busMasterEnabled = true;
    },
  },
  {
    rule: "wrong-width",
    value: "0x1234 ",
    place: "MAXFRS 0x04268",
    says: /^2-byte write .*ignored/,
    break: (card) => card.device.onWrite(0, reg.MAXFRS.at(), 2, 0x1234, 0),
  },
  {
    rule: "wrong-width",
    value: "0x00000007_00000009",
    place: "TDBAL(1) 0x06040",
    says: /^8-byte write .*ignored/,
    break: (card) => card.device.onWrite(0, reg.TDBAL.at(1), 8, 9, 7),
  },
  {
    rule: "wrong-width",
    value: "0xffffffff",
    place: "RETA(31) 0x0eb7d",
    says: /^1-byte read .*gave/,
    break: (card) => card.device.onRead(0, reg.RETA.at(31) + 1, 1),
  },
  {
    rule: "write-to-read-only",
    value: "0x70000000",
    place: "LINKS 0x042a4",
    says: /ignored/,
    break: (card) => card.set(reg.LINKS, 0x7000_0000),
  },
  {
    rule: "reserved-bits-changed",
    value: "0x00010009",
    place: "TDT(2) 0x06098",
    says: /reserved bits \(0xffff0000\)/,
    break: (card) => card.set(reg.TDT, 0x1_0009, 2),
  },
];

test("the cases are all rules of the card that are called violations", () => {
  const sources = ["findings", "transmit-offload", "transmit-write-back"].map((name) =>
    readFileSync(new URL(`../../../devices/ixgbe/${name}.ts`, import.meta.url), "utf8"),
  );
  const inSource = sources.flatMap((text) =>
    [...text.matchAll(/"((?:[a-z]+-)+[a-z]+)"|recordTransmit\(\s*(?:this\.#)?port,\s*"([a-z-]+)"/g)].map(
      ([, dashed, plain]) => dashed ?? plain ?? "",
    ),
  );
  const notes = ["header-split", "sctp-checksum"];
  const ofTheTable = ["write-to-read-only", "reserved-bits-changed"];
  const rules = new Set([...inSource.filter((rule) => !notes.includes(rule)), ...ofTheTable]);
  expect(new Set(cases.map(({ rule }) => rule))).toEqual(rules);
});

function sendOne(card: Card, request: Partial<Parameters<TransmitRing["put"]>[0]>): void {
  const ring = new TransmitRing(card, 0, 16);
  ring.put({ bytes: plainFrame(60, 1), ...request });
  ring.doorbell();
  card.port.answer();
}

test.for(cases)("$rule: $value", ({ rule, place, value, says, break: breakRule }) => {
  const card = Card.running();
  breakRule(card);
  const found = card.port.log.findings.find((finding) => finding.rule === rule);
  expect(found).toMatchObject({ kind: "violation", place });
  expect(found?.message).toMatch(says);
  // Which register, where it is, and what was written to it; of a descriptor, the doorbell that handed it over.
  expect(found?.message).toMatch(/\b[A-Z][A-Z0-9_]+(?:\(\d+\))? 0x[0-9a-f]{5}\b/);
  if (/ 0x[0-9a-f]{5}$/.test(place)) expect(found?.message).toContain(place);
  expect(found?.message).toContain(value);
  // The card goes on: other queues are not touched.
  if (rule === "write-during-reset") return;
  const other = new TransmitRing(card, 9, 8);
  card.port.sent.length = 0;
  other.put({ bytes: plainFrame(60, 1) });
  other.doorbell();
  card.port.answer();
  expect(card.port.sent).toHaveLength(1);
});

test("header split is said and the frame arrives whole", () => {
  const card = Card.running();
  const ring = new ReceiveRing(card, 0, 8);
  card.set(reg.SRRCTL, 2 | (5 << 25));
  ring.post(7);
  card.port.answer();
  card.receive(plainFrame(300, 1));
  expect(ring.take().map(({ bytes }) => bytes)).toEqual([plainFrame(300, 1)]);
  expect(card.port.log.findings).toMatchObject([{ kind: "note", rule: "header-split", place: "SRRCTL(0) 0x01014" }]);
});

test("a violation is said once, however often it happens", () => {
  const card = Card.running();
  const ring = new TransmitRing(card, 0, 8);
  for (let number = 0; number < 5; number++) {
    ring.put({ bytes: plainFrame(60, number), payloadLength: 10 });
    ring.doorbell();
    card.port.answer();
  }
  expect(card.port.log.findings).toMatchObject([{ rule: "payload-length", count: 5 }]);
});
