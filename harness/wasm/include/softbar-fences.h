/*
 * Force-included (-include softbar-fences.h) before a source that knows nothing of softbar: the compiler's own fences become
 * barriers that a search knows. Without it they order nothing there, and a search finds what would go wrong without them.
 */
#ifndef SOFTBAR_FENCES_H
#define SOFTBAR_FENCES_H

#define SOFTBAR_BARRIER(name) __attribute__((import_module("softbar"), import_name(name)))
SOFTBAR_BARRIER("mb") void softbar_mb(void);
SOFTBAR_BARRIER("rmb") void softbar_rmb(void);
SOFTBAR_BARRIER("wmb") void softbar_wmb(void);
#undef SOFTBAR_BARRIER

/* An acquire fence keeps loads before it, a release fence stores; the others everything. */
#define SOFTBAR_FENCE(order) \
  ((order) == __ATOMIC_ACQUIRE || (order) == __ATOMIC_CONSUME ? softbar_rmb() \
   : (order) == __ATOMIC_RELEASE                              ? softbar_wmb() \
   : (order) == __ATOMIC_RELAXED                              ? (void)0       \
                                                              : softbar_mb())
#define __sync_synchronize() softbar_mb()
#define __atomic_thread_fence(order) SOFTBAR_FENCE(order)
#define __c11_atomic_thread_fence(order) SOFTBAR_FENCE(order)

#endif
