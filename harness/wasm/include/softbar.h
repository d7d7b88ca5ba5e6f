/*
 * What a driver in C or C++ that is compiled to WebAssembly gets from softbar: one PCI function, as a kernel hands it over.
 * Freestanding: nothing of a C library is needed. How to build: see the Makefile of scenarios/drivers/c in the repository, or
 *
 *   clang --target=wasm32 -O2 -g -gdwarf-4 -ffreestanding -nostdlib -matomics -mbulk-memory -I node_modules/softbar/harness/wasm/include \
 *     -Wl,--no-entry -Wl,--shared-memory -Wl,--import-memory -Wl,--export=__heap_base -Wl,--export-table \
 *     -Wl,--stack-first -Wl,--initial-memory=16777216 -Wl,--max-memory=16777216 -o driver.wasm driver.c
 *
 * The same source is built in one of three ways:
 *
 *   (nothing)     Registers are reached by calls ("trapped"): every access is seen, with all its side effects, in order.
 *                 DMA memory is reached by plain instructions.
 *   -DSB_MAPPED   Registers too are plain memory, which the card looks at ("polled"), as a userspace driver has them. What
 *                 that cannot do is in the data sheet of each device, "Mapped access", and printed when a BAR is mapped.
 *   -DSB_TRACED   Registers, DMA memory and barriers are reached by calls: what `softbar explore` searches.
 *
 * Sources that know nothing of this header: see softbar-trace.c, beside it.
 *
 * Pointers are 32 bits. An address for the device is the address in the driver's memory: no DMA goes above 4 GiB.
 * JavaScript has no signals: interrupt handlers run where the CPU calls one of these functions. Do not wait in a loop
 * around memory.atomic.wait32 (__builtin_wasm_memory_atomic_wait32): Node 20 does not come back from it. Wait by
 * sb_wait_interrupt or sb_delay_us.
 */
#ifndef SOFTBAR_H
#define SOFTBAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SB_IMPORT(name) __attribute__((import_module("softbar"), import_name(name)))
/** Makes a function callable from outside: SB_EXPORT(sb_main) int sb_main(void) { … } */
#define SB_EXPORT(name) __attribute__((export_name(#name)))
/** Inlined without a line of its own: pictures of a search then name the line that calls it. */
#define SB_INLINE static inline __attribute__((always_inline, nodebug))

/* ---- the function: BARs and configuration space ------------------------------------------------------------------- */

/** Where a BAR begins, as ioremap returns it. Ends the run when there is no such BAR. */
#ifdef SB_MAPPED
SB_IMPORT("map_bar") volatile void *sb_bar(uint32_t index);
#else
SB_IMPORT("bar") volatile void *sb_bar(uint32_t index);
#endif
SB_IMPORT("bar_bytes") uint32_t sb_bar_bytes(uint32_t index);

SB_IMPORT("config_read8") uint32_t sb_config_read8(uint32_t offset);
SB_IMPORT("config_read16") uint32_t sb_config_read16(uint32_t offset);
SB_IMPORT("config_read32") uint32_t sb_config_read32(uint32_t offset);
SB_IMPORT("config_write8") void sb_config_write8(uint32_t offset, uint32_t value);
SB_IMPORT("config_write16") void sb_config_write16(uint32_t offset, uint32_t value);
SB_IMPORT("config_write32") void sb_config_write32(uint32_t offset, uint32_t value);
/** Offset of a capability, or 0. */
SB_IMPORT("find_capability") uint32_t sb_find_capability(uint32_t id);
/** Without bus mastering the card may neither read nor write memory, nor send message interrupts. */
SB_IMPORT("set_bus_master") void sb_set_bus_master(bool enabled);
/** Asks for a function-level reset and returns when the function answers again. */
SB_IMPORT("function_reset") void sb_function_reset(void);

/* ---- registers: offsets are the data sheet's, added to sb_bar(n) -------------------------------------------------- */

