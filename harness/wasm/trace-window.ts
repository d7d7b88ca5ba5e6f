import type { LinearMemory } from "./linear-memory.ts";
import type { WasmAccesses } from "./wasm-accesses.ts";
import { atPlace, callerPlace } from "./wasm-frames.ts";

/**
 * Plain loads and stores of a driver that knows nothing of softbar. The compiler has put a call in front of each of them,
 * which names the address; the instruction itself comes afterwards, with nobody in between.
 *
 * A load: the access is made in the call, and what it gives is laid where the instruction will find it. A store: what it
 * stores is known only when it has been made. So it is taken back at the next call, and made as an access then.
 */
export class TraceWindow {
  readonly #memory: LinearMemory;
  readonly #accesses: WasmAccesses;
  /** False where a device in another thread, or none at all, looks at DMA memory: then it is memory, and only registers are accesses. */
  readonly #tracesMemory: boolean;
  readonly #wantsPlaces: () => boolean;
  readonly #before = new Uint8Array(16);
  readonly #laid = new Uint8Array(16);
  /** A store that was announced: where, and how many bytes; 0 for none. */
  #storeAt = 0;
  #storeBytes = 0;
  #storePlace = "";
  /** What a load was given in place of what is there; 0 bytes for nothing. */
  #loadAt = 0;
  #loadBytes = 0;

  /** `wantsPlaces`: whether somebody asks from which line of the driver its accesses come. */
  constructor(memory: LinearMemory, accesses: WasmAccesses, tracesMemory: boolean, wantsPlaces: () => boolean) {
    this.#memory = memory;
    this.#accesses = accesses;
    this.#tracesMemory = tracesMemory;
    this.#wantsPlaces = wantsPlaces;
  }

  load(at: number, byteLength: number): void {
    this.settle();
    const address = at >>> 0;
    if (!this.#isTraced(address)) return;
    const { bytes } = this.#memory;
    const laid = this.#laid;
    for (let done = 0, length = 0; done < byteLength; done += length) {
      length = pieceBytes(address + done, byteLength - done);
      const value = this.#accesses.get(address + done, length);
      for (let byte = 0; byte < length; byte++) laid[done + byte] = value >>> (8 * byte);
    }
    for (let byte = 0; byte < byteLength; byte++) {
      this.#before[byte] = bytes[address + byte] as number;
      bytes[address + byte] = laid[byte] as number;
    }
    this.#loadAt = address;
    this.#loadBytes = byteLength;
  }

  store(at: number, byteLength: number): void {
    this.settle();
    const address = at >>> 0;
    if (!this.#isTraced(address)) return;
    for (let byte = 0; byte < byteLength; byte++) this.#before[byte] = this.#memory.bytes[address + byte] as number;
    this.#storeAt = address;
    this.#storeBytes = byteLength;
    this.#storePlace = this.#wantsPlaces() ? callerPlace() : "";
  }

  /** The instruction that was announced last has been executed: makes its store, or takes back what its load was given. */
  settle(): void {
    if (this.#loadBytes > 0) this.#takeBack();
    if (this.#storeBytes === 0) return;
    if (this.#storePlace === "") this.#makeStore();
    else atPlace(this.#storePlace, () => this.#makeStore());
  }

  /** The run has ended in the midst of an access: nothing is to be made of what was announced. */
  forget(): void {
    this.#loadBytes = 0;
    this.#storeBytes = 0;
  }

  #takeBack(): void {
    const { bytes } = this.#memory;
    for (let byte = 0; byte < this.#loadBytes; byte++) bytes[this.#loadAt + byte] = this.#before[byte] as number;
    this.#loadBytes = 0;
  }

  #makeStore(): void {
    const { bytes } = this.#memory;
    const at = this.#storeAt;
    const byteLength = this.#storeBytes;
    // First: an interrupt handler may run within the access, and have loads and stores of its own.
    this.#storeBytes = 0;
    const stored = new Uint8Array(byteLength);
    for (let byte = 0; byte < byteLength; byte++) {
      stored[byte] = bytes[at + byte] as number;
      bytes[at + byte] = this.#before[byte] as number;
    }
    for (let done = 0, length = 0; done < byteLength; done += length) {
      length = pieceBytes(at + done, byteLength - done);
      let value = 0;
      for (let byte = 0; byte < length; byte++) value |= (stored[done + byte] as number) << (8 * byte);
      this.#accesses.put(at + done, length, value);
    }
  }

  #isTraced(address: number): boolean {
    const owner = this.#memory.ownerOf(address);
    return owner < 0 || (owner > 0 && this.#tracesMemory);
  }
}

/** The largest aligned piece of 1, 2 or 4 bytes. */
function pieceBytes(address: number, left: number): number {
  if ((address & 3) === 0 && left >= 4) return 4;
  return (address & 1) === 0 && left >= 2 ? 2 : 1;
}
