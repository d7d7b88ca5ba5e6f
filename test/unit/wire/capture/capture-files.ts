/** Writers of capture files for tests, independent of the readers: every byte order, resolution and block by hand. */

export interface TestRecord {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly bytes: Uint8Array;
  readonly originalByteLength: number;
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

function fields(littleEndian: boolean, ...values: readonly (readonly [2 | 4, number])[]): Uint8Array {
  const bytes = new Uint8Array(values.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of values) {
    if (size === 2) view.setUint16(at, value, littleEndian);
    else view.setUint32(at, value, littleEndian);
    at += size;
  }
  return bytes;
}

export interface PcapShape {
  readonly littleEndian: boolean;
  readonly nanoseconds: boolean;
  readonly network?: number;
  readonly major?: number;
}

/** With microseconds the last three digits of each time stamp are lost. */
export function pcapFile(shape: PcapShape, records: readonly TestRecord[]): Uint8Array {
  const le = shape.littleEndian;
  const magic = shape.nanoseconds ? 0xa1b2_3c4d : 0xa1b2_c3d4;
  const header = fields(
    le,
    [4, magic],
    [2, shape.major ?? 2],
    [2, 4],
    [4, 0],
    [4, 0],
    [4, 65535],
    [4, shape.network ?? 1],
  );
  const parts = records.flatMap(({ seconds, nanoseconds, bytes, originalByteLength }) => {
    const fraction = shape.nanoseconds ? nanoseconds : Math.floor(nanoseconds / 1000);
    return [fields(le, [4, seconds], [4, fraction], [4, bytes.length], [4, originalByteLength]), bytes];
  });
  return concatenate([header, ...parts]);
}

export interface PcapngOption {
  readonly code: number;
  readonly value: Uint8Array;
}

/** Writes the blocks of one section; `littleEndian` is the section's byte order. */
export class PcapngSection {
  readonly littleEndian: boolean;

  constructor(littleEndian: boolean) {
    this.littleEndian = littleEndian;
  }

  block(type: number, body: Uint8Array): Uint8Array {
    const total = 12 + padded(body).length;
    const le = this.littleEndian;
    return concatenate([fields(le, [4, type], [4, total]), padded(body), fields(le, [4, total])]);
  }

  header(options: readonly PcapngOption[] = []): Uint8Array {
    const le = this.littleEndian;
    const start = fields(le, [4, 0x1a2b_3c4d], [2, 1], [2, 0], [4, 0xffff_ffff], [4, 0xffff_ffff]);
    return this.block(0x0a0d_0d0a, concatenate([start, this.options(options)]));
  }

  description(linkType: number, snapByteLength: number, options: readonly PcapngOption[] = []): Uint8Array {
    const start = fields(this.littleEndian, [2, linkType], [2, 0], [4, snapByteLength]);
    return this.block(1, concatenate([start, this.options(options)]));
  }

  enhancedPacket(
    interfaceIndex: number,
    ticks: bigint,
    bytes: Uint8Array,
    originalByteLength: number,
    options: readonly PcapngOption[] = [],
  ): Uint8Array {
    return this.block(
      6,
      concatenate([
        fields(this.littleEndian, [4, interfaceIndex]),
        this.#packet(ticks, bytes, originalByteLength, options),
      ]),
    );
  }

  obsoletePacket(interfaceIndex: number, ticks: bigint, bytes: Uint8Array, originalByteLength: number): Uint8Array {
    const start = fields(this.littleEndian, [2, interfaceIndex], [2, 0xffff]);
    return this.block(2, concatenate([start, this.#packet(ticks, bytes, originalByteLength, [])]));
  }

  simplePacket(bytes: Uint8Array, originalByteLength: number): Uint8Array {
    return this.block(3, concatenate([fields(this.littleEndian, [4, originalByteLength]), bytes]));
  }

  u32(value: number): Uint8Array {
    return fields(this.littleEndian, [4, value]);
  }

  i64(value: bigint): Uint8Array {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, value, this.littleEndian);
    return bytes;
  }

  /** Without an end option where the list is empty, as the specification allows. */
  options(options: readonly PcapngOption[]): Uint8Array {
    if (options.length === 0) return new Uint8Array(0);
    const le = this.littleEndian;
    const parts = options.flatMap(({ code, value }) => [fields(le, [2, code], [2, value.length]), padded(value)]);
    return concatenate([...parts, fields(le, [4, 0])]);
  }

  #packet(ticks: bigint, bytes: Uint8Array, original: number, options: readonly PcapngOption[]): Uint8Array {
    const high = Number(ticks >> 32n);
    const low = Number(ticks & 0xffff_ffffn);
    const start = fields(this.littleEndian, [4, high], [4, low], [4, bytes.length], [4, original]);
    return concatenate([start, padded(bytes), this.options(options)]);
  }
}

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array((bytes.length + 3) & ~3);
  whole.set(bytes);
  return whole;
}
