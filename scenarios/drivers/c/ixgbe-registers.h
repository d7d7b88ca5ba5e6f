/* The registers and bits of the 82599 that the driver touches, spelled as in the data sheet (Intel 331520, rev 3.3, chapter 8). */
#ifndef IXGBE_REGISTERS_H
#define IXGBE_REGISTERS_H

#define BIT(n) (1u << (n))

/* ---- general: 8.2.3.1 ---- */
#define CTRL 0x00000u
#define CTRL_PCIE_MASTER_DISABLE BIT(2)
#define CTRL_LRST BIT(3)
#define CTRL_RST BIT(26)
#define STATUS 0x00008u
#define STATUS_PCIE_MASTER_ENABLE BIT(19)
#define CTRL_EXT 0x00018u
#define CTRL_EXT_NS_DIS BIT(16)
#define EEC 0x10010u
#define EEC_AUTO_RD BIT(9)
#define EEMNGCTL 0x10110u
#define EEMNGCTL_CFG_DONE0 BIT(18)

/* ---- interrupts: 8.2.3.5 ---- */
#define EICR 0x00800u
#define EIAC 0x00810u
#define EIMS 0x00880u
#define EIMC 0x00888u
#define EIMC_ALL 0x7fffffffu
#define GPIE 0x00898u
#define GPIE_MULTIPLE_MSIX BIT(4)
#define GPIE_PBA_SUPPORT BIT(31)
#define IVAR0 0x00900u
#define IVAR_INT_ALLOC_VAL 0x80u

/* ---- receive: 8.2.3.7, 8.2.3.8 ---- */
#define FCRTH0 0x03260u
#define RDBAL0 0x01000u
#define RDBAH0 0x01004u
#define RDLEN0 0x01008u
#define RDT0 0x01018u
#define RXDCTL0 0x01028u
#define RXDCTL_ENABLE BIT(25)
#define SRRCTL0 0x02100u
#define SRRCTL_BSIZEHEADER_256 (4u << 8)
#define SRRCTL_DESCTYPE_ADVANCED BIT(25)
#define DCA_RXCTRL0 0x02200u
#define DCA_RXCTRL_BIT_12 BIT(12)
#define RDRXCTL 0x02f00u
#define RDRXCTL_CRCSTRIP BIT(1)
#define RDRXCTL_DMAIDONE BIT(3)
#define RDRXCTL_RSCFRSTSIZE (0x1fu << 17)
#define RXCTRL 0x03000u
#define RXCTRL_RXEN BIT(0)
#define RXPBSIZE(n) (0x03c00u + 4u * (n))
#define RXPBSIZE_512KB (0x200u << 10)
#define SECRXCTRL 0x08d00u
#define SECRXCTRL_RX_DIS BIT(1)
#define SECRXSTAT 0x08d04u
#define SECRXSTAT_SECRX_RDY BIT(0)
#define FCTRL 0x05080u
#define FCTRL_MPE BIT(8)
#define FCTRL_UPE BIT(9)
#define FCTRL_BAM BIT(10)
#define MTA(n) (0x05200u + 4u * (n))
#define MTA_COUNT 128u
#define RAL0 0x0a200u
#define RAH0 0x0a204u

/* ---- transmit: 8.2.3.9 ---- */
#define RTTDCS 0x04900u
#define RTTDCS_ARBDIS BIT(6)
#define DMATXCTL 0x04a80u
#define DMATXCTL_TE BIT(0)
#define TDBAL0 0x06000u
#define TDBAH0 0x06004u
#define TDLEN0 0x06008u
#define TDT0 0x06018u
#define TXDCTL0 0x06028u
#define TXDCTL_ENABLE BIT(25)
/* 7.2.3.4: the card fetches when it holds fewer than 36 descriptors and 8 wait in the ring, or has none left. */
#define TXDCTL_THRESHOLDS (36u | 8u << 8)
#define DTXMXSZRQ 0x08100u
#define DTXMXSZRQ_MAX_BYTES 0xfffu
#define TXPBSIZE(n) (0x0cc00u + 4u * (n))
#define TXPBSIZE_160KB (0xa0u << 10)
#define PACKET_BUFFER_COUNT 8u

/* ---- MAC and link: 8.2.3.22 ---- */
#define HLREG0 0x04240u
#define HLREG0_TXCRCEN BIT(0)
#define HLREG0_RXCRCSTRP BIT(1)
#define HLREG0_TXPADEN BIT(10)
#define AUTOC 0x042a0u
#define AUTOC_RESTART_AN BIT(12)
#define LINKS 0x042a4u
#define LINKS_LINK_UP BIT(30)

/* ---- statistics, all cleared by the read: 8.2.3.23 ---- */
#define RXMPC(n) (0x03fa0u + 4u * (n))
#define CRCERRS 0x04000u
#define GPRC 0x04074u
#define GPTC 0x04080u
#define GORCL 0x04088u
#define GORCH 0x0408cu
#define GOTCL 0x04090u
#define GOTCH 0x04094u

/* ---- descriptors: four words of 32 bits ---- */
#define DESCRIPTOR_BYTES 16u
#define DESCRIPTOR_WORDS 4u

/* Advanced receive descriptor as written back (7.1.6.2): the words. */
#define RXD_STATUS 2
#define RXD_LENGTH 3
#define RXD_STAT_DD BIT(0)
#define RXD_STAT_EOP BIT(1)

/* Advanced transmit data descriptor (7.2.3.2.4): the words. */
#define TXD_COMMAND 2
#define TXD_STATUS 3
#define TXD_DTYP_DATA (3u << 20)
#define TXD_DCMD_EOP BIT(24)
#define TXD_DCMD_IFCS BIT(25)
#define TXD_DCMD_RS BIT(27)
#define TXD_DCMD_DEXT BIT(29)
#define TXD_STA_DD BIT(0)
#define TXD_PAYLEN_SHIFT 14

#endif
