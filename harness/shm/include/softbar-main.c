/*
 * The process around a driver that has an sb_main, as `softbar run` is for one in WebAssembly, and what softbar.h leaves to
 * the system: DRIVER DIR [--set NAME=NUMBER]... With SB_NO_MAIN there is no main: a program of its own calls sb_open.
 */
#define _GNU_SOURCE
#include "softbar.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAGIC 0x4d534253u
#define VERSION 2u
#define PAGE_BYTES 4096u
/* Bytes of `control` that are locked by whoever has the device, and by whoever serves it. */
#define CLIENT_LOCK 0
#define SERVER_LOCK 1
/* Looks in which a device comes to each of its registers. */
#define LOOKS 512u
#define TICK_US 100u
#define ANSWER_LIMIT_MS 5000u

struct sb_state sb_state;

static const char *folder_name = "";
static int control_descriptor = -1;
/* Resets that this process has seen: one more is one that nobody here asked for. */
static uint32_t generation;
/* By page of `dma`: 0 free, n the first of n pages, UINT32_MAX one of those behind it. */
static uint32_t *pages;
static uint32_t page_count;
static int option_count;
static char **options;

/* ---- words to a person ---------------------------------------------------------------------------------------------- */

void sb_panic(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vfprintf(stderr, format, values);
  va_end(values);
  fputc('\n', stderr);
  sb_close();
  exit(1);
}

void sb_log(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vprintf(format, values);
  va_end(values);
  putchar('\n');
  fflush(stdout);
}

/* ---- waiting -------------------------------------------------------------------------------------------------------- */

uint64_t sb_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sleep_us(uint32_t duration_us) {
  struct timespec duration = {(time_t)(duration_us / 1000000u), (long)(duration_us % 1000000u) * 1000};
  while (nanosleep(&duration, &duration) != 0 && errno == EINTR) continue;
}

