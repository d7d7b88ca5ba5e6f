/*
 * What a driver in C gets from a device that `softbar serve DEVICE --shm DIR` offers to other processes: its BARs and the
 * memory that it reaches, mapped. The functions are those of the header of the same name for WebAssembly (harness/wasm/include
 * of the package), as far as memory can do them, so one source serves both. Linux, C11:
 *
 *   cc -O2 -I node_modules/softbar/harness/shm/include -o driver driver.c softbar-main.c
 *   ./driver DIR [--set NAME=NUMBER]...
 *
 * Polled: the device looks at the BARs by itself. A read has no side effect, several stores to one register between two
 * looks are one, and there are no interrupts; what that means for a device is in its data sheet, "Mapped access". Bus
 * mastering is on. A device that has nothing to do sleeps; a store by sb_write32 wakes it, plain stores do after 10 ms.
 */
#ifndef SOFTBAR_H
#define SOFTBAR_H

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SB_EXPORT(name)
#define SB_INLINE static inline
#define SB_UNUSED __attribute__((unused))

/* ---- the folder: see shm-layout.ts -------------------------------------------------------------------------------- */

#define SB_MAGIC 0x4d534253u
#define SB_VERSION 1u
#define SB_PAGE_BYTES 4096u
/* Looks in which a device comes to each of its registers. */
#define SB_LOOKS 512u

struct sb_control {
  uint32_t magic, version, dma_bytes, dma_base_low, dma_base_high, unused0[11];
  uint32_t client, request, unused1[14];
  uint32_t asleep, unused2[15];
  uint32_t generation, unused3[7];
  uint32_t looks, unused4[7];
  uint32_t bar_bytes[6];
};

struct sb_state {
  volatile struct sb_control *control;
  volatile uint8_t *bars[6];
  uint8_t *dma;
  /* By page of `dma`: 0 free, n the first of n pages, UINT32_MAX one of those behind it. */
  uint32_t *pages;
  uint32_t page_count;
  int option_count;
  char **options;
};

/* Defined in softbar-main.c. */
extern struct sb_state sb_state;

SB_INLINE void sb_panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
SB_INLINE void sb_panic(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vfprintf(stderr, format, values);
  fputc('\n', stderr);
  va_end(values);
  if (sb_state.control != NULL) __atomic_store_n(&sb_state.control->client, 0, __ATOMIC_SEQ_CST);
  exit(1);
}

SB_INLINE void sb_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
SB_INLINE void sb_log(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vprintf(format, values);
  putchar('\n');
  va_end(values);
  fflush(stdout);
}

/* ---- registers: offsets are the data sheet's, added to sb_bar(n) -------------------------------------------------- */

/** Wakes the device if it sleeps. After a plain store into a BAR; sb_write32 does it by itself. */
SB_INLINE void sb_wake(void) {
  if (__atomic_load_n(&sb_state.control->asleep, __ATOMIC_SEQ_CST) == 0) return;
  __atomic_store_n(&sb_state.control->asleep, 0, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, &sb_state.control->asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
}

SB_INLINE volatile void *sb_bar(uint32_t index) {
  if (index >= 6 || sb_state.bars[index] == NULL) sb_panic("BAR%u cannot be mapped: the device has no registers there", index);
  return sb_state.bars[index];
}
SB_INLINE uint32_t sb_bar_bytes(uint32_t index) { return index < 6 ? sb_state.control->bar_bytes[index] : 0; }

SB_INLINE uint8_t sb_read8(const volatile void *at) { return *(const volatile uint8_t *)at; }
SB_INLINE uint16_t sb_read16(const volatile void *at) { return *(const volatile uint16_t *)at; }
SB_INLINE uint32_t sb_read32(const volatile void *at) {
  return __atomic_load_n((const volatile uint32_t *)at, __ATOMIC_SEQ_CST);
}
/** Descriptors that were stored before it are seen before it. */
SB_INLINE void sb_write32(volatile void *at, uint32_t value) {
  __atomic_store_n((volatile uint32_t *)at, value, __ATOMIC_SEQ_CST);
  sb_wake();
}
SB_INLINE void sb_write_relaxed32(volatile void *at, uint32_t value) { *(volatile uint32_t *)at = value; }

/** The device may master the bus from the beginning. */
SB_INLINE void sb_set_bus_master(bool enabled) { (void)enabled; }

/** Everything as after a function-level reset. */
SB_INLINE void sb_function_reset(void) {
  volatile struct sb_control *control = sb_state.control;
  __atomic_store_n(&control->request, 1, __ATOMIC_SEQ_CST);
  for (int tries = 0; __atomic_load_n(&control->request, __ATOMIC_SEQ_CST) != 0; tries++) {
    if (tries == 5000) sb_panic("the device did not answer within five seconds: does `softbar serve` still run?");
    sb_wake();
    usleep(1000);
  }
  /* A function has 100 ms to finish, and takes no writes until then (PCIe 6.6.2). */
  usleep(100000);
}

/* ---- memory ------------------------------------------------------------------------------------------------------- */

SB_INLINE void *sb_alloc(size_t byte_length) { return calloc(1, byte_length); }
SB_INLINE void sb_free(void *memory) { free(memory); }

/** Zeroed memory that the device reaches, in whole pages; NULL when there is none left. `align` is a power of two. */
SB_INLINE void *sb_dma_alloc(size_t byte_length, size_t align, const char *label) {
  (void)label;
  uint32_t wanted = (uint32_t)((byte_length + SB_PAGE_BYTES - 1) / SB_PAGE_BYTES);
  uint32_t step = align > SB_PAGE_BYTES ? (uint32_t)(align / SB_PAGE_BYTES) : 1;
  if (wanted == 0) wanted = 1;
  for (uint32_t first = 0; first + wanted <= sb_state.page_count; first += step) {
    uint32_t free_count = 0;
    while (free_count < wanted && sb_state.pages[first + free_count] == 0) free_count++;
    if (free_count < wanted) continue;
    sb_state.pages[first] = wanted;
    for (uint32_t nth = 1; nth < wanted; nth++) sb_state.pages[first + nth] = UINT32_MAX;
    void *memory = sb_state.dma + (size_t)first * SB_PAGE_BYTES;
    memset(memory, 0, (size_t)wanted * SB_PAGE_BYTES);
    return memory;
  }
  return NULL;
}
SB_INLINE void sb_dma_free(void *memory) {
  size_t first = (size_t)((uint8_t *)memory - sb_state.dma) / SB_PAGE_BYTES;
  uint32_t count = first < sb_state.page_count ? sb_state.pages[first] : 0;
  if (count == 0 || count == UINT32_MAX) sb_panic("sb_dma_free: no buffer starts at %p", memory);
  memset(sb_state.pages + first, 0, count * sizeof *sb_state.pages);
}
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

/* ---- interrupts: there are none ----------------------------------------------------------------------------------- */

enum sb_interrupt_kind { SB_INTX = 0, SB_MSI = 1, SB_MSIX = 2 };

SB_INLINE void sb_interrupts(enum sb_interrupt_kind kind, uint32_t count) {
  (void)kind;
  sb_panic("%u interrupts are asked for: a device in shared memory is polled and has none", count);
}
SB_INLINE bool sb_wait_interrupt(uint32_t vector, uint32_t limit_us) {
  (void)vector;
  usleep(limit_us < 100 ? limit_us : 100);
  return true;
}

/* ---- time and options --------------------------------------------------------------------------------------------- */

SB_INLINE uint64_t sb_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
SB_INLINE void sb_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  __asm__ volatile("yield");
#endif
}
/**
 * Waits at least so long, and until the device has gone through all its registers since: on a machine that is busy its thread
 * may not have run at all meanwhile, and a driver's limits are made for a card that does. No longer than a second more.
 */
