/** The feed handler's registers as its driver needs them: written from the data sheet, as a header file is. */

export const IDENTIFICATION: number = 0x0000;
export const IDENTIFICATION_FH01 = 0x3130_4846;

export const CONTROL: number = 0x0008;
export const CONTROL_ENABLE: number = 1 << 0;
export const CONTROL_RESET: number = 1 << 1;
export const CONTROL_CLEAR_BOOK: number = 1 << 2;

export const STATUS: number = 0x000c;
export const STATUS_BUSY: number = 1 << 0;
export const STATUS_GAP: number = 1 << 1;

export const TIME_LOW: number = 0x0010;
export const TIME_HIGH: number = 0x0014;
export const FEED_TIME_LOW: number = 0x0018;
export const FEED_TIME_HIGH: number = 0x001c;

export const GAP_COUNT: number = 0x002c;
export const GAP_MESSAGES: number = 0x0030;
export const MESSAGES: number = 0x0038;
export const FILTERED: number = 0x003c;
export const MALFORMED: number = 0x0040;
export const BOOK_FAULTS: number = 0x0044;

export const LINE_PACKETS: (line: number) => number = (line) => 0x0088 + 0x40 * line;
export const LINE_FIRST: (line: number) => number = (line) => 0x008c + 0x40 * line;
export const LINE_DUPLICATES: (line: number) => number = (line) => 0x0090 + 0x40 * line;
export const LINE_OTHER: (line: number) => number = (line) => 0x0094 + 0x40 * line;
export const LINE_BAD: (line: number) => number = (line) => 0x0098 + 0x40 * line;

export const CHANNEL_RING_LOW: (channel: number) => number = (channel) => 0x0100 + 0x40 * channel;
export const CHANNEL_RING_HIGH: (channel: number) => number = (channel) => 0x0104 + 0x40 * channel;
export const CHANNEL_SIZE: (channel: number) => number = (channel) => 0x0108 + 0x40 * channel;
export const CHANNEL_CONTROL: (channel: number) => number = (channel) => 0x010c + 0x40 * channel;
export const CHANNEL_ENABLE: number = 1 << 0;
export const CHANNEL_STALL: number = 1 << 1;
export const CHANNEL_CONSUMER: (channel: number) => number = (channel) => 0x0110 + 0x40 * channel;
export const CHANNEL_DROPPED: (channel: number) => number = (channel) => 0x0118 + 0x40 * channel;
export const CHANNEL_INTERRUPT: (channel: number) => number = (channel) => 0x011c + 0x40 * channel;
export const CHANNEL_ARMED: number = 1 << 0;

export const ORDER_PRICE: number = 0x0280;
export const ORDER_SIZE: number = 0x0284;
export const ORDER_DOORBELL: number = 0x0288;
export const ORDER_SLOT_SHIFT: number = 8;
export const ORDERS_PENDING: number = 0x028c;
export const ORDERS_SENT: number = 0x0290;

export const KILL: number = 0x02a0;
export const RISK_SIZE_MAX: number = 0x02a4;
export const RISK_ORDERS_MAX: number = 0x02a8;
export const RISK_INTERVAL_NS: number = 0x02ac;

/** By reason. */
export const REJECTED: (reason: number) => number = (reason) => 0x02c0 + 4 * reason;
export const REJECTED_COUNT: number = 7;

export const TRIGGER_CONTROL: (trigger: number) => number = (trigger) => 0x0400 + 0x20 * trigger;
export const TRIGGER_ARMED: number = 1 << 0;
export const TRIGGER_REPEAT: number = 1 << 1;
export const TRIGGER_SELL: number = 1 << 2;
export const TRIGGER_SLOT_SHIFT: number = 8;
export const TRIGGER_TEMPLATE_SHIFT: number = 16;
export const TRIGGER_PRICE: (trigger: number) => number = (trigger) => 0x0404 + 0x20 * trigger;
export const TRIGGER_SIZE_MIN: (trigger: number) => number = (trigger) => 0x0408 + 0x20 * trigger;
export const TRIGGER_ORDER_SIZE: (trigger: number) => number = (trigger) => 0x040c + 0x20 * trigger;
export const TRIGGER_COUNT: number = 16;

export const TEMPLATE_FRAME: (template: number) => number = (template) => 0x0600 + 0x10 * template;
export const TEMPLATE_CHECKSUMS: number = 1 << 31;
export const TEMPLATE_PRICE_AT: (template: number) => number = (template) => 0x0604 + 0x10 * template;
export const TEMPLATE_SIZE_AT: (template: number) => number = (template) => 0x0608 + 0x10 * template;
export const TEMPLATE_SEQUENCE_AT: (template: number) => number = (template) => 0x060c + 0x10 * template;

export const SLOT_FILTER: (slot: number) => number = (slot) => 0x0800 + 0x10 * slot;
export const SLOT_CHANNEL_SHIFT: number = 16;
export const SLOT_VALID: number = 1 << 31;
export const COLLAR_LOW: (slot: number) => number = (slot) => 0x0804 + 0x10 * slot;
export const COLLAR_HIGH: (slot: number) => number = (slot) => 0x0808 + 0x10 * slot;
export const SLOT_COUNT: number = 64;

/** BAR2: an entry of the book for each slot, and behind them the templates. */
export const BOOK_ENTRY: (slot: number) => number = (slot) => 64 * slot;
export const ENTRY_SEQUENCE: number = 0x00;
export const ENTRY_BID_PRICE: number = 0x08;
export const ENTRY_BID_SIZE: number = 0x0c;
export const ENTRY_ASK_PRICE: number = 0x10;
export const ENTRY_ASK_SIZE: number = 0x14;
export const ENTRY_MESSAGE: number = 0x18;
export const TEMPLATE_MEMORY: (template: number) => number = (template) => 0x4000 + 512 * template;
export const TEMPLATE_BYTES_MAX: number = 512;

/** An event in the ring. */
export const EVENT_BYTES: number = 32;
export const EVENT_FLAG: number = 28;
/** What word 0 has in bits 23–16 instead of the type of a message. */
export const EVENT_ORDER_SENT = 1;
export const EVENT_ORDER_STOPPED = 2;
