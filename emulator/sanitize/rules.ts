/** The catalogue of what the machine itself minds; each device has its own beside it (`declaration.rules`). */

import { type Rule, ruleTable } from "./rule.ts";

const BUS: readonly Rule[] = ruleTable("violation", {
  "bar-access": [
    "Accesses a BAR that the function lacks, outside of it, or misaligned.",
    "Reads give all ones, writes go nowhere. From outside of a BAR the accessors throw before, as a kernel's mapping ends there.",
    "Check offset and width against the data sheet.",
  ],
  "memory-space-off": [
    "Accesses a BAR while Memory Space Enable is off.",
    "The function does not answer: all ones, and writes are lost.",
    "Enable the function first (command register, bit 1).",
  ],
  "wrong-width": [
    "Accesses a register with a width that it does not take.",
    "The card ignores the write, or answers with all ones.",
    "Use the width of the data sheet.",
  ],
  "bus-master-off": [
    "Lets the card do DMA or interrupt while Bus Master Enable is off.",
    "Nothing is transferred; a message is lost.",
    "Enable bus mastering before the queues.",
  ],
  "vector-beyond-table": [
    "Assigns a cause to an MSI-X vector that the table does not have.",
    "The interrupt is lost.",
    "Assign a vector of the table.",
  ],
  "message-outside-window": [
    "Lets a vector fire whose address was not set up.",
    "The message is a write to memory, to wherever the address says; no interrupt comes.",
    "Set up the vectors that causes are assigned to.",
  ],
  "vector-changed-unmasked": [
    "Changes address or data of a vector that is not masked.",
    "The card may use old and new mixed.",
    "Mask the vector first.",
  ],
  "dma-outside-map": [
    "Gives the card an address that no mapping covers, or the wrong way.",
    "An IOMMU faults; without one somebody else's memory is read or written.",
    "Map the buffer, and write its whole address, before the doorbell.",
  ],
  "dma-after-unmap": [
    "Unmaps a buffer that the card still uses.",
    "As for dma-outside-map, and only when the card is slow enough.",
    "Stop the card, and wait until it has stopped, before memory is given back.",
  ],
  "dma-read-refused": [
    "Answers a read of the card's with an error: a client of vfio-user, of memory that it has mapped itself.",
    "The card gets Unsupported Request and no data.",
    "Serve every range that was mapped for the card until it is unmapped.",
  ],
  "dma-write-refused": [
    "Answers a write of the card's, or a message interrupt, with an error: a client of vfio-user, of memory that it has mapped itself.",
    "The write is posted: it goes nowhere, and the card goes on.",
    "Serve every range that was mapped for the card until it is unmapped.",
  ],
});

const REGISTERS: readonly Rule[] = [
  ...ruleTable("violation", {
    "write-to-read-only": [
      "Writes to a read-only register.",
      "The write is ignored.",
      "Do not expect to read the value back; wait for the card to set what it reports.",
    ],
    "reserved-bits-changed": [
      "Changes bits that the data sheet reserves.",
      "Undefined; the model keeps them.",
      "Read the register, change the bits that are meant, and write it back.",
    ],
    "reserved-register": ["Touches a register that the data sheet reserves.", "Undefined.", "Leave it alone."],
  }),
  ...ruleTable("note", {
    "write-without-effect": [
      "Writes a value none of whose bits acts: zeros to a register whose ones count, a second write to one that takes one.",
      "Nothing happens.",
      "Write the bits that are meant.",
    ],
    "not-modelled": [
      "Touches a register that the model only stores.",
      "Whatever the data sheet says.",
      "Do not wait for it here.",
    ],
    "feature-not-modelled": [
      "Turns on a feature that the model lacks.",
      "Whatever the data sheet says.",
      "Do not wait for it here.",
    ],
    "no-register": [
      "Touches an offset where the register table has nothing.",
      "Undefined; the model reads as 0.",
      "Check the offset against the data sheet.",
    ],
  }),
  ...ruleTable(
    "note",
    {
      "poll-never-changes": [
        "Polls a register that the card never changes.",
        "It gives back what the driver wrote: the wait ends at once or never.",
        "Poll where the card reports.",
      ],
      "self-satisfied-poll": [
        "Turns bits on in a register that the card never changes, and reads it back at once.",
        "The read gives what was written: no answer of the card.",
        "Fine as a flush; to wait for the card, read a bit that the card sets.",
      ],
      "read-to-clear-twice": [
        "Reads a register that reading clears twice in a row.",
        "The first read takes everything, the second finds nothing.",
        "Read once, and keep the value.",
      ],
    },
    { foldedOnly: true },
  ),
];

