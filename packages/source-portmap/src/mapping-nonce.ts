import type { Identity } from '@wirepath/core/plugin';
import { createHash } from 'node:crypto';

const NONCE_BYTES = 12;

/**
 * PCP's mapping nonce (RFC 6887 11.1): nobody else can make it, and the node that was killed makes it again, so that its
 * mapping is its own after the next start. It is a hash of what X25519 makes of our private key and our own public key.
 */
export function mappingNonce(identity: Pick<Identity, 'agree' | 'publicKey'>, text: string): Uint8Array {
  const secret = identity.agree(Buffer.from(identity.publicKey, 'base64'));
  const hash = createHash('sha256').update('port mapping nonce\0');
  if (secret !== undefined) hash.update(secret);
  return new Uint8Array(hash.update(text).digest().subarray(0, NONCE_BYTES));
}
