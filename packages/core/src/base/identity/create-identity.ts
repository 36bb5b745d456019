import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import type { Identity } from './identity.js';
import { CodedError } from '../errors/coded-error.js';
import { formatKey } from './keys.js';

/** Raw X25519 keys as JSON Web Keys (RFC 8037): node:crypto reads DER ten times more slowly. */
const OKP = { kty: 'OKP', crv: 'X25519' } as const;
const base64Url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

/**
 * The node's key pair, X25519 by node:crypto.
 * @param privateKey 32 bytes; copied.
 * @throws CodedError INVALID_KEY on another length.
 */
export function createIdentity(privateKey: Uint8Array): Identity {
  if (privateKey.length !== 32) throw new CodedError('INVALID_KEY', 'a private key is 32 bytes long');
  const raw = Uint8Array.from(privateKey);
  // The public half of the JWK is not looked at, but must be there.
  const d = base64Url(raw);
  const key = createPrivateKey({ key: { ...OKP, d, x: d }, format: 'jwk' });
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  return Object.freeze({
    publicKey: formatKey(Buffer.from(x, 'base64url')),
    agree(publicKey: Uint8Array): Uint8Array | undefined {
      if (publicKey.length !== 32) return undefined;
      try {
        const theirs = createPublicKey({ key: { ...OKP, x: base64Url(publicKey) }, format: 'jwk' });
        return new Uint8Array(diffieHellman({ privateKey: key, publicKey: theirs }));
      } catch {
        // OpenSSL refuses keys of small order, whose shared secret is all zero (RFC 7748 section 6.1).
        return undefined;
      }
    },
    exportPrivateKey: () => Uint8Array.from(raw),
  });
}