SB_INLINE void sb_delay_us(uint32_t duration_us) {
  uint32_t start = __atomic_load_n(&sb_state.control->looks, __ATOMIC_SEQ_CST);
  usleep(duration_us);
  for (int tries = 0; tries < 10000; tries++) {
    if (__atomic_load_n(&sb_state.control->looks, __ATOMIC_SEQ_CST) - start >= SB_LOOKS) return;
    sb_wake();
    usleep(100);
  }
}

/** What `--set NAME=NUMBER` gave, or `otherwise`. */
SB_INLINE int32_t sb_option(const char *name, int32_t otherwise) {
  size_t length = strlen(name);
  for (int index = 0; index + 1 < sb_state.option_count; index++) {
    const char *text = sb_state.options[index + 1];
    if (strcmp(sb_state.options[index], "--set") == 0 && strncmp(text, name, length) == 0 && text[length] == '=')
      return (int32_t)strtol(text + length + 1, NULL, 0);
  }
  return otherwise;
}

/* ---- opening it --------------------------------------------------------------------------------------------------- */

SB_INLINE SB_UNUSED void *sb_map_file(const char *folder, const char *name, size_t byte_length) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int descriptor = open(path, O_RDWR | O_CLOEXEC);
  if (descriptor < 0) sb_panic("%s: %s. `softbar serve DEVICE --shm %s` makes it", path, strerror(errno), folder);
  void *memory = mmap(NULL, byte_length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) sb_panic("%s: %zu bytes cannot be mapped: %s", path, byte_length, strerror(errno));
  close(descriptor);
  return memory;
}

/** Takes the device of a folder, as after a function-level reset. Ends the process when somebody else has it. */
SB_INLINE SB_UNUSED void sb_open(const char *folder) {
  volatile struct sb_control *control = sb_map_file(folder, "control", SB_PAGE_BYTES);
  if (__atomic_load_n(&control->magic, __ATOMIC_SEQ_CST) != SB_MAGIC || control->version != SB_VERSION)
    sb_panic("%s/control is not of this version of softbar", folder);
  uint32_t nobody = 0;
  for (int tries = 0; !__atomic_compare_exchange_n(&control->client, &nobody, (uint32_t)getpid(), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);) {
    /* One that was killed has left its number behind: it is replaced, at once or when the system has buried it. */
    if (kill((pid_t)nobody, 0) != 0 && errno == ESRCH) continue;
    if (++tries == 20) sb_panic("process %u has the device in %s", nobody, folder);
    nobody = 0;
    usleep(50000);
  }
  sb_state.control = control;
  sb_state.dma = sb_map_file(folder, "dma", control->dma_bytes);
  sb_state.page_count = control->dma_bytes / SB_PAGE_BYTES;
  sb_state.pages = calloc(sb_state.page_count, sizeof *sb_state.pages);
  for (uint32_t index = 0; index < 6; index++) {
    char name[8];
    snprintf(name, sizeof name, "bar%u", index);
    if (control->bar_bytes[index] > 0) sb_state.bars[index] = sb_map_file(folder, name, control->bar_bytes[index]);
  }
  sb_function_reset();
}

/** Gives it back. */
SB_INLINE SB_UNUSED void sb_close(void) { __atomic_store_n(&sb_state.control->client, 0, __ATOMIC_SEQ_CST); }

#endif
