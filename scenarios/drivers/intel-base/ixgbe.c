/*
 * A driver for the 82599 on Intel's shared code: what that does (reset, EEPROM, PHY, link, filters, statistics, security
 * path) is left to it, and the rings, which every operating system has its own of, are here. It has the face of the
 * driver in ../c, so that the same main.c runs both.
 */
#include "ixgbe_type.h"
#include "ixgbe_api.h"
#include "ixgbe_common.h"

#include "../c/ixgbe.h"
#include "shared.h"

#define LINK_LIMIT_MS 5000u
#define QUEUE_LIMIT_MS 10u
#define DRAIN_LIMIT_MS 10u
/* A ring that is full or empty is looked at so often before the CPU relaxes: that is where it hears that the card is gone. */
#define POLLS_PER_RELAX 256u
#define IVAR_RX0_ON_VECTOR0 IXGBE_IVAR_ALLOC_VAL

struct ixgbe {
  struct ixgbe_hw hw;
  u32 ring_size;
  bool uses_interrupts;
  u32 polls; /* in vain, in a row */
  volatile union ixgbe_adv_rx_desc *rx;
  volatile union ixgbe_adv_tx_desc *tx;
  u8 *rx_buffers, *tx_buffers;
  u32 rx_next;            /* the driver's: the descriptor that comes next */
  u32 tx_next, tx_oldest; /* the driver's: the next to fill, and the oldest not known to be sent */
  u32 tx_rung;            /* up to here the card has been told */
  struct ixgbe_statistics statistics;
};

/* The shared code's answers are 0 or one of its negative numbers (IXGBE_ERR_…, in ixgbe_type.h). */
static void must(s32 status, const char *what) {
  if (status != IXGBE_SUCCESS) sb_panic("%s: the shared code says %d", what, status);
}
#define MUST(call) must(call, #call)

static void *allocated(void *memory, const char *what) {
  if (memory == NULL) sb_panic("no memory for %s", what);
  return memory;
}

static u32 following(const struct ixgbe *nic, u32 slot) { return slot + 1 == nic->ring_size ? 0 : slot + 1; }

static void wait_enable(struct ixgbe_hw *hw, u32 reg, u32 bit, bool is_set, const char *name) {
  for (u32 n = 0; n <= QUEUE_LIMIT_MS; n++) {
    if (((IXGBE_READ_REG(hw, reg) & bit) != 0) == is_set) return;
    msec_delay(1);
  }
  sb_panic("%s.ENABLE does not %s", name, is_set ? "come" : "go");
}

/* ---- the shared code brings the card up ----------------------------------------------------------------------------- */

static void identify(struct ixgbe_hw *hw) {
  hw->hw_addr = (u8 *)sb_bar(0);
  hw->vendor_id = (u16)sb_config_read16(0x00);
  hw->device_id = (u16)sb_config_read16(0x02);
  hw->revision_id = (u8)sb_config_read8(0x08);
  hw->subsystem_vendor_id = (u16)sb_config_read16(0x2c);
  hw->subsystem_device_id = (u16)sb_config_read16(0x2e);
  hw->allow_unsupported_sfp = sb_option("any-module", 0) != 0;
  MUST(ixgbe_init_shared_code(hw));
}

static void initialize(struct ixgbe_hw *hw) {
  hw->fc.requested_mode = ixgbe_fc_none;
  hw->fc.pause_time = 0xffff;
  MUST(ixgbe_init_eeprom_params(hw));
  MUST(ixgbe_validate_eeprom_checksum(hw, NULL));
  s32 status = ixgbe_init_hw(hw);
  /* An empty cage is no fault: a module may be plugged in later. */
  if (status != IXGBE_ERR_SFP_NOT_PRESENT) must(status, "ixgbe_init_hw(hw)");
  MUST(ixgbe_get_bus_info(hw));
  u32 extended = IXGBE_READ_REG(hw, IXGBE_CTRL_EXT);
  IXGBE_WRITE_REG(hw, IXGBE_CTRL_EXT, extended | IXGBE_CTRL_EXT_DRV_LOAD);
}

/* ---- rings (4.6.7, 4.6.8) ------------------------------------------------------------------------------------------- */

static void arm(struct ixgbe *nic, u32 slot) {
  nic->rx[slot].read.pkt_addr = sb_dma_address(nic->rx_buffers + slot * IXGBE_BUFFER_BYTES);
  nic->rx[slot].read.hdr_addr = 0; /* and with it DD */
}

