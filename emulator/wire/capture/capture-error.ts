/**
 * A capture cannot be read: the file is not there, is no capture, or is damaged in a way that leaves no way on. The
 * message is one sentence that names the file and, inside a file, the place. A file that merely ends too early is no
 * error: see `CaptureEnd`.
 */
export class CaptureError extends Error {
  override readonly name = "CaptureError";
  /** Where in the (unpacked) file the trouble begins; undefined when the trouble is the file itself. */
  readonly fileOffset: number | undefined;

  constructor(message: string, fileOffset?: number, options?: ErrorOptions) {
    super(message, options);
    this.fileOffset = fileOffset;
  }
}

/** An offset as messages spell it: at least four hex digits, grouped by four, as in 0x0012_3456. */
export function hexOffset(offset: number): string {
  const digits = offset.toString(16);
  const padded = digits.padStart(Math.ceil(digits.length / 4) * 4, "0");
  return `0x${padded.replace(/\B(?=(?:.{4})+$)/g, "_")}`;
}
