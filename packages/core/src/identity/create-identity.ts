import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import type { Identity } from '../contracts/identity.js';
import { CodedError } from '../errors/coded-error.js';
import { formatKey } from './keys.js';

/** DER of an X25519 key (RFC 8410) up to the 32 raw bytes: what node:crypto takes in the place of raw keys. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

/**
 * The node's key pair, X25519 by node:crypto.
 * @param privateKey 32 bytes; copied.
 * @throws CodedError INVALID_KEY on another length.
 */
export function createIdentity(privateKey: Uint8Array): Identity {
  if (privateKey.length !== 32) throw new CodedError('INVALID_KEY', 'a private key is 32 bytes long');
  const raw = Uint8Array.from(privateKey);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, raw]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return Object.freeze({
    publicKey: formatKey(spki.subarray(SPKI_PREFIX.length)),
    agree(publicKey: Uint8Array): Uint8Array | undefined {
      if (publicKey.length !== 32) return undefined;
      try {
        const theirs = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
        return new Uint8Array(diffieHellman({ privateKey: key, publicKey: theirs }));
      } catch {
        // OpenSSL refuses keys of small order, whose shared secret is all zero (RFC 7748 section 6.1).
        return undefined;
      }
    },
    exportPrivateKey: () => Uint8Array.from(raw),
  });
}
