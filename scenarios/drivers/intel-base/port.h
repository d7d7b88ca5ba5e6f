/*
 * What Intel's shared code for the 82599 (DPDK, drivers/net/ixgbe/base) wants of an operating system, from softbar.
 *
 * The shared code is written for a header "ixgbe_osdep.h" of whoever uses it, and brings DPDK's. This one stands in for it:
 * it is included first (-include port.h) and has the same guard, so that DPDK's is passed over and no line of Intel's has
 * to be changed.
 *
 *   (nothing)      registers by the calls of softbar.h: exact
 *   -DPORT_PLAIN   registers through plain pointers, for a build whose loads and stores clang reports (softbar-trace.c)
 */
#ifndef _IXGBE_OS_H_
#define _IXGBE_OS_H_

#include <softbar.h>

typedef uint8_t u8;
typedef int8_t s8;
typedef uint16_t u16;
typedef int16_t s16;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;

struct ixgbe_hw;

/* ---- what has happened so far ------------------------------------------------------------------------------------- */

struct port_counts {
  u32 reads, writes; /* of registers */
  u32 registers;     /* different ones */
  u32 functions;     /* of the shared code that have run; those that name themselves, as nearly all do */
};
extern struct port_counts port_counts;
/* --set functions=1 prints the name of each function when it runs first, 2 what the shared code has to say as well. */
extern u32 port_verbosity;
void port_touched(const volatile void *at);
void port_entered(const char *function);

/* The shared code begins its functions with this. */
#define DEBUGFUNC(name)          \
  do {                           \
    static bool has_run;         \
    if (!has_run) {              \
      has_run = true;            \
      port_entered(name);        \
    }                            \
  } while (0)
#define DEBUGOUT(...)                                \
  do {                                               \
    if (port_verbosity > 1) sb_log(__VA_ARGS__);     \
  } while (0)
#define DEBUGOUT1 DEBUGOUT
#define DEBUGOUT2 DEBUGOUT
#define DEBUGOUT3 DEBUGOUT
#define DEBUGOUT6 DEBUGOUT
#define DEBUGOUT7 DEBUGOUT
#define EWARN(hw, ...) DEBUGOUT(__VA_ARGS__)
#define ASSERT(holds) ((holds) ? (void)0 : sb_panic("%s:%d: ASSERT(%s)", __FILE__, __LINE__, #holds))

enum {
  IXGBE_ERROR_SOFTWARE,
  IXGBE_ERROR_POLLING,
  IXGBE_ERROR_INVALID_STATE,
  IXGBE_ERROR_UNSUPPORTED,
  IXGBE_ERROR_ARGUMENT,
  IXGBE_ERROR_CAUTION,
};
#define ERROR_REPORT1(kind, ...) DEBUGOUT(__VA_ARGS__)
#define ERROR_REPORT2 ERROR_REPORT1
#define ERROR_REPORT3 ERROR_REPORT1

/* ---- time ---------------------------------------------------------------------------------------------------------- */

#define usec_delay(duration) sb_delay_us(duration)
#define msec_delay(duration) sb_delay_us((duration) * 1000u)
#define DELAY(duration) usec_delay(duration)

/* ---- registers ----------------------------------------------------------------------------------------------------- */

#define IOMEM
#define IXGBE_PCI_REG_ADDR(hw, reg) ((volatile u32 *)((volatile u8 *)(hw)->hw_addr + (reg)))
#define IXGBE_PCI_REG_ARRAY_ADDR(hw, reg, index) IXGBE_PCI_REG_ADDR(hw, (reg) + ((index) << 2))

