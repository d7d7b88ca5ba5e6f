import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { Finding, FindingKind } from "../emulator/run/findings.ts";

/** Findings of a device thread, as the test's thread knows them. Fetched when asked for, without the event loop. */
export class FindingInbox {
  /** To be transferred to the device thread, which posts each new finding. */
  readonly devicePort: MessagePort;
  readonly #port: MessagePort;
  readonly #findings: Finding[] = [];

  constructor() {
    const { port1, port2 } = new MessageChannel();
    port1.unref();
    this.#port = port1;
    this.devicePort = port2;
  }

  /** All findings of a kind that have arrived. */
  of(kind: FindingKind): Finding[] {
    this.#fetch();
    return this.#findings.filter((finding) => finding.kind === kind);
  }

  /** Takes over a full list, in which the counts are up to date. */
  replace(findings: readonly Finding[]): void {
    this.#fetch();
    this.#findings.splice(0, this.#findings.length, ...findings);
  }

  close(): void {
    this.#fetch();
    this.#port.close();
  }

  #fetch(): void {
    for (
      let message = receiveMessageOnPort(this.#port);
      message !== undefined;
      message = receiveMessageOnPort(this.#port)
    ) {
      const found = message.message as Finding;
      const known = this.#findings.some(({ device, rule, place }) => {
        return device === found.device && rule === found.rule && place === found.place;
      });
      if (!known) this.#findings.push(found);
    }
  }
}
