import { renameSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { threadId } from "node:worker_threads";
import { DescriptorWatch } from "../native/descriptor-watch.ts";
import type { Libc } from "../native/libc.ts";

/** What a connection tells. */
export interface ConnectionHandlers {
  onData(bytes: Buffer, descriptors: readonly number[]): void;
  /** Once, whoever ended it. `reason` is why it could not go on, where it is this process that could not. */
  onClose(reason?: string): void;
}

/** A client's end of a socket. It is read from {@link start} on. */
export interface Connection {
  start(handlers: ConnectionHandlers): void;
  write(bytes: Buffer): void;
  /** Bytes that the peer has not taken. */
  readonly unsentBytes: number;
  readonly isClosed: boolean;
  destroy(): void;
}

export interface Listener {
  close(): Promise<void>;
}

/**
 * By Node alone: descriptors that a peer sends along are lost. The socket is made beside its place and moved there: Node
 * removes what has the name that it was made by when it stops to listen, and another server may have taken the place by then.
 */
export async function listenByNode(path: string, onConnection: (connection: Connection) => void): Promise<Listener> {
  const madeAt = join(
    dirname(path),
    `.${[process.pid, threadId, madeCount++].map((part) => part.toString(36)).join("-")}`,
  );
  const server: Server = createServer({ pauseOnConnect: true }, (socket) => onConnection(new NodeConnection(socket)));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(madeAt, resolve);
  });
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  try {
    renameSync(madeAt, path);
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

let madeCount = 0;

class NodeConnection implements Connection {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    // Nobody listens to it yet, and an error without a listener would end the process.
    socket.on("error", () => socket.destroy());
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  start({ onData, onClose }: ConnectionHandlers): void {
    const socket = this.#socket;
    socket.on("data", (bytes: Buffer) => {
      if (!socket.destroyed) onData(bytes, []);
    });
    socket.once("end", () => socket.destroy());
    socket.once("close", () => onClose());
    socket.resume();
  }

  write(bytes: Buffer): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** With descriptors, by the system's own calls. */
export function listenByLibc(libc: Libc, path: string, onConnection: (connection: Connection) => void): Listener {
  const watch = DescriptorWatch.of(libc);
  const listener = libc.listen(path);
  let isClosed = false;
  let ended: () => void = () => {};
  const hasEnded = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const look = (): void => {
    if (isClosed) {
      libc.close(listener);
      ended();
      return;
    }
    let next = libc.accept(listener);
    for (; typeof next === "number"; next = libc.accept(listener)) onConnection(new LibcConnection(libc, next));
    // Who waits keeps the listener readable: it would be looked at again at once, and again in vain.
    if (next === "no room") setTimeout(look, NO_ROOM_MS);
    else watch.whenReadable(listener, look);
  };
  watch.whenReadable(listener, look);
  return {
    async close() {
      isClosed = true;
      libc.hangUp(listener);
      await hasEnded;
    },
  };
}

/** After this another connection is tried when the process had no room for one. */
const NO_ROOM_MS = 100;
/** Full buffers of the peer are tried again this often. */
const RETRY_MS = 1;
/** Turns of the event loop in which the next message is looked for before a thread waits for it: some 50 µs. */
const LOOKS_BEFORE_WAIT = 50;

class LibcConnection implements Connection {
  unsentBytes = 0;
  isClosed = false;
  readonly #libc: Libc;
  readonly #watch: DescriptorWatch;
  readonly #descriptor: number;
  readonly #unsent: Buffer[] = [];
  #handlers: ConnectionHandlers | undefined;
  #isWaiting = false;
  #hasEnded = false;
  #emptyLooks = 0;
  #reason: string | undefined;

  constructor(libc: Libc, descriptor: number) {
    this.#libc = libc;
    this.#watch = DescriptorWatch.of(libc);
    this.#descriptor = descriptor;
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    this.#wait();
  }

  write(bytes: Buffer): void {
    if (this.isClosed) return;
    this.#unsent.push(bytes);
    this.unsentBytes += bytes.length;
    if (this.#unsent.length === 1) this.#flush();
  }

  /** Descriptor and handlers stay until the thread that waits for it has let go. */
  destroy(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#libc.hangUp(this.#descriptor);
    if (!this.#isWaiting) setImmediate(() => this.#end());
  }

  #wait(): void {
    this.#isWaiting = true;
    this.#watch.whenReadable(this.#descriptor, () => {
      this.#isWaiting = false;
      this.#emptyLooks = 0;
      this.#read();
    });
  }

  #read(): void {
    while (!this.isClosed) {
      const received = this.#libc.receive(this.#descriptor);
      if (received === undefined) {
        // A client that reads registers comes back at once: a thread that waits in the kernel costs four such reads.
        if (this.#emptyLooks++ < LOOKS_BEFORE_WAIT) setImmediate(() => this.#read());
        else this.#wait();
        return;
      }
      this.#emptyLooks = 0;
      if (received === "end") this.isClosed = true;
      else if (received.areDescriptorsLost) this.#giveUp(received.descriptors);
      else this.#handlers?.onData(received.bytes, received.descriptors);
    }
    this.#end();
  }

  /** What a message means without its descriptors is another thing: it is not looked at. */
  #giveUp(descriptors: readonly number[]): void {
    for (const descriptor of descriptors) this.#libc.close(descriptor);
    this.#reason = "descriptors came with a message that this process has no room for (ulimit -n)";
    this.destroy();
  }

  #flush(): void {
    for (let bytes = this.#unsent[0]; bytes !== undefined && !this.isClosed; bytes = this.#unsent[0]) {
      const sent = this.#libc.send(this.#descriptor, bytes);
      if (sent < 0) {
        this.destroy();
        return;
      }
      this.unsentBytes -= sent;
      if (sent < bytes.length) {
        this.#unsent[0] = bytes.subarray(sent);
        setTimeout(() => this.#flush(), RETRY_MS);
        return;
      }
      this.#unsent.shift();
    }
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#libc.close(this.#descriptor);
    this.#handlers?.onClose(this.#reason);
  }
}
