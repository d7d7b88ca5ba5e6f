import { basename } from "node:path";
import { FoldedRaces } from "../../emulator/explore/folded/folded-races.ts";
import type { Machine } from "../../emulator/run/machine.ts";
import { driverLine } from "./code-line.ts";
import { type RaceScene, recordRaces } from "./race-text.ts";

/** Accesses of which the line is known: the newest. A stack costs some microseconds, and a line little memory. */
const LINE_LIMIT = 100_000;

/** A folded run that is watched for data races: each of its driver's accesses is noted with its line. */
export class WatchedRun extends FoldedRaces {
  readonly #lines = new Map<string, string>();
  readonly #scene: RaceScene;

  constructor(machine: Machine) {
    super(machine);
    const { races } = this.detector;
    this.#scene = {
      races,
      endpoints: machine.endpoints,
      threads: [
        { name: "driver", cpu: 0 },
        { name: "handler", cpu: 0 },
      ],
      placeOf: (address) => this.placeOf(address),
    };
    const { cpu } = this;
    const { steps } = cpu.port.state;
    cpu.onAccess = () => {
      if (this.#lines.size === LINE_LIMIT) this.#lines.clear();
      this.#lines.set(`${cpu.thread}.${steps[cpu.thread]}`, basename(driverLine()));
    };
  }

  /** Puts what was found so far where broken rules are. */
  report(): void {
    this.detector.finish();
    recordRaces(this.#scene, (thread, ordinal) => this.#lines.get(`${thread}.${ordinal}`) ?? "");
  }
}
