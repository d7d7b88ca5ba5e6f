/*
 * A tour through what Intel's shared code can do to a card: softbar calls `sb_tour`, and for what the simulated card does not
 * do `sb_beyond`. What the shared code has set up is looked at by another way than the one it came by: frames that pass a
 * filter or do not, through a plug that joins the port to itself (--loopback), counters, and the bits of the registers.
 */
#include "ixgbe_type.h"
#include "ixgbe_api.h"
#include "ixgbe_82599.h"
#include "ixgbe_common.h"
#include "ixgbe_dcb.h"
#include "ixgbe_dcb_82599.h"

#include "../c/ixgbe.h"
#include "shared.h"

#define FRAME_BYTES 64u
#define RING_SIZE 64u
#define FRAME_LIMIT_US 2000000u
#define LINK_LIMIT_MS 2000u
#define NO_TAG (-1)
#define MARKER 0xff

static struct ixgbe *nic;
static struct ixgbe_hw *hw;
static u32 frames_passed;

#define CHECK(holds) ((holds) ? (void)0 : sb_panic("line %d: not so: %s", __LINE__, #holds))
#define MUST(call) must((call), __LINE__, #call)
static void must(s32 status, int line, const char *what) {
  if (status != IXGBE_SUCCESS) sb_panic("line %d: %s: the shared code says %d", line, what, status);
}

static const u8 broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* ---- frames ---------------------------------------------------------------------------------------------------------- */

static void send(const u8 to[6], int vlan, u8 number) {
  u8 *frame = ixgbe_transmit_buffer(nic);
  CHECK(frame != NULL);
  u32 at = 12;
  memset(frame, 0, FRAME_BYTES);
  memcpy(frame, to, 6);
  frame[6] = 2; /* from a local address */
  if (vlan != NO_TAG) {
    frame[at++] = 0x81;
    frame[at++] = 0x00;
    frame[at++] = (u8)(vlan >> 8);
    frame[at++] = (u8)vlan;
  }
  frame[at++] = 0x88; /* EtherType for experiments */
  frame[at++] = 0xb5;
  frame[FRAME_BYTES - 1] = number;
  ixgbe_send(nic, FRAME_BYTES);
}

struct seen {
  bool wanted, marker;
};

static void look(void *context, const void *frame, uint32_t byte_length) {
  struct seen *seen = context;
  CHECK(byte_length == FRAME_BYTES);
  if (((const u8 *)frame)[FRAME_BYTES - 1] == MARKER) seen->marker = true;
  else seen->wanted = true;
}

/* Whether a frame to this address gets in. One to everybody follows it: when that is there and the other is not, it never comes. */
static bool gets_in(const u8 to[6], int vlan) {
  struct seen seen = {false, false};
  send(to, vlan, 1);
  send(broadcast, NO_TAG, MARKER);
  ixgbe_flush(nic);
  while (!seen.marker)
    if (ixgbe_receive(nic, 8, look, &seen) == 0 && !ixgbe_wait(nic, FRAME_LIMIT_US)) sb_panic("a frame to everybody never came");
  frames_passed += seen.wanted ? 2 : 1;
  return seen.wanted;
}

/* ---- what the card does ---------------------------------------------------------------------------------------------- */

