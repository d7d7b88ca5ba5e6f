/**
 * Nasdaq TotalView-ITCH 5.0 (the version of April 2023, all 23 messages): every field of every message, declared once.
 * From here come the lengths and names ({@link ITCH50_MESSAGES}), what {@link ItchReader} reads and what the text form
 * shows. Offsets are from the type byte; integers are unsigned and big-endian; prices are integers with implied decimals;
 * alpha fields are ASCII, left-justified and padded with blanks (section "Data Types").
 */

/** How a field is read: an alpha of 1, 2, 4 or 8 characters, or an integer of 16 to 64 bits. */
export type ItchKind = "letter" | "alpha2" | "alpha4" | "alpha8" | "u16" | "u32" | "u48" | "u64";

export interface ItchField<Kind extends ItchKind = ItchKind> {
  readonly kind: Kind;
  readonly offset: number;
  readonly byteLength: number;
  /** Implied decimals of a price; −1 for what is no price. */
  readonly decimals: number;
  /** `ns`: nanoseconds since midnight; `s`: seconds since midnight. */
  readonly unit: "" | "ns" | "s";
}

/** What every message begins with, behind its type. */
export interface ItchHeaderFields {
  /** A small number for the stock, given out every day by the stock directory, from 1; 0 for all stocks. */
  readonly stockLocate: ItchField<"u16">;
  readonly trackingNumber: ItchField<"u16">;
  readonly timestamp: ItchField<"u48">;
}

export interface ItchMessage<Fields = Readonly<Record<string, ItchField>>> {
  /** The type byte as a letter, and as a number. */
  readonly letter: string;
  readonly type: number;
  readonly name: string;
  readonly byteLength: number;
  /** Section of the specification. */
  readonly section: string;
  /** What the text form says behind type, time and stock: names of fields in braces. */
  readonly text: string;
  /** Header fields too, in the order of their offsets. */
  readonly fields: Fields & ItchHeaderFields;
}

const BYTE_LENGTHS: Readonly<Record<ItchKind, number>> = {
  letter: 1,
  alpha2: 2,
  alpha4: 4,
  alpha8: 8,
  u16: 2,
  u32: 4,
  u48: 6,
  u64: 8,
};

function field<Kind extends ItchKind>(
  kind: Kind,
  offset: number,
  decimals: number = -1,
  unit: ItchField["unit"] = "",
): ItchField<Kind> {
  return { kind, offset, byteLength: BYTE_LENGTHS[kind], decimals, unit };
}

const letter = (offset: number): ItchField<"letter"> => field("letter", offset);
const alpha2 = (offset: number): ItchField<"alpha2"> => field("alpha2", offset);
const alpha4 = (offset: number): ItchField<"alpha4"> => field("alpha4", offset);
const alpha8 = (offset: number): ItchField<"alpha8"> => field("alpha8", offset);
const u32 = (offset: number): ItchField<"u32"> => field("u32", offset);
const u64 = (offset: number): ItchField<"u64"> => field("u64", offset);
/** Price (4): at most 200,000.0000, so that its word is no negative int32. */
const price4 = (offset: number): ItchField<"u32"> => field("u32", offset, 4);
/** Price (8): the levels of the market-wide circuit breaker, which are levels of an index. */
const price8 = (offset: number): ItchField<"u64"> => field("u64", offset, 8);

/** The header, alike in all messages ("Message Formats"). */
export const ITCH50_HEADER: ItchHeaderFields = {
  stockLocate: field("u16", 1),
  trackingNumber: field("u16", 3),
  timestamp: field("u48", 5, -1, "ns"),
};

function message<Fields extends Readonly<Record<string, ItchField>>>(
  messageLetter: string,
  name: string,
  byteLength: number,
  section: string,
  text: string,
  fields: Fields,
): ItchMessage<Fields> {
  const type = messageLetter.charCodeAt(0);
  return { letter: messageLetter, type, name, byteLength, section, text, fields: { ...ITCH50_HEADER, ...fields } };
}

type One<Name extends string, Kind extends ItchKind> = Readonly<Record<Name, ItchField<Kind>>>;
type Stock = One<"stock", "alpha8">;
type Reference = One<"reference", "u64">;
type Match = One<"match", "u64">;
type Order = Reference & One<"side", "letter"> & One<"shares" | "price", "u32"> & Stock;

export const SYSTEM_EVENT: ItchMessage<One<"event", "letter">> = message(
  "S",
  "system event",
  12,
  "1.1",
  "event {event}",
  { event: letter(11) }, // O messages begin, S system hours, Q market hours, M their end, E end of system hours, C the end
);

