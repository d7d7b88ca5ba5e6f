/**
 * comlink ships this adapter without types. It holds no symbols of its own, so it may be mixed with the bare import "comlink".
 * The result is typed by its shape, as comlink's own types name types of the DOM.
 */
declare module "comlink/dist/esm/node-adapter.mjs" {
  import type { MessagePort, Worker } from "node:worker_threads";
  import type { Endpoint } from "comlink";

  /** Makes a worker or a message port look like the browser's, which is the only kind comlink knows. */
  export default function nodeEndpoint(port: MessagePort | Worker): Endpoint;
}
