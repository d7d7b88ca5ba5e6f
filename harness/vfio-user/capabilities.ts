import { EINVAL, MAX_DATA_BYTES, RequestError } from "./protocol.ts";

/** What a side says of itself in the version message. What is absent has its default there. */
export interface Capabilities {
  readonly max_msg_fds?: number;
  readonly max_data_xfer_size?: number;
  /** Page sizes that memory is mapped in, or'ed together. */
  readonly pgsizes?: number;
  readonly write_multiple?: boolean;
}

/**
 * What a client's version message says that limits us: the most bytes of one DMA message.
 * @throws RequestError EINVAL for what is no JSON object with capabilities.
 */
export function capabilitiesOf(bytes: Buffer): { readonly transferBytes: number } {
  const end = bytes.indexOf(0);
  const text = bytes.subarray(0, end < 0 ? undefined : end).toString("utf8");
  const { capabilities = {} } = objectOf(text === "" ? {} : parsed(text));
  const { max_data_xfer_size: transferBytes = MAX_DATA_BYTES } = objectOf(capabilities);
  if (typeof transferBytes !== "number" || !Number.isInteger(transferBytes) || transferBytes < 1) {
    throw new RequestError(EINVAL, `max_data_xfer_size ${JSON.stringify(transferBytes)} lets nothing through`);
  }
  return { transferBytes: Math.min(transferBytes, MAX_DATA_BYTES) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new RequestError(EINVAL, "the capabilities are no JSON object");
}
