import { parentPort } from "node:worker_threads";

/** What a thread prints, as it is printed: a string or the bytes that were given. */
export interface ThreadOutput {
  readonly stream: "stdout" | "stderr";
  readonly chunk: string | Uint8Array;
}

/**
 * Makes a stream of this thread post what is written to it. Node passes on what a worker prints when the worker's event
 * loop turns, and a driver may never return to it, or its thread end first. A message needs no turn, and arrives before
 * the driver's result. The console writes here too.
 */
export function postOutput(stream: ThreadOutput["stream"]): void {
  type Done = (error?: Error | null) => void;
  const write = (data: string | Uint8Array, encoding?: BufferEncoding | Done, done?: Done): boolean => {
    const chunk = typeof data === "string" && typeof encoding === "string" ? Buffer.from(data, encoding) : data;
    parentPort?.postMessage({ stream, chunk } satisfies ThreadOutput);
    const written = typeof encoding === "function" ? encoding : done;
    if (written !== undefined) process.nextTick(written);
    return true;
  };
  process[stream].write = write;
}
