/** A Cboe sequenced unit, by the book. `messages` are whole, their length byte included. */
export function cboeUnit(unit: number, sequence: number, messages: readonly Uint8Array[] = []): Uint8Array {
  const byteLength = 8 + messages.reduce((sum, message) => sum + message.length, 0);
  const bytes = new Uint8Array(byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, byteLength, true);
  view.setUint8(2, messages.length);
  view.setUint8(3, unit);
  view.setUint32(4, sequence, true);
  let at = 8;
  for (const message of messages) {
    bytes.set(message, at);
    at += message.length;
  }
  return bytes;
}

/** A message of `type` whose `byteLength` bytes are right and whose fields are zero. */
export function cboeMessage(type: number, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  bytes[0] = byteLength;
  bytes[1] = type;
  return bytes;
}
