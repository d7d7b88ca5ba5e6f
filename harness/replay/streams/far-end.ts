import type { DeviceModel } from "../../../emulator/pcie/device-model.ts";
import type { EventSource } from "../../../emulator/run/device-host.ts";
import type { Machine } from "../../../emulator/run/machine.ts";
import { FrameHeaders } from "../../../emulator/wire/frame.ts";
import { FrameQueue } from "../../../emulator/wire/frame-queue.ts";
import { MessageArchive } from "../../../emulator/wire/recovery/message-archive.ts";
import { MoldRequestServer, type MoldServerReport } from "../../../emulator/wire/recovery/mold-request-server.ts";
import type { WireSink } from "../../../emulator/wire/wire.ts";
import type { StreamPlan } from "./stream-plan.ts";

/** Longest answer that a server sends: the card has room for it, or it waits. */
const ANSWER_BYTES = 1514;

/**
 * What is at the far end of the wire that the card sends on: one re-request server for each session that is recovered. It
 * lives with the card, takes what the card sends, and lets its answers arrive between the frames of the feed.
 */
export class FarEnd implements EventSource {
  /** `[0]`: when the next answer is due. */
  readonly next: Float64Array = new Float64Array([Number.POSITIVE_INFINITY]);
  readonly #servers: readonly MoldRequestServer[];
  /** Servers stand on ports that follow each other. */
  readonly #firstPort: number;
  readonly #headers = new FrameHeaders();
  readonly #sent: FrameQueue;
  readonly #device: DeviceModel;
  readonly #port: number;
  readonly #waitsForRoom: boolean;

  /** `toCard` takes the answers. */
  constructor(machine: Machine, plan: NonNullable<StreamPlan["recovery"]>, place: FarEndPlace, toCard: WireSink) {
    const { device, port, waitsForRoom } = place;
    const { service } = plan;
    const queues = machine.tables.functions[device]?.ports[port];
    const endpoint = machine.endpoints[device];
    if (queues === undefined || endpoint === undefined) throw new RangeError("there is no wire to a re-request server");
    this.#sent = new FrameQueue(queues.outbound);
    this.#device = endpoint.device;
    this.#port = port;
    this.#waitsForRoom = waitsForRoom;
    this.#firstPort = plan.sessions[0]?.requests.destinationPort ?? 0;
    this.#servers = plan.sessions.map(({ session, archive, requests }, index) => {
      const options = {
        session,
        mac: requests.destinationMac ?? 0,
        ip: requests.destinationIp,
        port: requests.destinationPort,
        // Each server has chances of its own.
        seed: (service.seed ?? 1) + index,
        ...(service.latencyNs === undefined ? {} : { latencyNs: service.latencyNs }),
        ...(service.jitterNs === undefined ? {} : { latencySpreadNs: service.jitterNs }),
        ...(service.refuse === undefined ? {} : { refusalProbability: service.refuse }),
        ...(service.partial === undefined ? {} : { partialProbability: service.partial }),
        ...(service.requestsPerSecond === undefined ? {} : { requestsPerSecond: service.requestsPerSecond }),
      };
      return new MoldRequestServer(machine.host.clock, toCard, options, new MessageArchive(archive));
    });
  }

  poll(): boolean {
    const servers = this.#servers;
    const sent = this.#sent;
    let isBusy = false;
    for (; sent.peek(); sent.release()) {
      isBusy = true;
      this.#headers.parse(sent.memory.bytes, sent.offset, sent.byteLength);
      const server = servers[this.#headers.destinationPort - this.#firstPort];
      server?.deliver(sent.memory, sent.offset, sent.byteLength);
    }
    if (isBusy) sent.acknowledge();
    if (this.#waitsForRoom && this.#device.hasRoomForFrame?.(this.#port, ANSWER_BYTES) === false) return isBusy;
    let nextNs = Number.POSITIVE_INFINITY;
    for (let index = 0; index < servers.length; index++) {
      const server = servers[index] as MoldRequestServer;
      server.pump();
      if ((server.next[0] as number) < nextNs) nextNs = server.next[0] as number;
    }
    this.next[0] = nextNs;
    return isBusy;
  }

  isIdle(): boolean {
    return this.#sent.isEmpty && this.next[0] === Number.POSITIVE_INFINITY;
  }

  report(): MoldServerReport[] {
    return this.#servers.map((server) => server.report());
  }
}

/** Which wire it is, and whether answers wait for room in the card as the feed does. */
export interface FarEndPlace {
  readonly device: number;
  readonly port: number;
  readonly waitsForRoom: boolean;
}