void sb_wake_device(void) {
  __atomic_store_n(&sb_state.control->asleep, 0, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, &sb_state.control->asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* The kernel takes the lock of a process that has died away. */
static bool is_locked(off_t byte) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
  return fcntl(control_descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

void sb_check_server(void) {
  if (__atomic_load_n(&sb_state.control->magic, __ATOMIC_SEQ_CST) == MAGIC && is_locked(SERVER_LOCK)) return;
  sb_panic("the server of %s has ended, and the device with it: start `softbar serve` anew, and this driver", folder_name);
}

void sb_delay_us(uint32_t duration_us) {
  uint32_t start = __atomic_load_n(&sb_state.control->looks, __ATOMIC_SEQ_CST);
  sleep_us(duration_us);
  uint64_t limit = sb_now_ns() + ANSWER_LIMIT_MS * 1000000ull;
  while (__atomic_load_n(&sb_state.control->looks, __ATOMIC_SEQ_CST) - start < LOOKS) {
    sb_check_server();
    if (sb_now_ns() > limit) sb_panic("the device in %s has not looked at its registers for %u ms", folder_name, ANSWER_LIMIT_MS);
    sb_wake();
    sleep_us(TICK_US);
  }
  sb_check_server();
  if (__atomic_load_n(&sb_state.control->generation, __ATOMIC_SEQ_CST) != generation)
    sb_panic("the device in %s was reset, and not by this driver: what it set up is gone", folder_name);
}

void sb_function_reset(void) {
  volatile struct sb_control *control = sb_state.control;
  uint64_t limit = sb_now_ns() + ANSWER_LIMIT_MS * 1000000ull;
  __atomic_store_n(&control->request, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&control->request, __ATOMIC_SEQ_CST) != 0) {
    sb_check_server();
    if (sb_now_ns() > limit) sb_panic("the device in %s did not answer within %u ms", folder_name, ANSWER_LIMIT_MS);
    sb_wake();
    sleep_us(1000);
  }
  generation = __atomic_load_n(&control->generation, __ATOMIC_SEQ_CST);
  /* A function has 100 ms to finish, and takes no writes until then (PCIe 6.6.2). */
  sleep_us(100000);
}

/* ---- memory --------------------------------------------------------------------------------------------------------- */

void *sb_alloc(size_t byte_length) { return calloc(1, byte_length); }
void sb_free(void *memory) { free(memory); }

void *sb_dma_alloc_pages(size_t byte_length, size_t align) {
  if (byte_length > (size_t)page_count * PAGE_BYTES || align > (size_t)page_count * PAGE_BYTES) return NULL;
  uint32_t wanted = byte_length == 0 ? 1 : (uint32_t)((byte_length + PAGE_BYTES - 1) / PAGE_BYTES);
  uint32_t step = align > PAGE_BYTES ? (uint32_t)(align / PAGE_BYTES) : 1;
  for (uint32_t first = 0; first + wanted <= page_count; first += step) {
    uint32_t free_count = 0;
    while (free_count < wanted && pages[first + free_count] == 0) free_count++;
    if (free_count < wanted) continue;
    pages[first] = wanted;
    for (uint32_t nth = 1; nth < wanted; nth++) pages[first + nth] = UINT32_MAX;
    void *memory = sb_state.dma + (size_t)first * PAGE_BYTES;
    memset(memory, 0, (size_t)wanted * PAGE_BYTES);
    return memory;
  }
  return NULL;
}

void sb_dma_free(void *memory) {
  ptrdiff_t offset = (uint8_t *)memory - sb_state.dma;
  bool is_page = offset >= 0 && offset % (ptrdiff_t)PAGE_BYTES == 0 && offset / (ptrdiff_t)PAGE_BYTES < (ptrdiff_t)page_count;
  uint32_t count = is_page ? pages[offset / (ptrdiff_t)PAGE_BYTES] : 0;
  if (count == 0 || count == UINT32_MAX) sb_panic("sb_dma_free: no buffer starts at %p", memory);
  memset(pages + offset / (ptrdiff_t)PAGE_BYTES, 0, count * sizeof *pages);
}

/* ---- options and the process ---------------------------------------------------------------------------------------- */

int32_t sb_option(const char *name, int32_t otherwise) {
  size_t length = strlen(name);
  for (int index = 0; index + 1 < option_count; index++) {
    const char *text = options[index + 1];
    if (strcmp(options[index], "--set") == 0 && strncmp(text, name, length) == 0 && text[length] == '=')
      return (int32_t)strtol(text + length + 1, NULL, 0);
  }
  return otherwise;
}

static int open_file(const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder_name, name);
  int descriptor = open(path, O_RDWR | O_CLOEXEC);
  if (descriptor < 0) sb_panic("%s: %s. `softbar serve DEVICE --shm %s` makes it", path, strerror(errno), folder_name);
  return descriptor;
}

static void *map_file(int descriptor, const char *name, size_t byte_length) {
  void *memory = mmap(NULL, byte_length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) sb_panic("%s/%s: %zu bytes cannot be mapped: %s", folder_name, name, byte_length, strerror(errno));
  return memory;
}

static void *map_named(const char *name, size_t byte_length) {
  int descriptor = open_file(name);
  void *memory = map_file(descriptor, name, byte_length);
  close(descriptor);
  return memory;
}

void sb_open(const char *folder) {
  folder_name = folder;
  control_descriptor = open_file("control");
  volatile struct sb_control *control = (volatile struct sb_control *)map_file(control_descriptor, "control", PAGE_BYTES);
  if (__atomic_load_n(&control->magic, __ATOMIC_SEQ_CST) != MAGIC || control->version != VERSION)
    sb_panic("%s/control is not of this version of softbar, or its server has ended", folder);
  if (!is_locked(SERVER_LOCK)) sb_panic("nobody serves %s any more: start `softbar serve` anew", folder);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = CLIENT_LOCK, .l_len = 1};
  for (int tries = 0; fcntl(control_descriptor, F_OFD_SETLK, &lock) != 0; tries++) {
    if (errno != EAGAIN && errno != EACCES) sb_panic("%s/control cannot be locked: %s", folder, strerror(errno));
    /* One that has just been killed is not buried yet. */
    if (tries == 20) sb_panic("process %u has the device in %s", (unsigned)control->client, folder);
    sleep_us(50000);
  }
  if (__atomic_exchange_n(&control->client, (uint32_t)getpid(), __ATOMIC_SEQ_CST) != 0)
    __atomic_add_fetch(&control->lost_count, 1, __ATOMIC_SEQ_CST);
  __atomic_add_fetch(&control->client_count, 1, __ATOMIC_SEQ_CST);
  sb_state.control = control;
  sb_state.dma = (uint8_t *)map_named("dma", control->dma_bytes);
  page_count = control->dma_bytes / PAGE_BYTES;
  pages = (uint32_t *)calloc(page_count, sizeof *pages);
  if (pages == NULL) sb_panic("no memory for the table of %u pages", (unsigned)page_count);
  for (uint32_t index = 0; index < 6; index++) {
    char name[8];
    snprintf(name, sizeof name, "bar%u", (unsigned)(index & 7));
    if (control->bar_bytes[index] > 0) sb_state.bars[index] = (volatile uint8_t *)map_named(name, control->bar_bytes[index]);
  }
  sb_function_reset();
}

void sb_close(void) {
  if (sb_state.control == NULL) return;
  __atomic_store_n(&sb_state.control->client, 0, __ATOMIC_SEQ_CST);
  sb_state.control = NULL;
  close(control_descriptor);
}

#ifndef SB_NO_MAIN
int32_t sb_main(void);

int main(int argument_count, char **arguments) {
  if (argument_count < 2 || arguments[1][0] == '-') {
    fprintf(stderr, "usage: %s DIR [--set NAME=NUMBER]...\n  DIR  what `softbar serve DEVICE --shm DIR` made\n", arguments[0]);
    return 2;
  }
  option_count = argument_count - 2;
  options = arguments + 2;
  sb_open(arguments[1]);
  int32_t result = sb_main();
  sb_close();
  return result;
}
#endif
