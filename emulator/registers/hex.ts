/** `0x0a90`: a number as data sheets print offsets. */
export function hex(value: number, digits = 4): string {
  return `0x${(value < 0 ? value >>> 0 : value).toString(16).padStart(digits, "0")}`;
}
