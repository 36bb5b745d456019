import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** A WireGuard key pair, base64 as `wg genkey` and `wg pubkey` write it. */
export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

export function newKeyPair(): KeyPair {
  const { privateKey } = generateKeyPairSync('x25519');
  return { privateKey: base64(privateKey, 'd'), publicKey: base64(createPublicKey(privateKey), 'x') };
}

function base64(key: KeyObject, part: 'd' | 'x'): string {
  return Buffer.from(key.export({ format: 'jwk' })[part] ?? '', 'base64url').toString('base64');
}
