/* A driver for the Intel 82599 in C: one receive and one transmit queue, zero copy, polled or by MSI-X. See ixgbe.c. */
#ifndef IXGBE_H
#define IXGBE_H

#include <stdbool.h>
#include <stdint.h>

struct ixgbe_options {
  uint32_t ring_size;   /* descriptors of either ring: 8 to 4096, a multiple of 8 */
  bool uses_interrupts; /* MSI-X vector 0 is the receive queue's; otherwise ixgbe_wait polls */
  bool is_promiscuous;  /* takes frames that are for others */
};

struct ixgbe_statistics {
  uint64_t frames_received, bytes_received, frames_sent, bytes_sent, frames_missed, crc_errors;
};

struct ixgbe;

/* Brings the card up and waits for the link. Ends the run, with the register's name, when the card does not answer. */
struct ixgbe *ixgbe_open(const struct ixgbe_options *options);

/* The card's address, from its EEPROM. */
void ixgbe_mac_address(struct ixgbe *nic, uint8_t address[6]);

/* Frames of this length and shorter fit a buffer. */
#define IXGBE_BUFFER_BYTES 2048u

/*
 * The buffer of the next frame to send, or NULL when the ring is full. Fill it, then ixgbe_send; the card sees what was
 * sent when ixgbe_flush rings.
 */
void *ixgbe_transmit_buffer(struct ixgbe *nic);
void ixgbe_send(struct ixgbe *nic, uint32_t byte_length);
void ixgbe_flush(struct ixgbe *nic);

/* Hands each frame that has arrived to `use`, `limit` at most, and returns how many there were. The buffer is lent for the call. */
typedef void ixgbe_use(void *context, const void *frame, uint32_t byte_length);
uint32_t ixgbe_receive(struct ixgbe *nic, uint32_t limit, ixgbe_use *use, void *context);

/* Waits until a frame has arrived; false after `limit_us`. */
bool ixgbe_wait(struct ixgbe *nic, uint32_t limit_us);

/* What was counted since the card was opened. */
const struct ixgbe_statistics *ixgbe_count(struct ixgbe *nic);

/* Sends what is on its way, stops the card and gives all memory back. */
void ixgbe_close(struct ixgbe *nic);

#endif
