import type { Identity } from '../contracts/identity.js';

/** @param privateKey 32 bytes. @throws CodedError INVALID_KEY on another length. */
export function createIdentity(_privateKey: Uint8Array): Identity {
  throw new Error('signature');
}
