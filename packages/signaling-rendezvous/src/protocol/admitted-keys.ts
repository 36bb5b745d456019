import type { PublicKey } from '@wirepath/core/plugin';
import { publicKeyBytes } from './public-key.js';

export interface AdmittedKeys {
  readonly keys: readonly PublicKey[];
  /** Lines, from 1, that are neither a key, a comment nor empty. */
  readonly badLines: readonly number[];
}

/** Reads a list of keys: one a line, as `wg pubkey` writes it; `#` begins a comment. */
export function parseAdmittedKeys(text: string): AdmittedKeys {
  const keys: PublicKey[] = [];
  const badLines: number[] = [];
  text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .forEach((line, index) => {
      const key = line.replace(/#.*/, '').trim();
      if (key === '') return;
      if (isPublicKey(key)) keys.push(key);
      else badLines.push(index + 1);
    });
  return { keys, badLines };
}

/** Whether it is 32 bytes as base64, in the one form that `wg` writes. */
export function isPublicKey(text: string): boolean {
  return publicKeyBytes(text) !== undefined;
}
