import { createIdentity, formatKey, generatePrivateKey } from '@wirepath/core';

/** A WireGuard key pair, base64 as `wg genkey` and `wg pubkey` write it. */
export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/**
 * Not by `generateKeyPairSync`: in Node 20 a garbage collection while such a key is exported as JWK may wait for ever for the
 * lock that the export holds.
 */
export function newKeyPair(): KeyPair {
  const privateKey = generatePrivateKey();
  return { privateKey: formatKey(privateKey), publicKey: createIdentity(privateKey).publicKey };
}
