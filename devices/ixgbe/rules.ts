/** What the 82599 minds beyond the rules of the machine. Section numbers are those of its data sheet. */

import { type Rule, ruleTable } from "../../emulator/sanitize/rule.ts";

const ENABLE_ANEW = "Disable the queue, poll until ENABLE reads 0, and enable it again.";

export const IXGBE_RULES: readonly Rule[] = [
  ...ruleTable("violation", {
    "ring-misaligned": [
      "Writes a ring base that is no multiple of 128.",
      "The card ignores bits 6–0: the ring begins earlier.",
      "Align rings to 128 bytes.",
    ],
    "ring-length": [
      "Writes a ring length that is no multiple of 128, or too large.",
      "The card takes the part that it knows.",
      "A ring has a multiple of 8 descriptors.",
    ],
    "ring-changed-while-enabled": [
      "Changes base or length of a ring in use.",
      "The card goes on with the old ring.",
      "Disable the queue first.",
    ],
    "ring-not-taken": [
      "Rings the doorbell of a ring that the queue was not enabled with.",
      "The card works on the old ring.",
      ENABLE_ANEW,
    ],
    "head-written-while-enabled": [
      "Writes the head of a running queue.",
      "The card ignores it.",
      "Write the head only while the queue is disabled.",
    ],
    "ring-empty": [
      "Enables a queue whose ring has length 0.",
      "ENABLE reads 1, and nothing is ever fetched.",
      "Write base and length first.",
    ],
    "head-beyond-ring": [
      "Enables a queue whose head lies outside its ring.",
      "The card starts at 0.",
      "Write 0 to the head.",
    ],
    "tail-beyond-ring": [
      "Writes a tail that the ring does not have.",
      "The head never meets it: the card runs round the ring for ever.",
      "Wrap the tail before the doorbell.",
    ],
    "doorbell-before-enable": [
      "Writes a tail before ENABLE reads 1.",
      "The tail may be lost (4.6.7, 4.6.8).",
      "Poll ENABLE, then ring.",
    ],
    "doorbell-on-halted-queue": [
      "Rings the doorbell of a queue that an error has halted.",
      "Nothing is fetched.",
      ENABLE_ANEW,
    ],
    "bus-master-off-at-doorbell": [
      "Enables a queue, or rings a doorbell, while Bus Master Enable is off.",
      "The card waits until it is on.",
      "Enable bus mastering before the queues.",
    ],
    "descriptor-handed-over-done": [
      "Hands a descriptor over whose DD bit is still set; a receive descriptor, if its length is, too. Who clears the length alone is taken to go by the length, as Linux does, and not by DD.",
      "The card uses it, and the driver takes it for done before it is.",
      "Clear DD when the descriptor is written anew; nobody says so if only the length was cleared, and DD is polled.",
    ],
    "receive-buffer-size": [
      "Gives a queue a buffer size that is not defined.",
      "The card takes 1 or 16 KiB.",
      "SRRCTL.BSIZEPACKET is 1 to 16.",
    ],
    "too-many-descriptors": [
      "Spreads a frame over more descriptors than the card takes.",
      "The queue stops.",
      "Copy pieces together (7.2.3.3).",
    ],
    "transmit-too-short": ["Sends a frame that is too short.", "It is dropped and reported as done.", "Pad it."],
    "transmit-too-long": ["Sends a frame that is too long.", "It is dropped and reported as done.", "Split it."],
    "context-inside-frame": [
      "Puts a context descriptor inside a frame.",
      "The card passes over it.",
      "Put contexts between frames (7.2.3.2.3).",
    ],
    segmentation: [
      "Asks for a segmentation that cannot be.",
      "The frame is dropped.",
      "Give lengths and MSS in the context.",
    ],
    "offload-without-context": [
      "Asks for an offload without a context.",
      "The card uses an empty one.",
      "Put a context descriptor before the first frame that needs it.",
    ],
    "offload-without-ifcs": [
      "Asks for an offload, but not for the FCS.",
      "The frame leaves with the wrong FCS.",
      "Set IFCS (7.2.3.2.4).",
    ],
    "payload-length": [
      "Gives a PAYLEN that is not the frame's.",
      "Cards may hang; this one sends what the buffers hold.",
      "Write the frame's whole length into its first descriptor.",
    ],
    "threshold-with-head-write-back": [
      "Combines head write-back with WTHRESH.",
      "The head is written late, in steps.",
      "Set WTHRESH to 0 with head write-back.",
    ],
    "write-during-reset": [
      "Writes a register while the card is in reset.",
      "The write is lost.",
      "Wait 1 ms, then poll CTRL.RST.",
    ],
  }),
  ...ruleTable("note", {
    "header-split": [
      "Asks for header split.",
      "Whatever the data sheet says; here frames go whole into one buffer.",
      "Do not use it here.",
    ],
    "sctp-checksum": [
      "Asks for an SCTP checksum.",
      "The card computes it; here the frame leaves unchanged.",
      "Do not use it here.",
    ],
    ipsec: ["Asks for IPsec.", "The card encrypts; here the frame leaves unencrypted.", "Do not use it here."],
  }),
];