const MEMORY: readonly Rule[] = [
  ...ruleTable("violation", {
    "use-after-free": [
      "Accesses a DMA buffer that it has freed.",
      "Reads and writes memory that is somebody else's by now.",
      "Free a buffer when nobody uses it any more.",
    ],
    // A card sees it of what it writes to, in all runs; of what it sends, the sanitizers do.
    "descriptor-handed-over-done": [
      "Hands a descriptor over whose DD bit is still set.",
      "The card uses it, and the driver takes it for done before it is.",
      "Clear DD when the descriptor is written anew.",
    ],
    // Looked for in searches, in folded runs that ask for it, and in windows of threaded runs.
    "data-race": [
      "Accesses DMA memory while another CPU, a handler or the card does, one of them writing, and nothing orders the two.",
      "Either may come first; on a machine that reorders, also where the program seems to say which.",
      "Put the barrier, the lock or the look at the completion between them that the message names.",
    ],
    "double-free": [
      "Frees a DMA buffer twice.",
      "A kernel's allocator is corrupted; whoever has got the memory since loses it.",
      "One owner frees, once.",
    ],
  }),
  ...ruleTable(
    "violation",
    {
      "buffer-changed-in-flight": [
        "Writes into a buffer with which the card is not done.",
        "The card sends old bytes, new ones or some of each.",
        "Wait for the completion.",
      ],
      "buffer-read-in-flight": [
        "Reads a buffer that the card has not filled.",
        "The driver gets what was there before, or half a frame.",
        "Look for the completion first.",
      ],
      "completion-not-checked": [
        "Uses a buffer or descriptor again without having looked whether the card is done.",
        "Works while the card is quick; corrupts data when it is not.",
        "Look at DD, the head or the cause before memory is used again.",
      ],
      "descriptor-changed-in-flight": [
        "Writes to a descriptor that it has handed over.",
        "The card takes the old one, the new one or a mixture.",
        "Leave it alone until the card has given it back.",
      ],
      "descriptor-not-written": [
        "Rings the doorbell before the descriptor is written.",
        "The card fetches zeros, or an old address.",
        "Descriptors first, then the doorbell.",
      ],
      "buffer-handed-over-twice": [
        "Hands a buffer over that another descriptor has.",
        "Two frames go into one buffer.",
        "Take a buffer out of use until it comes back.",
      ],
      "ring-overfull": [
        "Moves the tail to the head, or beyond.",
        "A ring whose tail is its head is empty: what was in it is forgotten.",
        "Keep one descriptor free.",
      ],
      "region-written": [
        "Writes into memory that the card fills whenever it has something.",
        "Readers take what was stored for the card's, or the card writes over it.",
        "Only read there until the card is told otherwise and has stopped.",
      ],
      // The one rule that is about the card: whoever writes a model has made the mistake.
      "completion-repeated": [
        "Nothing: the card completes a descriptor or an entry that is not outstanding.",
        "A card does not; its driver would take a buffer for filled, or for free, that is not.",
        "Mend the device's model.",
      ],
      "completion-never-reported": [
        "Waits for DD in descriptors that did not ask for it (RS).",
        "DD never comes: the ring fills up and is not cleaned.",
        "Set RS in the last descriptor of each group; or read the head.",
      ],
      "freed-in-flight": [
        "Frees memory that the card has.",
        "The card reads or writes what is somebody else's by then.",
        "Stop the queue, wait until it has stopped, then free.",
      ],
    },
    { foldedOnly: true },
  ),
  ...ruleTable(
    "note",
    {
      "completion-repeated-by-fault": [
        "Nothing: an armed fault makes the card complete a descriptor or an entry twice.",
        "As with the card that the fault stands for.",
        "See that the driver recovers, or gives up; nothing else is said of the ring.",
      ],
      "dma-buffer-leaked": [
        "Turns the card off and leaves buffers mapped.",
        "The memory is lost until the machine restarts.",
        "Free what was allocated.",
      ],
    },
    { foldedOnly: true },
  ),
];

const INTERRUPTS: readonly Rule[] = [
  ...ruleTable(
    "violation",
    {
      "vector-not-set-up": [
        "Assigns a cause to an MSI-X vector that it has not set up.",
        "The entry is masked: its pending bit is set, and no interrupt ever comes.",
        "Assign causes to vectors that are set up.",
      ],
      "interrupt-storm": [
        "Handles an interrupt without clearing its cause.",
        "The line stays up and the CPU does nothing else.",
        "Read or write-1-clear the cause in the handler.",
      ],
    },
    { foldedOnly: true },
  ),
  ...ruleTable(
    "note",
    {
      "unmask-without-recheck": [
        "Unmasks and sleeps without another look.",
        "An event in between is lost on cards that do not keep it, or when its cause was read.",
        "Look once more after unmasking.",
      ],
      "acknowledge-after-processing": [
        "Processes first and acknowledges then, without another look.",
        "What came in between is acknowledged too, and nobody is told.",
        "Acknowledge first, or look once more.",
      ],
      "vector-never-serviced": [
        "Lets a vector interrupt again and again that nobody polls, waits for or handles.",
        "The CPU is interrupted for nothing; a kernel disables the interrupt.",
        "Handle it, or mask it.",
      ],
      "interrupt-not-released": [
        "Turns the card off and leaves a handler behind.",
        "A late or shared interrupt calls a driver that is gone.",
        "Take the handler away before memory is freed.",
      ],
    },
    { foldedOnly: true },
  ),
];

const MACHINE_RULES: readonly Rule[] = [...BUS, ...REGISTERS, ...MEMORY, ...INTERRUPTS];

/** The rules of the machine and of some devices, each once, by name. */
export function allRules(devices: Iterable<{ readonly rules?: readonly Rule[] }>): readonly Rule[] {
  const byName = new Map<string, Rule>();
  for (const rule of MACHINE_RULES) byName.set(rule.name, rule);
  for (const { rules = [] } of devices)
    for (const rule of rules) if (!byName.has(rule.name)) byName.set(rule.name, rule);
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
