/*
 * What an application does with the driver, and what softbar calls: `sb_main` for `softbar run`, the others for tests,
 * benches and searches. Frames are numbered, and their length follows from the number, so that a lost, doubled, overtaken or
 * half-written frame is seen.
 */
#include <softbar.h>

#include "ixgbe.h"

#define SILENCE_LIMIT_US 2000000u
#define BATCH 32u
#define HEADER_WORDS 5u
#define FRAME_BYTES_MIN 60u

static struct ixgbe *nic;
static uint32_t sent_number;
static uint32_t received_number;
/* Lengths that follow each other: 0 when all frames are of FRAME_BYTES_MIN. */
static uint32_t length_count;

static uint32_t length_of(uint32_t number) { return FRAME_BYTES_MIN + (length_count == 0 ? 0 : number % length_count * 4); }

/* To everybody, from nobody, EtherType for experiments, and the number. */
static void fill(void *buffer, uint32_t number) {
  uint32_t *words = buffer;
  sb_store32(words, 0xffffffffu);
  sb_store32(words + 1, 0x0000ffffu);
  sb_store32(words + 2, 0);
  sb_store32(words + 3, 0x0000b588u);
  sb_store32(words + 4, number);
}

static void check(void *context, const void *frame, uint32_t byte_length) {
  (void)context;
  uint32_t number = sb_load32((const uint32_t *)frame + HEADER_WORDS - 1);
  if (number != received_number) sb_panic("frame %u came where %u was due", number, received_number);
  if (byte_length != length_of(number)) sb_panic("frame %u came with %u bytes instead of %u", number, byte_length, length_of(number));
  received_number++;
}

/* Puts up to `limit` frames into the ring, and returns for how many there was room. */
static uint32_t send_some(uint32_t limit) {
  uint32_t count = 0;
  for (; count < limit; count++) {
    void *buffer = ixgbe_transmit_buffer(nic);
    if (buffer == NULL) break;
    fill(buffer, sent_number);
    ixgbe_send(nic, length_of(sent_number++));
  }
  if (count > 0) ixgbe_flush(nic);
  return count;
}

/* ---- for tests, benches and searches -------------------------------------------------------------------------------- */

SB_EXPORT(nic_open) void nic_open(uint32_t ring_size, bool uses_interrupts, uint32_t lengths) {
  struct ixgbe_options options = {.ring_size = ring_size, .uses_interrupts = uses_interrupts, .is_promiscuous = true};
  nic = ixgbe_open(&options);
  sent_number = received_number = 0;
  length_count = lengths;
}

/* Sends `count` frames. */
SB_EXPORT(nic_send) void nic_send(uint32_t count) {
  while (count > 0) count -= send_some(count < BATCH ? count : BATCH);
}

/* Takes and checks `count` frames; the run ends at one that is not as it should be, or when none comes any more. */
SB_EXPORT(nic_receive) void nic_receive(uint32_t count) {
  while (count > 0) {
    uint32_t got = ixgbe_receive(nic, count < BATCH ? count : BATCH, check, NULL);
    count -= got;
    if (got == 0 && !ixgbe_wait(nic, SILENCE_LIMIT_US)) sb_panic("%u frames never came", count);
  }
}

SB_EXPORT(nic_close) void nic_close(void) { ixgbe_close(nic); }

/* ---- softbar run ---------------------------------------------------------------------------------------------------- */

static void echo(void *context, const void *frame, uint32_t byte_length) {
  (void)context;
  void *buffer = ixgbe_transmit_buffer(nic);
  if (buffer == NULL) {
    ixgbe_flush(nic);
    while ((buffer = ixgbe_transmit_buffer(nic)) == NULL) continue;
  }
  uint32_t copy[IXGBE_BUFFER_BYTES / 4];
  sb_copy_from_dma(copy, frame, byte_length);
  sb_copy_to_dma(buffer, copy, byte_length);
  ixgbe_send(nic, byte_length);
}

/* Sends back what comes. */
static void echo_all(uint32_t count) {
  while (count > 0) {
    uint32_t got = ixgbe_receive(nic, count < BATCH ? count : BATCH, echo, NULL);
    count -= got;
    if (got > 0) ixgbe_flush(nic);
    else if (!ixgbe_wait(nic, SILENCE_LIMIT_US)) sb_panic("%u frames never came", count);
  }
}

/* What is sent comes back, by a plug that joins the port to itself: fewer on their way than the ring has descriptors. */
static void loop_all(uint32_t count, uint32_t window) {
  uint32_t unsent = count;
  while (received_number < count) {
    uint32_t room = window - (sent_number - received_number);
    if (room > BATCH) room = BATCH;
    unsent -= send_some(room < unsent ? room : unsent);
    if (ixgbe_receive(nic, BATCH, check, NULL) == 0 && !ixgbe_wait(nic, SILENCE_LIMIT_US))
      sb_panic("frame %u never came back: has the port a loopback plug (--loopback)?", received_number);
  }
}

enum mode { LOOP = 0, SEND = 1, ECHO = 2 };

/*
 * --set frames=N (1000), ring=N (512), interrupts=1, lengths=N (256: 60 to 1,080 bytes),
 * mode=0 sends frames that come back, 1 only sends, 2 sends back what comes.
 */
SB_EXPORT(sb_main) int32_t sb_main(void) {
  uint32_t frames = (uint32_t)sb_option("frames", 1000);
  uint32_t ring_size = (uint32_t)sb_option("ring", 512);
  enum mode mode = (enum mode)sb_option("mode", LOOP);
  nic_open(ring_size, sb_option("interrupts", 0) != 0, (uint32_t)sb_option("lengths", 256));
  uint8_t mac[6];
  ixgbe_mac_address(nic, mac);
  sb_log("up: %02x:%02x:%02x:%02x:%02x:%02x, rings of %u", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], ring_size);
  uint64_t start = sb_now_ns();
  if (mode == LOOP) loop_all(frames, ring_size / 2);
  else if (mode == SEND) nic_send(frames);
  else echo_all(frames);
  uint64_t duration_us = (sb_now_ns() - start) / 1000;
  ixgbe_close(nic);
  sb_log("%u frames in %llu us", frames, (unsigned long long)duration_us);
  return 0;
}
