import { describe, expect, test } from "vitest";
import { IXGBE_REGISTER_MAP } from "../../../devices/ixgbe/registers.ts";
import { fieldOf } from "../../../emulator/registers/declare.ts";
import { recordRegisterFindings } from "../../../emulator/registers/finding-text.ts";
import { RegisterFile } from "../../../emulator/registers/register-file.ts";
import { FindingLog } from "../../../emulator/run/findings.ts";
import { Findings } from "../../../harness/conformance/bit-model.ts";

// A finding about a driver that does what every driver does is noise, and noise hides the finding that matters. These
// are the accesses of published drivers at initialization; below them, mistakes that must be heard.

type Step =
  | readonly ["read", number]
  | readonly ["write", number, number]
  | readonly ["modify", number, number, number];

const read = (offset: number): Step => ["read", offset];
const write = (offset: number, value: number): Step => ["write", offset, value];
/** Read, clear the bits of `clear`, set those of `set`, write back. */
const modify = (offset: number, set: number, clear = 0): Step => ["modify", offset, set, clear];
const each = (count: number, step: (index: number) => Step): Step[] => Array.from({ length: count }, (_, n) => step(n));

function findingsOf(steps: readonly Step[]): string[] {
  const findings = new Findings();
  const file = new RegisterFile(IXGBE_REGISTER_MAP, findings);
  for (const step of steps) {
    const offset = step[1];
    if (step[0] === "read") file.read(offset);
    else if (step[0] === "write") file.write(offset, step[2]);
    else file.write(offset, (file.read(offset) & ~step[3]) | step[2]);
  }
  return findings.all.map(({ finding, offset }) => `${finding} ${offset.toString(16).padStart(5, "0")}`);
}

/** The order of chapter 4.6.3, as the small userspace drivers follow it. */
const userspaceDriver: readonly Step[] = [
  write(0x00888, 0x7fffffff),
  modify(0x00000, 0x04000008),
  write(0x00888, 0x7fffffff),
  read(0x05400),
  read(0x05404),
  read(0x10010),
  read(0x02f00),
  modify(0x042a0, 3 << 13, 7 << 13),
  modify(0x042a0, 1 << 12),
  ...[0x04074, 0x04080, 0x04088, 0x0408c, 0x04090, 0x04094].map(read),
  ...each(8, (n) => read(0x03fa0 + 4 * n)),
  modify(0x03000, 0, 1),
  write(0x03c00, 128 << 10),
  ...each(7, (n) => write(0x03c04 + 4 * n, 0)),
  modify(0x04240, 2),
  modify(0x02f00, 2),
  modify(0x05080, 1 << 10),
  modify(0x01014, (1 << 25) | (1 << 28), 7 << 25),
  write(0x01000, 0x12345680),
  write(0x01004, 1),
  write(0x01008, 512 * 16),
  write(0x01010, 0),
  write(0x01018, 0),
  modify(0x00018, 1 << 16),
  modify(0x0100c, 0, 1 << 12),
  modify(0x03000, 1),
  modify(0x04240, 0x401),
  write(0x0cc00, 40 << 10),
  ...each(7, (n) => write(0x0cc04 + 4 * n, 0)),
  write(0x08100, 0xffff),
  modify(0x04900, 0, 1 << 6),
  write(0x06000, 0x12346000),
  write(0x06004, 0),
  write(0x06008, 512 * 16),
  modify(0x06028, 36 | (8 << 8) | (4 << 16), 0x7f7f7f),
  modify(0x04a80, 1),
  modify(0x01028, 1 << 25),
  write(0x01018, 511),
  write(0x06010, 0),
  write(0x06018, 0),
  modify(0x06028, 1 << 25),
  modify(0x05080, 0x300),
  read(0x042a4),
];

