/*
 * What a driver in C or C++ gets from a device that `softbar serve DEVICE --shm DIR` offers to other processes: its BARs and
 * the memory that it reaches, mapped. The functions are those of the header of the same name for WebAssembly
 * (harness/wasm/include of the package), so one source serves both; what memory cannot do ends the process with a sentence
 * that says so. Linux, C99 or later with the __atomic builtins of GCC and clang, or C++11:
 *
 *   cc -O2 -I node_modules/softbar/harness/shm/include -o driver driver.c node_modules/softbar/harness/shm/include/softbar-main.c
 *   ./driver DIR [--set NAME=NUMBER]...
 *
 * (For C++ compile softbar-main.c with cc -c, and link it.)
 *
 * Polled: the device looks at the BARs by itself. A read has no side effect, several stores to one register between two
 * looks are one, and there are no interrupts; what that means for a device is in its data sheet, "Mapped access". Bus
 * mastering is on. A device that has nothing to do sleeps; a store by sb_write32 wakes it, plain stores do after 10 ms.
 */
#ifndef SOFTBAR_H
#define SOFTBAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SB_EXPORT(name)
#define SB_INLINE static inline

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the folder: see shm-layout.ts. All of it is the header's own ------------------------------------------------- */

struct sb_control {
  uint32_t magic, version, dma_bytes, dma_base_low, dma_base_high, unused0[11];
  uint32_t client, request, client_count, lost_count, unused1[12];
  uint32_t asleep, unused2[15];
  uint32_t generation, unused3[7];
  uint32_t looks, unused4[7];
  uint32_t bar_bytes[6];
};

struct sb_state {
  volatile struct sb_control *control;
  volatile uint8_t *bars[6];
  uint8_t *dma;
  uint32_t relaxes;
};

/* Defined in softbar-main.c. */
extern struct sb_state sb_state;
void sb_wake_device(void);
void sb_check_server(void);
void *sb_dma_alloc_pages(size_t byte_length, size_t align);

/* ---- words to a person ---------------------------------------------------------------------------------------------- */

/** Ends the process; the message goes to standard error. */
void sb_panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void sb_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- registers: offsets are the data sheet's, added to sb_bar(n) -------------------------------------------------- */

/** Wakes the device if it sleeps. After a plain store into a BAR; sb_write32 does it by itself. */
SB_INLINE void sb_wake(void) {
  if (__atomic_load_n(&sb_state.control->asleep, __ATOMIC_SEQ_CST) != 0) sb_wake_device();
}

SB_INLINE volatile void *sb_bar(uint32_t index) {
  if (index >= 6 || sb_state.bars[index] == NULL)
    sb_panic("BAR%u cannot be mapped: the device has no registers there", (unsigned)index);
  return sb_state.bars[index];
}
SB_INLINE uint32_t sb_bar_bytes(uint32_t index) { return index < 6 ? sb_state.control->bar_bytes[index] : 0; }

SB_INLINE uint8_t sb_read8(const volatile void *at) { return *(const volatile uint8_t *)at; }
SB_INLINE uint16_t sb_read16(const volatile void *at) { return *(const volatile uint16_t *)at; }
SB_INLINE uint32_t sb_read32(const volatile void *at) {
  return __atomic_load_n((const volatile uint32_t *)at, __ATOMIC_SEQ_CST);
}
/** The device sees the whole register, of which this is a part. */
SB_INLINE void sb_write8(volatile void *at, uint8_t value) {
  __atomic_store_n((volatile uint8_t *)at, value, __ATOMIC_SEQ_CST);
  sb_wake();
}
SB_INLINE void sb_write16(volatile void *at, uint16_t value) {
  __atomic_store_n((volatile uint16_t *)at, value, __ATOMIC_SEQ_CST);
  sb_wake();
}
/** Descriptors that were stored before it are seen before it. */
SB_INLINE void sb_write32(volatile void *at, uint32_t value) {
  __atomic_store_n((volatile uint32_t *)at, value, __ATOMIC_SEQ_CST);
  sb_wake();
}
SB_INLINE void sb_write_relaxed32(volatile void *at, uint32_t value) { *(volatile uint32_t *)at = value; }
SB_INLINE void sb_write_combining32(volatile void *at, uint32_t value) { *(volatile uint32_t *)at = value; }

/* ---- configuration space: there is none; the device may master the bus from the beginning ------------------------- */

SB_INLINE uint32_t sb_no_config(uint32_t offset) {
  sb_panic("configuration space at 0x%x: a device in shared memory has none", (unsigned)offset);
}
SB_INLINE uint32_t sb_config_read8(uint32_t offset) { return sb_no_config(offset); }
SB_INLINE uint32_t sb_config_read16(uint32_t offset) { return sb_no_config(offset); }
SB_INLINE uint32_t sb_config_read32(uint32_t offset) { return sb_no_config(offset); }
SB_INLINE void sb_config_write8(uint32_t offset, uint32_t value) { (void)value, sb_no_config(offset); }
SB_INLINE void sb_config_write16(uint32_t offset, uint32_t value) { (void)value, sb_no_config(offset); }
SB_INLINE void sb_config_write32(uint32_t offset, uint32_t value) { (void)value, sb_no_config(offset); }
/** 0, which says that there is none. */
SB_INLINE uint32_t sb_find_capability(uint32_t id) { return (void)id, 0; }
SB_INLINE void sb_set_bus_master(bool enabled) { (void)enabled; }

/** Everything as after a function-level reset. */
void sb_function_reset(void);

