import { existsSync, lstatSync, rmSync } from "node:fs";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { Libc } from "../native/libc.ts";
import { ClientDescriptors } from "./client-descriptors.ts";
import { type Connection, type Listener, listenByLibc, listenByNode } from "./connection.ts";
import { ProtocolError } from "./protocol.ts";
import { ServedDevice } from "./served-device.ts";
import { Session } from "./session.ts";
import type { DescriptorUse } from "./shared-memory.ts";

/** What happens at a server, for whoever watches. */
export interface ServerOptions {
  /**
   * Whether file descriptors of clients are used, for MSI-X and for memory in place. Default "auto": where the package
   * koffi is installed. "never": by Node alone.
   */
  readonly descriptors?: "auto" | "never";
  onConnect?(): void;
  /** Told once for each way in which the client's memory is reached, and how to have the fastest one. */
  onMemory?(text: string): void;
  /** `reason` is why the server ended it; undefined when the client did. */
  onDisconnect?(reason: string | undefined): void;
}

/** Bytes that a client may leave unread. More is one that has stopped reading. */
const UNREAD_LIMIT_BYTES = 64 << 20;

/**
 * A device on a UNIX socket, for one client at a time: a second one waits until the first is gone. Whatever a client
 * does, the next one finds the device as at power-on.
 */
export class VfioUserServer {
  readonly device: ServedDevice;
  readonly path: string;
  /** Whether descriptors are used: MSI-X and memory in place; else MSI, and DMA by messages. */
  readonly hasDescriptors: boolean;
  readonly #options: ServerOptions;
  readonly #use: DescriptorUse | undefined;
  readonly #waiting: Connection[] = [];
  #listener: Listener | undefined;
  #current: Connection | undefined;

  private constructor(device: ServedDevice, path: string, options: ServerOptions, use: DescriptorUse | undefined) {
    this.device = device;
    this.path = path;
    this.hasDescriptors = use !== undefined;
    this.#options = options;
    this.#use = use;
  }

  /** Listens at `path`. Rejects with Error when there is a file that is no socket, or nothing can be made there. */
  static async listen(spec: DeviceSpec, path: string, options: ServerOptions = {}): Promise<VfioUserServer> {
    removeStale(path);
    const libc = options.descriptors === "never" ? undefined : await Libc.load();
    const use = libc === undefined ? undefined : new ClientDescriptors(libc);
    const device = await ServedDevice.load(spec, use !== undefined);
    const server = new VfioUserServer(device, path, options, use);
    const accept = (connection: Connection): void => server.#accept(connection);
    server.#listener = libc === undefined ? await listenByNode(path, accept) : listenByLibc(libc, path, accept);
    return server;
  }

  async close(): Promise<void> {
    for (const connection of this.#waiting.splice(0)) connection.destroy();
    this.#current?.destroy();
    await this.#listener?.close();
    this.device.close();
    rmSync(this.path, { force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(connection: Connection): void {
    if (this.#current === undefined) this.#serve(connection);
    else this.#waiting.push(connection);
  }

  #serve(connection: Connection): void {
    this.#current = connection;
    let reason: string | undefined;
    const write = (message: Buffer): void => {
      connection.write(message);
      if (connection.unsentBytes <= UNREAD_LIMIT_BYTES) return;
      reason = `it left ${UNREAD_LIMIT_BYTES >> 20} MiB of ours unread`;
      connection.destroy();
    };
    const session = new Session(this.device, write, this.#use, (text) => this.#options.onMemory?.(text));
    this.#options.onConnect?.();
    connection.start({
      onData: (bytes, descriptors) => {
        try {
          session.receive(bytes, descriptors);
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          reason = error.message;
          connection.destroy();
        }
      },
      onClose: () => {
        session.close();
        this.#current = undefined;
        this.#options.onDisconnect?.(reason);
        const next = this.#nextWaiting();
        if (next !== undefined) this.#serve(next);
      },
    });
  }

  #nextWaiting(): Connection | undefined {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (!next.isClosed) return next;
    }
    return undefined;
  }
}

/** A socket that a server left behind is in the way; any other file is somebody's. */
function removeStale(path: string): void {
  if (!existsSync(path)) return;
  if (!lstatSync(path).isSocket()) throw new Error(`${path} is a file and no socket; it is not touched`);
  rmSync(path);
}
