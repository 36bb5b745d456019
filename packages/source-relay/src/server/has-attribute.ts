import { attributeType, type StunMessage } from '@wirepath/stun-codec';

/**
 * Whether an attribute is there at all: the decoder says undefined of a malformed one too, and an address family that
 * does not exist is not the same as none asked for.
 */
export function hasAttribute(request: StunMessage, type: number): boolean {
  const { bytes } = request;
  for (let at = 20; at + 4 <= bytes.length; at += 4 + ((bytes.readUInt16BE(at + 2) + 3) & ~3)) {
    const found = bytes.readUInt16BE(at);
    if (found === type) return true;
    // What follows MESSAGE-INTEGRITY does not count.
    if (found === attributeType.messageIntegrity) return false;
  }
  return false;
}
