/** General control registers (data sheet 8.2.3.1) and timers (8.2.3.19). */

import { bit, bits, notModelled, type Register, register } from "../../../emulator/registers/declare.ts";
import { absent, type FieldedRegister, fielded } from "./shapes.ts";

/** Device control. RST and LRST read 1 until the device has finished the reset, about 1 ms later. */
export const CTRL: FieldedRegister<"MASTER_DISABLE" | "LRST" | "RST"> = fielded("CTRL", {
  offset: 0x00000,
  aliases: [{ offset: 0x00004 }],
  access: "rw",
  fields: {
    MASTER_DISABLE: bit(2, "rw", "Stop issuing requests; done when STATUS.MASTER_ENABLE falls (5.2.5.3.2)."),
    LRST: bit(3, "sc", "Link reset: resets everything, the MAC, PCS and auto-negotiation included."),
    RST: bit(26, "sc", "Device reset: all registers but those of the link go back to their defaults (4.2.1.7)."),
  },
  owner: "both",
  about: "Device control (8.2.3.1.1).",
});

export const STATUS: FieldedRegister<"LAN_ID" | "LINK_UP" | "NUM_VFS" | "IOV_ACTIVE" | "MASTER_ENABLE"> = fielded(
  "STATUS",
  {
    offset: 0x00008,
    access: "ro",
    fields: {
      LAN_ID: bits(3, 2),
      LINK_UP: bit(7, "ro", "Only meaningful with SR-IOV; drivers poll LINKS.UP."),
      NUM_VFS: bits(17, 10),
      IOV_ACTIVE: bit(18),
      MASTER_ENABLE: bit(19, "ro", "Falls after CTRL.MASTER_DISABLE, when the last outstanding request is complete."),
    },
    reset: 0x00080000,
    about: "Device status (8.2.3.1.2). Drivers read it to push posted writes to the card.",
  },
);

export const CTRL_EXT: FieldedRegister<"PFRSTD" | "NS_DIS" | "RO_DIS" | "EXTENDED_VLAN" | "DRV_LOAD"> = fielded(
  "CTRL_EXT",
  {
    offset: 0x00018,
    access: "rw",
    fields: {
      PFRSTD: bit(14, "rw", "Tells the virtual functions that the reset is done."),
      NS_DIS: bit(16, "rw", "No snoop disable."),
      RO_DIS: bit(17, "rw", "Relaxed ordering disable."),
      EXTENDED_VLAN: notModelled(
        bit(26, "rw", "Double VLAN: every frame carries an outer tag."),
        "frames have one tag at most, and an outer one is taken for an unknown EtherType",
      ),
      DRV_LOAD: bit(28, "rw", "Tells the firmware that a driver has taken the port."),
    },
    modelled: "partly",
    about: "Extended device control (8.2.3.1.3). Stored; double VLAN and virtual functions are not modelled.",
  },
);

export const ESDP: FieldedRegister<"SDP_DATA" | "SDP_IODIR"> = fielded("ESDP", {
  offset: 0x00020,
  access: "rw",
  fields: {
    SDP_DATA: bits(7, 0, "rw", "Level of SDP7…0; a pin that is no output gives what is outside."),
    SDP_IODIR: bits(15, 8, "rw", "1: output."),
    SDP_NATIVE: bits(23, 16, "rw", "1: native function."),
    SDP2_TS_TT1: bit(26),
    SDP3_TS_TT0: bit(27),
    SDP4_FUNC: bit(28),
    SDP5_FUNC: bit(29),
    SDP6_TS_TT1: bit(30),
    SDP7_TS_TT0: bit(31),
  },
  owner: "both",
  modelled: "partly",
  about:
    "Extended SDP control (8.2.3.1.4). SDP2 says whether the SFP+ cage is full; the laser that SDP3 switches off shines on, and nothing is wired to the others.",
});

export const I2CCTL: FieldedRegister<"CLK_IN" | "CLK_OUT" | "DATA_IN" | "DATA_OUT"> = fielded("I2CCTL", {
  offset: 0x00028,
  access: "rw",
  fields: {
    CLK_IN: bit(0, "ro", "Level of SCL."),
    CLK_OUT: bit(1, "rw", "0 pulls SCL low."),
    DATA_IN: bit(2, "ro", "Level of SDA."),
    DATA_OUT: bit(3, "rw", "0 pulls SDA low."),
  },
  reset: 0x0000000f,
  owner: "both",
  about: "I2C control (8.2.3.1.5): the bus of the SFP+ module, moved edge by edge. The module answers at 0xa0.",
});

export const LEDCTL: Register = register("LEDCTL", {
  offset: 0x00200,
  access: "rw",
  fields: {
    LED0_MODE: bits(3, 0),
    GLOBAL_BLINK_MODE: bit(5),
    LED0_IVRT: bit(6),
    LED0_BLINK: bit(7),
    LED1_MODE: bits(11, 8),
    LED1_IVRT: bit(14),
    LED1_BLINK: bit(15),
    LED2_MODE: bits(19, 16),
    LED2_IVRT: bit(22),
    LED2_BLINK: bit(23),
    LED3_MODE: bits(27, 24),
    LED3_IVRT: bit(30),
    LED3_BLINK: bit(31),
  },
  reset: 0x05040100,
  modelled: "partly",
  about: "LED control (8.2.3.1.6). Stored; there are no LEDs.",
});

export const EXVET: Register = register("EXVET", {
  offset: 0x05078,
  access: "rw",
  fields: { VET_EXT: bits(31, 16, "rw", "EtherType of the outer tag.") },
  reset: 0x81000000,
  modelled: "partly",
  about: "Extended VLAN EtherType (8.2.3.1.7). Stored; double VLAN (CTRL_EXT.EXTENDED_VLAN) is not modelled.",
});

export const FRTIMER: Register = absent(
  "FRTIMER",
  0x00048,
  "Free-running timer, not in the data sheet. Stands still.",
  {
    access: "ro",
  },
);

export const TCPTIMER: Register = absent("TCPTIMER", 0x0004c, "TCP timer (8.2.3.19.1). Never runs, never interrupts.", {
  fields: {
    DURATION: bits(7, 0, "rw", "In ms."),
    KICK_START: bit(8, "wo"),
    COUNT_ENABLE: bit(9),
    COUNT_FINISH: bit(10, "wo", "Ends the count at once."),
    LOOP: bit(11),
  },
});

export const GENERAL_REGISTERS: readonly Register[] = [
  CTRL,
  STATUS,
  CTRL_EXT,
  ESDP,
  I2CCTL,
  LEDCTL,
  EXVET,
  FRTIMER,
  TCPTIMER,
];
