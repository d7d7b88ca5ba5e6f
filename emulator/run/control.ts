import { parentPort, type Worker } from "node:worker_threads";
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { DeviceGoneError } from "./testbed-error.ts";

/**
 * The control plane: the one module that knows comlink. Plugging, statistics, findings and unplugging go through it;
 * nothing of the data plane does.
 *
 * comlink by itself leaves every call to a thread that died pending for ever, and drops calls when a proxy is collected.
 * So each call races the end of the thread, and the proxy is held as long as the connection is.
 */
export type Control<Api> = {
  readonly [Name in keyof Api]: Api[Name] extends (...parameters: infer Parameters) => infer Result
    ? (...parameters: Parameters) => Promise<Awaited<Result>>
    : never;
};

/** Offers `api` to the thread that started this one. */
export function exposeControl(api: object): void {
  if (parentPort === null) throw new Error("the control plane can be offered by a worker thread only");
  Comlink.expose(api, nodeEndpoint(parentPort));
}

/** A connection to a thread's control plane. */
export interface ControlConnection<Api> {
  readonly control: Control<Api>;
  /** Rejects all pending and later calls with a DeviceGoneError of this reason. The first reason stays. */
  fail(reason: string): void;
}

/** Connects to the control plane that `worker` offers. Every call rejects with DeviceGoneError once {@link ControlConnection.fail} was called. */
export function connectControl<Api extends object>(worker: Worker): ControlConnection<Api> {
  const remote = Comlink.wrap<Api>(nodeEndpoint(worker)) as unknown as Record<
    PropertyKey,
    (...parameters: unknown[]) => Promise<unknown>
  >;
  const pending = new Set<(error: Error) => void>();
  let gone: DeviceGoneError | undefined;
  const call = (name: PropertyKey, parameters: unknown[]): Promise<unknown> => {
    if (gone !== undefined) return Promise.reject(gone);
    return new Promise((resolve, reject) => {
      pending.add(reject);
      const settled = (): boolean => pending.delete(reject);
      const method = remote[name] as (...parameters: unknown[]) => Promise<unknown>;
      method(...parameters).then(
        (value) => settled() && resolve(value),
        (error: unknown) => settled() && reject(error),
      );
    });
  };
  const control = new Proxy(
    {},
    { get: (_target, name) => (name === "then" ? undefined : (...parameters: unknown[]) => call(name, parameters)) },
  );
  return {
    control: control as Control<Api>,
    fail(reason: string): void {
      gone ??= new DeviceGoneError(reason);
      for (const reject of pending) reject(gone);
      pending.clear();
    },
  };
}

/** Hands an object over instead of copying it: a message port, for example. */
export function handOver<Value extends object>(value: Value, transferred: readonly unknown[]): Value {
  return Comlink.transfer(value, transferred as Transferable[]);
}

type Transferable = Parameters<typeof Comlink.transfer>[1][number];