static void program(struct ixgbe_hw *hw, const volatile void *ring, u32 byte_length, u32 low, u32 high, u32 length) {
  u64 base = sb_dma_address(ring);
  IXGBE_WRITE_REG(hw, low, (u32)base);
  IXGBE_WRITE_REG(hw, high, (u32)(base >> 32));
  IXGBE_WRITE_REG(hw, length, byte_length);
}

static void start_receive(struct ixgbe *nic, bool is_promiscuous) {
  struct ixgbe_hw *hw = &nic->hw;
  ixgbe_disable_rx(hw);
  u32 filter = IXGBE_READ_REG(hw, IXGBE_FCTRL) | IXGBE_FCTRL_BAM;
  if (is_promiscuous) filter |= IXGBE_FCTRL_UPE | IXGBE_FCTRL_MPE;
  IXGBE_WRITE_REG(hw, IXGBE_FCTRL, filter);
  u32 control = IXGBE_READ_REG(hw, IXGBE_RDRXCTL) & ~IXGBE_RDRXCTL_RSCFRSTSIZE;
  IXGBE_WRITE_REG(hw, IXGBE_RDRXCTL, control | IXGBE_RDRXCTL_CRCSTRIP);
  u32 size = nic->ring_size * (u32)sizeof(*nic->rx);
  program(hw, nic->rx, size, IXGBE_RDBAL(0), IXGBE_RDBAH(0), IXGBE_RDLEN(0));
  IXGBE_WRITE_REG(hw, IXGBE_RDH(0), 0);
  IXGBE_WRITE_REG(hw, IXGBE_RDT(0), 0);
  IXGBE_WRITE_REG(hw, IXGBE_SRRCTL(0), IXGBE_BUFFER_BYTES >> IXGBE_SRRCTL_BSIZEPKT_SHIFT | IXGBE_SRRCTL_DESCTYPE_ADV_ONEBUF);
  for (u32 slot = 0; slot < nic->ring_size; slot++) arm(nic, slot);
  IXGBE_WRITE_REG(hw, IXGBE_RXDCTL(0), IXGBE_READ_REG(hw, IXGBE_RXDCTL(0)) | IXGBE_RXDCTL_ENABLE);
  wait_enable(hw, IXGBE_RXDCTL(0), IXGBE_RXDCTL_ENABLE, true, "RXDCTL(0)");
  wmb();
  IXGBE_WRITE_REG(hw, IXGBE_RDT(0), nic->ring_size - 1);
  MUST(ixgbe_enable_rx_dma(hw, IXGBE_RXCTRL_RXEN));
}

static void start_transmit(struct ixgbe *nic) {
  struct ixgbe_hw *hw = &nic->hw;
  u32 arbiter = IXGBE_READ_REG(hw, IXGBE_RTTDCS);
  IXGBE_WRITE_REG(hw, IXGBE_RTTDCS, arbiter | IXGBE_RTTDCS_ARBDIS);
  IXGBE_WRITE_REG(hw, IXGBE_MTQC, IXGBE_MTQC_64Q_1PB);
  hw->mac.ops.setup_rxpba(hw, 0, 0, PBA_STRATEGY_EQUAL); /* the packet buffers of both directions */
  IXGBE_WRITE_REG(hw, IXGBE_RTTDCS, arbiter & ~IXGBE_RTTDCS_ARBDIS);
  u32 size = nic->ring_size * (u32)sizeof(*nic->tx);
  program(hw, nic->tx, size, IXGBE_TDBAL(0), IXGBE_TDBAH(0), IXGBE_TDLEN(0));
  IXGBE_WRITE_REG(hw, IXGBE_TDH(0), 0);
  IXGBE_WRITE_REG(hw, IXGBE_TDT(0), 0);
  IXGBE_WRITE_REG(hw, IXGBE_DMATXCTL, IXGBE_READ_REG(hw, IXGBE_DMATXCTL) | IXGBE_DMATXCTL_TE);
  IXGBE_WRITE_REG(hw, IXGBE_TXDCTL(0), IXGBE_READ_REG(hw, IXGBE_TXDCTL(0)) | IXGBE_TXDCTL_ENABLE);
  wait_enable(hw, IXGBE_TXDCTL(0), IXGBE_TXDCTL_ENABLE, true, "TXDCTL(0)");
}

