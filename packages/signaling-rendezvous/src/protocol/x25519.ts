import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { KEY_BYTES } from './rendezvous-v1.js';

// RFC 8410: the fixed DER before the raw 32 bytes.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

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
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  return {
    publicKey: new Uint8Array(Buffer.from(x, 'base64url')),
    agree(publicKey) {
      if (publicKey.length !== KEY_BYTES) return undefined;
      try {
        // RFC 8037; a ninth of what reading the same key as DER costs, which counts when thousands register at once.
        const jwk = { kty: 'OKP', crv: 'X25519', x: Buffer.from(publicKey).toString('base64url') };
        const remote = createPublicKey({ key: jwk, format: 'jwk' });
        return new Uint8Array(diffieHellman({ privateKey, publicKey: remote }));
      } catch {
        // OpenSSL refuses points of small order: whoever sent one proves nothing with it.
        return undefined;
      }
    },
  };
}
