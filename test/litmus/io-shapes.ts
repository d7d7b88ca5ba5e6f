import type { Device } from "../../emulator/explore/device.ts";
import { isSet, type RaceProgram } from "../../harness/explore/race-program.ts";

/**
 * Litmus shapes for the bus, in the manner of herd7's for memory. Each asks for one guarantee of PCI Express or of a
 * CPU's accesses to a device; the twin has what makes the guarantee hold.
 */
export const ioShapes: readonly RaceProgram[] = [
  {
    name: "dma-mp",
    protocol: "DMA writes land in order; the CPU's loads of them need not be. Twin: dmaRmb.",
    source: "the CPU: no order among its loads; PCIe 2.4.1, A2a, orders the writes",
    fails: ["relaxed"],
    build(m, isFixed) {
      const [data, flag] = [m.word("data"), m.word("flag")];
      m.device("dev", function* (dev) {
        yield dev.dmaWrite32(data, 1);
        yield dev.dmaWrite32(flag, 1);
      });
      m.cpu("cpu", function* (cpu) {
        const seen = yield cpu.read32(flag);
        if (isFixed) yield cpu.dmaRmb();
        const value = yield cpu.read32(data);
        m.assert(seen === 0 || value === 1, "DMA-MP");
      });
    },
  },
  {
    name: "mmio-mp",
    protocol: "Data in memory, then a relaxed register write: the device may see the register first. Twin: writel.",
    source: "Linux memory-barriers.txt, KERNEL I/O BARRIER EFFECTS",
    fails: ["relaxed"],
    build(m, isFixed) {
      const data = m.word("data");
      const dev = m.device("dev", function* (dev) {
        yield dev.waitRegister32(FLAG, isSet);
        m.assert((yield dev.dmaRead32(data)) === 1, "MMIO-MP");
      });
      const FLAG = dev.register("FLAG");
      m.cpu("cpu", function* (cpu) {
        yield cpu.write32(data, 1);
        if (isFixed) yield cpu.mmioWrite32(FLAG, 1);
        else yield cpu.mmioWriteRelaxed32(FLAG, 1);
      });
    },
  },
  {
    name: "mmio-order",
    protocol: "Two relaxed writes to one device arrive in order: never seen otherwise.",
    source: "PCIe 2.4.1, A2a; Linux device-io.rst",
    fails: "never",
    build(m) {
      const dev = m.device("dev", function* (dev) {
        yield dev.waitRegister32(SECOND, isSet);
        m.assert((yield dev.readRegister32(FIRST)) === 1, "MMIO order");
      });
      const [FIRST, SECOND] = [dev.register("FIRST"), dev.register("SECOND")];
      m.cpu("cpu", function* (cpu) {
        yield cpu.mmioWriteRelaxed32(FIRST, 1);
        yield cpu.mmioWriteRelaxed32(SECOND, 1);
      });
    },
  },
  {
    name: "doorbell-sb",
    protocol: "The CPU publishes an index, then looks for the device's wish; the device the other way round. Twin: mb.",
    source: "the CPU: no order between a store and a load; PCIe 2.4.1, B2a",
    fails: ["tso", "relaxed"],
    build(m, isFixed) {
      const [index, wish] = [m.word("index"), m.word("wish")];
      m.device("dev", function* (dev) {
        yield dev.dmaWrite32(wish, 1);
        // A DMA read pushes the device's own writes before it.
        m.outcome[1] = yield dev.dmaRead32(index);
        m.outcome[2] = 1;
      });
      m.cpu("cpu", function* (cpu) {
        yield cpu.write32(index, 1);
        if (isFixed) yield cpu.mb();
        m.outcome[0] = yield cpu.read32(wish);
      });
      m.finally(() => m.assert(m.outcome[2] === 0 || m.outcome[0] === 1 || m.outcome[1] === 1, "doorbell-SB"));
    },
  },
  {
    name: "read-back",
    protocol: "A posted write has not arrived when the next store is visible. Twin: read back.",
    source: "PCIe 2.4.1, B2a; Linux device-io.rst",
    fails: "all",
    build(m, isFixed) {
      const done = m.word("done");
      const dev = m.device("dev", function* (dev) {
        const isDone = yield dev.dmaRead32(done);
        const isEnabled = yield dev.readRegister32(ENABLE);
        m.assert(isDone === 0 || isEnabled === 1, "read-back");
      });
      const ENABLE = dev.register("ENABLE");
      m.cpu("cpu", function* (cpu) {
        yield cpu.mmioWrite32(ENABLE, 1);
        if (isFixed) yield cpu.mmioRead32(ENABLE);
        yield cpu.write32(done, 1);
      });
    },
  },
  {
    name: "mmio-unlock",
    protocol:
      "Two CPUs write a register under one lock; the writes arrive in the other order. Twin: read back, then unlock.",
    source: "Linux memory-barriers.txt, ACQUIRES VS I/O ACCESSES",
    fails: ["relaxed"],
    build(m, isFixed) {
      const [lock, last] = [m.word("L"), m.word("last")];
      const LAST = m.device("dev").register("LAST");
      for (const owner of [1, 2]) {
        m.cpu(`P${owner}`, function* (cpu) {
          yield cpu.lock(lock);
          yield cpu.write32(last, owner);
          yield cpu.mmioWrite32(LAST, owner);
          if (isFixed) yield cpu.mmioRead32(LAST);
          yield cpu.unlock(lock);
        });
      }
      m.finally(() => m.assert(m.peek32(last) === m.peek32(LAST), "MMIO+unlock"));
    },
  },
  {
    name: "intx-mp",
    protocol: "A line is up before the DMA write that it announces has landed. Twin: a message.",
    source: "PCIe 2.2.8.1; Linux device-io.rst",
    fails: "all",
    build(m, isFixed) {
      const data = m.word("data");
      const vector = m.vector();
      m.device("dev", function* (dev) {
        yield dev.dmaWrite32(data, 1);
        if (isFixed) yield dev.message(vector);
        else yield dev.setLine(vector, true);
      });
      m.cpu("cpu", function* (cpu) {
        yield cpu.waitInterrupt(vector);
        m.assert((yield cpu.read32(data)) === 1, "INTx-MP");
      });
    },
  },
  {
    name: "ro-mp",
    protocol: "A DMA write with relaxed ordering passes the one before it. Twin: without the bit.",
    source: "PCIe 2.4.1, A2b",
    fails: "all",
    build(m, isFixed) {
      const [data, flag] = [m.word("data"), m.word("flag")];
      m.device("dev", function* (dev) {
        yield dev.dmaWrite32(data, 1);
        yield isFixed ? dev.dmaWrite32(flag, 1) : dev.dmaWriteRelaxed32(flag, 1);
      });
      m.cpu("cpu", function* (cpu) {
        yield cpu.poll32(flag, isSet);
        yield cpu.dmaRmb();
        m.assert((yield cpu.read32(data)) === 1, "RO-MP");
      });
    },
  },
  {
    name: "wc-mp",
    protocol: "A register write passes a write-combined one. Twin: wmb.",
    source: "Linux device-io.rst, ioremap_wc",
    fails: "all",
    build(m, isFixed) {
      const dev = m.device("dev", function* (dev) {
        yield dev.waitRegister32(FLAG, isSet);
        m.assert((yield dev.readRegister32(DATA)) === 1, "WC-MP");
      });
      const [DATA, FLAG] = [dev.register("DATA"), dev.register("FLAG")];
      m.cpu("cpu", function* (cpu) {
        yield cpu.combiningWrite32(DATA, 1);
        if (isFixed) yield cpu.wmb();
        yield cpu.mmioWrite32(FLAG, 1);
      });
    },
  },
  {
    name: "dma-read-corr",
    protocol: "Two DMA reads of one location, asked for together, return new and old. Twin: one after the other.",
    source: "PCIe 2.4.1, B3",
    fails: "all",
    build(m, isFixed) {
      const x = m.word("x");
      m.device("dev", function* (dev: Device) {
        yield isFixed ? dev.fetchInOrder(x, x) : dev.fetch(x, x);
        m.assert(dev.fetched(1) >= dev.fetched(0), "DMA-read-CoRR");
      });
      m.cpu("cpu", function* (cpu) {
        yield cpu.write32(x, 1);
      });
    },
  },
  {
    name: "ring-mp",
    protocol:
      "Fields of a descriptor, then its OWN word; the device polls OWN by DMA and fetches the fields. Twin: dmaWmb.",
    source: "Linux memory-barriers.txt, the dma_wmb example",
    fails: ["relaxed"],
    build(m, isFixed) {
      const [fields, own] = [m.word("fields"), m.word("own")];
      m.device("dev", function* (dev) {
        const isOwn = yield dev.dmaRead32(own);
        const value = yield dev.dmaRead32(fields);
        m.assert(isOwn === 0 || value === 1, "ring-MP");
      });
      m.cpu("cpu", function* (cpu) {
        yield cpu.write32(fields, 1);
        if (isFixed) yield cpu.dmaWmb();
        yield cpu.write32(own, 1);
      });
    },
  },
  {
    name: "status-mp",
    protocol:
      "The completion of a register read pushes DMA; what the CPU has loaded ahead it does not. Twin: an ordered read.",
    source: "PCIe 2.4.1, D2a; Linux device-io.rst, readl_relaxed",
    fails: ["relaxed"],
    build(m, isFixed) {
      const data = m.word("data");
      const dev = m.device("dev", function* (dev) {
        yield dev.dmaWrite32(data, 1);
        yield dev.writeRegister32(STATUS, 1);
      });
      const STATUS = dev.register("STATUS");
      m.cpu("cpu", function* (cpu) {
        const seen = isFixed ? yield cpu.mmioRead32(STATUS) : yield cpu.mmioReadRelaxed32(STATUS);
        const value = yield cpu.read32(data);
        m.assert(seen === 0 || value === 1, "status-MP");
      });
    },
  },
  {
    name: "msi-mp",
    protocol:
      "A message is a write like the one before it: whoever takes the interrupt finds the data. Never otherwise.",
    source: "PCIe 6.1.4 and 2.4.1, A2a",
    fails: "never",
    build(m) {
      const data = m.word("data");
      const vector = m.vector();
      m.device("dev", function* (dev) {
        yield dev.dmaWrite32(data, 1);
        yield dev.message(vector);
      });
      m.cpu("cpu", function* (cpu) {
        yield cpu.waitInterrupt(vector);
        m.assert((yield cpu.read32(data)) === 1, "MSI-MP");
      });
    },
  },
  {
    name: "dma-cowr",
    protocol:
      "A DMA read pushes the device's own write before it: the device reads what it wrote, or newer. Never otherwise.",
    source: "PCIe 2.4.1, B2a",
    fails: "never",
    build(m) {
      const x = m.word("x");
      m.device("dev", function* (dev) {
        yield dev.dmaWrite32(x, 1);
        m.assert((yield dev.dmaRead32(x)) !== 0, "DMA-CoWR");
      });
      m.cpu("cpu", function* (cpu) {
        yield cpu.write32(x, 2);
      });
    },
  },
];