static void tour_nvm(void) {
  u16 word = 0, words[4];
  u32 number = 0;
  u8 text[16], san[6];
  MUST(ixgbe_validate_eeprom_checksum(hw, &word));
  MUST(ixgbe_read_eeprom(hw, IXGBE_FW_PTR, &word));
  MUST(ixgbe_read_eeprom_buffer(hw, IXGBE_FW_PTR, 4, words));
  CHECK(words[0] == word);
  MUST(ixgbe_read_pba_string(hw, text, sizeof(text)));
  CHECK(text[0] == 'S' && text[9] == '1');
  CHECK(ixgbe_read_pba_num(hw, &number) == IXGBE_NOT_IMPLEMENTED);
  MUST(ixgbe_get_device_caps(hw, &word));
  MUST(ixgbe_get_san_mac_addr(hw, san));
  MUST(ixgbe_get_wwn_prefix(hw, words, words + 1));
  MUST(ixgbe_get_fcoe_boot_status(hw, &word));
  CHECK(!ixgbe_mng_present(hw) && !ixgbe_mng_enabled(hw));
  CHECK(!ixgbe_verify_lesm_fw_enabled_82599(hw));
  MUST(ixgbe_acquire_swfw_semaphore(hw, IXGBE_GSSR_EEP_SM | IXGBE_GSSR_PHY0_SM));
  CHECK((IXGBE_READ_REG(hw, IXGBE_GSSR) & (IXGBE_GSSR_EEP_SM | IXGBE_GSSR_PHY0_SM)) == (IXGBE_GSSR_EEP_SM | IXGBE_GSSR_PHY0_SM));
  ixgbe_release_swfw_semaphore(hw, IXGBE_GSSR_EEP_SM | IXGBE_GSSR_PHY0_SM);
  CHECK(IXGBE_READ_REG(hw, IXGBE_GSSR) == 0);
}

/* Writing goes bit by bit, reading through a register of its own. */
static void tour_nvm_writing(void) {
  u16 word = 0, kept[8], words[8], again[8];
  MUST(ixgbe_read_eeprom_buffer(hw, 0x200, 8, kept));
  for (u16 n = 0; n < 8; n++) words[n] = (u16)(0x1234 * (n + 1));
  MUST(ixgbe_write_eeprom_buffer(hw, 0x200, 8, words));
  MUST(ixgbe_read_eeprom_buffer(hw, 0x200, 8, again));
  for (u16 n = 0; n < 8; n++) CHECK(again[n] == words[n]);
  MUST(ixgbe_read_eeprom_buffer_bit_bang_generic(hw, 0x200, 8, again));
  for (u16 n = 0; n < 8; n++) CHECK(again[n] == words[n]);
  MUST(ixgbe_write_eeprom_buffer(hw, 0x200, 8, kept));
  MUST(ixgbe_write_eeprom(hw, 0x30, 0x4711));
  CHECK(ixgbe_validate_eeprom_checksum(hw, &word) == IXGBE_ERR_EEPROM_CHECKSUM);
  MUST(ixgbe_update_eeprom_checksum(hw));
  MUST(ixgbe_validate_eeprom_checksum(hw, &word));
  MUST(ixgbe_write_eeprom(hw, 0x30, 0));
  MUST(ixgbe_update_eeprom_checksum(hw));
}

static void tour_medium(void) {
  bool has_module = ixgbe_get_media_type(hw) == ixgbe_media_type_fiber;
  u64 layer = ixgbe_get_supported_physical_layer(hw);
  const u64 backplane = IXGBE_PHYSICAL_LAYER_10GBASE_KX4 | IXGBE_PHYSICAL_LAYER_10GBASE_KR | IXGBE_PHYSICAL_LAYER_1000BASE_KX;
  if (has_module) CHECK(layer == IXGBE_PHYSICAL_LAYER_10GBASE_SR || layer == IXGBE_PHYSICAL_LAYER_SFP_PLUS_CU);
  else CHECK(layer == backplane);
  if (has_module) {
    u8 byte = 0;
    u8 sum = 0;
    for (u8 at = 0; at < 63; at++) {
      MUST(ixgbe_read_i2c_eeprom(hw, at, &byte));
      sum += byte;
    }
    MUST(ixgbe_read_i2c_eeprom(hw, 63, &byte));
    CHECK(byte == sum); /* SFF-8472, CC_BASE */
    CHECK(ixgbe_write_i2c_eeprom(hw, 0, 0) == IXGBE_ERR_I2C);
    ixgbe_disable_tx_laser(hw);
    ixgbe_enable_tx_laser(hw);
  }
  CHECK(ixgbe_get_thermal_sensor_data(hw) == IXGBE_NOT_IMPLEMENTED);
  u8 analog = 0;
  MUST(ixgbe_write_analog_reg8(hw, 0x24, 0));
  MUST(ixgbe_read_analog_reg8(hw, 0x24, &analog));
  ixgbe_stop_mac_link_on_d3_82599(hw);
  for (u32 led = 0; led < 4; led++) {
    MUST(ixgbe_led_on(hw, led));
    MUST(ixgbe_led_off(hw, led));
  }
  MUST(ixgbe_blink_led_start(hw, 2));
  MUST(ixgbe_blink_led_stop(hw, 2));
}

