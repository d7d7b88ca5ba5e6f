import fc from "fast-check";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { hashOfText, type RaceToken, TokenError } from "./token.ts";

/** Tokens of a test begin so, where those of the command line have the name of a scenario. */
const TEST_PREFIX = "explore/";

/** The workload of a failing run: how it is drawn again from the seed, and what it has to be then. */
interface DrawnWorkload {
  /** Of fast-check: which value was drawn, and how it was shrunk. */
  readonly path: string;
  readonly value: unknown;
}

/** What a test's token says about the test. The names of its devices come first, then the workload. */
export function testProgram(devices: readonly DeviceSpec[], drawn: DrawnWorkload | undefined): string {
  const names = devices.map(({ name }) => name.replaceAll("/", "_")).join("+");
  const program = `${TEST_PREFIX}${names}`;
  return drawn === undefined ? program : `${program}/${drawn.path.replaceAll(":", ".")}/${hashOfValue(drawn.value)}`;
}

/** True for the tokens that a test writes. */
export function isOfTest({ program }: Pick<RaceToken, "program">): boolean {
  return program === "explore" || program.startsWith(TEST_PREFIX);
}

/** Throws {@link TokenError} for a token of another test, as far as its devices tell. */
export function checkDevices(token: RaceToken, devices: readonly DeviceSpec[]): void {
  const program = testProgram(devices, undefined);
  const own = token.program.split("/").slice(0, 2).join("/");
  if (own === program) return;
  const [of, wanted] = [own, program].map((text) => text.slice(text.startsWith(TEST_PREFIX) ? TEST_PREFIX.length : 0));
  throw new TokenError(`This token is of ${of}, and what is plugged in here is ${wanted}: hand it to its own test.`);
}

/** The workload that the token's run failed with. Throws {@link TokenError} when the arbitrary does not draw it. */
export function workloadOf<Workload>(token: RaceToken, arbitrary: fc.Arbitrary<Workload> | undefined): Workload {
  const [, , path, hash] = token.program.split("/");
  if (path === undefined && arbitrary === undefined) return undefined as Workload;
  if (path === undefined) throw new TokenError("This token is of a test without a workload: leave the workload out.");
  if (arbitrary === undefined)
    throw new TokenError(
      "This token is of a test with a workload: pass it, or fc.constant of the value in the message.",
    );
  // By its path; the first one for an arbitrary that knows one value only.
  for (const at of [path.replaceAll(".", ":"), "0"]) {
    try {
      const [value] = fc.sample(arbitrary, { seed: token.seed, path: at, numRuns: 1 });
      if (hashOfValue(value) === hash) return value as Workload;
    } catch {
      // The arbitrary shrinks in another way: there is no such path any more.
    }
  }
  throw new TokenError(
    "The workload is not drawn as it was when the token was made: pass fc.constant of the value in the message.",
  );
}

function hashOfValue(value: unknown): string {
  return hashOfText(fc.stringify(value));
}
