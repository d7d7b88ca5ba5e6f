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
export type { MachineOptions, PortName } from "../emulator/run/machine.ts";
export { DeviceGoneError, DeviceStuckError, DriverModuleError, TestbedError } from "../emulator/run/testbed-error.ts";
export { CaptureError } from "../emulator/wire/capture/capture-error.ts";
export { type CaptureInfo, type CaptureInfoOptions, captureInfo } from "./capture/capture-info.ts";
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
  InterleavingError,
  NondeterminismError,
} from "./explore/explore.ts";
export type { ExploredBed, ExploredWireEnd } from "./explore/plugged-session.ts";
export { type FrameShape, frames } from "./frames.ts";
export { failOnOpenTestbeds } from "./open-testbeds.ts";
export { plugIn } from "./plug-in.ts";
export type { FeedReport, LineReport, SessionReport, StreamReport } from "./replay/feed-meter.ts";
export type { FcsMode, FrameReaderReport } from "./replay/frame-source.ts";
export type { LatencyReport } from "./replay/latency.ts";
export type { PreparationReport, RecordOrder } from "./replay/preparation.ts";
export { replay } from "./replay/replay.ts";
export { ReplayDriverError, ReplayInputError, ReplayStuckError } from "./replay/replay-errors.ts";
export { parseSpeed, type ReplayOptions } from "./replay/replay-options.ts";
export type { ReplayProgress } from "./replay/replay-progress.ts";
export type {
  DropCount,
  ReplayBalance,
  ReplayDriverResult,
  ReplayReport,
  ReplaySourceReport,
} from "./replay/replay-report.ts";
export { type ReplayDriverArgument, ReplaySink, type SinkReport } from "./replay/replay-sink.ts";
export type { DropPlace, ReplayTarget } from "./replay/replay-target.ts";
export type { SendOptions, TestWire } from "./test-wire.ts";
export type { PlugInOptions, Testbed, TestbedCpu } from "./testbed.ts";
