import {
  HANDSHAKE_INITIATION_RATE,
  PATH_CHANGE_HANDSHAKE_SPACING_MS,
  REKEY_TIMEOUT_JITTER_MAX_MS,
  REKEY_TIMEOUT_MS,
} from './constants.js';
import { KEY_BYTES } from './crypto.js';
import { CookieGenerator } from './cookie.js';
import type { DropReason } from './drops.js';
import { Keypair } from './keypair.js';
import type { CookieReply, Response } from './messages.js';
import {
  consumeResponse,
  createInitiation,
  createResponse,
  proveInitiation,
  type ClaimedInitiation,
  type ConsumedInitiation,
  type PendingInitiation,
  type RemoteIdentity,
  type TransportKeys,
} from './noise.js';
import { jitterMs, type PeerContext } from './peer-context.js';
import { isAfter, TAI64N_BYTES, Tai64nClock } from './tai64n.js';

/**
 * Initiations that may be unanswered at once: path changes repeat them every 50 ms, and the first answer may still
 * come.
 */
const PENDING_MAX = 4;
const FLOOD_INTERVAL_MS = 1000 / HANDSHAKE_INITIATION_RATE;

interface SentInitiation extends PendingInitiation {
  readonly sequence: number;
  readonly sentAtMs: number;
  /** A session came up from an earlier initiation; this one still counts until that session has proven itself. */
  overtaken: boolean;
}

/** Indices as a peer sees them: each belongs to an initiation of ours or to a session. */
export interface PeerIndices {
  unused(): number;
  /** `keypair` is undefined while the index names an initiation. */
  set(index: number, keypair: Keypair | undefined): void;
  delete(index: number): void;
}

/**
 * A peer's handshakes, apart from what its sessions then do. Initiator and responder state live side by side, so that
 * two initiations crossing on the wire both succeed.
 */
export class Handshakes<P> {
  readonly #context: PeerContext<P>;
  readonly #remote: () => RemoteIdentity;
  readonly #indices: PeerIndices;
  readonly #clock = new Tai64nClock();
  readonly #cookies: CookieGenerator;
  /** Oldest first. */
  #pending: SentInitiation[] = [];
  #lastInitiationMs = -Infinity;
  /** The last initiation or response that we sent. */
  #lastSentMs = -Infinity;
  #greatestTimestamp: Uint8Array = new Uint8Array(TAI64N_BYTES);
  #lastConsumedMs = -Infinity;

  constructor(context: PeerContext<P>, remote: () => RemoteIdentity, indices: PeerIndices) {
    this.#context = context;
    this.#remote = remote;
    this.#indices = indices;
    this.#cookies = new CookieGenerator(context.aead, remote().publicKey);
  }

  get pending(): boolean {
    return this.#pending.length > 0;
  }

  /**
   * When the next initiation may be sent: REKEY_TIMEOUT after the last handshake message, or a moment after the last
   * initiation when the path has changed since.
   */
  earliestInitiationMs(pathChanged: boolean): number {
    return pathChanged
      ? this.#lastInitiationMs + PATH_CHANGE_HANDSHAKE_SPACING_MS
      : this.#lastSentMs + REKEY_TIMEOUT_MS;
  }

