import { expect, test } from "vitest";
import { everyFault } from "../../../harness/faults/every-fault.ts";
import scenario from "../../threads/readme-faults.ts";

test("the README's driver fails where the README says", async () => {
  const { devices, body, ...options } = scenario;
  const { visitedCount, verdicts, failures } = await everyFault(devices, { ...options, stepLimit: 10_000 }, body);
  expect(visitedCount).toBe(13);
  expect(verdicts).toMatchObject({ recovered: 3, "clean-error": 6, hang: 4 });
  expect(failures[0]).toMatchObject({ name: "removal#1", where: "the write of FACTORIAL", verdict: "hang" });
});