SB_INLINE u32 port_read(const volatile u32 *at) {
  port_counts.reads++;
  port_touched(at);
#ifdef PORT_PLAIN
  return *at;
#else
  return sb_read32(at);
#endif
}
SB_INLINE void port_write(volatile u32 *at, u32 value) {
  port_counts.writes++;
  port_touched(at);
#ifdef PORT_PLAIN
  *at = value;
#else
  sb_write32(at, value);
#endif
}
SB_INLINE u32 port_is_set(volatile u32 *at, u32 mask, u32 poll_ms) {
  u32 value = 0;
  for (u32 n = 0; n <= poll_ms; n++) {
    if (((value = port_read(at)) & mask) == 0) break;
    msec_delay(1);
  }
  return value & mask;
}

#define IXGBE_PCI_REG(at) port_read(at)
#define IXGBE_PCI_REG_WRITE(at, value) port_write((volatile u32 *)(at), value)
#define IXGBE_READ_REG(hw, reg) port_read(IXGBE_PCI_REG_ADDR(hw, reg))
#define IXGBE_WRITE_REG(hw, reg, value) port_write(IXGBE_PCI_REG_ADDR(hw, reg), value)
#define IXGBE_READ_REG_ARRAY(hw, reg, index) port_read(IXGBE_PCI_REG_ARRAY_ADDR(hw, reg, index))
#define IXGBE_WRITE_REG_ARRAY(hw, reg, index, value) port_write(IXGBE_PCI_REG_ARRAY_ADDR(hw, reg, index), value)
#define IXGBE_WRITE_FLUSH(hw) IXGBE_READ_REG(hw, IXGBE_STATUS)
#define IXGBE_WRITE_REG_THEN_POLL_MASK(hw, reg, value, mask, poll_ms) \
  (IXGBE_WRITE_REG(hw, reg, value), (void)port_is_set(IXGBE_PCI_REG_ADDR(hw, reg), mask, poll_ms))

/* Words of configuration space lie where the data sheet has them. */
#define IXGBE_READ_PCIE_WORD(hw, reg) ((void)(hw), (u16)sb_config_read16(reg))
#define IXGBE_WRITE_PCIE_WORD(hw, reg, value) ((void)(hw), sb_config_write16(reg, value))

/* ---- memory -------------------------------------------------------------------------------------------------------- */

void *memcpy(void *to, const void *from, size_t byte_length);
void *memset(void *at, int value, size_t byte_length);

#ifdef PORT_PLAIN
#define mb() __sync_synchronize()
#define wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#else
#define mb() sb_mb()
#define wmb() sb_wmb()
#define rmb() sb_rmb()
#endif
#define prefetch(at) __builtin_prefetch(at)

/* WebAssembly is little-endian, the network is not. */
#define IXGBE_CPU_TO_LE16(value) ((u16)(value))
#define IXGBE_CPU_TO_LE32(value) ((u32)(value))
#define IXGBE_LE32_TO_CPU(value) ((u32)(value))
#define IXGBE_LE32_TO_CPUS(at) ((void)(at))
#define IXGBE_CPU_TO_BE16(value) __builtin_bswap16(value)
#define IXGBE_CPU_TO_BE32(value) __builtin_bswap32(value)
#define IXGBE_BE32_TO_CPU(value) __builtin_bswap32(value)
#define IXGBE_NTOHS(value) __builtin_bswap16(value)
#define IXGBE_NTOHL(value) __builtin_bswap32(value)

/* ---- the rest ------------------------------------------------------------------------------------------------------ */

#define STATIC static
#define TRUE true
#define FALSE false
#define IPPROTO_SCTP 132
#define min(a, b) ((a) < (b) ? (a) : (b))
#define UNREFERENCED_PARAMETER(a) ((void)(a))
#define UNREFERENCED_1PARAMETER(a) ((void)(a))
#define UNREFERENCED_2PARAMETER(a, b) ((void)(a), (void)(b))
#define UNREFERENCED_3PARAMETER(a, b, c) ((void)(a), (void)(b), (void)(c))
#define UNREFERENCED_4PARAMETER(a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#define UNREFERENCED_5PARAMETER(a, b, c, d, e) ((void)(a), (void)(b), (void)(c), (void)(d), (void)(e))

#endif
