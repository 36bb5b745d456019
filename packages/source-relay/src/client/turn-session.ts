import { CodedError, type Clock, type Counters, type RandomSource, type RelayFraming } from '@wirepath/core/plugin';
import {
  decodeChannelData,
  decodeStunMessage,
  encodeChannelData,
  encodeRelayIndication,
  encodeStunMessage,
  longTermKey,
  StunTransaction,
  type ChannelData,
  type StunMessage,
  type StunMessageFields,
  type TransportAddress,
} from '@wirepath/stun-codec';
import type { RelayConnection } from './connection/connection.js';
import type { RelayDropReason } from './drop-reasons.js';
import type { TurnCredential } from './turn-credential.js';
import { manyMayWait } from './wait-for.js';

/**
 * Sent at 0, 0.25, 0.75, 1.75, 3.75 and 7.75 s, given up after 9.75 s: quicker than RFC 8489's defaults, because a
 * relay that takes 10 s to answer carries no traffic, and one lost datagram must not cost half a second.
 */
export const REQUEST_SCHEDULE = { rtoMs: 250, maxAttempts: 6, finalWaitFactor: 8 } as const;
/** REQUESTED-TRANSPORT: the protocol number. */
export const UDP = 17;
/** How often one request may be answered 401 or 438 before that counts as refusal: a challenge, and a stale nonce. */
const MAX_CHALLENGES = 3;
/** The largest payload that fits one UDP datagram as a Send indication, and the length field of STUN. */
const MAX_SEND_LENGTH = 65_400;

export type RequestSchedule = Readonly<Record<'rtoMs' | 'maxAttempts' | 'finalWaitFactor', number>>;

export interface TurnSessionOptions {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Listened to, and closed in the end, by the session. */
  readonly connection: RelayConnection;
  readonly credential: TurnCredential;
  /** Counted up; shared. */
  readonly drops: Counters<RelayDropReason>;
}

/** How a request ended. `refused` carries the error code of the response. */
export type TurnOutcome =
  | { readonly kind: 'success'; readonly response: StunMessage }
  | { readonly kind: 'refused'; readonly code: number; readonly reason: string; readonly response: StunMessage }
  /** With the reason where the connection is lost. */
  | { readonly kind: 'unanswered'; readonly reason?: string };

export interface RelayedInput {
  /** ChannelData from the server. Valid only during the call. */
  onChannelData(message: ChannelData): void;
  /** A Data indication. Valid only during the call. */
  onData(peer: TransportAddress, data: Uint8Array): void;
  /** The connection is lost, and the session over. */
  onLost(reason: string): void;
}

interface Pending {
  readonly method: StunMessage['method'];
  /** Undefined for requests without credentials. */
  readonly key: Buffer | undefined;
  answered(response: StunMessage): void;
  lost(reason: string): void;
}

type RequestFields = Omit<StunMessageFields, 'class' | 'transactionId' | 'integrityKey' | 'fingerprint'>;

/** Requests and indications over one connection to a TURN server (RFC 8489: transactions, retransmission, long-term credentials). */
export class TurnSession {
  readonly server: TransportAddress;
  /** Both ends of the connection. */
  readonly tuple: string;
  readonly drops: Counters<RelayDropReason>;
  readonly #clock: Clock;
  readonly #random: RandomSource;
  readonly #connection: RelayConnection;
  readonly #credential: TurnCredential;
  readonly #pending = new Map<string, Pending>();
  readonly #closing = new AbortController();
  #challenge: { readonly realm: string; readonly nonce: string; readonly key: Buffer } | undefined;
  #rttMs: number | undefined;
  #input: RelayedInput | undefined;
  #lost: string | undefined;

  constructor(options: TurnSessionOptions) {
    this.server = options.connection.server;
    this.tuple = options.connection.tuple;
    this.drops = options.drops;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#connection = options.connection;
    this.#credential = options.credential;
    options.connection.listen({
      received: (message) => this.#receive(message),
      lost: (reason) => this.#onLost(reason),
    });
  }

