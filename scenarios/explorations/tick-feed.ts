/** Frames of a feed by the message: MoldUDP64 over UDP with one ITCH 5.0 message each, for stories that need few and exact ones. */
import { UdpFrameTemplate } from "../../emulator/wire/build-frame.ts";
import { ADD_ORDER, ORDER_REPLACE } from "../../emulator/wire/feeds/itch50-messages.ts";
import { ItchWriter } from "../../emulator/wire/feeds/itch50-writer.ts";
import { MOLD_HEADER_BYTE_LENGTH } from "../../emulator/wire/feeds/mold-udp64.ts";

const FLOW = {
  sourceMac: 0x0200_0000_00aa,
  sourceIp: 0xc000_020a,
  destinationIp: 0xe936_0c6f,
  sourcePort: 49_653,
  destinationPort: 26_477,
};
const NS_PER_HOUR = 3_600_000_000_000;

/** Writes the messages of one stock, in order. References count from 1. */
export class TickFeed {
  readonly locate: number;
  /** Nanoseconds since midnight that the next message is stamped with. */
  stampNs: number = 10 * NS_PER_HOUR;
  /** Sequence of the next message. */
  sequence = 1;
  /** The messages so far, without what is around them. */
  readonly messages: Uint8Array[] = [];
  readonly #writer = new ItchWriter();
  readonly #template = new UdpFrameTemplate(FLOW);

  constructor(locate: number) {
    this.locate = locate;
  }

  add(side: "B" | "S", reference: number, size: number, price: number): Uint8Array {
    const { fields } = ADD_ORDER;
    return this.#frame((bytes) => {
      const byteLength = this.#writer.begin(bytes, 0, ADD_ORDER, this.locate);
      this.#writer.small(fields.reference, reference);
      this.#writer.text(fields.side, side);
      this.#writer.word(fields.shares, size);
      this.#writer.text(fields.stock, "SOFT");
      this.#writer.word(fields.price, price);
      return byteLength;
    });
  }

  replace(reference: number, newReference: number, size: number, price: number): Uint8Array {
    const { fields } = ORDER_REPLACE;
    return this.#frame((bytes) => {
      const byteLength = this.#writer.begin(bytes, 0, ORDER_REPLACE, this.locate);
      this.#writer.small(fields.reference, reference);
      this.#writer.small(fields.newReference, newReference);
      this.#writer.word(fields.shares, size);
      this.#writer.word(fields.price, price);
      return byteLength;
    });
  }

  #frame(write: (bytes: Uint8Array) => number): Uint8Array {
    this.#writer.stampNs[0] = this.stampNs;
    const message = new Uint8Array(64);
    const byteLength = write(message);
    this.messages.push(message.slice(0, byteLength));
    const frame = new Uint8Array(256);
    const moldAt = this.#template.headerByteLength;
    const view = new DataView(frame.buffer, moldAt);
    for (let at = 0; at < 10; at++) view.setUint8(at, "SOFTBAR001".charCodeAt(at));
    view.setUint32(14, this.sequence++);
    view.setUint16(18, 1);
    view.setUint16(MOLD_HEADER_BYTE_LENGTH, byteLength);
    frame.set(message.subarray(0, byteLength), moldAt + MOLD_HEADER_BYTE_LENGTH + 2);
    return frame.slice(0, this.#template.stamp(frame, 0, MOLD_HEADER_BYTE_LENGTH + 2 + byteLength));
  }
}
