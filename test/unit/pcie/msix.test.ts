import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfigSpace } from "../../../emulator/pcie/config-space.ts";
import { MsixTable } from "../../../emulator/pcie/msix.ts";
import { NETWORK_CARD } from "./config-space-model.ts";
import { type Message, MsixModel } from "./msix-model.ts";

const TABLE = 0x1000;
const PENDING = 0x3000;

function recordingTable(vectorCount: number): { msix: MsixTable; sent: Message[] } {
  const sent: Message[] = [];
  const declaration = { vectorCount, bar: 4, tableOffset: TABLE, pendingBitsOffset: PENDING };
  const msix = new MsixTable(declaration, {
    deliverMsi: (addressHigh, addressLow, data) => sent.push({ addressHigh, addressLow, data }),
  });
  return { msix, sent };
}

/** The data tells which vector a message came from. */
function program(msix: MsixTable, vector: number): void {
  msix.writeWord(TABLE + 16 * vector, 0xfee00000 | 0);
  msix.writeWord(TABLE + 16 * vector + 4, vector % 3);
  msix.writeWord(TABLE + 16 * vector + 8, vector);
}

function mask(msix: MsixTable, vector: number, masked: boolean): void {
  msix.writeWord(TABLE + 16 * vector + 12, masked ? 1 : 0);
}

function pendingVectors(msix: MsixTable): number[] {
  const vectors: number[] = [];
  for (let vector = 0; vector < msix.vectorCount; vector++) {
    const word = msix.readWord(PENDING + 4 * Math.floor(vector / 32));
    if (Math.floor((word >>> 0) / 2 ** (vector % 32)) % 2 === 1) vectors.push(vector);
  }
  return vectors;
}

/** Numbers that are taken modulo the vectors of the run, so that short tables see many repetitions. */
const aCommand = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("raise" as const), at: fc.nat(0xffff) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("mask" as const), at: fc.nat(0xffff), on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("functionMask" as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("enable" as const), on: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("program" as const), at: fc.nat(0xffff), data: fc.integer() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("withdraw" as const), at: fc.nat(0xffff) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("replaceBySnapshot" as const) }) },
);
const vectorCounts = fc.oneof(fc.constantFrom(1, 2, 3, 31, 32, 33, 64, 65), fc.integer({ min: 1, max: 200 }));

