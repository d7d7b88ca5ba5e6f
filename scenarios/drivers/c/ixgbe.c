/*
 * A driver for the Intel 82599, from reset to close in the order in which things happen. Sections are those of the data sheet
 * (Intel 331520, rev 3.3). Buffer n belongs to descriptor n for good, so that nothing is allocated on the paths of frames.
 */
#include "ixgbe.h"

#include <softbar.h>

#include "ixgbe-registers.h"

/* Far longer than the card takes for a bit that it sets or clears by itself: a simulated one may have to wait for a processor. */
#define ANSWER_LIMIT_NS 2000000000ull
#define LINK_LIMIT_NS 5000000000ull
/* Without a link, frames that wait are never sent. */
#define DRAIN_LIMIT_NS 10000000ull
/* Frames that one write-back may stand for. */
#define FRAMES_PER_REPORT 32u
/* A full or an empty ring is looked at so often before the CPU relaxes: that is where it hears that the card is gone. */
#define POLLS_PER_RELAX 256u

struct ring {
  volatile uint32_t *descriptors;
  uint8_t *buffers;
  uint32_t next;   /* the driver's: the descriptor that comes next */
  uint32_t oldest; /* the driver's, sending: the oldest descriptor that is not known to be sent */
};

struct ixgbe {
  volatile uint8_t *bar;
  uint32_t ring_size;
  bool uses_interrupts;
  struct ring rx, tx;
  uint32_t group;       /* sending: the first descriptor behind the last one that reports */
  uint32_t polls;       /* in vain, in a row */
  uint16_t *group_end;  /* by the first descriptor of a group: its last, the only one that the card reports */
  struct ixgbe_statistics statistics;
  struct ixgbe_statistics before; /* what the counters had when the card was opened */
};

/* Read, change and wait. A macro has the line of its use in the pictures of a search. */
#define REG(nic, offset) ((nic)->bar + (offset))
#define SET(nic, offset, bits) sb_write32(REG(nic, offset), sb_read32(REG(nic, offset)) | (bits))
#define CLEAR(nic, offset, bits) sb_write32(REG(nic, offset), sb_read32(REG(nic, offset)) & ~(bits))
#define WAIT_SET(nic, offset, bits) wait_for(nic, offset, bits, true, #offset "." #bits, ANSWER_LIMIT_NS)
#define WAIT_CLEAR(nic, offset, bits) wait_for(nic, offset, bits, false, #offset "." #bits, ANSWER_LIMIT_NS)

static void wait_for(struct ixgbe *nic, uint32_t offset, uint32_t bits, bool is_set, const char *name, uint64_t limit_ns) {
  uint64_t deadline = sb_now_ns() + limit_ns;
  for (;;) {
    /* The time first: whoever is held up between the two has looked once more when the limit was over. */
    bool is_late = sb_now_ns() > deadline;
    uint32_t value = sb_read32(REG(nic, offset));
    if (value == 0xffffffffu) sb_panic("%s reads all ones: the card is gone from the bus", name);
    if (((value & bits) != 0) == is_set) return;
    if (is_late) sb_panic("%s did not %s; the register reads 0x%08x", name, is_set ? "come" : "go", value);
    sb_relax();
  }
}

/* ---- memory --------------------------------------------------------------------------------------------------------- */

static void *allocated(void *memory, const char *what) {
  if (memory == NULL) sb_panic("no memory for %s", what);
  return memory;
}

static void ring_init(struct ring *ring, uint32_t size, const char *label, const char *buffers_label) {
  ring->descriptors = allocated(sb_dma_alloc(size * DESCRIPTOR_BYTES, 128, label), label);
  ring->buffers = allocated(sb_dma_alloc(size * IXGBE_BUFFER_BYTES, 4096, buffers_label), buffers_label);
  ring->next = ring->oldest = 0;
}

static void ring_free(struct ring *ring) {
  sb_dma_free((void *)ring->descriptors);
  sb_dma_free(ring->buffers);
}

static inline uint32_t following(const struct ixgbe *nic, uint32_t slot) { return slot + 1 == nic->ring_size ? 0 : slot + 1; }

static void program_base(struct ixgbe *nic, const struct ring *ring, uint32_t low, uint32_t high, uint32_t length) {
  uint64_t base = sb_dma_address(ring->descriptors);
  sb_write32(REG(nic, low), (uint32_t)base);
  sb_write32(REG(nic, high), (uint32_t)(base >> 32));
  sb_write32(REG(nic, length), nic->ring_size * DESCRIPTOR_BYTES);
}

