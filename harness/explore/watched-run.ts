import { FoldedRaces } from "../../emulator/explore/folded/folded-races.ts";
import type { Machine } from "../../emulator/run/machine.ts";
import { AccessLines } from "./access-lines.ts";
import { driverLine } from "./code-line.ts";
import { type RaceScene, recordRaces } from "./race-text.ts";

/** A folded run that is watched for data races: each of its driver's accesses is noted with its line. */
export class WatchedRun extends FoldedRaces {
  readonly #lines = new AccessLines();
  readonly #scene: RaceScene;
  /** By race: the pairs that were recorded. */
  readonly #recorded: number[] = [];

  constructor(machine: Machine) {
    super(machine);
    const { races } = this.detector;
    races.lineOf = this.#lines.numberOf;
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
    cpu.onAccess = () => this.#lines.note(cpu.thread, steps[cpu.thread] as number, driverLine());
  }

  /** Puts what was found since the last time where broken rules are. */
  report(): void {
    this.detector.finish();
    recordRaces(this.#scene, { lineOf: this.#lines.lineOf, recorded: this.#recorded });
  }
}
