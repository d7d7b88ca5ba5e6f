/** What was given is no driver that can be run here: not WebAssembly, or built otherwise than softbar.h says. */
export class WasmProgramError extends Error {
  override readonly name = "WasmProgramError";
}

/** The driver trapped, gave up (sb_panic) or called for what is not there. Where in its code stands in the message. */
export class WasmDriverError extends Error {
  override readonly name = "WasmDriverError";
}