/* ---- 4.6.3 reset and general initialization ------------------------------------------------------------------------- */

/* 5.2.5.3.2: the card starts no more requests, and says when the last one is over. Only a reset takes it back. */
static void disable_master(struct ixgbe *nic) {
  SET(nic, CTRL, CTRL_PCIE_MASTER_DISABLE);
  WAIT_CLEAR(nic, STATUS, STATUS_PCIE_MASTER_ENABLE);
  sb_set_bus_master(false);
}

static void reset(struct ixgbe *nic) {
  sb_write32(REG(nic, EIMC), EIMC_ALL);
  disable_master(nic); /* 4.2.1.7: whatever an earlier driver left running comes to rest first. */
  sb_write32(REG(nic, CTRL), CTRL_LRST | CTRL_RST);
  sb_delay_us(1000); /* 8.2.3.1.1: no register may be touched for 1 ms. */
  WAIT_CLEAR(nic, CTRL, CTRL_LRST | CTRL_RST);
  sb_delay_us(10000); /* 4.6.3.2 */
  sb_write32(REG(nic, EIMC), EIMC_ALL);
  sb_read32(REG(nic, EICR));
  WAIT_SET(nic, EEC, EEC_AUTO_RD);
  WAIT_SET(nic, EEMNGCTL, EEMNGCTL_CFG_DONE0);
  WAIT_SET(nic, RDRXCTL, RDRXCTL_DMAIDONE);
  sb_write32(REG(nic, FCRTH0), RXPBSIZE_512KB - 0x6000); /* 4.6.3.2: with or without flow control. */
  sb_set_bus_master(true);
}

/* ---- 4.6.7 receive -------------------------------------------------------------------------------------------------- */

/* Read format: the address of the slot's buffer, no header buffer; and DD, which lies in the same word, is cleared. */
static inline void arm(struct ring *ring, uint32_t slot) {
  volatile uint32_t *descriptor = ring->descriptors + slot * DESCRIPTOR_WORDS;
  uint64_t buffer = sb_dma_address(ring->buffers + slot * IXGBE_BUFFER_BYTES);
  sb_store32(descriptor, (uint32_t)buffer);
  sb_store32(descriptor + 1, (uint32_t)(buffer >> 32));
  sb_store32(descriptor + 2, 0);
  sb_store32(descriptor + 3, 0);
}

static void start_receive(struct ixgbe *nic, bool is_promiscuous) {
  CLEAR(nic, RXCTRL, RXCTRL_RXEN);
  SET(nic, FCTRL, FCTRL_BAM | (is_promiscuous ? FCTRL_UPE | FCTRL_MPE : 0));
  for (uint32_t n = 0; n < MTA_COUNT; n++) sb_write32(REG(nic, MTA(n)), 0); /* 7.1.1: memory that no reset clears. */
  /* 4.6.11.3.4: without DCB and virtualization one packet buffer has all the memory. */
  for (uint32_t n = 0; n < PACKET_BUFFER_COUNT; n++) sb_write32(REG(nic, RXPBSIZE(n)), n == 0 ? RXPBSIZE_512KB : 0);
  SET(nic, RDRXCTL, RDRXCTL_CRCSTRIP); /* Must agree with HLREG0.RXCRCSTRP. */
  CLEAR(nic, RDRXCTL, RDRXCTL_RSCFRSTSIZE); /* "As opposed to its hardware default." */
  SET(nic, CTRL_EXT, CTRL_EXT_NS_DIS);
  program_base(nic, &nic->rx, RDBAL0, RDBAH0, RDLEN0);
  sb_write32(REG(nic, SRRCTL0), IXGBE_BUFFER_BYTES >> 10 | SRRCTL_BSIZEHEADER_256 | SRRCTL_DESCTYPE_ADVANCED);
  CLEAR(nic, DCA_RXCTRL0, DCA_RXCTRL_BIT_12);
  for (uint32_t slot = 0; slot < nic->ring_size; slot++) arm(&nic->rx, slot);
  SET(nic, RXDCTL0, RXDCTL_ENABLE);
  WAIT_SET(nic, RXDCTL0, RXDCTL_ENABLE); /* "The tail should not be bumped before this bit was read as 1b." */
  /* One behind the first: were RDT equal to RDH, the ring would not be full but empty. */
  sb_write32(REG(nic, RDT0), nic->ring_size - 1);
  /* No frame may be on its way through the card while RXEN is set: halt, wait until it is empty, enable, go on. */
  SET(nic, SECRXCTRL, SECRXCTRL_RX_DIS);
  WAIT_SET(nic, SECRXSTAT, SECRXSTAT_SECRX_RDY);
  SET(nic, RXCTRL, RXCTRL_RXEN);
  CLEAR(nic, SECRXCTRL, SECRXCTRL_RX_DIS);
}