export const STOCK_DIRECTORY: ItchMessage<
  Stock &
    One<"category" | "financialStatus" | "roundLotsOnly" | "classification" | "authenticity", "letter"> &
    One<"shortSaleThreshold" | "ipo" | "luldTier" | "etp" | "inverse", "letter"> &
    One<"roundLotSize" | "leverage", "u32"> &
    One<"subtype", "alpha2">
> = message(
  "R",
  "stock directory",
  39,
  "1.2.1",
  "category {category} financial {financialStatus} lot {roundLotSize} only {roundLotsOnly} class {classification} " +
    "subtype {subtype} authenticity {authenticity} short {shortSaleThreshold} IPO {ipo} tier {luldTier} ETP {etp} " +
    "leverage {leverage} inverse {inverse}",
  {
    stock: alpha8(11),
    category: letter(19),
    financialStatus: letter(20),
    roundLotSize: u32(21),
    roundLotsOnly: letter(25),
    classification: letter(26),
    subtype: alpha2(27),
    authenticity: letter(29),
    shortSaleThreshold: letter(30),
    ipo: letter(31),
    luldTier: letter(32),
    etp: letter(33),
    leverage: u32(34),
    inverse: letter(38),
  },
);

export const TRADING_ACTION: ItchMessage<Stock & One<"state" | "reserved", "letter"> & One<"reason", "alpha4">> =
  message("H", "stock trading action", 25, "1.2.2", "state {state} reason {reason}", {
    stock: alpha8(11),
    state: letter(19), // H halted, P paused, Q quotation only, T trading
    reserved: letter(20),
    reason: alpha4(21),
  });

export const REG_SHO: ItchMessage<Stock & One<"action", "letter">> = message(
  "Y",
  "Reg SHO restriction",
  20,
  "1.2.3",
  "action {action}",
  { stock: alpha8(11), action: letter(19) },
);

export const PARTICIPANT_POSITION: ItchMessage<
  One<"participant", "alpha4"> & Stock & One<"primary" | "mode" | "state", "letter">
> = message(
  "L",
  "market participant position",
  26,
  "1.2.4",
  "participant {participant} primary {primary} mode {mode} state {state}",
  { participant: alpha4(11), stock: alpha8(15), primary: letter(23), mode: letter(24), state: letter(25) },
);

export const MWCB_DECLINE_LEVEL: ItchMessage<One<"level1" | "level2" | "level3", "u64">> = message(
  "V",
  "MWCB decline level",
  35,
  "1.2.5.1",
  "levels {level1} {level2} {level3}",
  { level1: price8(11), level2: price8(19), level3: price8(27) },
);

export const MWCB_STATUS: ItchMessage<One<"level", "letter">> = message(
  "W",
  "MWCB status",
  12,
  "1.2.5.2",
  "breached level {level}",
  { level: letter(11) },
);

export const IPO_QUOTING_PERIOD: ItchMessage<Stock & One<"releaseTime" | "price", "u32"> & One<"qualifier", "letter">> =
  message("K", "IPO quoting period update", 28, "1.2.6", "release {releaseTime} {qualifier} @ {price}", {
    stock: alpha8(11),
    releaseTime: field("u32", 19, -1, "s"),
    qualifier: letter(23), // A anticipated, C cancelled or postponed
    price: price4(24),
  });

export const LULD_COLLAR: ItchMessage<Stock & One<"reference" | "upper" | "lower" | "extension", "u32">> = message(
  "J",
  "LULD auction collar",
  35,
  "1.2.7",
  "reference {reference} upper {upper} lower {lower} extension {extension}",
  { stock: alpha8(11), reference: price4(19), upper: price4(23), lower: price4(27), extension: u32(31) },
);

export const OPERATIONAL_HALT: ItchMessage<Stock & One<"market" | "action", "letter">> = message(
  "h",
  "operational halt",
  21,
  "1.2.8",
  "market {market} action {action}",
  { stock: alpha8(11), market: letter(19), action: letter(20) },
);

const ORDER: Order = { reference: u64(11), side: letter(19), shares: u32(20), stock: alpha8(24), price: price4(32) };

export const ADD_ORDER: ItchMessage<Order> = message(
  "A",
  "add order",
  36,
  "1.3.1",
  "{side} {shares} @ {price} ref {reference}",
  ORDER,
);

export const ADD_ORDER_WITH_MPID: ItchMessage<Order & One<"attribution", "alpha4">> = message(
  "F",
  "add order with MPID",
  40,
  "1.3.2",
  "{side} {shares} @ {price} ref {reference} by {attribution}",
  { ...ORDER, attribution: alpha4(36) },
);

export const ORDER_EXECUTED: ItchMessage<Reference & One<"shares", "u32"> & Match> = message(
  "E",
  "order executed",
  31,
  "1.4.1",
  "{shares} of ref {reference} match {match}",
  { reference: u64(11), shares: u32(19), match: u64(23) },
);

