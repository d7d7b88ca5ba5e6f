import { lstatSync, rmSync, type Stats } from "node:fs";
import { connect } from "node:net";

/** A socket's file that is ours to remove. */
export interface OwnSocket {
  /** Does so, unless another one lies there by now. */
  remove(): void;
}

/**
 * Makes room for a socket. What a server left behind is removed; whose server answers, keeps it.
 * @throws Error when somebody serves it, when it cannot be told, or when a file lies there that is no socket.
 */
export async function claimSocket(path: string): Promise<void> {
  const found = statsOf(path);
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`${path} is a file and no socket; it is not touched`);
  if (await isServed(path))
    throw new Error(`${path} is served already: end the other server, or choose another path for this one`);
  removeSame(path, found);
}

/** The socket that has just been made at a path. */
export function ownSocket(path: string): OwnSocket {
  const made = statsOf(path);
  return { remove: () => made !== undefined && removeSame(path, made) };
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", ({ code, message }: NodeJS.ErrnoException) => {
      // Nobody listens, or it has gone meanwhile. One that has too many waiting is served.
      if (code === "ECONNREFUSED" || code === "ENOENT") resolve(false);
      else if (code === "EAGAIN") resolve(true);
      else reject(new Error(`${path} is a socket of which it cannot be told whether it is served: ${message}`));
    });
  });
}

function removeSame(path: string, { dev, ino }: Stats): void {
  const now = statsOf(path);
  if (now?.dev === dev && now.ino === ino) rmSync(path);
}

function statsOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
