import { VirtualClock } from "../../../../emulator/clock/clock.ts";
import type { ArbiterOptions } from "../../../../emulator/wire/lines/arbiter-options.ts";
import type { ArbiterSink } from "../../../../emulator/wire/lines/arbiter-sink.ts";
import { StreamArbiter } from "../../../../emulator/wire/lines/stream-arbiter.ts";

/** The bytes of a packet in these tests: one for each message, its sequence modulo 251. */
export function packetBytes(first: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => (first + index) % 251);
}

/** An arbiter of one stream, with a sink that writes down what it is told and checks that it is given the right bytes. */
export class ArbiterBench {
  readonly clock: VirtualClock = new VirtualClock();
  readonly arbiter: StreamArbiter;
  /** "pass 12 of line 0", "lose 13", "restart at 1". */
  readonly events: string[] = [];

  constructor(options: ArbiterOptions) {
    const { events } = this;
    const sink: ArbiterSink = {
      pass(_key, line, range, bytes, offset, byteLength, messageIndex, messageCount) {
        const [first, end] = [range[0] as number, range[1] as number];
        if (end - first !== messageCount)
          throw new Error(`${messageCount} messages with the sequences ${first}–${end}`);
        if (messageIndex + messageCount > byteLength) throw new Error("the messages are not in the packet");
        for (let index = 0; index < messageCount; index++) {
          const sequence = first + index;
          const wanted = (((sequence % 2 ** 32) + 2 ** 32) % 2 ** 32) % 251;
          const is = bytes[offset + messageIndex + index];
          if (is !== wanted && is !== sequence % 251)
            throw new Error(`message ${sequence} has the bytes of another one`);
          events.push(`pass ${sequence} of line ${line}`);
        }
      },
      lose(_key, range) {
        for (let sequence = range[0] as number; sequence < (range[1] as number); sequence++) {
          events.push(`lose ${sequence}`);
        }
      },
      restart: (_key, range) => events.push(`restart at ${range[0]}`),
    };
    this.arbiter = new StreamArbiter(this.clock, sink, options);
  }

  /** A packet with its bytes in the middle of a larger buffer. */
  offer(line: number, first: number, count = 1, session = 0, bytes: Uint8Array = packetBytes(first, count)): void {
    const buffer = new Uint8Array(bytes.length + 7).fill(0xee);
    buffer.set(bytes, 5);
    this.arbiter.sequence[0] = first;
    this.arbiter.offer(line, session, buffer, 5, bytes.length, count);
    buffer.fill(0xdd);
  }

  at(timeNs: number): this {
    this.clock.advanceTo(timeNs);
    return this;
  }

  /** Sequences passed and lost so far. */
  get passed(): number[] {
    return this.#sequences("pass");
  }

  get lost(): number[] {
    return this.#sequences("lose");
  }

  #sequences(kind: string): number[] {
    return this.events.filter((event) => event.startsWith(kind)).map((event) => Number(event.split(" ")[1]));
  }
}
