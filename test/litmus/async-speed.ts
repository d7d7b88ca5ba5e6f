import { edu } from "../../devices/edu/index.ts";
import { MEMORY_MODELS } from "../../emulator/explore/kinds.ts";
import { loadDevice } from "../../emulator/run/machine.ts";
import { AsyncSession } from "../../harness/explore/async-session.ts";

/** `node test/litmus/async-speed.ts`: runs a second of an async driver. Each wait costs a turn of the event loop. */
const RUNS = 3000;
const AWAITS = 10;

const session = new AsyncSession([await loadDevice(edu())], {
  setup: (bed) => bed.pci.bar(0),
  body: async (bed, bar) => {
    const task = async (): Promise<void> => {
      for (let turn = 0; turn < AWAITS / 2; turn++) {
        await bed.sleep(0);
        bar.read32(0);
      }
    };
    await Promise.all([task(), task()]);
  },
});
for (const model of MEMORY_MODELS) {
  await session.search(model, RUNS / 10, 2);
  const start = process.hrtime.bigint();
  const { runs } = await session.search(model, RUNS, 1);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  console.log(`${model} ${(runs / seconds / 1e3).toFixed(1)}k runs/s of ${AWAITS} waits`);
}