/** What a kernel driver adds: tables cleared, features that are off, and a few liberties that hardware does not mind. */
const kernelDriver: readonly Step[] = [
  read(0x00008),
  write(0x00888, -1),
  ...each(2, (n) => write(0x00ab0 + 4 * n, -1)),
  read(0x00800),
  write(0x00800, -1),
  write(0x00810, 0x4000ffff),
  write(0x00ad0, -1),
  ...each(64, (n) => modify(0x00900 + 4 * n, 0x80808080 | (n * 0x01010101))),
  write(0x00a00, 0x8081),
  write(0x00898, 0xc0000030),
  ...each(64, (n) => write(n < 24 ? 0x00820 + 4 * n : 0x12300 + 4 * (n - 24), 0x80000000 | (0x7c << 3))),
  write(0x00880, 0x80100000),
  write(0x00aa0, 0xffff),
  write(0x00808, 0x80100000),
  ...each(128, (n) => write(0x05200 + 4 * n, 0)),
  ...each(128, (n) => write(0x0a000 + 4 * n, 0)),
  ...each(127, (n) => write(0x0a208 + 8 * n, 0)),
  ...each(127, (n) => write(0x0a20c + 8 * n, 0)),
  ...each(256, (n) => write(0x0a600 + 4 * n, 0)),
  ...each(64, (n) => write(0x0f100 + 4 * n, 0)),
  ...each(128, (n) => write(0x0f200 + 4 * n, 0)),
  ...each(128, (n) => write(0x0f400 + 4 * n, 0)),
  ...each(128, (n) => write(0x0e600 + 4 * n, 0)),
  modify(0x0f000, 0x09000000),
  write(0x051b0, 0),
  modify(0x05080, 0x3400),
  modify(0x05088, 0, 0x60000000),
  write(0x05090, 4),
  modify(0x05008, 0xe0),
  modify(0x05000, 1 << 13),
  write(0x05818, 0x00330001),
  ...each(32, (n) => write(0x05c00 + 4 * n, 0x03020100)),
  ...each(10, (n) => write(0x05c80 + 4 * n, 0x6d5a56da)),
  write(0x05480, 0x1330),
  modify(0x02f00, 0x06000002, 0x003e0000),
  modify(0x03028, 0x80),
  write(0x02100, 0x02000402),
  ...each(16, (n) => modify(0x02200 + 4 * n, 0, 0xa000)),
  modify(0x0600c, 0, 0x800),
  modify(0x06028, 0x02010820, 0x7f7f7f),
  modify(0x04240, 4),
  modify(0x04268, 1522 << 16, 0xffff0000),
  ...each(8, (n) => write(0x03220 + 4 * n, 0)),
  ...each(8, (n) => write(0x03260 + 4 * n, n === 0 ? 0x7a000 : 0xffffa000)),
  ...each(4, (n) => write(0x03200 + 4 * n, 0x06800680)),
  write(0x032a0, 0x0340),
  write(0x03d00, 0),
  modify(0x04294, 2, 0xffc),
  ...each(128, (n) => write(0x04904, n)),
  write(0x04984, 0),
  modify(0x04900, 0x40),
  write(0x08120, 0),
  modify(0x04900, 0, 0x40),
  ...each(8, (n) => write(0x04950 + 4 * n, n === 0 ? 150 : 0)),
  modify(0x042a8, 0, 0x70000000),
  modify(0x042a0, 0x1000),
  read(0x042b0),
  read(0x04324),
  modify(0x08d00, 2),
  read(0x08d04),
  modify(0x08d00, 0, 2),
  read(0x08804),
  write(0x05810, -1),
  write(0x05808, 0),
  write(0x05188, 0),
  write(0x08c00, 0),
  read(0x051a4),
  ...each(8, (n) => write(0x05128 + 4 * n, 0)),
  ...each(32, (n) => write(0x02300 + 4 * n, 0x03020100)),
  ...each(32, (n) => write(0x08600 + 4 * n, 0x03020100)),
  read(0x10140),
  modify(0x10140, 2),
  modify(0x10160, 0x1 | 0x400),
  modify(0x10140, 0, 3),
  write(0x10014, (0x3f << 2) | 1),
  write(0x0425c, (1 << 21) | (1 << 16) | (1 << 30)),
  read(0x04260),
  modify(0x11000, 0, 0x10000),
  modify(0x11050, 1 << 30),
  modify(0x11050, 0, 1 << 30),
  modify(0x11074, 1),
  read(0x10148),
  read(0x10150),
  read(0x10200),
  read(0x15f00),
  modify(0x15f0c, 0x200),
  modify(0x00018, 1 << 28),
  ...each(16, (n) => read(0x01030 + 0x40 * n)),
  ...each(16, (n) => read(0x01430 + 0x40 * n)),
  ...each(16, (n) => read(0x06030 + 0x40 * n)),
  ...each(16, (n) => read(0x08704 + 8 * n)),
  ...each(64, (n) => read(0x04000 + 4 * n)).filter(([, offset]) => IXGBE_REGISTER_MAP.ordinalAt(offset) >= 0),
];

/** What DPDK's poll mode driver reads besides, with each look at the statistics. */
const pollModeDriver: readonly Step[] = [
  ...each(5, (n) => read(0x08a3c + 4 * n)),
  ...each(17, (n) => read(0x08f40 + 4 * n)),
];

describe("a driver that does what all do is not complained of", () => {
  test("small userspace drivers", () => expect(findingsOf(userspaceDriver)).toEqual([]));
  test("a kernel driver", () => expect(findingsOf(kernelDriver)).toEqual([]));
  test("a poll mode driver", () => expect(findingsOf(pollModeDriver)).toEqual([]));
});