/* ---- memory ------------------------------------------------------------------------------------------------------- */

/** Zeroed memory of the driver's own; NULL when there is none left. */
void *sb_alloc(size_t byte_length);
void sb_free(void *memory);

/** Zeroed memory that the device reaches, in whole pages; NULL when there is none left. `align` is a power of two. */
SB_INLINE void *sb_dma_alloc(size_t byte_length, size_t align, const char *label) {
  (void)label;
  return sb_dma_alloc_pages(byte_length, align);
}
void sb_dma_free(void *memory);
/** Where the device finds a byte of it. */
SB_INLINE uint64_t sb_dma_address(const volatile void *memory) {
  uint64_t base = (uint64_t)sb_state.control->dma_base_high << 32 | sb_state.control->dma_base_low;
  return base + (uint64_t)((const volatile uint8_t *)memory - sb_state.dma);
}

SB_INLINE uint8_t sb_load8(const volatile void *at) { return *(const volatile uint8_t *)at; }
SB_INLINE uint16_t sb_load16(const volatile void *at) { return *(const volatile uint16_t *)at; }
SB_INLINE uint32_t sb_load32(const volatile void *at) { return *(const volatile uint32_t *)at; }
SB_INLINE uint64_t sb_load64(const volatile void *at) { return *(const volatile uint64_t *)at; }
SB_INLINE void sb_store8(volatile void *at, uint8_t value) { *(volatile uint8_t *)at = value; }
SB_INLINE void sb_store16(volatile void *at, uint16_t value) { *(volatile uint16_t *)at = value; }
SB_INLINE void sb_store32(volatile void *at, uint32_t value) { *(volatile uint32_t *)at = value; }
SB_INLINE void sb_store64(volatile void *at, uint64_t value) { *(volatile uint64_t *)at = value; }
SB_INLINE uint32_t sb_load_acquire32(const volatile void *at) {
  return __atomic_load_n((const volatile uint32_t *)at, __ATOMIC_ACQUIRE);
}
SB_INLINE void sb_store_release32(volatile void *at, uint32_t value) {
  __atomic_store_n((volatile uint32_t *)at, value, __ATOMIC_RELEASE);
}
/** Returns what was there. */
SB_INLINE uint32_t sb_compare_exchange32(volatile void *at, uint32_t expected, uint32_t value) {
  __atomic_compare_exchange_n((volatile uint32_t *)at, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return expected;
}
SB_INLINE void sb_copy_to_dma(volatile void *to, const void *from, size_t byte_length) { memcpy((void *)to, from, byte_length); }
SB_INLINE void sb_copy_from_dma(void *to, const volatile void *from, size_t byte_length) {
  memcpy(to, (const void *)from, byte_length);
}

/* ---- barriers: what the processor needs against another core, which the device is --------------------------------- */

SB_INLINE void sb_mb(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
SB_INLINE void sb_rmb(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
SB_INLINE void sb_wmb(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }
SB_INLINE void sb_dma_rmb(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
SB_INLINE void sb_dma_wmb(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }

/* ---- interrupts: there are none, and nothing holds a processor back ----------------------------------------------- */

enum sb_interrupt_kind { SB_INTX = 0, SB_MSI = 1, SB_MSIX = 2 };

SB_INLINE bool sb_no_interrupts(void) { sb_panic("a device in shared memory is polled: it has no interrupts"); }
SB_INLINE void sb_interrupts(enum sb_interrupt_kind kind, uint32_t count) { (void)kind, (void)count, sb_no_interrupts(); }
SB_INLINE bool sb_wait_interrupt(uint32_t vector, uint32_t limit_us) { return (void)vector, (void)limit_us, sb_no_interrupts(); }
SB_INLINE bool sb_poll_interrupt(uint32_t vector) { return (void)vector, sb_no_interrupts(); }
SB_INLINE void sb_mask_interrupt(uint32_t vector) { (void)vector, sb_no_interrupts(); }
SB_INLINE void sb_unmask_interrupt(uint32_t vector) { (void)vector, sb_no_interrupts(); }
SB_INLINE void sb_handle_interrupt(uint32_t vector, void (*handler)(void *context), void *context) {
  (void)vector, (void)handler, (void)context, sb_no_interrupts();
}
SB_INLINE bool sb_irq_save(void) { return false; }
SB_INLINE void sb_irq_restore(bool were_held) { (void)were_held; }

/* ---- time and options --------------------------------------------------------------------------------------------- */

uint64_t sb_now_ns(void);
/** Between two looks at memory. Ends the process, sooner or later, when the server has ended. */
SB_INLINE void sb_relax(void) {
  if ((++sb_state.relaxes & 0xffff) == 0) sb_check_server();
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  __asm__ volatile("yield");
#endif
}
/**
 * Waits at least so long, and until the device has gone through all its registers since: on a machine that is busy its thread
 * may not have run at all meanwhile, and a driver's limits are made for a card that does. Ends the process when the server
 * has ended.
 */
void sb_delay_us(uint32_t duration_us);

/** What `--set NAME=NUMBER` gave, or `otherwise`. */
int32_t sb_option(const char *name, int32_t otherwise);

/* ---- opening it: softbar-main.c does, around a driver that has an sb_main ----------------------------------------- */

/** Takes the device of a folder, as after a function-level reset. Ends the process when somebody else has it. */
void sb_open(const char *folder);
/** Gives it back. */
void sb_close(void);

#ifdef __cplusplus
}
#endif

#endif
