import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { EndpointSnapshot } from "../../emulator/pcie/endpoint-slot.ts";
import type { EventSource } from "../../emulator/run/device-host.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import { createTables, declarationOf, type LoadedDevice, loadDevice, Machine } from "../../emulator/run/machine.ts";
import type { ClientInterrupts } from "./client-interrupts.ts";
import type { ClientMemory } from "./client-memory.ts";
import type { DmaSink } from "./dma-requests.ts";
import { ServedPort } from "./served-port.ts";

/** The longest sleep of a device that plans nothing. */
const SLEEP_LIMIT_MS = 1000;

/** A device on the wall clock in this thread, whose DMA and interrupts go to whoever is connected. */
export class ServedDevice {
  readonly machine: Machine;
  readonly endpoint: Endpoint;
  readonly #port: ServedPort;
  readonly #powerOn: EndpointSnapshot;
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  #interrupts: ClientInterrupts | undefined;
  #isClosed = false;
  /** Told of what is thrown while nobody is there to catch it: the device goes on by itself between a client's messages. */
  onFault: (error: unknown) => void = (error) => {
    throw error;
  };

  private constructor(device: LoadedDevice) {
    const tables = createTables([device], { clock: "wall", hostMemoryBytes: 4096, iommu: { windowBytes: 4096 } });
    let port: ServedPort | undefined;
    this.machine = new Machine([device], tables, (endpoint) => {
      port = new ServedPort(endpoint, endpoint.declaration.name);
      return { port, model: (model) => (port as ServedPort).attach(model) };
    });
    this.#port = port as unknown as ServedPort;
    this.endpoint = this.machine.endpoints[0] as Endpoint;
    this.endpoint.uplink = {
      write: nothing,
      read: nothing,
      timer: nothing,
      line: (asserted) => this.#interrupts?.setLine(asserted),
      message: (data) => {
        const { msiAddressHigh, msiAddressLow } = this.endpoint.config;
        this.#interrupts?.raiseMsi(msiAddressHigh, msiAddressLow, data);
      },
    };
    const answers: EventSource = { poll: () => this.#port.turn(), isIdle: () => this.#port.isIdle };
    this.machine.host.sources.push(answers);
    // What a client finds: BARs that nobody has placed, as at power-on.
    this.endpoint.config.reset();
    this.#powerOn = this.endpoint.snapshot();
  }

  /** `hasDescriptors`: interrupts can be signalled through the client's descriptors. Without, the function is shown with MSI alone. */
  static async load(spec: DeviceSpec, hasDescriptors: boolean): Promise<ServedDevice> {
    const device = await loadDevice(spec);
    return new ServedDevice(hasDescriptors ? device : withoutMsix(device));
  }

  get findings(): readonly Finding[] {
    return this.endpoint.findings.findings;
  }

  /** Takes the answers to what the device asks of a client. */
  get sink(): DmaSink {
    return this.#port;
  }

  connect(memory: ClientMemory, interrupts: ClientInterrupts): void {
    this.#interrupts = interrupts;
    this.#port.connect(memory, interrupts);
  }

  /** The client is gone: the device is as at power-on, for the next one. Findings stay. */
  disconnect(): void {
    this.#interrupts = undefined;
    this.#port.connect(undefined, undefined);
    this.reset();
  }

  /** Everything as at power-on. */
  reset(): void {
    this.#port.cancelDma();
    const findings = this.endpoint.findings.findings.map((finding) => ({ ...finding }));
    this.endpoint.restore(structuredClone(this.#powerOn));
    this.#interrupts?.setLine(false);
    this.endpoint.findings.restore(findings);
    this.advance();
  }

  /** Does all that is due, and plans the next look. To be called after anything happened. */
  advance(): void {
    if (this.#isClosed) return;
    const { host } = this.machine;
    host.wake();
    host.settle();
    this.#interrupts?.advance();
    const aheadMs = (host.nextEventNs() - (host.clock.now[0] as number)) / 1e6;
    this.#plan(Math.min(SLEEP_LIMIT_MS, aheadMs));
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }

  #plan(delayMs: number): void {
    this.#cancel();
    // A timer of the event loop has a millisecond's grain: what is nearer is looked at again at once.
    if (delayMs < 1) this.#timer = setImmediate(() => this.#turn());
    else {
      const timer = setTimeout(() => this.#turn(), Math.floor(delayMs));
      timer.unref();
      this.#timer = timer;
    }
  }

  #turn(): void {
    try {
      this.advance();
    } catch (error) {
      this.onFault(error);
    }
  }

  #cancel(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer as NodeJS.Timeout);
    clearImmediate(this.#timer as NodeJS.Immediate);
    this.#timer = undefined;
  }
}

/** With MSI alone, which is a memory write and needs no descriptor. */
function withoutMsix(device: LoadedDevice): LoadedDevice {
  const { msix, ...declaration } = declarationOf(device);
  const bars = declaration.bars.filter(
    ({ index }) => index !== msix?.bar || declaration.registerMaps[index] !== undefined,
  );
  // Nor can INTx be signalled: without a pin nobody waits for it.
  const identity = { ...declaration.identity, interruptPin: 0 as const };
  return { ...device, module: { ...device.module, declaration: { ...declaration, identity, bars } } };
}

function nothing(): void {
  // DMA does not come this way: the port in front of the endpoint has taken it.
}
