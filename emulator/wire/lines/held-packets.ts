/** Packets that wait for those before them: copies in memory of fixed size, known by their index. */
export class HeldPackets {
  readonly bytes: Uint8Array;
  readonly packetByteLimit: number;
  readonly packetLimit: number;
  /** Packets held now, and the most there were. */
  count = 0;
  highest = 0;
  /** By index: the line that brought it, and its bytes. */
  readonly line: Uint8Array;
  readonly byteLength: Int32Array;
  /** By index: sequence of the packet's first message. */
  readonly first: Float64Array;
  readonly #free: Int32Array;

  constructor(packetLimit: number, packetByteLimit: number) {
    this.packetLimit = packetLimit;
    this.packetByteLimit = packetByteLimit;
    this.bytes = new Uint8Array(packetLimit * packetByteLimit);
    this.line = new Uint8Array(packetLimit);
    this.byteLength = new Int32Array(packetLimit);
    this.first = new Float64Array(packetLimit);
    this.#free = Int32Array.from({ length: packetLimit }, (_, index) => packetLimit - 1 - index);
  }

  get isFull(): boolean {
    return this.count === this.packetLimit;
  }

  /** Copies a packet that begins at `first[0]`, and returns its index. There must be room for it. */
  hold(line: number, first: Float64Array, bytes: Uint8Array, offset: number, byteLength: number): number {
    const index = this.#free[this.packetLimit - 1 - this.count] as number;
    this.count++;
    if (this.count > this.highest) this.highest = this.count;
    this.line[index] = line;
    this.byteLength[index] = byteLength;
    this.first[index] = first[0] as number;
    const start = index * this.packetByteLimit;
    for (let at = 0; at < byteLength; at++) this.bytes[start + at] = bytes[offset + at] as number;
    return index;
  }

  /** Packet `index` has been passed; its place is free again. */
  release(index: number): void {
    this.count--;
    this.#free[this.packetLimit - 1 - this.count] = index;
  }
}
