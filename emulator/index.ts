/**
 * What a device author needs: `import { bit, bits, register, RegisterMap } from "softbar/emulator"`. A device is a module
 * that exports `declaration` and `create(port, options)` ({@link DeviceModule}); `plugIn({ name, moduleUrl, options })`
 * loads it. `softbar new device NAME` makes one to begin with.
 */

// ---- time, memory, chance --------------------------------------------------------------------------------------------
export { type Clock, VirtualClock } from "./clock/clock.ts";
export { copyMemory, MemoryView } from "./memory/memory-view.ts";
// ---- the device and its port ------------------------------------------------------------------------------------------
export type { BarDeclaration, FunctionIdentity, MsixDeclaration } from "./pcie/config-space.ts";
export {
  type DeviceDeclaration,
  type DeviceModel,
  type DeviceModule,
  type DevicePort,
  type DeviceSpec,
  type DmaDescription,
  FRAME_BAD_FCS,
  type ResetKind,
} from "./pcie/device-model.ts";
export type { DmaField, DmaLayout, RingDeclaration, RingSize } from "./pcie/dma-layout.ts";
// ---- registers ---------------------------------------------------------------------------------------------------------
export {
  type Access,
  type AccessMode,
  bit,
  bits,
  type Field,
  fieldOf,
  type MirrorClass,
  type Modelled,
  type NotModelled,
  notModelled,
  type Owner,
  placed,
  type Register,
  type RegisterOptions,
  type RegisterRange,
  register,
} from "./registers/declare.ts";
export { recordRegisterFindings, registerPlace } from "./registers/finding-text.ts";
export { RegisterFile, type RegisterFileSnapshot } from "./registers/register-file.ts";
export { hex, NO_REGISTER, RegisterMap } from "./registers/register-map.ts";
export type { FindingKind } from "./run/findings.ts";
export { Rng } from "./run/rng.ts";
export type {
  DescriptorRingView,
  DeviceUse,
  EntryRingView,
  Handover,
  MemoryOwnership,
  RegionView,
  TransferView,
  WatchedEntries,
  WatchedRegion,
  WatchedRing,
  WatchedTransfer,
  WatchedWindow,
  WindowView,
} from "./sanitize/ownership.ts";
export { type Rule, type RuleText, ruleTable } from "./sanitize/rule.ts";
// ---- books kept from a feed --------------------------------------------------------------------------------------------
export { BOOK_FAULT_KINDS, BOOK_OK, type BookFaultKind, BookFaults } from "./wire/books/book-faults.ts";
export { InstrumentIndex, NO_INSTRUMENT } from "./wire/books/instrument-index.ts";
export { ItchBook, MALFORMED, NOT_OF_THE_BOOK } from "./wire/books/itch-book.ts";
export { LevelBook, type LevelBookOptions } from "./wire/books/level-book.ts";
export { OrderBook, type OrderBookOptions } from "./wire/books/order-book.ts";
export { ASK, BID, NO_LEVEL, type PriceLevels } from "./wire/books/price-ladders.ts";
export type { CaptureDetails, InterfaceDetails } from "./wire/capture/capture-details.ts";
export {
  CaptureRecord,
  DIRECTION_INBOUND,
  DIRECTION_OUTBOUND,
  DIRECTION_UNKNOWN,
  LINKTYPE_ETHERNET,
  type RecordSource,
} from "./wire/capture/capture-record.ts";
export { EthernetRecords, type FramingReport } from "./wire/capture/ethernet-records.ts";
// ---- the wire ----------------------------------------------------------------------------------------------------------
export { type CaptureFile, openCapture } from "./wire/capture/open-capture.ts";
export type { RecordStream } from "./wire/capture/record-stream.ts";
export type { WindowLimits } from "./wire/capture/reorder-window.ts";
export { type OrderReport, TimeOrderedRecords } from "./wire/capture/time-ordered-records.ts";
export type { TrailerKind } from "./wire/capture/trailer.ts";
export { type TrailerOptions, TrailerRecords, type TrailerReport } from "./wire/capture/trailer-records.ts";
export { PcapWriter } from "./wire/capture/write-pcap.ts";
export {
  type InterfaceCounters,
  type InterfaceOptions,
  type PacketRemarks,
  PcapngWriter,
} from "./wire/capture/write-pcapng.ts";
export {
  checkL4Checksum,
  checksumOf,
  isIpv4HeaderChecksumValid,
  onesComplementSum,
  writeIpv4HeaderChecksum,
  writeL4Checksum,
} from "./wire/checksum.ts";
export { appendFcs, crc32, FCS_BYTE_LENGTH, hasValidFcs } from "./wire/crc32.ts";
export { Damage } from "./wire/damage/damage.ts";
export type { DamageEvent, DamagePlan, DamageRule } from "./wire/damage/damage-plan.ts";
export { damageFromJson, parseDamage } from "./wire/damage/damage-text.ts";
export type { DamageKind, DamageLedger, LedgerCounts, LedgerEntry } from "./wire/damage/ledger.ts";
export { ledgerLines } from "./wire/damage/ledger-text.ts";
export type { FrameRange, LedgerLine } from "./wire/damage/line-account.ts";
export type { SequenceRange } from "./wire/damage/sequence-set.ts";
// ---- Nasdaq's feeds ----------------------------------------------------------------------------------------------------
export { BinaryFileReader } from "./wire/feeds/binary-file.ts";
export { CsmPacket } from "./wire/feeds/cboe-csm.ts";
export {
  PITCH_ADD_EXPANDED,
  PITCH_ADD_LONG,
  PITCH_ADD_SHORT,
  PITCH_AUCTION_SUMMARY,
  PITCH_AUCTION_UPDATE,
  PITCH_DELETE,
  PITCH_END_OF_SESSION,
  PITCH_EXECUTED,
  PITCH_EXECUTED_AT_PRICE,
  PITCH_MESSAGES,
  PITCH_MODIFY_LONG,
  PITCH_MODIFY_SHORT,
  PITCH_REDUCE_LONG,
  PITCH_REDUCE_SHORT,
  PITCH_RPI,
  PITCH_SYMBOL_MAPPING,
  PITCH_TIME,
  PITCH_TRADE_BREAK,
  PITCH_TRADE_EXPANDED,
  PITCH_TRADE_LONG,
  PITCH_TRADE_SHORT,
  PITCH_TRADING_STATUS,
  PITCH_UNIT_CLEAR,
  PitchMessage,
  type PitchMessageKind,
  pitchMessageKind,
} from "./wire/feeds/cboe-pitch.ts";
export {
  CBOE_GAP_REQUEST,
  CBOE_GAP_RESPONSE,
  CBOE_LOGIN,
  CBOE_LOGIN_RESPONSE,
  CBOE_SPIN_FINISHED,
  CBOE_SPIN_IMAGE_AVAILABLE,
  CBOE_SPIN_REQUEST,
  CBOE_SPIN_RESPONSE,
  CboeRecoveryMessage,
  writeCboeGapRequest,
  writeCboeGapResponse,
  writeCboeLogin,
  writeCboeLoginResponse,
  writeCboeSpinFinished,
  writeCboeSpinImageAvailable,
  writeCboeSpinRequest,
  writeCboeSpinResponse,
} from "./wire/feeds/cboe-recovery.ts";
export { CBOE_UNIT_HEADER_BYTE_LENGTH, CboeUnitPacket, writeCboeUnitHeader } from "./wire/feeds/cboe-unit.ts";
export { CmeBlock, type CompiledLayout, compileLayout } from "./wire/feeds/cme-block.ts";
export { CmePacket } from "./wire/feeds/cme-packet.ts";
export { CME_TEMPLATES, type CmeLayout, type CmeTemplate, cmeTemplate } from "./wire/feeds/cme-templates.ts";
export { DeepBook } from "./wire/feeds/deep-book.ts";
export { EpochTime } from "./wire/feeds/epoch-time.ts";
export { FEED_FORMATS, FeedLine } from "./wire/feeds/feed-recogniser.ts";
export type { FeedFormat, FeedTracker } from "./wire/feeds/feed-tracker.ts";
export { IcePacket } from "./wire/feeds/ice-impact.ts";
export { IexMessage, type IexMessageKind } from "./wire/feeds/iex-messages.ts";
export { IexTpPacket } from "./wire/feeds/iex-tp.ts";
export { ItchSession, type ItchSessionOptions } from "./wire/feeds/itch-session.ts";
export { ItchCounters } from "./wire/feeds/itch50.ts";
export * as itch50 from "./wire/feeds/itch50-messages.ts";
export { ItchReader, NO_MESSAGE } from "./wire/feeds/itch50-reader.ts";
export { itchText, symbolText } from "./wire/feeds/itch50-text.ts";
export { ItchWriter } from "./wire/feeds/itch50-writer.ts";
export { MemxPacket } from "./wire/feeds/memx-memoir.ts";
export { MachDatagram } from "./wire/feeds/miax-mach.ts";
export { MoldTracker } from "./wire/feeds/mold-tracker.ts";
export { MoldUdp64Packet } from "./wire/feeds/mold-udp64.ts";
export { XdpPacket } from "./wire/feeds/nyse-xdp.ts";
export { PitchBook } from "./wire/feeds/pitch-book.ts";
export { SbeGroups } from "./wire/feeds/sbe-groups.ts";
export { SequenceTally } from "./wire/feeds/sequence-tally.ts";
export { SoupBinReader, type SoupState } from "./wire/feeds/soup-bin-tcp.ts";
export type { SoupLogin } from "./wire/feeds/soup-packets.ts";
export { StreamTable, type StreamTally } from "./wire/feeds/stream-table.ts";
export {
  ETHERNET_HEADER_BYTE_LENGTH,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_VLAN,
  FrameHeaders,
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  VLAN_TAG_BYTE_LENGTH,
} from "./wire/frame.ts";
export { lineRateFramesPerSecond, MIN_FRAME_BYTE_LENGTH, wireTimeNs } from "./wire/line-rate.ts";
// ---- lines that carry the same stream ----------------------------------------------------------------------------------
export type { ArbiterOptions } from "./wire/lines/arbiter-options.ts";
export type { ArbiterSink } from "./wire/lines/arbiter-sink.ts";
export type { LeadReport } from "./wire/lines/lead-times.ts";
export { LineArbiter } from "./wire/lines/line-arbiter.ts";
export type { LineReport } from "./wire/lines/line-tally.ts";
export { StreamArbiter } from "./wire/lines/stream-arbiter.ts";
// ---- recovery of what was lost ------------------------------------------------------------------------------------------
export { ByteStream, type ByteStreamOptions } from "./wire/recovery/byte-stream.ts";
export { type CboeClientOptions, type CboeClientReport, CboeGapClient } from "./wire/recovery/cboe-gap-client.ts";
export type { CboeProxyOptions, CboeProxyReport } from "./wire/recovery/cboe-gap-options.ts";
export { CboeGapProxy } from "./wire/recovery/cboe-gap-proxy.ts";
export { GapRecovery, type MessageSink, type RecoveryReport } from "./wire/recovery/gap-recovery.ts";
export { ArchiveBuilder, type ArchiveTables, MessageArchive } from "./wire/recovery/message-archive.ts";
export type { MessageSource } from "./wire/recovery/message-source.ts";
export {
  type FramePort,
  type MoldClientOptions,
  type MoldClientReport,
  MoldRecoveryClient,
} from "./wire/recovery/mold-client.ts";
export {
  MoldRequestServer,
  type MoldServerOptions,
  type MoldServerReport,
} from "./wire/recovery/mold-request-server.ts";
export type { RecoveryOptions } from "./wire/recovery/recovery-options.ts";
export type { RequestPort } from "./wire/recovery/request-schedule.ts";
export type { ServiceOptions } from "./wire/recovery/service-policy.ts";
export {
  SoupClient,
  type SoupClientOptions,
  type SoupClientReport,
  type SoupClientState,
} from "./wire/recovery/soup-client.ts";
export { SoupServer, type SoupServerOptions, type SoupServerReport } from "./wire/recovery/soup-server.ts";
