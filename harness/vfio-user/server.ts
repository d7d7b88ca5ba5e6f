import { existsSync, lstatSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { ProtocolError } from "./protocol.ts";
import { ServedDevice } from "./served-device.ts";
import { Session } from "./session.ts";

/** What happens at a server, for whoever watches. */
export interface ServerEvents {
  onConnect?(): void;
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
  readonly #server: Server;
  readonly #events: ServerEvents;
  readonly #waiting: Socket[] = [];
  #current: Socket | undefined;

  private constructor(device: ServedDevice, path: string, events: ServerEvents) {
    this.device = device;
    this.path = path;
    this.#events = events;
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  /** Listens at `path`. Rejects with Error when there is a file that is no socket, or nothing can be made there. */
  static async listen(spec: DeviceSpec, path: string, events: ServerEvents = {}): Promise<VfioUserServer> {
    removeStale(path);
    const server = new VfioUserServer(await ServedDevice.load(spec, false), path, events);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", reject);
      server.#server.listen(path, resolve);
    });
    return server;
  }

  async close(): Promise<void> {
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    this.#current?.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.device.close();
    rmSync(this.path, { force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(socket: Socket): void {
    // Nobody listens to it yet, and an error without a listener would end the process.
    socket.on("error", () => socket.destroy());
    if (this.#current !== undefined) {
      this.#waiting.push(socket);
      return;
    }
    this.#serve(socket);
  }

  #serve(socket: Socket): void {
    this.#current = socket;
    let reason: string | undefined;
    const session = new Session(this.device, (message) => {
      if (socket.destroyed) return;
      socket.write(message);
      if (socket.writableLength <= UNREAD_LIMIT_BYTES) return;
      reason = `it left ${UNREAD_LIMIT_BYTES >> 20} MiB of ours unread`;
      socket.destroy();
    });
    socket.on("data", (bytes: Buffer) => {
      if (socket.destroyed) return;
      try {
        session.receive(bytes);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        reason = error.message;
        socket.destroy();
      }
    });
    socket.once("close", () => {
      session.close();
      this.#current = undefined;
      this.#events.onDisconnect?.(reason);
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        if (next.destroyed) continue;
        this.#serve(next);
        return;
      }
    });
    socket.once("end", () => socket.destroy());
    this.#events.onConnect?.();
    socket.resume();
  }
}

/** A socket that a server left behind is in the way; any other file is somebody's. */
function removeStale(path: string): void {
  if (!existsSync(path)) return;
  if (!lstatSync(path).isSocket()) throw new Error(`${path} is a file and no socket; it is not touched`);
  rmSync(path);
}
