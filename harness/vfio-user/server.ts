import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { Libc } from "../native/libc.ts";
import { ClientDescriptors } from "./client-descriptors.ts";
import { type Connection, type Listener, listenByLibc, listenByNode } from "./connection.ts";
import { ProtocolError } from "./protocol.ts";
import { ServedDevice } from "./served-device.ts";
import { Session } from "./session.ts";
import type { DescriptorUse } from "./shared-memory.ts";
import { claimSocket, type OwnSocket, ownSocket } from "./socket-file.ts";

/** What happens at a server, for whoever watches. */
export interface ServerOptions {
  /**
   * Whether file descriptors of clients are used, for MSI-X and for memory in place. Default "auto": where the package
   * koffi is installed. "never": by Node alone.
   */
  readonly descriptors?: "auto" | "never";
  /** A client has sent something. One that only looks whether somebody answers is none. */
  onConnect?(): void;
  /** Told once for each way in which the client's memory is reached, and how to have the fastest one. */
  onMemory?(text: string): void;
  /** `reason` is why the server ended it; undefined when the client did. */
  onDisconnect?(reason: string | undefined): void;
  /**
   * A fault of the testbed or of the device's model, which is no client's: the one who is connected is hung up on, and the
   * device is as at power-on for the next one. Without this the process gets it as a warning, with its stack.
   */
  onFault?(error: unknown): void;
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
  #socket: OwnSocket | undefined;
  #current: Connection | undefined;
  /** Why the current client is hung up on. */
  #reason: string | undefined;

  private constructor(device: ServedDevice, path: string, options: ServerOptions, use: DescriptorUse | undefined) {
    this.device = device;
    this.path = path;
    this.hasDescriptors = use !== undefined;
    this.#options = options;
    this.#use = use;
    device.onFault = (error) => this.#fault(error);
  }

  /** Listens at `path`. Rejects with Error when somebody serves it, when there is a file that is no socket, or nothing can be made there. */
  static async listen(spec: DeviceSpec, path: string, options: ServerOptions = {}): Promise<VfioUserServer> {
    await claimSocket(path);
    const libc = options.descriptors === "never" ? undefined : await Libc.load();
    const use = libc === undefined ? undefined : new ClientDescriptors(libc);
    const device = await ServedDevice.load(spec, use !== undefined);
    const server = new VfioUserServer(device, path, options, use);
    const accept = (connection: Connection): void => server.#accept(connection);
    server.#listener = libc === undefined ? await listenByNode(path, accept) : listenByLibc(libc, path, accept);
    server.#socket = ownSocket(path);
    return server;
  }

  async close(): Promise<void> {
    for (const connection of this.#waiting.splice(0)) connection.destroy();
    this.#current?.destroy();
    // While it is listened to, no other file can have its number.
    this.#socket?.remove();
    await this.#listener?.close();
    this.device.close();
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
    this.#reason = undefined;
    let session: Session | undefined;
    connection.start({
      onData: (bytes, descriptors) => {
        try {
          session ??= this.#open(connection);
          session.receive(bytes, descriptors);
        } catch (error) {
          if (error instanceof ProtocolError) this.#hangUp(error.message);
          else this.#fault(error);
        }
      },
      onClose: (reason) => {
        try {
          session?.close();
        } catch (error) {
          this.#fault(error);
        }
        this.#current = undefined;
        if (session !== undefined) this.#options.onDisconnect?.(this.#reason ?? reason);
        const next = this.#nextWaiting();
        if (next !== undefined) this.#serve(next);
      },
    });
  }

  #open(connection: Connection): Session {
    this.#options.onConnect?.();
    const write = (message: Buffer): void => {
      connection.write(message);
      if (connection.unsentBytes > UNREAD_LIMIT_BYTES)
        this.#hangUp(`it left ${UNREAD_LIMIT_BYTES >> 20} MiB of ours unread`);
    };
    const notice = (text: string): void => this.#options.onMemory?.(text);
    return new Session(this.device, { write, notice, hangUp: (reason) => this.#hangUp(reason) }, this.#use);
  }

  /** The first reason is the one that is told. */
  #hangUp(reason: string): void {
    this.#reason ??= reason;
    this.#current?.destroy();
  }

  #fault(error: unknown): void {
    const { onFault } = this.#options;
    if (onFault !== undefined) onFault(error);
    else process.emitWarning(error instanceof Error ? (error.stack ?? error.message) : String(error), "SoftbarFault");
    this.#hangUp(`a fault of the server's own: ${error instanceof Error ? error.message : String(error)}`);
  }

  #nextWaiting(): Connection | undefined {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (!next.isClosed) return next;
    }
    return undefined;
  }
}
