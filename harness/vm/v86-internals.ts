/**
 * What is used of the emulator `v86`: parts of it that its authors do not document. They are those of the version that
 * package.json names, and the first thing to check for another one.
 */

/** The emulated processor and its buses. */
export interface GuestCpu {
  readonly wasm_memory: { readonly buffer: ArrayBuffer };
  /** A view of the guest's physical memory inside {@link wasm_memory}. */
  readonly mem8: Uint8Array;
  /** `[0]`: bytes of guest memory. */
  readonly memory_size: Uint32Array;
  readonly io: {
    mmap_register(
      base: number,
      byteLength: number,
      read8: (address: number) => number,
      write8: (address: number, value: number) => void,
      read32: (address: number) => number,
      write32: (address: number, value: number) => void,
    ): void;
  };
  readonly devices: {
    readonly pci: GuestPciBus;
  };
  /** `[0]`: 1 when the guest has switched its local APIC on. */
  readonly apic_enabled: Uint8Array;
  /** Where in {@link wasm_memory} the local APIC's registers lie. */
  get_apic_addr(): number;
  /** Called between two slices of guest code, and before it sleeps: moves the PC's timers, and says how many milliseconds it may sleep. */
  run_hardware_timers(isAcpiEnabled: boolean, nowMs: number): number;
}

/** Addresses of configuration writes: bus, device and function in bits 8–23, offset in bits 0–7. */
export interface GuestPciBus {
  register_device(device: {
    readonly name: string;
    readonly pci_id: number;
    readonly pci_space: readonly number[];
    readonly pci_bars: readonly ({ readonly size: number } | undefined)[];
  }): Int32Array;
  pci_write8(address: number, value: number): void;
  pci_write16(address: number, value: number): void;
  pci_write32(address: number, value: number): void;
  raise_irq(id: number): void;
  lower_irq(id: number): void;
}

/** The emulator as it is started. */
export interface Emulator {
  readonly v86: { readonly cpu: GuestCpu };
  add_listener(event: string, listener: (value: number) => void): void;
  serial_send_bytes(port: number, bytes: Uint8Array): void;
  run(): Promise<void>;
  destroy(): Promise<void>;
}
