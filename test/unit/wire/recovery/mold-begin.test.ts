import { expect, test } from "vitest";
import { moldPacket } from "../feeds/mold-packet.ts";
import { MoldBench } from "./mold-bench.ts";

test("what the server sends before the lines have begun begins nothing, in whichever session it is", () => {
  const bench = new MoldBench({ isSessionOpen: true, server: { firstSequence: 500 } });
  const ofAnother = moldPacket("SESSION999", 5, [new Uint8Array(9)]);
  bench.receiveAnswer(ofAnother);
  bench.receiveAnswer(moldPacket("", 7, []));
  expect(bench.client.report()).toMatchObject({ otherFrames: 2, packets: 0, answers: 0 });
  bench.send(500, 2);
  bench.send(502, 1, []);
  bench.send(503, 1);
  bench.settle();
  expect(bench.events).toEqual([500, 501, 502, 503]);
  // In the wrong session it would have been told from what was asked for.
  bench.receiveAnswer(ofAnother);
  expect(bench.client.report()).toMatchObject({ otherFrames: 2, otherSession: 1, answers: 1 });
  // A client that knows where the stream begins, and not in which session, learns that from the lines as well.
  const knowing = new MoldBench({ isSessionOpen: true, client: { firstSequence: 1 } });
  knowing.receiveAnswer(ofAnother);
  knowing.send(1, 2);
  expect(knowing.events).toEqual([1, 2]);
});