describe("MSI-X against the model", () => {
  test("any sequence of raises, masks and controls sends the model's messages in its order", () => {
    fc.assert(
      fc.property(
        vectorCounts,
        fc.boolean(),
        fc.array(aCommand, { maxLength: 80, size: "max" }),
        (vectorCount, on, commands) => {
          let { msix, sent } = recordingTable(vectorCount);
          const sentBefore: Message[] = [];
          const model = new MsixModel(vectorCount);
          for (let vector = 0; vector < vectorCount; vector++) {
            program(msix, vector);
            Object.assign(model.entries[vector] ?? {}, {
              addressLow: 0xfee00000 | 0,
              addressHigh: vector % 3,
              data: vector,
            });
          }
          msix.setControl(on, false);
          model.setControl(on, false);
          for (const command of commands) {
            const vector = "at" in command ? command.at % vectorCount : 0;
            switch (command.kind) {
              case "raise":
                expect(msix.raise(vector)).toBe(true);
                model.raise(vector);
                break;
              case "mask":
                mask(msix, vector, command.on);
                model.setMasked(vector, command.on);
                break;
              case "functionMask":
                msix.setControl(model.enabled, command.on);
                model.setControl(model.enabled, command.on);
                break;
              case "enable":
                msix.setControl(command.on, model.functionMasked);
                model.setControl(command.on, model.functionMasked);
                break;
              case "program":
                msix.writeWord(TABLE + 16 * vector + 8, command.data);
                Object.assign(model.entries[vector] ?? {}, { data: command.data });
                break;
              case "withdraw":
                msix.withdraw(vector);
                model.pending.delete(vector);
                break;
              case "replaceBySnapshot": {
                // A new table takes over from the copy; that the old one goes on must not be seen in it.
                const snapshot = msix.snapshot();
                sentBefore.push(...sent);
                msix.reset();
                const successor = recordingTable(vectorCount);
                successor.msix.restore(snapshot);
                ({ msix, sent } = successor);
                expect(sent).toEqual([]);
                break;
              }
            }
            expect([...sentBefore, ...sent]).toEqual(model.sent);
            expect(pendingVectors(msix)).toEqual([...model.pending].sort((a, b) => a - b));
            expect(msix.droppedRaiseCount).toBe(model.dropped);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  test("nothing is lost or made up: a message follows a raise, and every raise is followed by a message", () => {
    fc.assert(
      fc.property(vectorCounts, fc.array(aCommand, { maxLength: 80, size: "max" }), (vectorCount, commands) => {
        const owed: number[] = new Array(vectorCount).fill(0);
        const declaration = { vectorCount, bar: 4, tableOffset: TABLE, pendingBitsOffset: PENDING };
        const msix = new MsixTable(declaration, {
          deliverMsi(_high, _low, vector) {
            expect(owed[vector], `raises behind a message of vector ${vector}`).toBeGreaterThan(0);
            owed[vector] = 0;
          },
        });
        for (let vector = 0; vector < vectorCount; vector++) program(msix, vector);
        msix.setControl(true, false);
        for (const command of commands) {
          const vector = "at" in command ? command.at % vectorCount : 0;
          if (command.kind === "raise") {
            owed[vector] = (owed[vector] ?? 0) + 1;
            msix.raise(vector);
          } else if (command.kind === "mask") mask(msix, vector, command.on);
          else if (command.kind === "functionMask") msix.setControl(true, command.on);
          else if (command.kind === "withdraw") {
            owed[vector] = 0;
            msix.withdraw(vector);
          }
        }
        msix.setControl(true, false);
        for (let vector = 0; vector < vectorCount; vector++) mask(msix, vector, false);
        expect(owed).toEqual(new Array(vectorCount).fill(0));
      }),
      { numRuns: 400 },
    );
  });

  test("an unmasked vector sends one message for each raise, with its own address and data", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(63), { maxLength: 50, size: "max" }), (vectors) => {
        const { msix, sent } = recordingTable(64);
        for (let vector = 0; vector < 64; vector++) {
          program(msix, vector);
          mask(msix, vector, false);
        }
        msix.setControl(true, false);
        for (const vector of vectors) msix.raise(vector);
        expect(sent).toEqual(
          vectors.map((vector) => ({ addressHigh: vector % 3, addressLow: 0xfee00000 | 0, data: vector })),
        );
        expect(pendingVectors(msix)).toEqual([]);
      }),
    );
  });

  test("raised while masked any number of times: one message at the unmask, none at the next", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(99), (raiseCount, vector) => {
        const { msix, sent } = recordingTable(100);
        program(msix, vector);
        msix.setControl(true, false);
        for (let count = 0; count < raiseCount; count++) msix.raise(vector);
        expect([sent.length, pendingVectors(msix)]).toEqual([0, [vector]]);
        mask(msix, vector, false);
        mask(msix, vector, true);
        mask(msix, vector, false);
        expect(sent.map(({ data }) => data)).toEqual([vector]);
      }),
    );
  });
});

describe("a sink that answers at once", () => {
  test("a message raised or a mask set while a message is delivered is not lost", () => {
    const sent: number[] = [];
    const declaration = { vectorCount: 4, bar: 0, tableOffset: TABLE, pendingBitsOffset: PENDING };
    const msix: MsixTable = new MsixTable(declaration, {
      deliverMsi(_high, _low, data) {
        sent.push(data);
        if (sent.length > 1) return;
        mask(msix, 0, true);
        mask(msix, 2, true);
        msix.raise(0);
      },
    });
    msix.setControl(true, true);
    for (const vector of [0, 1, 2]) {
      program(msix, vector);
      mask(msix, vector, false);
      msix.raise(vector);
    }
    msix.setControl(true, false);
    expect([sent, pendingVectors(msix)]).toEqual([
      [0, 1],
      [0, 2],
    ]);
  });
});