export const ORDER_EXECUTED_WITH_PRICE: ItchMessage<
  Reference & One<"shares" | "price", "u32"> & Match & One<"printable", "letter">
> = message(
  "C",
  "order executed with price",
  36,
  "1.4.2",
  "{shares} @ {price} of ref {reference} match {match} printable {printable}",
  { reference: u64(11), shares: u32(19), match: u64(23), printable: letter(31), price: price4(32) },
);

export const ORDER_CANCEL: ItchMessage<Reference & One<"shares", "u32">> = message(
  "X",
  "order cancel",
  23,
  "1.4.3",
  "{shares} of ref {reference}",
  { reference: u64(11), shares: u32(19) },
);

export const ORDER_DELETE: ItchMessage<Reference> = message("D", "order delete", 19, "1.4.4", "ref {reference}", {
  reference: u64(11),
});

export const ORDER_REPLACE: ItchMessage<Reference & One<"newReference", "u64"> & One<"shares" | "price", "u32">> =
  message("U", "order replace", 35, "1.4.5", "{shares} @ {price} ref {newReference} for ref {reference}", {
    reference: u64(11),
    newReference: u64(19),
    shares: u32(27),
    price: price4(31),
  });

export const TRADE: ItchMessage<Order & Match> = message(
  "P",
  "trade",
  44,
  "1.5.1",
  "{side} {shares} @ {price} match {match} ref {reference}",
  { ...ORDER, match: u64(36) },
);

export const CROSS_TRADE: ItchMessage<
  One<"shares", "u64"> & Stock & One<"price", "u32"> & Match & One<"cross", "letter">
> = message("Q", "cross trade", 40, "1.5.2", "{shares} @ {price} match {match} cross {cross}", {
  shares: u64(11),
  stock: alpha8(19),
  price: price4(27),
  match: u64(31),
  cross: letter(39), // O opening, C closing, H halted or IPO
});

export const BROKEN_TRADE: ItchMessage<Match> = message("B", "broken trade", 19, "1.5.3", "match {match}", {
  match: u64(11),
});

export const NET_ORDER_IMBALANCE: ItchMessage<
  One<"paired" | "imbalance", "u64"> &
    One<"direction" | "cross" | "variation", "letter"> &
    Stock &
    One<"far" | "near" | "reference", "u32">
> = message(
  "I",
  "net order imbalance",
  50,
  "1.6",
  "paired {paired} imbalance {imbalance} {direction} far {far} near {near} reference {reference} cross {cross} " +
    "variation {variation}",
  {
    paired: u64(11),
    imbalance: u64(19),
    direction: letter(27),
    stock: alpha8(28),
    far: price4(36),
    near: price4(40),
    reference: price4(44),
    cross: letter(48),
    variation: letter(49),
  },
);

export const RETAIL_INTEREST: ItchMessage<Stock & One<"interest", "letter">> = message(
  "N",
  "retail price improvement",
  20,
  "1.7",
  "interest {interest}",
  { stock: alpha8(11), interest: letter(19) },
);

export const DIRECT_LISTING: ItchMessage<
  Stock &
    One<"eligibility", "letter"> &
    One<"minimum" | "maximum" | "near" | "lower" | "upper", "u32"> &
    One<"nearTime", "u64">
> = message(
  "O",
  "direct listing with capital raise",
  48,
  "1.8",
  "eligible {eligibility} allowed {minimum}–{maximum} near {near} set {nearTime} collar {lower}–{upper}",
  {
    stock: alpha8(11),
    eligibility: letter(19),
    minimum: price4(20),
    maximum: price4(24),
    near: price4(28),
    nearTime: field("u64", 32, -1, "ns"),
    lower: price4(40),
    upper: price4(44),
  },
);

/** All messages, in the order of the specification. */
export const ITCH50_MESSAGES: readonly ItchMessage[] = [
  SYSTEM_EVENT,
  STOCK_DIRECTORY,
  TRADING_ACTION,
  REG_SHO,
  PARTICIPANT_POSITION,
  MWCB_DECLINE_LEVEL,
  MWCB_STATUS,
  IPO_QUOTING_PERIOD,
  LULD_COLLAR,
  OPERATIONAL_HALT,
  ADD_ORDER,
  ADD_ORDER_WITH_MPID,
  ORDER_EXECUTED,
  ORDER_EXECUTED_WITH_PRICE,
  ORDER_CANCEL,
  ORDER_DELETE,
  ORDER_REPLACE,
  TRADE,
  CROSS_TRADE,
  BROKEN_TRADE,
  NET_ORDER_IMBALANCE,
  RETAIL_INTEREST,
  DIRECT_LISTING,
];