#ifdef SB_MAPPED
SB_INLINE uint8_t sb_read8(const volatile void *at) { return *(const volatile uint8_t *)at; }
SB_INLINE uint16_t sb_read16(const volatile void *at) { return *(const volatile uint16_t *)at; }
SB_INLINE uint32_t sb_read32(const volatile void *at) {
  return __atomic_load_n((const volatile uint32_t *)at, __ATOMIC_SEQ_CST);
}
SB_INLINE void sb_write8(volatile void *at, uint8_t value) { *(volatile uint8_t *)at = value; }
SB_INLINE void sb_write16(volatile void *at, uint16_t value) { *(volatile uint16_t *)at = value; }
/** Atomic, so that descriptors that were stored before it are seen before it. */
SB_INLINE void sb_write32(volatile void *at, uint32_t value) {
  __atomic_store_n((volatile uint32_t *)at, value, __ATOMIC_SEQ_CST);
}
SB_INLINE void sb_write_relaxed32(volatile void *at, uint32_t value) { *(volatile uint32_t *)at = value; }
SB_INLINE void sb_write_combining32(volatile void *at, uint32_t value) { *(volatile uint32_t *)at = value; }
#else
/** Non-posted: pushes the writes before it, and DMA of the device is in memory when it returns. */
SB_IMPORT("read8") uint8_t sb_read8(const volatile void *at);
SB_IMPORT("read16") uint16_t sb_read16(const volatile void *at);
SB_IMPORT("read32") uint32_t sb_read32(const volatile void *at);
/** Posted: returns before the device has seen it. Ordered behind this CPU's earlier stores to memory (writel). */
SB_IMPORT("write8") void sb_write8(volatile void *at, uint8_t value);
SB_IMPORT("write16") void sb_write16(volatile void *at, uint16_t value);
SB_IMPORT("write32") void sb_write32(volatile void *at, uint32_t value);
/** Not ordered behind earlier stores to memory: needs sb_wmb where that matters (writel_relaxed). */
SB_IMPORT("write_relaxed32") void sb_write_relaxed32(volatile void *at, uint32_t value);
/** A store to write-combining memory (ioremap_wc); sb_wmb drives it out. */
SB_IMPORT("write_combining32") void sb_write_combining32(volatile void *at, uint32_t value);
#endif

/* ---- memory ------------------------------------------------------------------------------------------------------- */

/** Zeroed memory that the device does not reach, in whole pages of 4 KiB; NULL when there is none left. */
SB_IMPORT("alloc") void *sb_alloc(size_t byte_length);
SB_IMPORT("free") void sb_free(void *memory);
/**
 * Zeroed coherent memory that the device reaches (dma_alloc_coherent); NULL when there is none left. `align` is a power of
 * two, 4096 at least. `label` is what faults, traces and pictures call it: "rx ring 0".
 */
SB_IMPORT("dma_alloc") void *sb_dma_alloc(size_t byte_length, size_t align, const char *label);
/** The device must not hold it any more. */
SB_IMPORT("dma_free") void sb_dma_free(void *memory);
/** Where the device finds a byte of it. */
SB_INLINE uint64_t sb_dma_address(const volatile void *memory) { return (uint64_t)(uintptr_t)memory; }

