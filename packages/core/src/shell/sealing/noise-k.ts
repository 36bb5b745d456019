import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';
import type { Identity } from '../../base/identity/identity.js';
import { createIdentity } from '../../base/identity/create-identity.js';

/**
 * One-message sealing in the pattern K of the Noise protocol framework: both static keys are known beforehand, and
 * `e, es, ss` encrypts to the recipient and proves the sender.
 */
const PROTOCOL_NAME = 'Noise_K_25519_ChaChaPoly_BLAKE2s';
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const OVERHEAD_BYTES = KEY_BYTES + TAG_BYTES;

/**
 * @param ephemeral 32 fresh random bytes.
 * @returns ephemeral public key, ciphertext, tag; undefined when the recipient's key is of small order.
 */
export function sealK(
  sender: Identity,
  recipient: Uint8Array,
  prologue: Uint8Array,
  payload: Uint8Array,
  ephemeral: Uint8Array,
): Uint8Array | undefined {
  const e = createIdentity(ephemeral);
  const state = new SymmetricState(prologue, rawKey(sender), recipient);
  const ephemeralPublic = rawKey(e);
  state.mixHash(ephemeralPublic);
  const es = e.agree(recipient);
  const ss = sender.agree(recipient);
  if (es === undefined || ss === undefined) return undefined;
  state.mixKey(es);
  state.mixKey(ss);
  return Buffer.concat([ephemeralPublic, state.encrypt(payload)]);
}

/** @returns the payload, or undefined when it was not sealed by `sender` for `recipient` under this prologue. */
export function openK(
  recipient: Identity,
  sender: Uint8Array,
  prologue: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < OVERHEAD_BYTES) return undefined;
  const ephemeral = sealed.subarray(0, KEY_BYTES);
  const state = new SymmetricState(prologue, sender, rawKey(recipient));
  state.mixHash(ephemeral);
  const es = recipient.agree(ephemeral);
  const ss = recipient.agree(sender);
  if (es === undefined || ss === undefined) return undefined;
  state.mixKey(es);
  state.mixKey(ss);
  return state.decrypt(sealed.subarray(KEY_BYTES));
}

function rawKey(identity: Identity): Uint8Array {
  return Buffer.from(identity.publicKey, 'base64');
}

/** Noise's SymmetricState with a single encryption, so the nonce is always zero. */
class SymmetricState {
  #hash: Uint8Array = Buffer.from(PROTOCOL_NAME, 'ascii');
  #chainingKey = this.#hash;
  #key: Uint8Array = new Uint8Array(KEY_BYTES);

  constructor(prologue: Uint8Array, senderStatic: Uint8Array, recipientStatic: Uint8Array) {
    this.mixHash(prologue);
    this.mixHash(senderStatic);
    this.mixHash(recipientStatic);
  }

  mixHash(data: Uint8Array): void {
    this.#hash = createHash('blake2s256').update(this.#hash).update(data).digest();
  }

  mixKey(input: Uint8Array): void {
    const temporary = hmac(this.#chainingKey, input);
    this.#chainingKey = hmac(temporary, Uint8Array.of(1));
    this.#key = hmac(temporary, this.#chainingKey, Uint8Array.of(2));
  }

  encrypt(payload: Uint8Array): Uint8Array {
    const cipher = createCipheriv('chacha20-poly1305', this.#key, new Uint8Array(12), { authTagLength: TAG_BYTES });
    cipher.setAAD(this.#hash, { plaintextLength: payload.length });
    return Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
  }

  decrypt(sealed: Uint8Array): Uint8Array | undefined {
    const end = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv('chacha20-poly1305', this.#key, new Uint8Array(12), { authTagLength: TAG_BYTES });
    decipher.setAAD(this.#hash, { plaintextLength: end });
    decipher.setAuthTag(sealed.subarray(end));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
    } catch {
      // The tag does not match: forged, replayed in the other direction, or meant for somebody else.
      return undefined;
    }
  }
}

function hmac(key: Uint8Array, ...data: Uint8Array[]): Uint8Array {
  const mac = createHmac('blake2s256', key);
  for (const part of data) mac.update(part);
  return mac.digest();
}