static ixgbe_link_speed link_after(ixgbe_link_speed wanted) {
  ixgbe_link_speed speed = 0;
  bool is_up = false;
  MUST(ixgbe_setup_link(hw, wanted, true));
  for (u32 n = 0; n < LINK_LIMIT_MS && !is_up; n++) {
    MUST(ixgbe_check_link(hw, &speed, &is_up, false));
    if (!is_up) msec_delay(1);
  }
  CHECK(is_up);
  return speed;
}

static void tour_link(void) {
  ixgbe_link_speed speeds = 0;
  bool negotiates = false;
  MUST(ixgbe_get_link_capabilities(hw, &speeds, &negotiates));
  if ((speeds & IXGBE_LINK_SPEED_1GB_FULL) != 0) CHECK(link_after(IXGBE_LINK_SPEED_1GB_FULL) == IXGBE_LINK_SPEED_1GB_FULL);
  else CHECK(ixgbe_setup_link(hw, IXGBE_LINK_SPEED_1GB_FULL, true) == IXGBE_ERR_LINK_SETUP);
  CHECK(link_after(speeds) == IXGBE_LINK_SPEED_10GB_FULL);
  MUST(ixgbe_start_mac_link_82599(hw, true));
  CHECK(link_after(speeds) == IXGBE_LINK_SPEED_10GB_FULL);
  MUST(ixgbe_fc_enable(hw));
}

/* The addresses of a list lie one behind the other. */
static u8 *next_address(struct ixgbe_hw *unused, u8 **list, u32 *pool) {
  u8 *address = *list;
  (void)unused;
  *list += 6;
  *pool = 0;
  return address;
}

static void tour_addresses(void) {
  u8 own[6], other[6] = {0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01}, third[6] = {0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x02};
  u8 groups[2][6] = {{0x01, 0x00, 0x5e, 0x01, 0x02, 0x03}, {0x33, 0x33, 0x00, 0x00, 0x00, 0x01}};
  u8 stranger[6] = {0x01, 0x00, 0x5e, 0x7f, 0x55, 0xaa}; /* the filter is by 12 bits: others might get in */
  MUST(ixgbe_get_mac_addr(hw, own));
  CHECK(gets_in(own, NO_TAG) && !gets_in(other, NO_TAG) && !gets_in(groups[0], NO_TAG));
  MUST(ixgbe_set_rar(hw, 5, other, 0, IXGBE_RAH_AV));
  CHECK(gets_in(other, NO_TAG) && !gets_in(third, NO_TAG));
  MUST(ixgbe_clear_rar(hw, 5));
  CHECK(!gets_in(other, NO_TAG));
  u8 list[2][6];
  memcpy(list[0], other, 6);
  memcpy(list[1], third, 6);
  MUST(ixgbe_update_uc_addr_list(hw, list[0], 2, next_address));
  CHECK(gets_in(other, NO_TAG) && gets_in(third, NO_TAG) && gets_in(own, NO_TAG));
  s32 slot = ixgbe_insert_mac_addr(hw, other, 0);
  CHECK(slot > 0 && slot < 128);
  MUST(ixgbe_update_uc_addr_list(hw, list[0], 0, next_address));
  MUST(ixgbe_clear_rar(hw, (u32)slot));
  for (u32 type = 0; type < 4; type++) {
    hw->mac.mc_filter_type = type; /* which 12 bits of an address are looked up */
    MUST(ixgbe_update_mc_addr_list(hw, groups[0], 2, next_address, true));
    CHECK(gets_in(groups[0], NO_TAG) && gets_in(groups[1], NO_TAG) && !gets_in(stranger, NO_TAG));
  }
  MUST(ixgbe_disable_mc(hw));
  CHECK(!gets_in(groups[0], NO_TAG));
  MUST(ixgbe_enable_mc(hw));
  CHECK(gets_in(groups[0], NO_TAG));
  hw->mac.mc_filter_type = 0;
  MUST(ixgbe_init_rx_addrs(hw));
  CHECK(gets_in(own, NO_TAG) && !gets_in(groups[0], NO_TAG));
}

