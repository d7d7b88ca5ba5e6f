import { type PciFunction, type ReplayDriverArgument, ReplaySink, type SinkReport } from "../../harness/index.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts"; // the driver under test, unchanged

export default function ([pci]: readonly [PciFunction], argument: ReplayDriverArgument): SinkReport {
  const driver = IxgbeDriver.probe(pci);
  const sink = new ReplaySink(argument);
  sink.ready(); // the card is set up: the first frame may come
  while (!sink.isOver()) {
    const first = driver.receive();
    if (first === undefined) pci.cpu.relax();
    sink.begin(); // takes the time, once for all frames of a batch
    for (let frame = first; frame !== undefined; frame = driver.receive()) sink.frame(frame, 0, frame.length);
    sink.end();
  }
  driver.close();
  return sink.report();
}
