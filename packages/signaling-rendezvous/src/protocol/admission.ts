import { createHash, hkdfSync, timingSafeEqual } from 'node:crypto';
import { PROOF_BYTES } from './rendezvous-v1.js';

const LABEL = Buffer.from('rendezvous.v1 admission');

/** All that a proof is bound to. */
export interface AdmissionTranscript {
  /** The client's static key, 32 bytes. */
  readonly clientKey: Uint8Array;
  /** The server's ephemeral key, 32 bytes. */
  readonly serverKey: Uint8Array;
  /** Fresh per connection, 32 bytes. */
  readonly challenge: Uint8Array;
  /** Canonical form of the URL that the client dialled: a server cannot pass the proof on to another. */
  readonly url: string;
}

export interface AdmissionProofs {
  /** The client sends it to be registered. */
  readonly client: Uint8Array;
  /** The server answers with it: registered by the very server that sent the challenge. */
  readonly server: Uint8Array;
}

/**
 * docs/rendezvous-protocol.md, "Admission": HKDF-SHA-256 (RFC 5869) of the key agreement, with the transcript's hash as
 * `info`. The two proofs are different outputs, so that neither can be sent back as the other.
 * @param shared X25519 of the client's static and the server's ephemeral key.
 */
export function admissionProofs(shared: Uint8Array, transcript: AdmissionTranscript): AdmissionProofs {
  // Every field before the URL has a fixed length, so the concatenation is unambiguous.
  const hash = createHash('sha256')
    .update(transcript.clientKey)
    .update(transcript.serverKey)
    .update(transcript.challenge)
    .update(transcript.url, 'ascii')
    .digest();
  const bytes = new Uint8Array(hkdfSync('sha256', shared, LABEL, hash, 2 * PROOF_BYTES));
  return { client: bytes.slice(0, PROOF_BYTES), server: bytes.slice(PROOF_BYTES) };
}

/** Compares in constant time. */
export function sameProof(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