/* ---- 4.6.8 transmit ------------------------------------------------------------------------------------------------- */

static void start_transmit(struct ixgbe *nic) {
  SET(nic, RTTDCS, RTTDCS_ARBDIS); /* The arbiter must stand still while the packet buffer is laid out. */
  sb_write32(REG(nic, DTXMXSZRQ), DTXMXSZRQ_MAX_BYTES);
  for (uint32_t n = 0; n < PACKET_BUFFER_COUNT; n++) sb_write32(REG(nic, TXPBSIZE(n)), n == 0 ? TXPBSIZE_160KB : 0);
  CLEAR(nic, RTTDCS, RTTDCS_ARBDIS);
  program_base(nic, &nic->tx, TDBAL0, TDBAH0, TDLEN0);
  sb_write32(REG(nic, TXDCTL0), TXDCTL_THRESHOLDS);
  SET(nic, DMATXCTL, DMATXCTL_TE); /* Not before the ring is known: TE enables queue 0 by itself (8.2.3.9.2). */
  SET(nic, TXDCTL0, TXDCTL_ENABLE);
  WAIT_SET(nic, TXDCTL0, TXDCTL_ENABLE);
}

/* ---- 4.6.6 interrupts ----------------------------------------------------------------------------------------------- */

/* Vector 0 is the receive queue's; its cause is enabled only in ixgbe_wait. */
static void start_interrupts(struct ixgbe *nic) {
  sb_interrupts(SB_MSIX, 1);
  SET(nic, GPIE, GPIE_MULTIPLE_MSIX | GPIE_PBA_SUPPORT);
  sb_write32(REG(nic, IVAR0), IVAR_INT_ALLOC_VAL); /* Written whole: the vectors have no reset value (8.2.3.5.16). */
  sb_write32(REG(nic, EIAC), BIT(0));              /* The message itself clears the cause. */
}

static void read_counters(struct ixgbe *nic, struct ixgbe_statistics *now);

struct ixgbe *ixgbe_open(const struct ixgbe_options *options) {
  uint32_t size = options->ring_size;
  if (size < 8 || size > 4096 || size % 8 != 0) sb_panic("a ring of %u descriptors: want 8 to 4096, a multiple of 8", size);
  struct ixgbe *nic = allocated(sb_alloc(sizeof(struct ixgbe)), "the driver");
  nic->bar = sb_bar(0);
  nic->ring_size = size;
  nic->group_end = allocated(sb_alloc(size * sizeof(uint16_t)), "the driver");
  nic->uses_interrupts = options->uses_interrupts;
  reset(nic);
  SET(nic, AUTOC, AUTOC_RESTART_AN); /* 4.6.4: the link comes up while the rest is set up. */
  read_counters(nic, &nic->before);  /* 4.6.5 */
  SET(nic, HLREG0, HLREG0_TXCRCEN | HLREG0_TXPADEN | HLREG0_RXCRCSTRP);
  ring_init(&nic->rx, size, "rx ring", "rx buffers");
  ring_init(&nic->tx, size, "tx ring", "tx buffers");
  start_receive(nic, options->is_promiscuous);
  start_transmit(nic);
  if (nic->uses_interrupts) start_interrupts(nic);
  wait_for(nic, LINKS, LINKS_LINK_UP, true, "LINKS.LINK_UP", LINK_LIMIT_NS);
#ifdef SB_MAPPED
  /* ENABLE reads back as what was stored, so the driver cannot see when the queues are up. It gives the card time. */
  sb_delay_us(50000);
#endif
  return nic;
}

void ixgbe_mac_address(struct ixgbe *nic, uint8_t address[6]) {
  uint32_t low = sb_read32(REG(nic, RAL0));
  uint32_t high = sb_read32(REG(nic, RAH0));
  for (uint32_t n = 0; n < 4; n++) address[n] = (uint8_t)(low >> 8 * n);
  for (uint32_t n = 0; n < 2; n++) address[4 + n] = (uint8_t)(high >> 8 * n);
}

/* ---- running: sending ----------------------------------------------------------------------------------------------- */

