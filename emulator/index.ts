/**
 * What a device author needs: `import { bit, bits, register, RegisterMap } from "softbar/emulator"`. A device is a module
 * that exports `declaration` and `create(port, options)` ({@link DeviceModule}); `plugIn({ name, moduleUrl, options })`
 * loads it. devices/edu is one to begin with.
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
  FRAME_BAD_FCS,
  type ResetKind,
} from "./pcie/device-model.ts";
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
export { RegisterFile } from "./registers/register-file.ts";
export { hex, NO_REGISTER, RegisterMap } from "./registers/register-map.ts";
export type { FindingKind } from "./run/findings.ts";
export { Rng } from "./run/rng.ts";
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
export type { FrameRange, LineReport } from "./wire/damage/line-account.ts";
export type { SequenceRange } from "./wire/damage/sequence-set.ts";
export { ItchSession, type ItchSessionOptions } from "./wire/feeds/itch-session.ts";
export { ItchCounters } from "./wire/feeds/itch50.ts";
export { MoldTracker } from "./wire/feeds/mold-tracker.ts";
export { MoldUdp64Packet } from "./wire/feeds/mold-udp64.ts";
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
