import {
  decodeStunMessage,
  encodeStunMessage,
  shortTermKey,
  transactionKey,
  type StunMessage,
} from '@wirepath/stun-codec';
import type { PublicKey } from '../../base/identity/identity.js';
import type { TransportPath } from '../../contracts/path.js';
import type { CheckCodec, CheckReading, SendCheck } from './transport-port.js';

/** Answers are waited for no longer than this many checks later. */
const MAX_AWAITED = 16_384;
const ATTRIBUTE_HEADER_BYTES = 4;

/** Has the encoder loaded that the first check would have to wait for: some tens of milliseconds, once in a process. */
export function loadCheckEncoder(): void {
  encodeStunMessage({
    class: 'request',
    method: 'binding',
    transactionId: Buffer.alloc(12),
    username: '',
    priority: 0,
  });
}

/**
 * Connectivity checks on the wire (RFC 8445 7): Binding requests and responses under the short-term credentials of the
 * sealed messages. What this class lets through has been authenticated.
 */
export class ConnectivityChecks implements CheckCodec {
  readonly #expected = new Map<string, { peer: PublicKey; key: Buffer }>();
  readonly #ufrags = new Map<PublicKey, string>();
  /**
   * Password with which an answer must be signed, by transaction. Not the key: a small Buffer keeps the 8 KiB alive that
   * Node cut it from, and most checks to an unreachable candidate are never answered.
   */
  readonly #awaited = new Map<string, string>();
  readonly #random: (length: number) => Uint8Array;

  /** @param random for what fills checks that are made larger. */
  constructor(random: (length: number) => Uint8Array) {
    this.#random = random;
  }

  expect(peer: PublicKey, ufrag: string, password: string): void {
    this.forget(peer);
    this.#ufrags.set(peer, ufrag);
    this.#expected.set(ufrag, { peer, key: shortTermKey(password) });
  }

  forget(peer: PublicKey): void {
    const ufrag = this.#ufrags.get(peer);
    if (ufrag !== undefined) this.#expected.delete(ufrag);
    this.#ufrags.delete(peer);
  }

  encodeCheck(check: SendCheck): Buffer {
    this.#await(transactionKey(check.transactionId), check.remotePassword);
    const plain = encodePlainCheck(check);
    if (check.sizeBytes === undefined) return plain;
    // Random, for an overlay may compress.
    const paddingBytes = check.sizeBytes - plain.length - ATTRIBUTE_HEADER_BYTES;
    return paddingBytes < 0 ? plain : encodePlainCheck(check, this.#random(paddingBytes));
  }

  encodeAnswer(peer: PublicKey, transactionId: Uint8Array, to: TransportPath): Buffer | undefined {
    const credential = this.#expected.get(this.#ufrags.get(peer) ?? '');
    if (credential === undefined) return undefined;
    return encodeStunMessage({
      class: 'success',
      method: 'binding',
      transactionId,
      mappedAddress: to.remote,
      integrityKey: credential.key,
      fingerprint: true,
    });
  }

  read(path: TransportPath, bytes: Uint8Array): CheckReading {
    const message = decodeStunMessage(bytes);
    if (message === undefined || message.method !== 'binding') return 'not-a-check';
    if (message.class === 'request') return this.#readRequest(path, message);
    if (message.class === 'success') return this.#readAnswer(path, message);
    return 'not-a-check';
  }

  #readRequest(path: TransportPath, message: StunMessage): CheckReading {
    if (message.username === undefined) return 'not-a-check';
    const credential = this.#expected.get(message.username.split(':', 1)[0] ?? '');
    if (credential === undefined) return 'unknown-user';
    if (!message.verifyFingerprint() || !message.verifyIntegrity(credential.key)) return 'forged';
    return {
      type: 'check',
      peer: credential.peer,
      path,
      transactionId: Uint8Array.from(message.transactionId),
      priority: message.priority ?? 0,
      candidateType: message.iceCandidateType?.type ?? 'peer-reflexive',
      useCandidate: message.useCandidate,
    };
  }

  #readAnswer(path: TransportPath, message: StunMessage): CheckReading {
    const password = this.#awaited.get(message.transactionKey);
    if (password === undefined) return 'not-a-check';
    const signed = message.verifyFingerprint() && message.verifyIntegrity(shortTermKey(password));
    if (message.mappedAddress === undefined || !signed) return 'forged';
    this.#awaited.delete(message.transactionKey);
    return {
      type: 'check-response',
      path,
      transactionId: message.transactionKey,
      mappedAddress: message.mappedAddress,
    };
  }

  #await(id: string, password: string): void {
    this.#awaited.set(id, password);
    if (this.#awaited.size <= MAX_AWAITED) return;
    const oldest = this.#awaited.keys().next().value;
    if (oldest !== undefined) this.#awaited.delete(oldest);
  }
}

function encodePlainCheck(check: SendCheck, padding?: Uint8Array): Buffer {
  return encodeStunMessage({
    class: 'request',
    method: 'binding',
    transactionId: check.transactionId,
    username: `${check.remoteUfrag}:${check.localUfrag}`,
    priority: check.priority,
    ...(check.controlling ? { iceControlling: check.tieBreaker } : { iceControlled: check.tieBreaker }),
    ...(check.useCandidate ? { useCandidate: true } : {}),
    iceCandidateType: { type: check.candidateType },
    padding,
    integrityKey: shortTermKey(check.remotePassword),
    fingerprint: true,
  });
}
