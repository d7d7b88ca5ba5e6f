import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as page from "../../../devices/exanic/registers.ts";
import { RegisterFile } from "../../../emulator/registers/register-file.ts";
import { Findings } from "../../../harness/conformance/bit-model.ts";
import { Card } from "./card.ts";

const { EXANIC_REGISTERS, EXANIC_REGISTER_MAP } = page;

const anyValue = fc.oneof(fc.integer(), fc.constantFrom(0, -1));

describe("the page", () => {
  test("has each register where pcie_if.h has it", () => {
    // Index of the 32-bit word; of ports, within the 0x40 bytes that begin at 0x200, of counters at 0x400.
    const card = ["PCIE_IF_VER", "HW_ID", "FEATURE_CFG", "HW_REV_DATE", "DMA_ADDR_WIDTH", "TX_FEEDBACK_BASE_HI"];
    card.push("TX_FEEDBACK_BASE_LO", "MAC_ADDR_OUI", "FUNCTION_ID", "HW_TIME", "CLK_SET", "CLK_ADJ", "PPS_TIMESTAMP");
    card.push("CLK_HZ", "CAPS");
    const port = ["ENABLED", "SPEED", "STATUS", "MAC_ADDR_NIC", "FLAGS", "RX_DMA_BASE_HI", "RX_DMA_BASE_LO"];
    port.push("TX_SUPPORTED_TYPES", "TX_COMMAND", "TX_REGION_OFFSET", "TX_REGION_SIZE", "TX_LAST_TIME", "MAC_ADDR_OUI");
    port.push("IRQ_CONFIG", "HASH_CONFIG");
    const counters = ["RESET", "TX", "RX", "RX_IGNORED", "RX_ERROR", "RX_DROPPED"];
    const at = (name: string, index = 0): number | undefined =>
      EXANIC_REGISTERS.find((register) => register.name === name)?.at(index);
    for (const [index, name] of card.entries()) expect(at(name), name).toBe(4 * index);
    for (const number of [0, 1]) {
      for (const [index, name] of port.entries())
        expect(at(`PORT_${name}`, number), name).toBe(0x200 + 0x40 * number + 4 * index);
      for (const [index, name] of counters.entries())
        expect(at(`STAT_${name}`, number), name).toBe(0x400 + 0x40 * number + 4 * index);
      const filters = 0x40_0000 + 0x10_0000 * number;
      expect(at("BUFFER_BASE_HI", 32 * number + 3)).toBe(filters + 24);
      expect(at("BUFFER_BASE_LO", 32 * number + 3)).toBe(filters + 28);
      expect(at("MAC_RULE_BUFFER", 32 * number + 5)).toBe(filters + 0x2_0000 + 20);
      expect(at("IP_RULE_BUFFER", 32 * number + 5)).toBe(filters + 0x2_0000 + 4 * (256 + 5));
      // (byte number << 11 | byte value << 3 | rule / 32) words.
      expect(at("MAC_RULES", 2560 * number + 9 * 256 + 17)).toBe(filters + 0x4_0000 + 4 * ((9 << 11) | (17 << 3)));
      expect(at("IP_RULES", 3328 * number + 12 * 256 + 6)).toBe(filters + 0x6_0000 + 4 * ((12 << 11) | (6 << 3)));
    }
  });

  test("explains what is not modelled, and marks as harmless what drivers do on purpose", () => {
    for (const { name, modelled, about } of EXANIC_REGISTERS)
      if (modelled !== "modelled") expect(about.split(/[:.] /).length, name).toBeGreaterThan(2);
    expect(EXANIC_REGISTERS.filter(({ harmless }) => harmless).map(({ name }) => name)).toEqual(["PCIE_IF_VER"]);
    expect(EXANIC_REGISTERS.filter(({ mirror }) => mirror === "doorbell").map(({ name }) => name)).toEqual([
      "PORT_TX_COMMAND",
    ]);
  });
});

test("no sequence of writes sets a bit that is the hardware's", () => {
  const { PORT_STATUS, FEATURE_CFG } = page;
  const bits = [
    [PORT_STATUS, PORT_STATUS.fields.LINK.mask],
    [PORT_STATUS, PORT_STATUS.fields.ENABLED.mask],
    [FEATURE_CFG, FEATURE_CFG.fields.HW_STARTUP.mask],
  ] as const;
  fc.assert(
    fc.property(fc.constantFrom(...bits), fc.array(anyValue, { maxLength: 8 }), ([register, mask], values) => {
      const file = new RegisterFile(EXANIC_REGISTER_MAP, new Findings());
      file.set(register, 0);
      for (const value of values) file.write(register.at(), value);
      expect(file.read(register.at()) & mask).toBe(0);
    }),
  );
});

describe("the card starts up", () => {
  test("and loses what is written meanwhile, but for the version register, which is for warming up", () => {
    const card = new Card({ startupNs: 1000 });
    expect(card.get(page.FEATURE_CFG) & page.FEATURE_CFG.fields.HW_STARTUP.mask).not.toBe(0);
    card.set(page.PCIE_IF_VER, 0xdead_beef);
    expect(card.violations()).toEqual([]);
    card.set(page.PORT_FLAGS, 1);
    expect(card.violations()).toEqual(["write-during-startup"]);
    card.port.advance(1000);
    expect(card.get(page.FEATURE_CFG)).toBe(0);
    expect(card.get(page.PORT_FLAGS)).toBe(0);
    expect(card.get(page.PCIE_IF_VER)).toBe(1);
  });

  test("with consecutive addresses on its ports", () => {
    const card = new Card({ macAddress: "64:3f:5f:00:00:ff" });
    expect([card.get(page.PORT_MAC_ADDR_OUI, 0), card.get(page.PORT_MAC_ADDR_NIC, 0)]).toEqual([0x5f3f64, 0xff_0000]);
    expect([card.get(page.PORT_MAC_ADDR_OUI, 1), card.get(page.PORT_MAC_ADDR_NIC, 1)]).toEqual([0x5f3f64, 0x00_0100]);
    expect(() => new Card({ macAddress: "01:00:5e:00:00:01" })).toThrow(RangeError);
    expect(() => new Card({ chunkCount: 17 })).toThrow(/chunkCount is 17/);
  });
});
