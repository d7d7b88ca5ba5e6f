/**
 * The driver's own header: the registers and bits of the 82599 that it touches, spelled as in the data sheet (Intel
 * 331520, rev 3.3, chapter 8). Offsets are bytes into BAR 0; a queue's registers are functions of its number.
 */

// ---- general: 8.2.3.1 ----------------------------------------------------------------------------------------------
export const CTRL = 0x00000;
export const CTRL_PCIE_MASTER_DISABLE: number = 1 << 2;
export const CTRL_LRST: number = 1 << 3;
export const CTRL_RST: number = 1 << 26;
export const STATUS = 0x00008;
export const STATUS_PCIE_MASTER_ENABLE: number = 1 << 19;
export const CTRL_EXT = 0x00018;
export const CTRL_EXT_NS_DIS: number = 1 << 16;
export const EEC = 0x10010;
export const EEC_AUTO_RD: number = 1 << 9;
export const EEMNGCTL = 0x10110;
export const EEMNGCTL_CFG_DONE0: number = 1 << 18;

// ---- interrupts: 8.2.3.5 -------------------------------------------------------------------------------------------
export const EICR = 0x00800;
/** Link status change. The same bit in EIMS. */
export const EICR_LSC: number = 1 << 20;
export const EICR_PCI_EXCEPTION: number = 1 << 18;
export const EICS = 0x00808;
export const EIAC = 0x00810;
export const EITR = (vector: number): number => 0x00820 + 4 * vector;
export const EITR_ITR_INTERVAL_SHIFT = 3;
export const EIMS = 0x00880;
export const EIMC = 0x00888;
export const EIMC_ALL = 0x7fff_ffff;
export const GPIE = 0x00898;
export const GPIE_MULTIPLE_MSIX: number = 1 << 4;
export const GPIE_PBA_SUPPORT: number = 1 << 31;
/** One register for two queues: bytes rx 2n, tx 2n, rx 2n + 1, tx 2n + 1. */
export const IVAR = (pair: number): number => 0x00900 + 4 * pair;
export const IVAR_INT_ALLOC_VAL = 0x80;
/** Byte 1: the causes that belong to no queue. */
export const IVAR_MISC = 0x00a00;
export const IVAR_MISC_OTHER_SHIFT = 8;

// ---- flow control: 8.2.3.3 -----------------------------------------------------------------------------------------
export const FCRTH = (buffer: number): number => 0x03260 + 4 * buffer;

// ---- receive: 8.2.3.7, 8.2.3.8 -------------------------------------------------------------------------------------
export const RDBAL = (queue: number): number => 0x01000 + 0x40 * queue;
export const RDBAH = (queue: number): number => 0x01004 + 0x40 * queue;
export const RDLEN = (queue: number): number => 0x01008 + 0x40 * queue;
export const RDH = (queue: number): number => 0x01010 + 0x40 * queue;
export const RDT = (queue: number): number => 0x01018 + 0x40 * queue;
export const RXDCTL = (queue: number): number => 0x01028 + 0x40 * queue;
export const RXDCTL_ENABLE: number = 1 << 25;
export const RXDCTL_VME: number = 1 << 30;
export const SRRCTL = (queue: number): number => 0x02100 + 4 * queue;
export const SRRCTL_BSIZEHEADER_256: number = 4 << 8;
export const SRRCTL_DESCTYPE_ADVANCED: number = 1 << 25;
export const SRRCTL_DROP_EN: number = 1 << 28;
export const DCA_RXCTRL = (queue: number): number => 0x02200 + 4 * queue;
/** Reserved, initially 1; 4.6.7 says to clear it. */
export const DCA_RXCTRL_BIT_12: number = 1 << 12;
export const RDRXCTL = 0x02f00;
export const RDRXCTL_CRCSTRIP: number = 1 << 1;
export const RDRXCTL_RSCFRSTSIZE: number = 0x1f << 17;
export const RDRXCTL_DMAIDONE: number = 1 << 3;
export const RXCTRL = 0x03000;
export const RXCTRL_RXEN = 1;
export const RXPBSIZE = (buffer: number): number => 0x03c00 + 4 * buffer;
export const RXPBSIZE_512KB: number = 0x200 << 10;
export const SECRXCTRL = 0x08d00;
export const SECRXCTRL_RX_DIS: number = 1 << 1;
export const SECRXSTAT = 0x08d04;
export const SECRXSTAT_SECRX_RDY = 1;
export const RXCSUM = 0x05000;
export const RXCSUM_PCSD: number = 1 << 13;
export const FCTRL = 0x05080;
export const FCTRL_MPE: number = 1 << 8;
export const FCTRL_UPE: number = 1 << 9;
export const FCTRL_BAM: number = 1 << 10;
export const MTA = (index: number): number => 0x05200 + 4 * index;
export const MTA_COUNT = 128;
export const MRQC = 0x05818;
export const MRQC_MRQE_RSS = 1;
/** TCP and UDP over IPv4 and IPv6, and either IP alone. */
export const MRQC_RSS_FIELDS: number = 0b1111_0011 << 16;
/** Four entries of four bits, one in each byte. */
export const RETA = (index: number): number => 0x05c00 + 4 * index;
export const RETA_COUNT = 32;
export const RSSRK = (index: number): number => 0x05c80 + 4 * index;
export const RAL = (index: number): number => 0x0a200 + 8 * index;
export const RAH = (index: number): number => 0x0a204 + 8 * index;

