import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { KEY_BYTES } from './rendezvous-v1.js';

// RFC 8410: the fixed DER around the raw 32 bytes.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

/** An X25519 key pair (RFC 7748) whose private half stays inside. */
export interface X25519KeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** @returns the 32 shared bytes, or undefined for a public key of small order or a wrong length. */
  agree(publicKey: Uint8Array): Uint8Array | undefined;
}

/** @param seed 32 random bytes: the private key. */
export function x25519KeyPair(seed: Uint8Array): X25519KeyPair {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    agree(publicKey) {
      if (publicKey.length !== KEY_BYTES) return undefined;
      try {
        const remote = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
        return new Uint8Array(diffieHellman({ privateKey, publicKey: remote }));
      } catch {
        // OpenSSL refuses points of small order: whoever sent one proves nothing with it.
        return undefined;
      }
    },
  };
}