static void tour_vlans(void) {
  u32 before = IXGBE_READ_REG(hw, IXGBE_VLNCTRL);
  MUST(ixgbe_clear_vfta(hw));
  IXGBE_WRITE_REG(hw, IXGBE_VLNCTRL, before | IXGBE_VLNCTRL_VFE);
  const int known[3] = {1, 100, 4095};
  for (u32 n = 0; n < 3; n++) {
    CHECK(!gets_in(broadcast, known[n]));
    MUST(ixgbe_set_vfta(hw, (u32)known[n], 0, true, false));
    CHECK(gets_in(broadcast, known[n]) && !gets_in(broadcast, known[n] ^ 2));
  }
  for (u32 n = 0; n < 3; n++) {
    MUST(ixgbe_set_vfta(hw, (u32)known[n], 0, false, false));
    CHECK(!gets_in(broadcast, known[n]));
  }
  CHECK(ixgbe_set_vfta(hw, 4096, 0, true, false) == IXGBE_ERR_PARAM);
  IXGBE_WRITE_REG(hw, IXGBE_VLNCTRL, before);
}

static void tour_counters(void) {
  u8 own[6];
  MUST(ixgbe_get_mac_addr(hw, own));
  CHECK(IXGBE_READ_REG(hw, IXGBE_GPRC) == frames_passed);
  /* That read has cleared it: without another frame there would be nothing to clear. */
  CHECK(gets_in(own, NO_TAG));
  MUST(ixgbe_clear_hw_cntrs(hw));
  CHECK(gets_in(own, NO_TAG));
  CHECK(IXGBE_READ_REG(hw, IXGBE_GPRC) == 2 && IXGBE_READ_REG(hw, IXGBE_GPTC) == 2 && IXGBE_READ_REG(hw, IXGBE_QPRC(0)) == 2);
}

static void tour_receiver(void) {
  u8 own[6];
  MUST(ixgbe_get_mac_addr(hw, own));
  ixgbe_disable_rx(hw);
  CHECK((IXGBE_READ_REG(hw, IXGBE_RXCTRL) & IXGBE_RXCTRL_RXEN) == 0);
  ixgbe_enable_rx(hw);
  CHECK(gets_in(own, NO_TAG));
  MUST(ixgbe_disable_sec_rx_path(hw));
  MUST(ixgbe_enable_sec_rx_path(hw));
  MUST(ixgbe_enable_rx_dma(hw, IXGBE_RXCTRL_RXEN));
  CHECK(gets_in(own, NO_TAG));
  ixgbe_enable_relaxed_ordering(hw);
}

static void open(void) {
  struct ixgbe_options options = {.ring_size = RING_SIZE};
  nic = ixgbe_open(&options);
  hw = ixgbe_shared(nic);
  frames_passed = 0;
}

SB_EXPORT(sb_tour) int32_t sb_tour(void) {
  open();
  tour_addresses();
  tour_vlans();
  tour_counters();
  tour_receiver();
  tour_nvm();
  tour_nvm_writing();
  tour_medium();
  tour_link();
  /* Once more, from a card that is running, and with the two resets that follow each other after a transmit timeout. */
  hw->mac.flags |= IXGBE_FLAGS_DOUBLE_RESET_REQUIRED;
  MUST(ixgbe_reset_hw(hw));
  MUST(ixgbe_start_hw(hw));
  ixgbe_close(nic);
  return 0;
}

/* ---- what a driver does wrong: softbar says so ----------------------------------------------------------------------- */

enum mistake { TAIL_BEYOND_RING, RING_MOVED, WRITE_IN_RESET, COUNTER_READ_TWICE, MEMORY_TAKEN_AWAY };

