/** Who is behind a write of a device: itself, a fault that a test has armed, or one that writes what was written already. */
export const BY_DEVICE = 0;
export const BY_FAULT = 1;
export const REPEATED_BY_FAULT = 2;
export type WrittenBy = typeof BY_DEVICE | typeof BY_FAULT | typeof REPEATED_BY_FAULT;
