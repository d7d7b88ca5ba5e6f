import type { Socket } from "node:net";
import type { QemuGuest } from "./qemu-guest.ts";

/** Lines of other threads than the one that prompts: they come at any time, even between two letters of the prompt. */
const INTERJECTIONS = /ixgbe_[a-z_]+\(\): .*\n|Port 0: link state change event\n/g;
const START_LIMIT_MS = 180_000;
const COMMAND_LIMIT_MS = 120_000;

/** Counters of a port as testpmd shows them: "RX-packets" and so on, by name. */
export type PortCounters = Readonly<Record<string, number>>;

/** DPDK's testpmd at the guest's third serial line, told what to do by its own commands. */
export class Testpmd {
  /** All that it said. */
  transcript = "";
  readonly #terminal: Socket;
  #seenBytes = 0;

  private constructor(terminal: Socket) {
    this.#terminal = terminal;
    terminal.on("data", this.#take);
  }

  /** Starts it with EAL's words and its own; resolves when it prompts. */
  static async start(guest: QemuGuest, words: readonly string[]): Promise<Testpmd> {
    const testpmd = new Testpmd(await guest.terminal);
    const quoted = words.map((word) => `'${word}'`).join(" ");
    await guest.mustRun(
      `stty -F /dev/ttyS2 raw -echo clocal && { (setsid dpdk-testpmd ${quoted} </dev/ttyS2 >/dev/ttyS2 2>&1; echo "ended with $?" >/dev/ttyS2) & }`,
    );
    await testpmd.#untilPrompt("its start", START_LIMIT_MS);
    return testpmd;
  }

  /** Runs a command; resolves with what it printed. */
  async command(text: string): Promise<string> {
    this.#seenBytes = this.transcript.length;
    this.#terminal.write(`${text}\n`);
    return this.#untilPrompt(text, COMMAND_LIMIT_MS);
  }

  /** The port's counters, as the driver reads them from the card. */
  async counters(): Promise<PortCounters> {
    return countersOf(await this.command("show port stats 0"));
  }

  async isLinkUp(): Promise<boolean> {
    const info = await this.command("show port info 0");
    return /Link status: up/.test(info) && /Link speed: 10 Gbps/.test(info);
  }

  /** Ends it; resolves when it is gone. */
  async quit(): Promise<void> {
    this.#seenBytes = this.transcript.length;
    this.#terminal.write("quit\n");
    await this.#until(/ended with \d+/, "quit", COMMAND_LIMIT_MS);
    this.#terminal.off("data", this.#take);
    if (!/ended with 0/.test(this.#fresh)) throw new Error(`testpmd: ${this.#fresh.trim().slice(-400)}`);
  }

  readonly #take = (bytes: Buffer): void => {
    this.transcript += bytes.toString("latin1");
  };

  get #fresh(): string {
    return this.transcript.slice(this.#seenBytes);
  }

  async #untilPrompt(what: string, limitMs: number): Promise<string> {
    await this.#until(/testpmd> |ended with \d+/, what, limitMs);
    const text = this.#fresh.replaceAll("\r", "").replace(INTERJECTIONS, "");
    if (/ended with \d+/.test(text)) throw new Error(`testpmd ended at ${what}: ${text.trim().slice(-1500)}`);
    return text;
  }

  async #until(pattern: RegExp, what: string, limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs;
    const said = (): string => this.#fresh.replaceAll("\r", "").replace(INTERJECTIONS, "").replaceAll("\n", "");
    while (!pattern.test(said())) {
      if (this.#terminal.destroyed) throw new Error(`QEMU ended while testpmd was at ${what}`);
      if (performance.now() > deadline) {
        throw new Error(
          `testpmd did not come to an end of ${what} in ${limitMs / 1000} s: ${this.#fresh.slice(-1500)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** "RX-packets: 12" and its like, by name. Of a name that stands there twice the first. */
export function countersOf(text: string): PortCounters {
  const counters: Record<string, number> = {};
  for (const [, name = "", value = "0"] of text.matchAll(/([RT]X-[a-z]+):\s*(\d+)/g)) counters[name] ??= Number(value);
  return counters;
}
