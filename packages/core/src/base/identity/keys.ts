import { randomBytes } from 'node:crypto';
import { CodedError } from '../errors/coded-error.js';
import type { PublicKey } from './identity.js';

/** 32 bytes as `wg` writes them: 43 characters, of which the last holds 4 bits, and `=`. */
const KEY_TEXT = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/** True for the text of a WireGuard key, public, private or preshared. */
export function isKeyText(text: string): boolean {
  return KEY_TEXT.test(text);
}

/** How a text that is no key holds one all the same, as pasting leaves it; undefined where it does not. Quotes nothing of it. */
export function describePastedKey(text: string): string | undefined {
  const bare = text.replace(/\s/g, '');
  if (isKeyText(bare)) return 'a key with white space in it';
  if (isKeyText(bare.replace(/^["'`]|["'`]$/g, ''))) return 'a key in quotes';
  if (isKeyText(bare.replace(/^\w+=/, ''))) return 'a key with its name and `=` before it';
  return undefined;
}

/** @returns 32 bytes. @throws CodedError INVALID_KEY, without the text. */
export function parsePrivateKey(text: string): Uint8Array {
  if (!isKeyText(text)) throw new CodedError('INVALID_KEY', 'not a WireGuard private key');
  return new Uint8Array(Buffer.from(text, 'base64'));
}

/** @returns 32 bytes. @throws CodedError INVALID_KEY. */
export function parsePublicKey(text: PublicKey): Uint8Array {
  // The text stays out of the message here too: a private key put in the wrong place must not reach a log.
  if (!isKeyText(text)) throw new CodedError('INVALID_KEY', 'not a WireGuard public key');
  return new Uint8Array(Buffer.from(text, 'base64'));
}

/** 44 characters of base64, as `wg` prints keys. */
export function formatKey(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('base64');
}

/** A fresh private key, clamped as `wg genkey` does (RFC 7748 section 5); 32 bytes. */
export function generatePrivateKey(): Uint8Array {
  const key = new Uint8Array(randomBytes(32));
  key[0] = (key[0] ?? 0) & 248;
  key[31] = ((key[31] ?? 0) & 127) | 64;
  return key;
}
