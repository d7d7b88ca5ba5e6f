import { expect, test } from "vitest";
import { edu } from "../../devices/index.ts";
import { plugIn } from "../../harness/index.ts";
import { EduDriver } from "./readme-driver.ts";

test("the card computes a factorial", async () => {
  await using bed = await plugIn(edu()); // the card runs in its own thread
  const driver = new EduDriver(bed.pci); // a PCI function, as a kernel hands it over
  expect(driver.factorial(5)).toBe(120);
  expect(bed.violations).toEqual([]); // no rule broken: unmapped DMA, a write while busy, bus master off, …
});

test("and in virtual time", async () => {
  await using bed = await plugIn(edu({ factorialNs: 5e9 }), { run: "folded" }); // inside this thread: five seconds pass at once
  expect(new EduDriver(bed.pci).factorial(6)).toBe(720);
});