  /** Round trip of the newest request that was answered at first asking (Karn's rule). */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** Nothing that is sent over a reliable connection is lost: silence is doubt. */
  get isReliable(): boolean {
    return this.#connection.reliable;
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** Who gets what peers send. */
  setInput(input: RelayedInput): void {
    this.#input = input;
    if (this.#lost !== undefined) input.onLost(this.#lost);
  }

  /**
   * One request, with credentials; challenges (401, 438) are met here.
   * @throws CodedError ABORTED.
   */
  async request(
    fields: RequestFields,
    options: { readonly signal: AbortSignal; readonly schedule?: RequestSchedule },
  ): Promise<TurnOutcome> {
    for (let challenges = 0; ; challenges++) {
      const used = this.#challenge;
      const outcome = await this.#transact(fields, used, options.signal, options.schedule ?? REQUEST_SCHEDULE);
      if (outcome.kind !== 'refused' || (outcome.code !== 401 && outcome.code !== 438)) return outcome;
      // A 401 to what we signed for this very realm says that the credential is wrong.
      if (outcome.code === 401 && used !== undefined && used.realm === (outcome.response.realm ?? used.realm))
        return outcome;
      if (challenges === MAX_CHALLENGES || !this.#take(outcome.response)) return outcome;
    }
  }

  /**
   * An Allocate without credentials, which succeeds with the challenge that it is answered with: the next request meets none.
   * @throws CodedError ABORTED.
   */
  async challenge(options: { signal: AbortSignal }): Promise<TurnOutcome> {
    const fields = { method: 'allocate', requestedTransport: UDP } as const;
    const outcome = await this.#transact(fields, undefined, options.signal, REQUEST_SCHEDULE);
    if (outcome.kind !== 'refused' || outcome.code !== 401 || !this.#take(outcome.response)) return outcome;
    return { kind: 'success', response: outcome.response };
  }

  /** A Binding request, which needs no credentials. @throws CodedError ABORTED. */
  bind(options: { signal: AbortSignal; schedule: RequestSchedule }): Promise<TurnOutcome> {
    return this.#transact({ method: 'binding' }, undefined, options.signal, options.schedule);
  }

  /** A Send indication; what is too large for one is dropped, as on any network. */
  sendIndication(peer: TransportAddress, data: Uint8Array): void {
    if (this.#closing.signal.aborted || data.length > MAX_SEND_LENGTH) return;
    this.#connection.sendData(encodeRelayIndication('send', this.#random.bytes(12), peer, data));
  }

  /** How the transport sends on a channel that is bound. */
  channelFraming(allocationId: string, channel: number): RelayFraming {
    const { base, server } = this.#connection;
    if (base !== undefined) return { kind: 'channel', allocationId, base, server, channel };
    const send = (data: Uint8Array) => {
      if (data.length <= MAX_SEND_LENGTH) this.#connection.sendData(encodeChannelData(channel, data, { pad: true }));
    };
    return { kind: 'stream', allocationId, send };
  }

  /** Ends every request with ABORTED and listens no more. Idempotent. */
  close(): void {
    this.#closing.abort();
    this.#connection.close();
    this.#input = undefined;
  }

  /** @returns whether it is a challenge. */
  #take({ realm = this.#challenge?.realm, nonce }: StunMessage): boolean {
    if (realm === undefined || nonce === undefined) return false;
    const key = longTermKey(this.#credential.username, realm, this.#credential.secret);
    this.#challenge = { realm, nonce, key };
    return true;
  }

  #transact(
    fields: RequestFields,
    challenge: { readonly realm: string; readonly nonce: string; readonly key: Buffer } | undefined,
    signal: AbortSignal,
    schedule: RequestSchedule,
  ): Promise<TurnOutcome> {
    const transactionId = this.#random.bytes(12);
    const transactionKey = Buffer.from(transactionId).toString('hex');
    const bytes = encodeStunMessage({
      ...fields,
      class: 'request',
      transactionId,
      username: challenge && this.#credential.username,
      realm: challenge?.realm,
      nonce: challenge?.nonce,
      integrityKey: challenge?.key,
      fingerprint: true,
    });
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) return resolve({ kind: 'unanswered', reason: this.#lost });
      const signals = [signal, this.#closing.signal];
      const startedAtMs = this.#clock.now();
      const transaction = new StunTransaction({ ...this.#scheduleOf(schedule), now: startedAtMs });
      let timer: Disposable | undefined;
      const finish = () => {
        timer?.[Symbol.dispose]();
        this.#pending.delete(transactionKey);
        for (const one of signals) one.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        finish();
        reject(new CodedError('ABORTED', 'the request to the relay was abandoned'));
      };
      if (signals.some(({ aborted }) => aborted)) return onAbort();
      for (const one of signals) {
        manyMayWait(one);
        one.addEventListener('abort', onAbort, { once: true });
      }
      const schedulePass = () => {
        timer = this.#clock.setTimeout(() => {
          const verdict = transaction.handleTimeout(this.#clock.now());
          if (verdict === 'failed') {
            finish();
            return resolve({ kind: 'unanswered' });
          }
          if (verdict === 'retransmit') this.#connection.send(bytes);
          schedulePass();
        }, transaction.nextTimeout() - this.#clock.now());
      };
      this.#pending.set(transactionKey, {
        method: fields.method,
        key: challenge?.key,
        answered: (response) => {
          if (transaction.attempts === 1) this.#rttMs = this.#clock.now() - startedAtMs;
          finish();
          resolve(outcomeOf(response));
        },
        lost: (reason) => {
          finish();
          resolve({ kind: 'unanswered', reason });
        },
      });
      this.#connection.send(bytes);
      schedulePass();
    });
  }

  #scheduleOf(schedule: RequestSchedule): RequestSchedule {
    if (!this.#connection.reliable) return schedule;
    const { rtoMs, maxAttempts, finalWaitFactor } = schedule;
    // Sent once, and waited for as long.
    return { rtoMs, maxAttempts: 1, finalWaitFactor: 2 ** (maxAttempts - 1) - 1 + finalWaitFactor };
  }

  #onLost(reason: string): void {
    this.#lost = reason;
    for (const pending of [...this.#pending.values()]) pending.lost(reason);
    this.#input?.onLost(reason);
  }

  /** @returns whether it was for this session: a STUN server at the same address answers others too. */
  #receive(bytes: Uint8Array): boolean {
    const channelData = decodeChannelData(bytes);
    if (channelData !== undefined) {
      this.#input?.onChannelData(channelData);
      return true;
    }
    const message = decodeStunMessage(bytes);
    if (message === undefined) return false;
    if (message.class === 'indication') return this.#receiveIndication(message);
    const pending = this.#pending.get(message.transactionKey);
    if (pending === undefined || message.class === 'request' || message.method !== pending.method) return false;
    // An error may come without integrity (401 and 438 always do); success, and what claims integrity, must have it.
    const mustVerify = message.hasIntegrity || (message.class === 'success' && message.method !== 'binding');
    if (message.hasFingerprint && !message.verifyFingerprint()) this.drops.count('relay.bad-fingerprint');
    else if (mustVerify && !(pending.key !== undefined && message.verifyIntegrity(pending.key)))
      this.drops.count('relay.bad-integrity');
    else {
      // Valid only during the call, and what is awaited reads it later.
      const copy = decodeStunMessage(Buffer.from(bytes));
      if (copy !== undefined) pending.answered(copy);
    }
    return true;
  }

  #receiveIndication(message: StunMessage): boolean {
    const { data, peerAddresses } = message;
    const [peer] = peerAddresses;
    if (message.method !== 'data' || data === undefined || peer === undefined) return false;
    if (message.hasFingerprint && !message.verifyFingerprint()) this.drops.count('relay.bad-fingerprint');
    else this.#input?.onData(peer, data);
    return true;
  }
}

function outcomeOf(response: StunMessage): TurnOutcome {
  if (response.class === 'success') return { kind: 'success', response };
  const { code, reason } = response.errorCode ?? { code: 500, reason: 'error response without ERROR-CODE' };
  return { kind: 'refused', code, reason, response };
}
