/** `0x1_0000_f000`: an address in groups of four digits. */
export function iovaName(iova: number): string {
  const digits = iova.toString(16).padStart(8, "0");
  return `0x${digits.replace(/\B(?=(?:.{4})+$)/g, "_")}`;
}