static void start_interrupts(struct ixgbe_hw *hw) {
  sb_interrupts(SB_MSIX, 1);
  IXGBE_WRITE_REG(hw, IXGBE_GPIE, IXGBE_GPIE_MSIX_MODE | IXGBE_GPIE_PBA_SUPPORT);
  IXGBE_WRITE_REG(hw, IXGBE_IVAR(0), IVAR_RX0_ON_VECTOR0);
  IXGBE_WRITE_REG(hw, IXGBE_EIAC, IXGBE_EICR_RTX_QUEUE & 1);
}

static void bring_link_up(struct ixgbe_hw *hw) {
  ixgbe_link_speed speeds = 0;
  bool negotiates = false;
  MUST(ixgbe_get_link_capabilities(hw, &speeds, &negotiates));
  if (hw->mac.ops.enable_tx_laser != NULL) ixgbe_enable_tx_laser(hw);
  MUST(ixgbe_setup_link(hw, speeds, false));
  ixgbe_link_speed speed = 0;
  bool is_up = false;
  for (u32 n = 0; n < LINK_LIMIT_MS && !is_up; n++) {
    MUST(ixgbe_check_link(hw, &speed, &is_up, false));
    if (!is_up) msec_delay(1);
  }
  if (!is_up) sb_panic("no link after %u ms", LINK_LIMIT_MS);
  if (port_verbosity > 0) sb_log("link up, speed 0x%x", speed);
}

struct ixgbe *ixgbe_open(const struct ixgbe_options *options) {
  u32 size = options->ring_size;
  if (size < 8 || size > 4096 || size % 8 != 0) sb_panic("a ring of %u descriptors: want 8 to 4096, a multiple of 8", size);
  port_verbosity = (u32)sb_option("functions", 0);
  struct ixgbe *nic = allocated(sb_alloc(sizeof(struct ixgbe)), "the driver");
  nic->ring_size = size;
  nic->uses_interrupts = options->uses_interrupts;
  sb_set_bus_master(true);
  identify(&nic->hw);
  initialize(&nic->hw);
  nic->rx = allocated(sb_dma_alloc(size * sizeof(*nic->rx), 128, "rx ring"), "the rx ring");
  nic->tx = allocated(sb_dma_alloc(size * sizeof(*nic->tx), 128, "tx ring"), "the tx ring");
  nic->rx_buffers = allocated(sb_dma_alloc(size * IXGBE_BUFFER_BYTES, 4096, "rx buffers"), "rx buffers");
  nic->tx_buffers = allocated(sb_dma_alloc(size * IXGBE_BUFFER_BYTES, 4096, "tx buffers"), "tx buffers");
  start_transmit(nic);
  start_receive(nic, options->is_promiscuous);
  if (nic->uses_interrupts) start_interrupts(&nic->hw);
  bring_link_up(&nic->hw);
  return nic;
}

struct ixgbe_hw *ixgbe_shared(struct ixgbe *nic) { return &nic->hw; }

void ixgbe_mac_address(struct ixgbe *nic, uint8_t address[6]) { MUST(ixgbe_get_mac_addr(&nic->hw, address)); }

/* ---- running -------------------------------------------------------------------------------------------------------- */

static void polled_in_vain(struct ixgbe *nic) {
  if (++nic->polls % POLLS_PER_RELAX == 0) sb_relax();
}

static bool clean(struct ixgbe *nic) {
  while (nic->tx_oldest != nic->tx_rung && (nic->tx[nic->tx_oldest].wb.status & IXGBE_TXD_STAT_DD) != 0)
    nic->tx_oldest = following(nic, nic->tx_oldest);
  return nic->tx_oldest == nic->tx_rung;
}

void *ixgbe_transmit_buffer(struct ixgbe *nic) {
  /* One descriptor stays free: were TDT equal to TDH, the ring would not be full but empty. */
  if (following(nic, nic->tx_next) == nic->tx_oldest) {
    clean(nic);
    if (following(nic, nic->tx_next) == nic->tx_oldest) {
      polled_in_vain(nic);
      return NULL;
    }
  }
  return nic->tx_buffers + nic->tx_next * IXGBE_BUFFER_BYTES;
}

void ixgbe_send(struct ixgbe *nic, uint32_t byte_length) {
  u32 slot = nic->tx_next;
  nic->tx[slot].read.buffer_addr = sb_dma_address(nic->tx_buffers + slot * IXGBE_BUFFER_BYTES);
  nic->tx[slot].read.cmd_type_len = IXGBE_ADVTXD_DTYP_DATA | IXGBE_ADVTXD_DCMD_DEXT | IXGBE_ADVTXD_DCMD_IFCS |
                                    IXGBE_ADVTXD_DCMD_EOP | IXGBE_ADVTXD_DCMD_RS | byte_length;
  nic->tx[slot].read.olinfo_status = byte_length << IXGBE_ADVTXD_PAYLEN_SHIFT;
  nic->tx_next = following(nic, slot);
}