  /** As {@link earliestInitiationMs}, with the jitter that keeps two peers from asking in step. */
  scheduledInitiationMs(pathChanged: boolean): number {
    const jitter = pathChanged ? 0 : jitterMs(this.#context.random, REKEY_TIMEOUT_JITTER_MAX_MS);
    return this.earliestInitiationMs(pathChanged) + jitter;
  }

  /** A fresh initiation, to be sent now; undefined when the peer's key is no usable public key. */
  initiate(now: number): Uint8Array | undefined {
    const { aead, local, random, wallClockMs } = this.#context;
    const localIndex = this.#indices.unused();
    const timestamp = this.#clock.stamp(wallClockMs());
    const created = createInitiation(aead, local, this.#remote(), localIndex, timestamp, random(KEY_BYTES));
    if (created === undefined) return undefined;
    this.#pending.push({ ...created.pending, sequence: this.#context.nextSequence(), sentAtMs: now, overtaken: false });
    this.#indices.set(localIndex, undefined);
    if (this.#pending.length > PENDING_MAX) this.#forget(this.#pending.splice(0, 1));
    this.#lastInitiationMs = now;
    this.#lastSentMs = now;
    this.#cookies.addMacs(created.datagram, now);
    return created.datagram;
  }

  /** Judges an initiation that names this peer. */
  prove(claimed: ClaimedInitiation, now: number): ConsumedInitiation | DropReason {
    const proven = proveInitiation(this.#context.aead, this.#remote(), claimed);
    if (proven === undefined) return 'decrypt';
    if (!isAfter(proven.timestamp, this.#greatestTimestamp)) return 'stale-timestamp';
    if (now - this.#lastConsumedMs < FLOOD_INTERVAL_MS) return 'initiation-flood';
    this.#greatestTimestamp = proven.timestamp;
    this.#lastConsumedMs = now;
    return proven.consumed;
  }

  /** The response to a proven initiation, and the session that it opens. */
  respond(consumed: ConsumedInitiation, now: number): { datagram: Uint8Array; keypair: Keypair } | undefined {
    const { aead, random } = this.#context;
    const localIndex = this.#indices.unused();
    const created = createResponse(aead, this.#remote(), consumed, localIndex, random(KEY_BYTES));
    if (created === undefined) return undefined;
    this.#lastSentMs = now;
    this.#cookies.addMacs(created.datagram, now);
    const keypair = this.#keypair(
      'responder',
      localIndex,
      consumed.remoteIndex,
      this.#context.nextSequence(),
      created.keys,
      now,
    );
    return { datagram: created.datagram, keypair };
  }

  /** The session that a response opens. Initiations older than the one that it answers are given up. */
  consumeResponse(message: Response, now: number): { keypair: Keypair; rttMs: number } | DropReason {
    const { aead, local } = this.#context;
    const position = this.#pending.findIndex(({ localIndex }) => localIndex === message.receiver);
    const answered = this.#pending[position];
    if (answered === undefined) return 'unknown-receiver';
    const keys = consumeResponse(aead, local, this.#remote(), answered, message);
    if (keys === undefined) return 'decrypt';
    this.#forget(this.#pending.splice(0, position + 1));
    for (const newer of this.#pending) newer.overtaken = true;
    const keypair = this.#keypair('initiator', answered.localIndex, message.sender, answered.sequence, keys, now);
    return { keypair, rttMs: now - answered.sentAtMs };
  }

  consumeCookieReply(reply: CookieReply, now: number): boolean {
    return this.#cookies.consumeReply(reply, now);
  }

  /**
   * A session has proven itself: initiations that an earlier one's answer overtook are not needed.
   * @returns whether that leaves none where there were some.
   */
  forgetOvertaken(): boolean {
    if (this.#pending[0]?.overtaken !== true) return false;
    this.#forget(this.#pending.filter(({ overtaken }) => overtaken));
    this.#pending = this.#pending.filter(({ overtaken }) => !overtaken);
    return this.#pending.length === 0;
  }

  forgetPending(): void {
    this.#forget(this.#pending.splice(0));
  }

  #forget(initiations: readonly SentInitiation[]): void {
    for (const { localIndex } of initiations) this.#indices.delete(localIndex);
  }

  #keypair(
    role: 'initiator' | 'responder',
    localIndex: number,
    remoteIndex: number,
    sequence: number,
    keys: TransportKeys,
    now: number,
  ): Keypair {
    const { cipher } = this.#context;
    const keypair = new Keypair(
      localIndex,
      remoteIndex,
      role,
      sequence,
      now,
      cipher.key(keys.send),
      cipher.key(keys.receive),
    );
    keys.send.fill(0);
    keys.receive.fill(0);
    this.#indices.set(localIndex, keypair);
    return keypair;
  }
}
