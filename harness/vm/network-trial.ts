import type { GuestResult } from "./guest-shell.ts";
import { GuestError } from "./vm-error.ts";

const GUEST_ADDRESS = "10.0.0.2/24";
const PEER_ADDRESS = "10.0.0.1";
const LINK_TRIES = 40;
/** Kernel log level of warnings (include/linux/kern_levels.h); below are errors. */
const WARNING_LEVEL = 4;

/** A guest that takes commands, wherever it runs. */
export interface GuestCommands {
  /** As {@link GuestShell.run}. */
  run(command: string, limitMs?: number): Promise<GuestResult>;
  /** As {@link GuestShell.mustRun}. */
  mustRun(command: string, limitMs?: number): Promise<string>;
}

/** What is done with one network interface of the guest. */
export class NetworkTrial {
  readonly #guest: GuestCommands;
  readonly #name: string;
  /** The module that drives the card: the last one that was asked for. */
  readonly #modulePath: string;

  constructor(guest: GuestCommands, name: string, modulePaths: readonly string[]) {
    this.#guest = guest;
    this.#name = name;
    this.#modulePath = modulePaths.at(-1) ?? "";
  }

  /** Gives it its address and waits for the link; resolves with the speed in words. */
  async bringUp(): Promise<string> {
    const { output, code } = await this.#guest.run(this.#up());
    if (code !== 0)
      throw new GuestError(`the link of ${this.#name} did not come up within ${LINK_TRIES / 4} s: ${output}`);
    const speed = await this.#guest.run(`cat /sys/class/net/${this.#name}/speed`);
    return `up, ${speed.output.trim()} Mb/s`;
  }

  async ping(count: number): Promise<{ sentCount: number; receivedCount: number }> {
    const { output } = await this.#guest.run(
      `ping -q -c ${count} -i 0.02 -W 2 ${PEER_ADDRESS}`,
      10_000 + count * 2_000,
    );
    const [, sent = "0", received = "0"] = /(\d+) packets transmitted, (\d+) packets received/.exec(output) ?? [];
    return { sentCount: Number(sent), receivedCount: Number(received) };
  }

  /** Rounds after which an echo came back. */
  cycleLink(count: number): Promise<number> {
    return this.#rounds(count, `ip link set ${this.#name} down && ${this.#up()}`);
  }

  cycleModule(count: number): Promise<number> {
    const path = this.#modulePath;
    return this.#rounds(count, `rmmod ${moduleOf(path)} && insmod ${path} && ${this.#up()}`);
  }

  async #rounds(count: number, round: string): Promise<number> {
    let goodCount = 0;
    for (let index = 0; index < count; index++) {
      const { code } = await this.#guest.run(`${round} && ping -q -c 1 -W 5 ${PEER_ADDRESS}`);
      if (code === 0) goodCount++;
    }
    return goodCount;
  }

  #up(): string {
    const name = this.#name;
    const tries = Array.from({ length: LINK_TRIES }, (_, index) => index).join(" ");
    const hasCarrier = `[ "$(cat /sys/class/net/${name}/carrier 2>/dev/null)" = 1 ]`;
    return `ip addr replace ${GUEST_ADDRESS} dev ${name} && ip link set ${name} up && (for i in ${tries}; do ${hasCarrier} && exit 0; sleep 0.25; done; exit 1)`;
  }
}

/** "ixgbe" of "/lib/modules/ixgbe.ko". */
export function moduleOf(path: string): string {
  return path.replace(/^.*\/|\.ko$/g, "");
}

/** Warnings and errors that name a module or interface, and the kernel's own cries. */
export async function complaintsOf(guest: GuestCommands, names: readonly string[]): Promise<string[]> {
  const log = await guest.mustRun("dmesg -r");
  return log.split("\n").flatMap((line) => {
    const [, level = "7", text = ""] = /^<(\d+)>(.*)$/.exec(line) ?? [];
    const isCry = /\bBUG:|\bOops|Call Trace|soft lockup|Kernel panic/.test(text);
    const isWorse = (Number(level) & 7) <= WARNING_LEVEL && names.some((name) => text.includes(name));
    return isCry || isWorse ? [text] : [];
  });
}
