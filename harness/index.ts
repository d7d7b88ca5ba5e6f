/**
 * What a test of a driver imports: `import { frames, plugIn } from "softbar"`. Devices are in "softbar/devices", cards with
 * a driver to replay into in "softbar/scenarios", what a device author needs in "softbar/emulator".
 */

export type {
  Bar,
  Config,
  Cpu,
  Dma,
  DmaAllocOptions,
  DmaBuffer,
  DmaDirection,
  Interrupt,
  InterruptKind,
  PciFunction,
} from "../emulator/pcie/driver-view.ts";
export type { DeviceStatistics } from "../emulator/run/device-thread.ts";
export type { Finding, FindingKind } from "../emulator/run/findings.ts";
export type { MachineOptions, OwnMemory, PortName } from "../emulator/run/machine.ts";
export { DeviceGoneError, DeviceStuckError, DriverModuleError, TestbedError } from "../emulator/run/testbed-error.ts";
export type { RaceSampling, SanitizeOptions } from "../emulator/sanitize/rule.ts";
export { CaptureError } from "../emulator/wire/capture/capture-error.ts";
export { damageEvents, type OfferedFrame } from "../emulator/wire/damage/damage-events.ts";
export type { DamageEvent, DamagePlan, DamageRule } from "../emulator/wire/damage/damage-plan.ts";
export { parseDamage } from "../emulator/wire/damage/damage-text.ts";
export type { DamageLedger, LedgerCounts, LedgerEntry } from "../emulator/wire/damage/ledger.ts";
export type { LedgerLine } from "../emulator/wire/damage/line-account.ts";
export { requireWithAddon } from "./attach/require-with-addon.ts";
export { trappedWords } from "./attach/trapped-words.ts";
export { UserspaceAddon, type UserspaceAddonOptions } from "./attach/userspace-addon.ts";
export { type CaptureInfo, type CaptureInfoOptions, captureInfo } from "./capture/capture-info.ts";
export type { TargetOptions } from "./cli/catalogue.ts";
export {
  type CampaignEnd,
  type CampaignOptions,
  type CampaignProgress,
  type CampaignResult,
  runCampaign,
} from "./explore/campaign.ts";
export { type ExplorationModule, exploration } from "./explore/exploration.ts";
export {
  type ExploreOptions,
  type ExploreResult,
  explore,
} from "./explore/explore.ts";
export { InterleavingError, NondeterminismError } from "./explore/explore-errors.ts";
export type { ExploredBed, ExploredWaits, ExploredWireEnd } from "./explore/explored-bed.ts";
export { type BedFaults, FaultNotStruckError } from "./faults/bed-faults.ts";
export {
  EveryFaultError,
  type EveryFaultOptions,
  type EveryFaultResult,
  everyFault,
  type SiteResult,
} from "./faults/every-fault.ts";
export type { FaultTally } from "./faults/fault-counters.ts";
export type { FaultCount, FaultReport, FaultSite, WaitingFault } from "./faults/fault-injector.ts";
export { describeFault, FAULT_KINDS, type FaultDescription, type FaultKind } from "./faults/fault-kinds.ts";
export { type FaultModule, faultScenario } from "./faults/fault-module.ts";
export { type FaultRule, parseFaults } from "./faults/fault-rules.ts";
export { faulty } from "./faults/faulty.ts";
export { type DeceiverOptions, type Lie, lies } from "./faults/hostile/deceiver.ts";
export {
  type HostileFailure,
  type HostileOptions,
  type HostileOutcome,
  type HostileResult,
  hostile,
  hostileRunner,
} from "./faults/hostile/hostile.ts";
export { type FaultScenario, type FaultVerdict, isCleanError } from "./faults/scenario-run.ts";
export { type FrameShape, frames } from "./frames.ts";
export { failOnLeaks, failOnOpenTestbeds } from "./open-testbeds.ts";
export { plugIn } from "./plug-in.ts";
export type { FeedReport, LineReport, SessionReport, StreamReport } from "./replay/feed-meter.ts";
export type { FrameDecoder, FrameDecoderFactory } from "./replay/frame-decoder.ts";
export type { FcsMode, FrameReaderReport } from "./replay/frame-source.ts";
export type { LatencyReport, LatenessReport } from "./replay/latency.ts";
export type { PreparationReport, RecordOrder } from "./replay/preparation.ts";
export { type RecordedFramesOptions, recordedFrames } from "./replay/recorded-frames.ts";
export {
  type ArrivingFrame,
  type RecordedTraffic,
  type RecordedTrafficOptions,
  recordedTraffic,
} from "./replay/recorded-traffic.ts";
export { replay } from "./replay/replay.ts";
export { ReplayDecoderError, ReplayDriverError, ReplayInputError, ReplayStuckError } from "./replay/replay-errors.ts";
export type { ReplayExpectation, ReplayOptions } from "./replay/replay-options.ts";
export type { ReplayProgress } from "./replay/replay-progress.ts";
export type {
  DamageReport,
  DropCount,
  ReplayBalance,
  ReplayDriverResult,
  ReplayReport,
  ReplaySourceReport,
} from "./replay/replay-report.ts";
export { type ReplayDriverArgument, ReplaySink, type SinkReport } from "./replay/replay-sink.ts";
export { type BurstScaling, type LineSpeed, parseSpeed, type ReplaySpeed } from "./replay/replay-speed.ts";
export type { DropPlace, ReplayTarget } from "./replay/replay-target.ts";
export { type Moment, parseMoment, type ReplayWindow } from "./replay/replay-window.ts";
export type { ArbitrateOptions, RecoverOptions, StreamOptions } from "./replay/streams/stream-plan.ts";
export type {
  ArbitratedStream,
  BookReport,
  InstrumentReport,
  RecoveredStream,
  StreamsReport,
} from "./replay/streams/stream-report.ts";
export type { SendOptions, TestWire } from "./test-wire.ts";
export type { PlugInOptions, Testbed, TestbedCpu } from "./testbed.ts";
export type { TraceFormat } from "./trace/convert-trace.ts";
export type { RunTrace } from "./trace/run-trace.ts";
export type { EdgeReason, TraceEdge, TraceEvent, TraceRecord } from "./trace/trace-event.ts";
export type { TraceFilterOptions } from "./trace/trace-filter.ts";
export type { TraceEnd, TraceHeader } from "./trace/trace-header.ts";
export type { TraceOptions } from "./trace/trace-options.ts";
export { TraceFormatError, TraceReader } from "./trace/trace-reader.ts";
export { type ServerOptions, VfioUserServer } from "./vfio-user/server.ts";
export type { GuestFile } from "./vm/guest-root.ts";
export type { GuestResult } from "./vm/guest-shell.ts";
export type { GuestStatistics } from "./vm/guest-thread.ts";
export { LinuxGuest, type LinuxGuestOptions } from "./vm/linux-guest.ts";
export { type LinuxTrialOptions, type LinuxTrialReport, linuxTrial } from "./vm/linux-trial.ts";
export { GuestError, GuestStuckError } from "./vm/vm-error.ts";
export { runWasm, type WasmRunOptions, type WasmRunReport } from "./wasm/run-wasm.ts";
export type { WasmDriver, WasmDriverOptions, WasmDriverState } from "./wasm/wasm-driver.ts";
export { WasmDriverError, WasmProgramError } from "./wasm/wasm-errors.ts";
export { runOnCpu } from "./wasm/wasm-job.ts";
export { WasmProgram, type WasmProgramData, type WasmProgramOptions } from "./wasm/wasm-program.ts";
