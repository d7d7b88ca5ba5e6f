/**
 * A word that tells a frame from its neighbours: its length and a few of its bytes, chosen where feeds count (IP
 * identification, UDP checksum, MoldUDP64 sequence) and at the end. Both ends of a card compute it, so that the arrival
 * time of a frame finds it again without a mark in the frame. Two equal frames in a row are told apart by their order.
 */
export function frameSignature(bytes: Uint8Array, offset: number, byteLength: number): number {
  let signature = byteLength;
  for (let at = 16; at + 4 <= byteLength && at <= 56; at += 8) signature = mixed(signature, bytes, offset + at);
  return mixed(signature, bytes, offset + byteLength - 4);
}

function mixed(signature: number, bytes: Uint8Array, at: number): number {
  const word =
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24);
  // Multiplication by an odd constant spreads the bits and loses none (Knuth 6.4).
  return Math.imul(signature ^ word, 0x9e37_79b1) ^ (signature >>> 15);
}