void ixgbe_flush(struct ixgbe *nic) {
  wmb();
  nic->tx_rung = nic->tx_next;
  IXGBE_WRITE_REG(&nic->hw, IXGBE_TDT(0), nic->tx_next);
}

static bool has_traffic(struct ixgbe *nic) {
  return (nic->rx[nic->rx_next].wb.upper.status_error & IXGBE_RXDADV_STAT_DD) != 0;
}

uint32_t ixgbe_receive(struct ixgbe *nic, uint32_t limit, ixgbe_use *use, void *context) {
  u32 last = nic->rx_next;
  u32 count = 0;
  for (; count < limit && has_traffic(nic); count++) {
#ifndef IXGBE_WITHOUT_RMB
    rmb();
#endif
    u32 byte_length = nic->rx[nic->rx_next].wb.upper.length;
    if (byte_length > IXGBE_BUFFER_BYTES) sb_panic("the card wrote a length of %u into rx descriptor %u", byte_length, nic->rx_next);
    use(context, nic->rx_buffers + nic->rx_next * IXGBE_BUFFER_BYTES, byte_length);
    last = nic->rx_next;
    arm(nic, last);
    nic->rx_next = following(nic, last);
  }
  if (count == 0) {
    polled_in_vain(nic);
    return 0;
  }
  wmb();
  IXGBE_WRITE_REG(&nic->hw, IXGBE_RDT(0), last); /* one behind */
  return count;
}

bool ixgbe_wait(struct ixgbe *nic, uint32_t limit_us) {
  u64 deadline = sb_now_ns() + (u64)limit_us * 1000;
  while (!has_traffic(nic)) {
    u64 now = sb_now_ns();
    if (now >= deadline) return false;
    if (!nic->uses_interrupts) {
      sb_relax();
      continue;
    }
    IXGBE_WRITE_REG(&nic->hw, IXGBE_EIMS, 1);
    /* Look again: what came before the unmasking was masked. The read brings it before its answer. */
    IXGBE_WRITE_FLUSH(&nic->hw);
    if (!has_traffic(nic)) sb_wait_interrupt(0, (u32)((deadline - now) / 1000 + 1));
    IXGBE_WRITE_REG(&nic->hw, IXGBE_EIMC, 1);
  }
  return true;
}

const struct ixgbe_statistics *ixgbe_count(struct ixgbe *nic) {
  struct ixgbe_hw *hw = &nic->hw;
  struct ixgbe_statistics *sum = &nic->statistics;
  sum->frames_received += IXGBE_READ_REG(hw, IXGBE_GPRC);
  sum->bytes_received += IXGBE_READ_REG(hw, IXGBE_GORCL);
  sum->bytes_received += (u64)(IXGBE_READ_REG(hw, IXGBE_GORCH) & 0xf) << 32;
  sum->frames_sent += IXGBE_READ_REG(hw, IXGBE_GPTC);
  sum->bytes_sent += IXGBE_READ_REG(hw, IXGBE_GOTCL);
  sum->bytes_sent += (u64)(IXGBE_READ_REG(hw, IXGBE_GOTCH) & 0xf) << 32;
  sum->crc_errors += IXGBE_READ_REG(hw, IXGBE_CRCERRS);
  for (u32 n = 0; n < 8; n++) sum->frames_missed += IXGBE_READ_REG(hw, IXGBE_MPC(n));
  return sum;
}

void ixgbe_close(struct ixgbe *nic) {
  struct ixgbe_hw *hw = &nic->hw;
  for (u32 n = 0; n < DRAIN_LIMIT_MS && !clean(nic); n++) msec_delay(1);
  MUST(ixgbe_stop_adapter(hw));
  sb_set_bus_master(false);
  sb_log("shared code: %u functions; %u register reads and %u writes, of %u registers", port_counts.functions,
         port_counts.reads, port_counts.writes, port_counts.registers);
  sb_dma_free((void *)nic->rx);
  sb_dma_free((void *)nic->tx);
  sb_dma_free(nic->rx_buffers);
  sb_dma_free(nic->tx_buffers);
  sb_free(nic);
}
