/** A MoldUDP64 downstream packet, by the book. `countField` overrides the message count, as the end of a session does. */
export function moldPacket(
  session: string,
  sequence: number,
  messages: readonly Uint8Array[],
  countField: number = messages.length,
): Uint8Array {
  const bytes = new Uint8Array(20 + messages.reduce((sum, message) => sum + 2 + message.length, 0));
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(session.padEnd(10)));
  view.setBigUint64(10, BigInt(sequence));
  view.setUint16(18, countField);
  let at = 20;
  for (const message of messages) {
    view.setUint16(at, message.length);
    bytes.set(message, at + 2);
    at += 2 + message.length;
  }
  return bytes;
}
