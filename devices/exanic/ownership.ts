import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { NO_REGISTER } from "../../emulator/registers/register-map.ts";
import type {
  Handover,
  MemoryOwnership,
  RegionView,
  WatchedRegion,
  WatchedWindow,
  WindowView,
} from "../../emulator/sanitize/ownership.ts";
import { TX_FEEDBACK_SLOT_COUNT, TX_HEADER_BYTE_LENGTH, TX_NO_FEEDBACK } from "./chunks.ts";
import type { Receive } from "./receive.ts";
import { REGION_COUNT, type Regions } from "./regions.ts";
import * as reg from "./registers.ts";
import type { Transmit } from "./transmit.ts";

const TX_REGION_BAR = 2;
const FEEDBACK_BYTES: number = 2 * TX_FEEDBACK_SLOT_COUNT;
const BASES = [
  reg.PORT_RX_DMA_BASE_HI,
  reg.PORT_RX_DMA_BASE_LO,
  reg.BUFFER_BASE_HI,
  reg.BUFFER_BASE_LO,
  reg.TX_FEEDBACK_BASE_HI,
  reg.TX_FEEDBACK_BASE_LO,
] as const;

/** What the card does with memory, as its engines have it. */
export interface OwnershipParts {
  readonly regions: Regions;
  readonly receive: Receive;
  readonly transmit: Transmit;
}

/** A receive region: the card's while its port is on, and until the frame under way has ended. */
class ReceiveRegion implements RegionView {
  readonly name: string;
  readonly release: string;
  readonly #region: number;
  readonly #parts: OwnershipParts;
  readonly #port: DevicePort;

  constructor(region: number, parts: OwnershipParts, port: DevicePort) {
    this.name = parts.regions.nameOf(region);
    const portNumber = parts.regions.portOf(region);
    this.release = `port ${portNumber} is disabled and, 100 µs later, its last frame has ended`;
    this.#region = region;
    this.#parts = parts;
    this.#port = port;
  }

