/** Interrupt registers (data sheet 8.2.3.5) and the MSI-X pending bits (8.2.3.6). The chapter on them is 7.3. */

import { bit, bits, type Field, notModelled, type Register, register } from "../../../emulator/registers/declare.ts";
import { absent, type FieldedRegister, fielded, stored } from "./shapes.ts";

/** Every cause has the same bit in EICR, EICS, EIMS, EIMC and EIAM. Bits 23 and 29 are reserved and never raised. */
export type Cause =
  | "RTXQ"
  | "FLOW_DIRECTOR"
  | "RX_MISS"
  | "PCI_EXCEPTION"
  | "MAILBOX"
  | "LSC"
  | "LINKSEC"
  | "MNG"
  | "RESERVED_23"
  | "SDP0"
  | "SDP1"
  | "SDP2"
  | "SDP3"
  | "ECC"
  | "RESERVED_29"
  | "TCP_TIMER"
  | "OTHER";

const causes: Readonly<Record<Cause, Field>> = {
  RTXQ: bits(15, 0, undefined, "Queue causes; with MSI-X, vectors 0–15."),
  FLOW_DIRECTOR: bit(16),
  RX_MISS: bit(17, undefined, "A packet buffer overran; RXMPC counts."),
  PCI_EXCEPTION: bit(18),
  MAILBOX: bit(19),
  LSC: bit(20, undefined, "Link status change."),
  LINKSEC: bit(21),
  MNG: bit(22, undefined, "Manageability event."),
  RESERVED_23: bit(23),
  SDP0: bit(24),
  SDP1: bit(25),
  SDP2: bit(26),
  SDP3: bit(27),
  ECC: bit(28, undefined, "Unrecoverable ECC error; the driver must reset."),
  RESERVED_29: bit(29),
  TCP_TIMER: bit(30),
  OTHER: bit(31, undefined, "One of the causes 16–29 is active."),
};

/**
 * Interrupt cause. Ones clear. Reading clears as well unless GPIE.OCD is set, which leaves 0–15 alone: what a read does
 * depends on another register, so the device does it after the read and the table declares only the write.
 */
export const EICR: FieldedRegister<Cause> = fielded("EICR", {
  interrupt: "acknowledge",
  offset: 0x00800,
  access: "w1c",
  fields: causes,
  owner: "both",
  mirror: "exact",
  about: "Extended interrupt cause (8.2.3.5.1). Write-one-to-clear; cleared by a read as far as GPIE.OCD says.",
});

export const EICS: FieldedRegister<Cause> = fielded("EICS", {
  offset: 0x00808,
  access: "wo",
  harmless: true,
  fields: causes,
  mirror: "strobe",
  about:
    "Extended interrupt cause set (8.2.3.5.2). Ones set bits of EICR. Write-only on paper; an accessor's read gives EICR without clearing it, as published drivers expect of the card.",
});

export const EIMS: FieldedRegister<Cause> = fielded("EIMS", {
  interrupt: "enable",
  offset: 0x00880,
  access: "w1s",
  fields: causes,
  owner: "both",
  mirror: "strobe",
  about: "Extended interrupt mask set/read (8.2.3.5.3). Ones enable causes, zeros do nothing; reads as the mask.",
});

export const EIMC: FieldedRegister<Cause> = fielded("EIMC", {
  offset: 0x00888,
  access: "wo",
  fields: causes,
  mirror: "strobe",
  about: "Extended interrupt mask clear (8.2.3.5.4). Ones clear bits of EIMS; reads as 0.",
});

export const EIAC: FieldedRegister<"RTXQ" | "TCP_TIMER"> = fielded("EIAC", {
  offset: 0x00810,
  access: "rw",
  fields: { RTXQ: bits(15, 0), TCP_TIMER: bit(30) },
  about: "Extended interrupt auto clear (8.2.3.5.5). With MSI-X, sending the message clears these bits of EICR.",
});

export const EIAM: FieldedRegister<Cause> = fielded("EIAM", {
  offset: 0x00890,
  access: "rw",
  fields: causes,
  about:
    "Extended interrupt auto mask enable (8.2.3.5.6). A read or write of EICR also clears these bits of EIMS and a write of EICS sets them; with multiple MSI-X, sending the message clears them.",
});