describe("the structures in the BAR", () => {
  test("after reset every entry is masked and zero, nothing is pending, whatever happened before", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(0x3fff), fc.integer()), { maxLength: 30, size: "max" }), (writes) => {
        const { msix, sent } = recordingTable(33);
        msix.setControl(true, false);
        for (const [offset, value] of writes) {
          msix.writeWord(offset, value);
          msix.raise(offset % 33);
        }
        msix.reset();
        sent.length = 0;
        for (let word = 0; word < 4 * 33; word++) expect(msix.readWord(TABLE + 4 * word)).toBe(word % 4 === 3 ? 1 : 0);
        expect(pendingVectors(msix)).toEqual([]);
        expect(msix.droppedRaiseCount).toBe(0);
        msix.raise(0);
        expect([msix.droppedRaiseCount, sent]).toEqual([1, []]);
      }),
    );
  });

  test("table words keep what is written but for reserved bits; pending bits keep nothing", () => {
    fc.assert(
      fc.property(fc.nat(32), fc.nat(3), fc.integer(), (vector, word, value) => {
        const { msix } = recordingTable(33);
        const kept = word === 0 ? value & 0xfffffffc : word === 3 ? value & 1 : value;
        msix.writeWord(TABLE + 16 * vector + 4 * word, value);
        expect(msix.readWord(TABLE + 16 * vector + 4 * word)).toBe(kept | 0);
        for (const offset of [PENDING, PENDING + 4, PENDING + 8, PENDING + 12]) msix.writeWord(offset, value);
        expect(pendingVectors(msix)).toEqual([]);
      }),
    );
  });

  test("values are words: an unsigned number is kept as the same bits", () => {
    const { msix } = recordingTable(1);
    msix.writeWord(TABLE, 0xfee00000);
    expect(msix.readWord(TABLE)).toBe(0xfee00000 | 0);
  });

  test.each([1, 63, 64, 65, 128, 129])(
    "%i vectors: owns the table and the pending quadwords, nothing else",
    (count) => {
      const { msix } = recordingTable(count);
      const tableEnd = TABLE + 16 * count;
      const pendingEnd = PENDING + 8 * Math.ceil(count / 64);
      for (let offset = 0; offset < 0x4000; offset += 1) {
        const inside = (offset >= TABLE && offset < tableEnd) || (offset >= PENDING && offset < pendingEnd);
        if (msix.owns(offset) !== inside) expect.unreachable(`owns(0x${offset.toString(16)}) is ${!inside}`);
      }
      for (const offset of [TABLE - 4, tableEnd, PENDING - 4, pendingEnd, TABLE + 1, PENDING + 2]) {
        expect(msix.readWord(offset)).toBe(-1);
      }
    },
  );

  test("a misaligned write changes nothing", () => {
    const { msix } = recordingTable(2);
    for (const offset of [TABLE + 13, TABLE + 14, TABLE + 15, TABLE - 4, TABLE + 32]) msix.writeWord(offset, 0);
    expect([msix.readWord(TABLE + 12), msix.readWord(TABLE + 28)]).toEqual([1, 1]);
  });

  test.each([-1, 33, 4096, Number.NaN])(
    "vector %d lies outside 33 vectors: raise says so and changes nothing",
    (vector) => {
      const { msix, sent } = recordingTable(33);
      msix.setControl(true, false);
      msix.raise(0);
      const before = msix.snapshot();
      expect(msix.raise(vector)).toBe(false);
      msix.withdraw(vector);
      expect(msix.snapshot()).toEqual(before);
      expect(sent).toEqual([]);
    },
  );

  test("a snapshot of another table is refused", () => {
    expect(() => recordingTable(3).msix.restore(recordingTable(2).msix.snapshot())).toThrow(/snapshot of 2 vectors/);
  });
});

describe("changing an entry that could fire", () => {
  test("is counted with its vector; the same value, a masked entry or a disabled function is not", () => {
    const { msix } = recordingTable(4);
    program(msix, 2);
    mask(msix, 2, false);
    msix.writeWord(TABLE + 40, 70);
    expect(msix.changedWhileUnmaskedCount).toBe(0);
    msix.setControl(true, true);
    msix.writeWord(TABLE + 40, 71);
    expect(msix.changedWhileUnmaskedCount).toBe(0);
    msix.setControl(true, false);
    msix.writeWord(TABLE + 40, 71);
    msix.writeWord(TABLE + 24, 71);
    expect([msix.changedWhileUnmaskedCount, msix.lastChangedWhileUnmasked]).toEqual([0, -1]);
    msix.writeWord(TABLE + 40, 72);
    expect([msix.changedWhileUnmaskedCount, msix.lastChangedWhileUnmasked]).toEqual([1, 2]);
  });
});

test("clearing Function Mask in configuration space lets the pending messages out", () => {
  const sent: number[] = [];
  const msix = new MsixTable(NETWORK_CARD.msix!, { deliverMsi: (_high, _low, data) => sent.push(data) });
  const config: ConfigSpace = new ConfigSpace(NETWORK_CARD, {
    onFunctionLevelReset: () => msix.reset(),
    onCommandChanged: () => {},
    onMsixControlChanged: () => msix.setControl(config.msixEnabled, config.msixFunctionMasked),
  });
  config.write(0x72, 2, 0xc000);
  for (const vector of [63, 1]) {
    msix.writeWord(16 * vector + 8, vector);
    msix.writeWord(16 * vector + 12, 0);
    msix.raise(vector);
  }
  expect(sent).toEqual([]);
  config.write(0x72, 2, 0x8000);
  expect(sent).toEqual([1, 63]);
  config.write(0xa8, 2, 0x8000);
  msix.raise(1);
  expect([sent.length, msix.droppedRaiseCount, msix.readWord(16 + 12)]).toEqual([2, 1, 1]);
});