// ---- transmit: 8.2.3.9 ---------------------------------------------------------------------------------------------
export const RTTDCS = 0x04900;
export const RTTDCS_ARBDIS: number = 1 << 6;
export const DMATXCTL = 0x04a80;
export const DMATXCTL_TE = 1;
export const TDBAL = (queue: number): number => 0x06000 + 0x40 * queue;
export const TDBAH = (queue: number): number => 0x06004 + 0x40 * queue;
export const TDLEN = (queue: number): number => 0x06008 + 0x40 * queue;
export const TDT = (queue: number): number => 0x06018 + 0x40 * queue;
export const TXDCTL = (queue: number): number => 0x06028 + 0x40 * queue;
export const TXDCTL_PTHRESH_SHIFT = 0;
export const TXDCTL_HTHRESH_SHIFT = 8;
export const TXDCTL_ENABLE: number = 1 << 25;
export const DTXMXSZRQ = 0x08100;
export const DTXMXSZRQ_MAX_BYTES = 0xfff;
export const TXPBSIZE = (buffer: number): number => 0x0cc00 + 4 * buffer;
export const TXPBSIZE_160KB: number = 0xa0 << 10;
export const PACKET_BUFFER_COUNT = 8;

// ---- MAC and link: 8.2.3.22 ----------------------------------------------------------------------------------------
export const HLREG0 = 0x04240;
export const HLREG0_TXCRCEN: number = 1 << 0;
export const HLREG0_RXCRCSTRP: number = 1 << 1;
export const HLREG0_JUMBOEN: number = 1 << 2;
export const HLREG0_TXPADEN: number = 1 << 10;
export const MAXFRS = 0x04268;
export const MAXFRS_MFS_SHIFT = 16;
export const AUTOC = 0x042a0;
export const AUTOC_RESTART_AN: number = 1 << 12;
export const LINKS = 0x042a4;
export const LINKS_LINK_UP: number = 1 << 30;

// ---- statistics, all cleared by the read: 8.2.3.23 -----------------------------------------------------------------
export const QPRDC = (queue: number): number => 0x01430 + 0x40 * queue;
export const RXMPC = (buffer: number): number => 0x03fa0 + 4 * buffer;
export const CRCERRS = 0x04000;
export const ERRBC = 0x04008;
export const GPRC = 0x04074;
export const GPTC = 0x04080;
export const GORCL = 0x04088;
export const GORCH = 0x0408c;
export const GOTCL = 0x04090;
export const GOTCH = 0x04094;
export const RUC = 0x040a4;
export const ROC = 0x040ac;

// ---- descriptors, 16 bytes each ------------------------------------------------------------------------------------
export const DESCRIPTOR_BYTES = 16;
/** The card takes ring lengths in multiples of 128 bytes. */
export const RING_GRANULE = 8;

/** Advanced receive descriptor as the driver writes it (7.1.6.1): the words' byte offsets. */
export const RXD_READ_ADDRESS_LOW = 0;
export const RXD_READ_ADDRESS_HIGH = 4;
export const RXD_READ_HEADER_LOW = 8;
export const RXD_READ_HEADER_HIGH = 12;

/** Advanced receive descriptor as written back (7.1.6.2): the words' byte offsets. */
export const RXD_PACKET_TYPE = 0;
export const RXD_RSS_HASH = 4;
export const RXD_STATUS = 8;
export const RXD_LENGTH_VLAN = 12;
/** Extended status (bits 0–19) and errors (bits 20–31) of {@link RXD_STATUS}. */
export const RXD_STAT_DD: number = 1 << 0;
export const RXD_STAT_EOP: number = 1 << 1;
export const RXD_STAT_VP: number = 1 << 3;
export const RXD_STAT_L4I: number = 1 << 5;
export const RXD_STAT_IPCS: number = 1 << 6;
export const RXD_ERR_RXE: number = 1 << 29;
export const RXD_ERR_L4E: number = 1 << 30;
export const RXD_ERR_IPE: number = 1 << 31;

/** Advanced transmit data descriptor (7.2.3.2.4): the words' byte offsets. */
export const TXD_ADDRESS_LOW = 0;
export const TXD_ADDRESS_HIGH = 4;
export const TXD_COMMAND = 8;
export const TXD_STATUS = 12;
export const TXD_DTYP_DATA: number = 3 << 20;
export const TXD_DCMD_EOP: number = 1 << 24;
export const TXD_DCMD_IFCS: number = 1 << 25;
export const TXD_DCMD_RS: number = 1 << 27;
export const TXD_DCMD_DEXT: number = 1 << 29;
export const TXD_STA_DD: number = 1 << 0;
export const TXD_PAYLEN_SHIFT = 14;
/** The card may hang on a shorter frame (7.2.1.1, errata of small packets): padding starts from here. */
export const TX_FRAME_BYTES_MIN = 17;