SB_EXPORT(sb_mistake) void sb_mistake(enum mistake which) {
  u8 address[6] = {0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01};
  open();
  if (which == TAIL_BEYOND_RING) IXGBE_WRITE_REG(hw, IXGBE_RDT(0), RING_SIZE);
  if (which == RING_MOVED) IXGBE_WRITE_REG(hw, IXGBE_TDBAL(0), IXGBE_READ_REG(hw, IXGBE_TDBAL(0)) + 128);
  if (which == WRITE_IN_RESET) {
    IXGBE_WRITE_REG(hw, IXGBE_CTRL, IXGBE_CTRL_RST);
    while ((IXGBE_READ_REG(hw, IXGBE_CTRL) & IXGBE_CTRL_RST) != 0) usec_delay(1);
    MUST(ixgbe_set_rar(hw, 1, address, 0, IXGBE_RAH_AV));
  }
  if (which == COUNTER_READ_TWICE) {
    CHECK(gets_in(broadcast, NO_TAG));
    CHECK(IXGBE_READ_REG(hw, IXGBE_GPRC) > IXGBE_READ_REG(hw, IXGBE_GPRC));
  }
  if (which == MEMORY_TAKEN_AWAY) {
    sb_dma_free((void *)(uintptr_t)IXGBE_READ_REG(hw, IXGBE_RDBAL(0)));
    send(broadcast, NO_TAG, 1);
    ixgbe_flush(nic);
  }
}

/* ---- what it does not do: it says so -------------------------------------------------------------------------------- */

static void beyond_flow_control(void) {
  hw->fc.requested_mode = ixgbe_fc_full;
  hw->fc.high_water[0] = 256;
  hw->fc.low_water[0] = 128;
  MUST(ixgbe_setup_fc(hw));
  link_after(IXGBE_LINK_SPEED_10GB_FULL);
  MUST(ixgbe_fc_enable(hw));
  hw->fc.requested_mode = ixgbe_fc_none;
  MUST(ixgbe_setup_fc(hw));
  MUST(ixgbe_fc_enable(hw));
}

static void beyond_flow_director(void) {
  union ixgbe_atr_hash_dword input = {0}, common = {0};
  MUST(ixgbe_init_fdir_signature_82599(hw, IXGBE_FDIRCTRL_PBALLOC_64K));
  ixgbe_fdir_add_signature_filter_82599(hw, input, common, 0);
  (void)ixgbe_reinit_fdir_tables_82599(hw); /* the answer depends on a bit that the card does not set */
}

static void beyond_perfect_filters(void) {
  union ixgbe_atr_input flow = {.formatted = {.flow_type = IXGBE_ATR_FLOW_TYPE_UDPV4, .dst_port = 0x1234}};
  union ixgbe_atr_input mask = {.formatted = {.flow_type = IXGBE_ATR_L4TYPE_MASK, .dst_port = 0xffff}};
  MUST(ixgbe_init_fdir_perfect_82599(hw, IXGBE_FDIRCTRL_PBALLOC_64K, false));
  ixgbe_set_fdir_drop_queue_82599(hw, 127);
  MUST(ixgbe_fdir_set_input_mask_82599(hw, &mask, false));
  MUST(ixgbe_fdir_write_perfect_filter_82599(hw, &flow, 1, 0, false));
}

static void beyond_dcb(void) {
  u16 refill[8], most[8];
  u8 shares[8] = {100}, groups[8] = {0}, priorities[8] = {0};
  u8 kinds[8] = {0};
  static struct ixgbe_dcb_config classes;
  classes.num_tcs.pg_tcs = 8;
  MUST(ixgbe_dcb_config_82599(hw, &classes));
  MUST(ixgbe_dcb_calculate_tc_credits(shares, refill, most, 2000));
  MUST(ixgbe_dcb_hw_config(hw, refill, most, groups, kinds, priorities));
}

static void beyond_firmware(void) {
  char version[] = "";
  CHECK(ixgbe_set_fw_drv_ver(hw, 1, 2, 3, 4, 0, version) != IXGBE_SUCCESS);
  CHECK(ixgbe_get_thermal_sensor_data(hw) != IXGBE_SUCCESS);
}

SB_EXPORT(sb_beyond) int32_t sb_beyond(void) {
  open();
  beyond_flow_control();
  beyond_flow_director();
  beyond_perfect_filters();
  beyond_dcb();
  beyond_firmware();
  ixgbe_close(nic);
  return 0;
}