/** One bit for each of the 64 MSI-X vectors; bits 0–15 of element 0 are bits 0–15 of EICS, EIMS, EIMC and EIAM. */
const vectors = { count: 2, stride: 4 };

export const EICS_EX: Register = register("EICS_EX", {
  offset: 0x00a90,
  ...vectors,
  access: "wo",
  mirror: "strobe",
  about: "EICS for MSI-X vectors 0–31, 32–63 (8.2.3.5.7: EICS[1], EICS[2]).",
});

export const EIMS_EX: Register = register("EIMS_EX", {
  interrupt: "enable",
  offset: 0x00aa0,
  ...vectors,
  access: "w1s",
  owner: "both",
  mirror: "strobe",
  about: "EIMS for MSI-X vectors 0–31, 32–63 (8.2.3.5.8: EIMS[1], EIMS[2]).",
});

export const EIMC_EX: Register = register("EIMC_EX", {
  offset: 0x00ab0,
  ...vectors,
  access: "wo",
  mirror: "strobe",
  about: "EIMC for MSI-X vectors 0–31, 32–63 (8.2.3.5.9: EIMC[1], EIMC[2]).",
});

export const EIAM_EX: Register = register("EIAM_EX", {
  offset: 0x00ad0,
  ...vectors,
  access: "rw",
  about: "EIAM for MSI-X vectors 0–31, 32–63 (8.2.3.5.10: EIAM[1], EIAM[2]).",
});

export const EITRSEL: Register = absent(
  "EITRSEL",
  0x00894,
  "Which virtual functions use EITR 24–63 (8.2.3.5.11). There are none.",
);

export const EITR: FieldedRegister<"ITR_INTERVAL" | "LLI_MODERATION" | "LLI_CREDIT" | "ITR_COUNTER" | "CNT_WDIS"> =
  fielded("EITR", {
    offset: 0x00820,
    count: 24,
    more: [{ offset: 0x12300, count: 104, stride: 4 }],
    access: "rw",
    fields: {
      ITR_INTERVAL: bits(
        11,
        3,
        "rw",
        "Least time between two interrupts, in 2 µs; 0: none. Longer on slow links, which is not modelled.",
      ),
      LLI_MODERATION: notModelled(
        bit(15, "rw", "Low latency interrupts are moderated too; not modelled."),
        "there are no low latency interrupts to moderate",
      ),
      LLI_CREDIT: bits(20, 16, "rw", "Stored only."),
      ITR_COUNTER: bits(27, 21, "rw", "Time left, bits 8–2 of the 9. Loaded by a write; 0 ends the interval at once."),
      CNT_WDIS: bit(31, "wo", "This write leaves ITR_COUNTER and LLI_CREDIT as they are."),
    },
    owner: "both",
    modelled: "partly",
    about: "Extended interrupt throttle (8.2.3.5.12). The interval is modelled, low latency interrupts are not.",
  });

export const L34TIMIR: Register = stored(
  "L34TIMIR",
  0x0e800,
  "What a match of 5-tuple filter n does (8.2.3.5.13). Clearing it is fine; the filters are not modelled.",
  {
    count: 128,
    fields: {
      SIZE_BP: bit(12),
      CTRL_BP: bit(19, "rw", "Must be 1."),
      LLI: notModelled(bit(20), "no frame makes a low latency interrupt"),
      RX_QUEUE: bits(27, 21),
    },
  },
);

export const LLITHRESH: Register = absent(
  "LLITHRESH",
  0x0ec90,
  "Frame size for low latency interrupts (8.2.3.5.14): none.",
  {
    fields: { SIZE_THRESH: bits(11, 0) },
  },
);

export const IMIRVP: Register = absent("IMIRVP", 0x0ec60, "Priority for low latency interrupts (8.2.3.5.15): none.", {
  fields: { VLAN_PRI: bits(2, 0), VLAN_PRI_EN: bit(3) },
});

type Allocation = "INT_ALLOC0" | "INT_ALLOC1" | "INT_ALLOC2" | "INT_ALLOC3";
type AllocationValid = "INT_ALLOC_VAL0" | "INT_ALLOC_VAL1" | "INT_ALLOC_VAL2" | "INT_ALLOC_VAL3";

