import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { edu, ixgbe } from "../../devices/index.ts";
import { bit, bits, notModelled, register } from "../../emulator/registers/declare.ts";
import { RegisterMap } from "../../emulator/registers/register-map.ts";
import { declarationOf, loadDevice } from "../../emulator/run/machine.ts";
import { registerPage } from "../../harness/page/registers/register-page.ts";
import { chromiumPath, type Opened, overflowOf, PATIENTLY, problemsOf, TestBrowser, tabWalk } from "./browser.ts";

/** The page of a device, whole. */
async function pageOf(spec: Parameters<typeof loadDevice>[0]): Promise<string> {
  const declaration = declarationOf(await loadDevice(spec));
  const chosen = Object.entries(declaration.registerMaps).map(([bar, map]) => {
    return { bar: Number(bar), map, registers: [...map.registers].sort((a, b) => a.at() - b.at()) };
  });
  return registerPage(declaration, chosen);
}

const HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;";

describe.skipIf(chromiumPath === undefined)("the register page in a browser", () => {
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await TestBrowser.start();
  });
  afterAll(() => browser?.close());

  test("of the 82599 opens from its file, says no error, loads nothing else, and holds all of the table", async () => {
    const text = await pageOf(ixgbe());
    const { page, complaints, requests } = await browser.open(text);
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatch(/^file:/);
    const { registerMaps } = declarationOf(await loadDevice(ixgbe()));
    const registers = Object.values(registerMaps).flatMap((map) => map.registers);
    const shown = await page.$$eval(".register", (cards) => cards.map((card) => (card.textContent ?? "").trim()));
    expect(shown).toHaveLength(registers.length);
    const textOf = new Map(shown.map((card) => [/^[\w]+/.exec(card)?.[0], card.replace(/\s+/g, " ")]));
    for (const { name, about, fields } of registers) {
      const card = textOf.get(name) ?? "";
      expect(card, name).toContain(about);
      for (const [field, { about: meaning = "" }] of Object.entries(fields)) {
        expect(card, name).toContain(field);
        expect(card, name).toContain(meaning);
      }
    }
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("finds by name, field, words, offset of any element, and by what is chosen", async () => {
    const { page } = await browser.open(await pageOf(ixgbe()));
    const found = async (text: string): Promise<string[]> => {
      await page.fill("#find", text);
      return page.$$eval(".register:not([hidden])", (cards) => cards.map(({ id }) => id));
    };
    expect(await found("rxdctl enabling")).toEqual(["RXDCTL"]);
    for (const offset of ["0x1028", "0x01068", "0xd028"]) expect(await found(offset)).toContain("RXDCTL");
    expect(await found("MASTER_DISABLE")).toContain("CTRL");
    expect(await found("no such thing")).toEqual([]);
    expect(await page.textContent("#found")).toBe("0 of 465 registers");
    await page.click("#clear");
    expect(await page.textContent("#found")).toBe("465 registers");
    await page.selectOption("#mirror", "doorbell");
    const doorbells = await page.$$eval(".register:not([hidden])", (cards) => cards.map(({ id }) => id));
    expect(doorbells).toEqual(expect.arrayContaining(["TDT", "RDT"]));
    expect(await page.$$eval(".map li:not([hidden])", (items) => items.length)).toBe(doorbells.length);
    await page.close();
  });

  test("an anchor, by name or by offset, brings its register into sight", async () => {
    const { page } = await browser.open(await pageOf(ixgbe()), { anchor: "0xd028" });
    const top = (): Promise<number> => page.$eval("#RXDCTL", (card) => card.getBoundingClientRect().top);
    await expect.poll(top, PATIENTLY).toBeLessThan(400);
    expect(await top()).toBeGreaterThanOrEqual(0);
    await page.close();
  });

  test.each([
    { width: 1280, colours: "light" },
    { width: 390, colours: "dark" },
    { width: 1280, colours: "dark" },
    { width: 390, colours: "light" },
  ] as const)("$width px, $colours: no sideways scrolling, and nothing to stumble over", async (view) => {
    const { page, complaints } = await browser.open(await pageOf(edu()), view);
    await page.$$eval("details", (all) => {
      for (const each of all) (each as unknown as { open: boolean }).open = true;
    });
    expect(await problemsOf(page)).toEqual([]);
    expect(await overflowOf(page)).toBe(0);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("the Tab key goes through it in its order, and shows where it is", async () => {
    const { page } = await browser.open(await pageOf(edu()));
    const stops = await tabWalk(page, 20);
    expect(stops[0]?.name).toBe("Skip to the contents");
    expect(stops.map(({ name }) => name)).toContain("Find");
    for (const { name, what, isSeen } of stops)
      expect({ what, isSeen, isNamed: name !== "" }).toEqual({ what, isSeen: true, isNamed: true });
    const places = stops.map(({ place }) => place);
    expect(places).toEqual([...places].sort((one, other) => one - other));
    await page.close();
  });

  test("what a table says is text, whatever it says; boxes cover all bits once", async () => {
    const map = new RegisterMap(4096, [
      register("ODD", {
        offset: 0,
        access: "rw",
        about: HOSTILE,
        fields: { [HOSTILE]: bits(20, 11, "w1c", HOSTILE), LAST: notModelled(bit(0), HOSTILE) },
      }),
      register("WIDE", {
        offset: 0x100,
        width: 64,
        count: 5,
        stride: 0x40,
        access: "ro",
        reset: (n) => n >> 1,
        about: "64 bits",
      }),
    ]);
    const declaration = {
      ...declarationOf(await loadDevice(edu())),
      name: HOSTILE,
      about: HOSTILE,
      registerMaps: { 0: map },
    };
    const opened: Opened = await browser.open(registerPage(declaration, [{ bar: 0, map, registers: map.registers }]));
    expect(await opened.page.textContent("h1")).toBe(HOSTILE);
    expect(await opened.page.textContent("#ODD .about")).toBe(HOSTILE);
    expect(await opened.page.textContent("#ODD tbody tr:first-child th")).toBe(HOSTILE);
    expect(await opened.page.$$eval("script:not([type='application/json'])", (all) => all.length)).toBe(1);
    expect(opened.complaints).toEqual([]);
    expect(opened.requests).toHaveLength(1);
    const spans = await opened.page.$$eval("#ODD .box", (boxes) =>
      boxes.map((box) => Number(/--span:(\d+)/.exec(box.getAttribute("style") ?? "")?.[1])),
    );
    expect(spans.reduce((sum, span) => sum + span, 0)).toBe(32);
    const wide = (await opened.page.textContent("#WIDE"))?.replace(/\s+/g, " ");
    expect(wide).toContain("0x00100 + 0x40 · n");
    expect(wide).toContain("0x00000001 n = 2…3");
    await opened.page.close();
  });
});

test("there is a browser", (context) => {
  context.skip(
    chromiumPath === undefined,
    "no chromium here: apt-get install chromium, or name one in SOFTBAR_CHROMIUM",
  );
});
