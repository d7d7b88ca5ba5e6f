/* The part of the porting layer that is no macro: what is counted, and two functions of a C library. See port.h. */
#include "port.h"

#define BAR_WORDS (512u * 1024u / 4u)

struct port_counts port_counts;
u32 port_verbosity;
/* One bit for each register of BAR 0. */
static u32 touched[BAR_WORDS / 32];

void port_touched(const volatile void *at) {
  static u32 bar;
  if (bar == 0) bar = (u32)sb_bar(0);
  u32 word = ((u32)at - bar) / 4;
  if (word >= BAR_WORDS || (touched[word / 32] & 1u << word % 32) != 0) return;
  touched[word / 32] |= 1u << word % 32;
  port_counts.registers++;
}

void port_entered(const char *function) {
  port_counts.functions++;
  if (port_verbosity > 0) sb_log("%s", function);
}

/* For whoever runs the program: reads, writes, registers, functions. */
SB_EXPORT(port_count) u32 port_count(u32 which) {
  const u32 counts[4] = {port_counts.reads, port_counts.writes, port_counts.registers, port_counts.functions};
  return which < 4 ? counts[which] : 0;
}

#ifndef PORT_PLAIN /* else softbar-trace.c has them */
void *memcpy(void *to, const void *from, size_t byte_length) {
  __builtin_memcpy(to, from, byte_length);
  return to;
}

void *memset(void *at, int value, size_t byte_length) {
  __builtin_memset(at, value, byte_length);
  return at;
}
#endif
