/** All that softbar.h, softbar-trace.c and softbar-fences.h declare. The functions themselves are in wasm-imports.ts. */
export const IMPORT_NAMES: ReadonlySet<string> = new Set([
  ...["bar", "map_bar", "bar_bytes"],
  ...["config_read8", "config_read16", "config_read32", "config_write8", "config_write16", "config_write32"],
  ...["find_capability", "set_bus_master", "function_reset"],
  ...["read8", "read16", "read32", "write8", "write16", "write32", "write_relaxed32", "write_combining32"],
  ...["alloc", "free", "dma_alloc", "dma_free"],
  ...["load8", "load16", "load32", "store8", "store16", "store32"],
  ...["load_acquire32", "store_release32", "compare_exchange32", "copy_to_dma", "copy_from_dma"],
  ...["trace_load", "trace_store", "trace_copy", "trace_fill"],
  ...["mb", "rmb", "wmb", "dma_rmb", "dma_wmb", "relax", "delay_us", "now_ns"],
  ...["interrupts", "wait_interrupt", "poll_interrupt", "mask_interrupt", "unmask_interrupt", "handle_interrupt"],
  ...["irq_save", "irq_restore", "log", "panic", "option"],
]);