/* Accesses of DMA memory by their kinds. 64 bits are two accesses of 32, the low half first. */
#ifdef SB_TRACED
SB_IMPORT("load8") uint8_t sb_load8(const volatile void *at);
SB_IMPORT("load16") uint16_t sb_load16(const volatile void *at);
SB_IMPORT("load32") uint32_t sb_load32(const volatile void *at);
SB_IMPORT("store8") void sb_store8(volatile void *at, uint8_t value);
SB_IMPORT("store16") void sb_store16(volatile void *at, uint16_t value);
SB_IMPORT("store32") void sb_store32(volatile void *at, uint32_t value);
/** Later accesses stay behind it (smp_load_acquire). */
SB_IMPORT("load_acquire32") uint32_t sb_load_acquire32(const volatile void *at);
/** Earlier accesses stay before it (smp_store_release). */
SB_IMPORT("store_release32") void sb_store_release32(volatile void *at, uint32_t value);
/** Stores `value` if `expected` is there, as one access in order with everything; returns what was there (cmpxchg). */
SB_IMPORT("compare_exchange32") uint32_t sb_compare_exchange32(volatile void *at, uint32_t expected, uint32_t value);
SB_IMPORT("copy_to_dma") void sb_copy_to_dma(volatile void *to, const void *from, size_t byte_length);
SB_IMPORT("copy_from_dma") void sb_copy_from_dma(void *to, const volatile void *from, size_t byte_length);
#else
SB_INLINE uint8_t sb_load8(const volatile void *at) { return *(const volatile uint8_t *)at; }
SB_INLINE uint16_t sb_load16(const volatile void *at) { return *(const volatile uint16_t *)at; }
SB_INLINE uint32_t sb_load32(const volatile void *at) { return *(const volatile uint32_t *)at; }
SB_INLINE void sb_store8(volatile void *at, uint8_t value) { *(volatile uint8_t *)at = value; }
SB_INLINE void sb_store16(volatile void *at, uint16_t value) { *(volatile uint16_t *)at = value; }
SB_INLINE void sb_store32(volatile void *at, uint32_t value) { *(volatile uint32_t *)at = value; }
SB_INLINE uint32_t sb_load_acquire32(const volatile void *at) {
  return __atomic_load_n((const volatile uint32_t *)at, __ATOMIC_ACQUIRE);
}
SB_INLINE void sb_store_release32(volatile void *at, uint32_t value) {
  __atomic_store_n((volatile uint32_t *)at, value, __ATOMIC_RELEASE);
}
SB_INLINE uint32_t sb_compare_exchange32(volatile void *at, uint32_t expected, uint32_t value) {
  __atomic_compare_exchange_n((volatile uint32_t *)at, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return expected;
}
SB_INLINE void sb_copy_to_dma(volatile void *to, const void *from, size_t byte_length) {
  __builtin_memcpy((void *)to, from, byte_length);
}
SB_INLINE void sb_copy_from_dma(void *to, const volatile void *from, size_t byte_length) {
  __builtin_memcpy(to, (const void *)from, byte_length);
}
#endif

SB_INLINE uint64_t sb_load64(const volatile void *at) {
  uint32_t low = sb_load32(at);
  return (uint64_t)sb_load32((const volatile uint8_t *)at + 4) << 32 | low;
}
SB_INLINE void sb_store64(volatile void *at, uint64_t value) {
  sb_store32(at, (uint32_t)value);
  sb_store32((volatile uint8_t *)at + 4, (uint32_t)(value >> 32));
}

/* ---- barriers: rmb, wmb, mb, dma_rmb, dma_wmb --------------------------------------------------------------------- */

#ifdef SB_TRACED
SB_IMPORT("mb") void sb_mb(void);
SB_IMPORT("rmb") void sb_rmb(void);
SB_IMPORT("wmb") void sb_wmb(void);
SB_IMPORT("dma_rmb") void sb_dma_rmb(void);
SB_IMPORT("dma_wmb") void sb_dma_wmb(void);
#else
/** WebAssembly has one fence, and it is the strongest. Between a poll and what it guards sb_load_acquire32 is cheaper. */
SB_INLINE void sb_mb(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
SB_INLINE void sb_rmb(void) { sb_mb(); }
SB_INLINE void sb_wmb(void) { sb_mb(); }
SB_INLINE void sb_dma_rmb(void) { sb_mb(); }
SB_INLINE void sb_dma_wmb(void) { sb_mb(); }
#endif

/* ---- interrupts and time ------------------------------------------------------------------------------------------ */

enum sb_interrupt_kind { SB_INTX = 0, SB_MSI = 1, SB_MSIX = 2 };

/** Sets up `count` interrupts of one kind, directed at this CPU (pci_alloc_irq_vectors). Ends the run when there are not so many. */
SB_IMPORT("interrupts") void sb_interrupts(enum sb_interrupt_kind kind, uint32_t count);
/** Waits until the interrupt arrives that was not taken yet; false after `limit_us`. */
SB_IMPORT("wait_interrupt") bool sb_wait_interrupt(uint32_t vector, uint32_t limit_us);
/** Takes what has arrived since it was taken last; false when nothing has. */
SB_IMPORT("poll_interrupt") bool sb_poll_interrupt(uint32_t vector);
SB_IMPORT("mask_interrupt") void sb_mask_interrupt(uint32_t vector);
SB_IMPORT("unmask_interrupt") void sb_unmask_interrupt(uint32_t vector);
/** Runs `handler` on this CPU at its next call of one of these functions after an arrival. NULL takes it away. */
SB_IMPORT("handle_interrupt") void sb_handle_interrupt(uint32_t vector, void (*handler)(void *context), void *context);
/** Holds handlers back; returns whether they were held already. */
SB_IMPORT("irq_save") bool sb_irq_save(void);
SB_IMPORT("irq_restore") void sb_irq_restore(bool were_held);

/** Between two polls of a loop that waits for the device (cpu_relax). In virtual time this is where time passes. */
SB_IMPORT("relax") void sb_relax(void);
SB_IMPORT("delay_us") void sb_delay_us(uint32_t duration_us);
/** Nanoseconds of the testbed's clock, exact up to 2^53. */
SB_IMPORT("now_ns") double sb_now_ns_exact(void);
SB_INLINE uint64_t sb_now_ns(void) { return (uint64_t)sb_now_ns_exact(); }

/* ---- what a person sees ------------------------------------------------------------------------------------------- */

/** A line for a person, formatted as printf does it: %d %i %u %x %X %o %c %s %p %%, with flags, widths, h, l, ll, z. No floating point. */
SB_IMPORT("log") void sb_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Ends the run as the driver's failure. */
SB_IMPORT("panic") void sb_panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/** What the command line gave by `--set NAME=NUMBER`, or `otherwise`. */
SB_IMPORT("option") int32_t sb_option(const char *name, int32_t otherwise);

#ifdef __cplusplus
}
#endif
#endif