static void polled_in_vain(struct ixgbe *nic) {
  if (++nic->polls % POLLS_PER_RELAX == 0) sb_relax();
}

/* Takes back what the card has reported as sent; true when that is all. */
static bool clean(struct ixgbe *nic) {
  struct ring *tx = &nic->tx;
  while (tx->oldest != nic->group) {
    uint32_t last = nic->group_end[tx->oldest];
    uint32_t status = sb_load32(tx->descriptors + last * DESCRIPTOR_WORDS + TXD_STATUS);
    if ((status & TXD_STA_DD) == 0) return false;
    tx->oldest = following(nic, last);
  }
  return tx->oldest == tx->next;
}

void *ixgbe_transmit_buffer(struct ixgbe *nic) {
  struct ring *tx = &nic->tx;
  /* One descriptor stays free: were TDT equal to TDH, the ring would not be full but empty. */
  if (following(nic, tx->next) == tx->oldest) {
    clean(nic);
    if (following(nic, tx->next) == tx->oldest) {
      polled_in_vain(nic);
      return NULL;
    }
  }
  return tx->buffers + tx->next * IXGBE_BUFFER_BYTES;
}

/* From the first descriptor behind the last group to `last` is a group of which the card reports the last only. */
static void end_group(struct ixgbe *nic, uint32_t last) {
  nic->group_end[nic->group] = (uint16_t)last;
  nic->group = following(nic, last);
}

/* Advanced data descriptor (7.2.3.2.4). Its last word takes the DD of the lap before with it. */
void ixgbe_send(struct ixgbe *nic, uint32_t byte_length) {
  struct ring *tx = &nic->tx;
  uint32_t slot = tx->next;
  volatile uint32_t *descriptor = tx->descriptors + slot * DESCRIPTOR_WORDS;
  uint64_t buffer = sb_dma_address(tx->buffers + slot * IXGBE_BUFFER_BYTES);
  uint32_t in_group = slot >= nic->group ? slot - nic->group : slot + nic->ring_size - nic->group;
  bool reports = in_group + 1 == FRAMES_PER_REPORT;
  uint32_t command = TXD_DTYP_DATA | TXD_DCMD_DEXT | TXD_DCMD_IFCS | TXD_DCMD_EOP | (reports ? TXD_DCMD_RS : 0);
  sb_store32(descriptor, (uint32_t)buffer);
  sb_store32(descriptor + 1, (uint32_t)(buffer >> 32));
  sb_store32(descriptor + TXD_COMMAND, command | byte_length);
  sb_store32(descriptor + TXD_STATUS, byte_length << TXD_PAYLEN_SHIFT);
  if (reports) end_group(nic, slot);
  tx->next = following(nic, slot);
}

void ixgbe_flush(struct ixgbe *nic) {
  struct ring *tx = &nic->tx;
  if (nic->group != tx->next) {
    /* The last one reports, so that there is no frame whose DD never comes. It is not the card's yet. */
    uint32_t last = tx->next == 0 ? nic->ring_size - 1 : tx->next - 1;
    volatile uint32_t *command = tx->descriptors + last * DESCRIPTOR_WORDS + TXD_COMMAND;
    sb_store32(command, sb_load32(command) | TXD_DCMD_RS);
    end_group(nic, last);
  }
  /* The doorbell is ordered behind the stores to the descriptors and to the frames (writel). */
  sb_write32(REG(nic, TDT0), tx->next);
}

/* ---- running: receiving --------------------------------------------------------------------------------------------- */

static inline bool has_traffic(struct ixgbe *nic) {
  return (sb_load32(nic->rx.descriptors + nic->rx.next * DESCRIPTOR_WORDS + RXD_STATUS) & RXD_STAT_DD) != 0;
}

uint32_t ixgbe_receive(struct ixgbe *nic, uint32_t limit, ixgbe_use *use, void *context) {
  struct ring *rx = &nic->rx;
  uint32_t slot = rx->next;
  uint32_t last = slot;
  uint32_t count = 0;
  for (; count < limit; count++) {
    volatile uint32_t *descriptor = rx->descriptors + slot * DESCRIPTOR_WORDS;
    if ((sb_load32(descriptor + RXD_STATUS) & RXD_STAT_DD) == 0) break;
#ifndef IXGBE_WITHOUT_DMA_RMB
    /* The card writes DD last. Loads that overtook the one above could still see what was there before. */
    sb_dma_rmb();
#endif
    uint32_t byte_length = sb_load32(descriptor + RXD_LENGTH) & 0xffff;
    if (byte_length > IXGBE_BUFFER_BYTES) sb_panic("the card wrote a length of %u into rx descriptor %u", byte_length, slot);
    use(context, rx->buffers + slot * IXGBE_BUFFER_BYTES, byte_length);
    arm(rx, slot);
    last = slot;
    slot = following(nic, slot);
  }
  if (count == 0) {
    polled_in_vain(nic);
    return 0;
  }
  rx->next = slot;
  /* One doorbell for all of them. The descriptor at `last` itself is not the card's yet: the tail is one behind. */
  sb_write32(REG(nic, RDT0), last);
  return count;
}