export const IVAR: FieldedRegister<Allocation | AllocationValid> = fielded("IVAR", {
  offset: 0x00900,
  count: 64,
  access: "rw",
  fields: {
    INT_ALLOC0: bits(5, 0, "rw", "Cause or vector of receive queue 2n."),
    INT_ALLOC_VAL0: bit(7),
    INT_ALLOC1: bits(13, 8, "rw", "Of transmit queue 2n."),
    INT_ALLOC_VAL1: bit(15),
    INT_ALLOC2: bits(21, 16, "rw", "Of receive queue 2n + 1."),
    INT_ALLOC_VAL2: bit(23),
    INT_ALLOC3: bits(29, 24, "rw", "Of transmit queue 2n + 1."),
    INT_ALLOC_VAL3: bit(31),
  },
  about: "Interrupt vector allocation of queues 2n and 2n + 1 (8.2.3.5.16). The vectors come up undefined, invalid.",
});

export const IVAR_MISC: FieldedRegister<"INT_ALLOC0" | "INT_ALLOC_VAL0" | "INT_ALLOC1" | "INT_ALLOC_VAL1"> = fielded(
  "IVAR_MISC",
  {
    offset: 0x00a00,
    access: "rw",
    fields: {
      INT_ALLOC0: bits(6, 0, "rw", "Vector of the TCP timer."),
      INT_ALLOC_VAL0: bit(7),
      INT_ALLOC1: bits(14, 8, "rw", "Vector of all other causes."),
      INT_ALLOC_VAL1: bit(15),
    },
    about: "Interrupt vector allocation of the other causes (8.2.3.5.17).",
  },
);

type GpieField = "MULTIPLE_MSIX" | "OCD" | "EIMEN" | "RSC_DELAY" | "VT_MODE" | "EIAME" | "PBA_SUPPORT";

export const GPIE: FieldedRegister<GpieField> = fielded("GPIE", {
  offset: 0x00898,
  access: "rw",
  fields: {
    SDP0_GPIEN: bit(0),
    SDP1_GPIEN: bit(1),
    SDP2_GPIEN: bit(2),
    SDP3_GPIEN: bit(3),
    MULTIPLE_MSIX: bit(4, "rw", "1: IVAR gives MSI-X vectors. 0: IVAR gives bits of EICR, all on one interrupt."),
    OCD: bit(5, "rw", "Other clear disable: a read of EICR clears only bits 16–29."),
    EIMEN: bit(6, "rw", "EICS interrupts at once, whatever EITR says."),
    LL_INTERVAL: notModelled(bits(10, 7), "there are no low latency interrupts"),
    RSC_DELAY: notModelled(bits(13, 11), "no frame is coalesced, so no interrupt waits for it"),
    VT_MODE: notModelled(bits(15, 14), "there are no virtual functions, and all vectors are this function's"),
    EIAME: bit(30, "rw", "EIAM acts on an automatic clear too, not only on a read or write of EICR."),
    PBA_SUPPORT: bit(31, "rw", "A message that could not be sent is kept in the pending bit array."),
  },
  modelled: "partly",
  about: "General purpose interrupt enable (8.2.3.5.18). SDP pins, RSC and virtualization fields are stored only.",
});

export const PBACL: Register = stored(
  "PBACL",
  0x110c0,
  "MSI-X pending bits clear (8.2.3.6.1). Ones clear bits of the pending bit array, vectors 32n and up. Reads as 0: the array itself is read in BAR4.",
  { access: "w1c", count: 8, aliases: [{ offset: 0x11068, count: 1 }], owner: "both" },
);

export const INTERRUPT_REGISTERS: readonly Register[] = [
  EICR,
  EICS,
  EIMS,
  EIMC,
  EIAC,
  EIAM,
  EICS_EX,
  EIMS_EX,
  EIMC_EX,
  EIAM_EX,
  EITRSEL,
  EITR,
  L34TIMIR,
  LLITHRESH,
  IMIRVP,
  IVAR,
  IVAR_MISC,
  GPIE,
  PBACL,
];