  isLive(): boolean {
    const { regions, receive } = this.#parts;
    if (!this.#port.busMasterEnabled || !regions.exists(this.#region)) return false;
    return regions.isEnabled(regions.portOf(this.#region)) || receive.isWriting(this.#region);
  }
}

/** The chunks of one port's part of the TX region. */
class TransmitWindow implements WindowView {
  readonly name: string;
  readonly bar = TX_REGION_BAR;
  readonly completion = "its feedback, or that of a later chunk, is read";
  readonly #portNumber: number;
  readonly #parts: OwnershipParts;

  constructor(portNumber: number, parts: OwnershipParts) {
    this.name = `the TX region of port ${portNumber}`;
    this.#portNumber = portNumber;
    this.#parts = parts;
  }

  nameOf(_piece: number, offset: number): string {
    return `the chunk at 0x${offset.toString(16).padStart(5, "0")}`;
  }

  isLive(): boolean {
    return this.#parts.regions.isEnabled(this.#portNumber);
  }

  isBusy(_piece: number, offset: number): boolean {
    return this.#parts.transmit.isWaiting(this.#portNumber, offset);
  }
}

/**
 * For the sanitizers. A receive region is the card's from when it is told of it: a driver reads there, and writes nowhere. A
 * chunk of the TX region is the card's from its command until the driver has read its feedback, or that of a later one; so is
 * the word of the feedback page that it asks for, which at other times is the driver's to preset.
 */
export class ExanicOwnership implements MemoryOwnership {
  readonly #registers: RegisterFile;
  readonly #parts: OwnershipParts;
  readonly #regions: readonly WatchedRegion[];
  readonly #feedback: WatchedRegion;
  /** By port. */
  readonly #windows: readonly WatchedWindow[];
  /** By port: commands that the card had taken when the last one arrived. */
  readonly #taken: number[];
  readonly #families: Readonly<Record<"ENABLED" | "TX_COMMAND" | "STAT_TX" | "TX_LAST_TIME", number>>;
  /** Families that say where a region is. */
  readonly #bases: ReadonlySet<number>;

  constructor(port: DevicePort, registers: RegisterFile, parts: OwnershipParts, handover: Handover) {
    const { map } = registers;
    const { regions, transmit } = parts;
    this.#registers = registers;
    this.#parts = parts;
    this.#families = {
      ENABLED: map.family(reg.PORT_ENABLED),
      TX_COMMAND: map.family(reg.PORT_TX_COMMAND),
      STAT_TX: map.family(reg.STAT_TX),
      TX_LAST_TIME: map.family(reg.PORT_TX_LAST_TIME),
    };
    this.#bases = new Set(BASES.map((register) => map.family(register)));
    this.#regions = Array.from({ length: REGION_COUNT }, (_, region) =>
      handover.region(new ReceiveRegion(region, parts, port)),
    );
    const ports = Array.from({ length: reg.PORT_COUNT }, (_, portNumber) => portNumber);
    this.#windows = ports.map((portNumber) => handover.window(new TransmitWindow(portNumber, parts)));
    this.#taken = ports.map((portNumber) => transmit.takenCount(portNumber));
    this.#feedback = handover.region({
      name: "the transmit feedback page",
      release: "the feedback of every chunk that asks for it was read",
      isLive: () => port.busMasterEnabled && regions.hasFeedback(),
      isDevices: (offset, byteLength) => this.#isAskedFor(offset, byteLength),
      loaded: (offset, byteLength, low, high) => this.#sawFeedback(offset, byteLength, low, high),
    });
  }

  onWrite(bar: number, offset: number): void {
    if (bar !== 0) return;
    const { map } = this.#registers;
    const ordinal = map.ordinalAt(offset & ~3);
    if (ordinal === NO_REGISTER) return;
    const family = map.familyOf[ordinal] as number;
    const index = map.indexOf[ordinal] as number;
    const { ENABLED, TX_COMMAND } = this.#families;
    if (family === TX_COMMAND) this.#commanded(index);
    // A port that is switched off and on again has forgotten what waited.
    else if (family === ENABLED) this.#windows[index]?.doneSeen();
    if (family === ENABLED || this.#bases.has(family)) this.#locate();
  }

  /** Counters and times of what was sent tell as much as feedback does. */
  onRead(bar: number, offset: number): void {
    if (bar !== 0) return;
    const { map } = this.#registers;
    const ordinal = map.ordinalAt(offset & ~3);
    if (ordinal === NO_REGISTER) return;
    const family = map.familyOf[ordinal] as number;
    if (family !== this.#families.STAT_TX && family !== this.#families.TX_LAST_TIME) return;
    this.#windows[map.indexOf[ordinal] as number]?.doneSeen();
  }

  #commanded(portNumber: number): void {
    const { transmit } = this.#parts;
    const taken = transmit.takenCount(portNumber);
    const isNew = taken !== this.#taken[portNumber];
    this.#taken[portNumber] = taken;
    // One that breaks a rule is not taken, and its chunk stays the driver's.
    if (!isNew) return;
    const offset = this.#registers.get(reg.PORT_TX_COMMAND, portNumber) >>> 0;
    const header = transmit.read(offset, 4) >>> 0;
    const byteLength = TX_HEADER_BYTE_LENGTH + (transmit.read(offset + 4, 4) & 0xffff);
    this.#windows[portNumber]?.handOver(header, offset, byteLength);
  }

  /** Takes over where the card has its regions now. */
  #locate(): void {
    const { regions } = this.#parts;
    for (const [region, watched] of this.#regions.entries())
      watched.moved(regions.baseOf(region), regions.exists(region) ? regions.byteLength : 0);
    regions.locateFeedback(0);
    const iova = (regions.high >>> 0) * 2 ** 32 + (regions.low >>> 0);
    this.#feedback.moved(iova, regions.hasFeedback() ? FEEDBACK_BYTES : 0);
  }

  /** A chunk's header is its feedback id with the slot above. */
  #sawFeedback(offset: number, byteLength: number, low: number, high: number): void {
    for (let slot = (offset + 1) >> 1; 2 * slot + 2 <= offset + byteLength; slot++) {
      const at = 2 * slot - offset;
      const id = (at < 4 ? low >>> (8 * at) : high >>> (8 * (at - 4))) & 0xffff;
      for (const window of this.#windows) window.seenUpTo(slot * 0x1_0000 + id);
    }
  }

  #isAskedFor(offset: number, byteLength: number): boolean {
    return this.#windows.some((window) =>
      window.pieces().some((header) => {
        const slot = Math.floor(header / 0x1_0000);
        return (slot & TX_NO_FEEDBACK) === 0 && 2 * slot < offset + byteLength && offset < 2 * slot + 2;
      }),
    );
  }
}
