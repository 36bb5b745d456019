import type { PublicKey } from '../contracts/identity.js';

/** @returns 32 bytes. @throws CodedError INVALID_KEY, without the text. */
export function parsePrivateKey(_text: string): Uint8Array {
  throw new Error('signature');
}

/** @returns 32 bytes. @throws CodedError INVALID_KEY. */
export function parsePublicKey(_text: PublicKey): Uint8Array {
  throw new Error('signature');
}

/** 44 characters of base64, as `wg` prints keys. */
export function formatKey(_key: Uint8Array): string {
  throw new Error('signature');
}

/** A fresh private key, clamped as `wg genkey` does; 32 bytes. */
export function generatePrivateKey(): Uint8Array {
  throw new Error('signature');
}
