/* The shared code's own view of a card that `ixgbe_open` has opened. */
#ifndef SHARED_H
#define SHARED_H

struct ixgbe;
struct ixgbe_hw;

struct ixgbe_hw *ixgbe_shared(struct ixgbe *nic);

#endif
