/** A driver module around another one: loads the user's decoder first, and gives it to the sink of the driver. */
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { loadDefault, loadDriver } from "../driver-module.ts";
import type { FrameDecoder, FrameDecoderFactory } from "./frame-decoder.ts";
import { ReplayDecoderError } from "./replay-errors.ts";
import type { ReplayDriverArgument } from "./replay-sink.ts";

/** What this module is called with. Structured-cloneable. */
export interface DecodingArgument extends ReplayDriverArgument {
  readonly driverUrl: string;
  readonly decoderUrl: string;
}

export default async function drive(functions: readonly PciFunction[], argument: DecodingArgument): Promise<unknown> {
  const driver = await loadDriver(argument.driverUrl);
  const decoder = await loadDecoder(argument.decoderUrl);
  return driver(functions, { ...argument, company: { ...argument.company, decoder } });
}

/** Throws DriverModuleError for what is no decoder module, ReplayDecoderError for what it throws itself. */
export async function loadDecoder(url: string): Promise<FrameDecoder> {
  const create = await loadDefault<FrameDecoderFactory>(url, "decoder", "() => ({ frame, report })");
  let decoder: FrameDecoder | undefined;
  try {
    decoder = await create();
  } catch (thrown) {
    throw new ReplayDecoderError(`The decoder threw ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
  }
  if (typeof decoder?.frame === "function") return decoder;
  throw new ReplayDecoderError(`${url}: the decoder has no function "frame".`);
}