// What the data sheet has and the model does not: a register or field, the value that asks for it, one that does not.
const features: readonly (readonly [string, number, enabling: number, quiet: number])[] = [
  ["CTRL_EXT.EXTENDED_VLAN", 0x00018, 1 << 26, 1 << 28],
  ["FTQF(0).QUEUE_ENABLE", 0x0e600, 0x80000000, 0x3e000000],
  ["FTQF(127).QUEUE_ENABLE", 0x0e7fc, 0x80000000, 0],
  ["L34TIMIR(5).LLI", 0x0e814, 1 << 20, 1 << 19],
  ["ETQF(3).FILTER_ENABLE", 0x05134, 0x80000000, 0x88f7],
  ["ETQS(2).QUEUE_EN", 0x0ec08, 0x80000000, 0x10000],
  ["ETQS(2).LLI", 0x0ec08, 1 << 29, 0],
  ["SYNQF.QUEUE_ENABLE", 0x0ec30, 1, 4],
  ["MRQC.MRQE", 0x0ec80, 0xa, 1],
  ["MRQC.MRQE", 0x05818, 0x4, 0x00330001],
  ["RSCCTL(64).RSCEN", 0x0d02c, 1, 0xc],
  ["SRRCTL(1).RDMTS", 0x01054, 0x00400402, 0x02000402],
  ["MTQC.RT_ENA", 0x08120, 1, 0],
  ["MTQC.VT_ENA", 0x08120, 2, 0],
  ["MTQC.NUM_TC_OR_Q", 0x08120, 8, 0],
  ["DMATXCTL.GDV", 0x04a80, 0x8100000c, 0x81000005],
  ["MFLCN.RFCE", 0x04294, 8, 2],
  ["MFLCN.RPFCE", 0x04294, 4, 2],
  ["FCCFG.TFCE", 0x03d00, 1 << 3, 0],
  ["HLREG0.RXPADSTRIPEN", 0x04240, 0x18012c0b, 0x08012c0f],
  ["GPIE.VT_MODE", 0x00898, 0xc000, 0xc0000030],
  ["GPIE.RSC_DELAY", 0x00898, 1 << 11, 0x10],
  ["EITR(30).LLI_MODERATION", 0x12318, 0x8000, 0x80000ff8],
  ["GCR_EXT.VT_MODE", 0x11050, 1, 1 << 30],
  ["RTTBCNRC.RS_ENA", 0x04984, 0x80000000, 1 << 14],
  ["PFVTCTL.VT_ENA", 0x051b0, 1, 0x80],
  ["TSYNCRXCTL.TSYNC_EN", 0x05188, 0x10, 0],
  ["TSYNCTXCTL.TSYNC_EN", 0x08c00, 0x10, 0],
  ["EEC.EE_REQ", 0x10010, 0x003fa750, 0x003fa710],
];

describe("turning on what is not modelled is heard, with what will not happen; leaving it off is not", () => {
  test.for(features)("%s", ([place, offset, enabling, quiet]) => {
    const log = new FindingLog("ixgbe", new Float64Array(1));
    const file = new RegisterFile(IXGBE_REGISTER_MAP, recordRegisterFindings(log, IXGBE_REGISTER_MAP));
    file.write(offset, quiet);
    file.write(offset, quiet);
    expect(log.findings).toEqual([]);
    // Written again it asks for nothing new; turned off and on it does.
    for (const value of [enabling, enabling, quiet, enabling]) file.write(offset, value);
    const at = `0x${offset.toString(16).padStart(5, "0")}`;
    const expected = { kind: "note", rule: "feature-not-modelled", place: `${place} ${at}`, count: 2 };
    expect(log.findings).toMatchObject([expected]);
    const value = `0x${(enabling >>> 0).toString(16).padStart(8, "0")}`;
    expect(log.findings[0]?.message).toMatch(new RegExp(`^Write of ${value} to .* sets .*which is not modelled: \\w`));
  });

  test("of every field that says so: none is on after a reset, and 0 or the value after a reset is quiet", () => {
    let count = 0;
    for (const register of IXGBE_REGISTER_MAP.registers) {
      for (const [name, field] of Object.entries(register.fields)) {
        if (field.notModelled === undefined) continue;
        count++;
        const where = `${register.name}.${name}`;
        expect(field.notModelled.quietValues, where).toContain(fieldOf(register.reset(0), field));
        expect(register.modelled, where).not.toBe("modelled");
      }
    }
    expect(count).toBeGreaterThan(25);
  });
});

describe("a mistake is heard", () => {
  test.for<[string, Step, string]>([
    ["a ring of 1 MiB and more", write(0x06008, 0x100000), "reserved-bits-changed 06008"],
    ["a tail beyond 16 bits", write(0x06018, 0x10000), "reserved-bits-changed 06018"],
    ["HLREG0 built from nothing", write(0x04240, 0x401), "reserved-bits-changed 04240"],
    ["DMATXCTL built from nothing: it loses the tag's EtherType", write(0x04a80, 1), "reserved-bits-changed 04a80"],
    ["bringing the link up by hand", write(0x042a4, 0x70000000), "write-to-read-only 042a4"],
    ["clearing a counter by a write", write(0x04080, 0), "write-to-read-only 04080"],
    ["masking interrupts by zeros", write(0x00880, 0), "write-without-effect 00880"],
    ["acknowledging nothing", write(0x00800, 0), "write-without-effect 00800"],
    ["programming Flow Director", write(0x0ee00, 1), "not-modelled 0ee00"],
    ["starting the clock", write(0x08c14, 1), "not-modelled 08c14"],
    ["a mailbox", read(0x04b00), "not-modelled 04b00"],
    ["a register that is not there", read(0x7fffc), "no-register 7fffc"],
    ["an e1000's transmit control", write(0x00400, 2), "no-register 00400"],
  ])("%s", ([, step, finding]) => {
    expect(findingsOf([step])).toEqual([finding]);
  });
});