bool ixgbe_wait(struct ixgbe *nic, uint32_t limit_us) {
  uint64_t deadline = sb_now_ns() + (uint64_t)limit_us * 1000;
  while (!has_traffic(nic)) {
    uint64_t now = sb_now_ns();
    if (now >= deadline) return has_traffic(nic); /* Held up since the last look, it may be there. */
    if (!nic->uses_interrupts) {
      sb_relax();
      continue;
    }
    sb_write32(REG(nic, EIMS), BIT(0));
    /* Look again after enabling: a frame that came after the empty look met a masked cause. The read pushes the store in
       front of it, and brings all DMA before its answer: older frames are seen here, younger ones interrupt. */
    sb_read32(REG(nic, STATUS));
    if (!has_traffic(nic)) sb_wait_interrupt(0, (uint32_t)((deadline - now) / 1000 + 1));
    sb_write32(REG(nic, EIMC), BIT(0));
  }
  return true;
}

/* ---- statistics: all cleared by the read ---------------------------------------------------------------------------- */

/* Octets are 36 bits: the low half is read first, and reading the high half clears both (8.2.3.23.24). */
static uint64_t octets(struct ixgbe *nic, uint32_t low, uint32_t high) {
  uint64_t value = sb_read32(REG(nic, low));
  return value | (uint64_t)(sb_read32(REG(nic, high)) & 0xf) << 32;
}

static void read_counters(struct ixgbe *nic, struct ixgbe_statistics *now) {
  *now = (struct ixgbe_statistics){0};
  now->frames_received = sb_read32(REG(nic, GPRC));
  now->bytes_received = octets(nic, GORCL, GORCH);
  now->frames_sent = sb_read32(REG(nic, GPTC));
  now->bytes_sent = octets(nic, GOTCL, GOTCH);
  now->crc_errors = sb_read32(REG(nic, CRCERRS));
  for (uint32_t n = 0; n < PACKET_BUFFER_COUNT; n++) now->frames_missed += sb_read32(REG(nic, RXMPC(n)));
}

/* Reading raw memory clears nothing: there the counters are running totals, of which what was there before is taken off. */
#ifdef SB_MAPPED
#define COUNT(field) (nic->statistics.field = now.field - nic->before.field)
#else
#define COUNT(field) (nic->statistics.field += now.field)
#endif

const struct ixgbe_statistics *ixgbe_count(struct ixgbe *nic) {
  struct ixgbe_statistics now;
  read_counters(nic, &now);
  COUNT(frames_received);
  COUNT(bytes_received);
  COUNT(frames_sent);
  COUNT(bytes_sent);
  COUNT(frames_missed);
  COUNT(crc_errors);
  return &nic->statistics;
}

/* ---- taking it down ------------------------------------------------------------------------------------------------- */

void ixgbe_close(struct ixgbe *nic) {
  sb_write32(REG(nic, EIMC), EIMC_ALL);
  CLEAR(nic, RXDCTL0, RXDCTL_ENABLE);
  WAIT_CLEAR(nic, RXDCTL0, RXDCTL_ENABLE);
  sb_delay_us(100); /* 4.6.7.1.2: data of the last frame may still be on its way. */
  CLEAR(nic, RXCTRL, RXCTRL_RXEN);
  uint64_t deadline = sb_now_ns() + DRAIN_LIMIT_NS;
  while (!clean(nic) && sb_now_ns() < deadline) sb_relax();
  CLEAR(nic, TXDCTL0, TXDCTL_ENABLE);
  WAIT_CLEAR(nic, TXDCTL0, TXDCTL_ENABLE);
  CLEAR(nic, DMATXCTL, DMATXCTL_TE);
  disable_master(nic);
  ring_free(&nic->rx);
  ring_free(&nic->tx);
  sb_free(nic->group_end);
  sb_free(nic);
}
