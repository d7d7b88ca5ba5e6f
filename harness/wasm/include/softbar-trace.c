/*
 * For sources that know nothing of softbar and reach registers and DMA memory through plain pointers. clang calls these
 * functions before every load and store of a source that is compiled with
 *
 *   -fsanitize-coverage=edge,trace-loads,trace-stores -mno-bulk-memory
 *
 * and they tell softbar of those that touch a BAR or DMA memory: registers keep all their side effects, and in a search
 * every such access is a point at which others may go first. This file itself is compiled with -mbulk-memory and without
 * the sanitizer, and linked with the rest. Fences of the compiler's own (__sync_synchronize, atomic_thread_fence) become
 * barriers of the search by `-include softbar-fences.h`.
 *
 * Not seen: atomic read-modify-write instructions, and what other objects do that were compiled otherwise.
 */
#include <stddef.h>
#include <stdint.h>

#define IMPORT(name) __attribute__((import_module("softbar"), import_name(name)))

IMPORT("trace_load") void softbar_trace_load(const void *at, uint32_t byte_length);
IMPORT("trace_store") void softbar_trace_store(void *at, uint32_t byte_length);
IMPORT("trace_copy") void softbar_trace_copy(void *to, const void *from, size_t byte_length);
IMPORT("trace_fill") void softbar_trace_fill(void *at, int value, size_t byte_length);

/** What lies below belongs to the program's data and stack: nobody else sees it. */
extern uint8_t __heap_base;

#define SHARED(at) ((uintptr_t)(at) >= (uintptr_t)&__heap_base)
#define LOAD(bytes) \
  void __sanitizer_cov_load##bytes(void *at) { if (SHARED(at)) softbar_trace_load(at, bytes); }
#define STORE(bytes) \
  void __sanitizer_cov_store##bytes(void *at) { if (SHARED(at)) softbar_trace_store(at, bytes); }

LOAD(1) LOAD(2) LOAD(4) LOAD(8) LOAD(16)
STORE(1) STORE(2) STORE(4) STORE(8) STORE(16)

/* Copies that the compiler makes or finds are calls with -mno-bulk-memory. */
void *memcpy(void *to, const void *from, size_t byte_length) {
  if (SHARED(to) || SHARED(from)) softbar_trace_copy(to, from, byte_length);
  else __builtin_memcpy(to, from, byte_length);
  return to;
}

void *memmove(void *to, const void *from, size_t byte_length) {
  if (SHARED(to) || SHARED(from)) softbar_trace_copy(to, from, byte_length);
  else __builtin_memmove(to, from, byte_length);
  return to;
}

void *memset(void *at, int value, size_t byte_length) {
  if (SHARED(at)) softbar_trace_fill(at, value, byte_length);
  else __builtin_memset(at, value, byte_length);
  return at;
}
