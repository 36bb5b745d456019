import {
  CodedError,
  socketPath,
  type Base,
  type Clock,
  type Counters,
  type Datagrams,
  type RandomSource,
  type TransportPath,
} from '@wirepath/core/plugin';
import {
  decodeChannelData,
  decodeStunMessage,
  encodeRelayIndication,
  encodeStunMessage,
  longTermKey,
  StunTransaction,
  type ChannelData,
  type StunMessage,
  type StunMessageFields,
  type StunTransactionOptions,
  type TransportAddress,
} from '@wirepath/stun-codec';
import { manyMayWait } from './wait-for.js';
import type { RelayDropReason } from './drop-reasons.js';

/**
 * Sent at 0, 0.25, 0.75, 1.75, 3.75 and 7.75 s, given up after 9.75 s: quicker than RFC 8489's defaults, because a
 * relay that takes 10 s to answer carries no traffic, and one lost datagram must not cost half a second.
 */
export const REQUEST_SCHEDULE = { rtoMs: 250, maxAttempts: 6, finalWaitFactor: 8 } as const;
/** How often one request may be answered 401 or 438 before that counts as refusal: a challenge, and a stale nonce. */
const MAX_CHALLENGES = 3;
/** The largest payload that fits one UDP datagram as a Send indication. */
const MAX_SEND_LENGTH = 65_400;

export interface TurnCredential {
  readonly username: string;
  readonly secret: string;
}

export interface TurnSessionOptions {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly datagrams: Datagrams;
  readonly base: Base;
  readonly server: TransportAddress;
  readonly credential: TurnCredential;
  /** Counted up; shared. */
  readonly drops: Counters<RelayDropReason>;
}

/** How a request ended. `refused` carries the error code of the response. */
export type TurnOutcome =
  | { readonly kind: 'success'; readonly response: StunMessage }
  | { readonly kind: 'refused'; readonly code: number; readonly reason: string; readonly response: StunMessage }
  | { readonly kind: 'unanswered' };

export interface RelayedInput {
  /** ChannelData from the server. Valid only during the call. */
  onChannelData(message: ChannelData): void;
  /** A Data indication. Valid only during the call. */
  onData(peer: TransportAddress, data: Uint8Array): void;
}

interface Pending {
  readonly method: StunMessage['method'];
  /** Undefined for requests without credentials. */
  readonly key: Buffer | undefined;
  answered(response: StunMessage): void;
}

type RequestFields = Omit<StunMessageFields, 'class' | 'transactionId' | 'integrityKey' | 'fingerprint'>;

/**
 * Requests and indications between one socket of ours and one TURN server (RFC 8489: transactions, retransmission,
 * long-term credentials). It reads from the shared socket only what comes from that server's address.
 */
export class TurnSession {
  readonly base: Base;
  readonly server: TransportAddress;
  readonly drops: Counters<RelayDropReason>;
  readonly #clock: Clock;
  readonly #random: RandomSource;
  readonly #datagrams: Datagrams;
  readonly #credential: TurnCredential;
  readonly #path: TransportPath;
  readonly #subscription: Disposable;
  readonly #pending = new Map<string, Pending>();
  readonly #closing = new AbortController();
  #challenge: { readonly realm: string; readonly nonce: string; readonly key: Buffer } | undefined;
  #rttMs: number | undefined;
  #input: RelayedInput | undefined;

  constructor(options: TurnSessionOptions) {
    this.base = options.base;
    this.server = options.server;
    this.drops = options.drops;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#datagrams = options.datagrams;
    this.#credential = options.credential;
    this.#path = socketPath(options.base, options.server);
    this.#subscription = options.datagrams.onDatagram(({ path, bytes }) => {
      if (path.kind !== 'socket' || path.base.id !== this.base.id) return false;
      if (path.remote.port !== this.server.port || path.remote.ip !== this.server.ip) return false;
      return this.#receive(bytes);
    });
  }

  /** Round trip of the newest request that was answered at first asking (Karn's rule). */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** Who gets what peers send. */
  setInput(input: RelayedInput): void {
    this.#input = input;
  }

  /**
   * One request, with credentials; challenges (401, 438) are met here.
   * @throws CodedError ABORTED.
   */
  async request(
    fields: RequestFields,
    options: { readonly signal: AbortSignal; readonly schedule?: Omit<StunTransactionOptions, 'now'> },
  ): Promise<TurnOutcome> {
    for (let challenges = 0; ; challenges++) {
      const used = this.#challenge;
      const outcome = await this.#transact(fields, used, options.signal, options.schedule ?? REQUEST_SCHEDULE);
      if (outcome.kind !== 'refused' || (outcome.code !== 401 && outcome.code !== 438)) return outcome;
      const { realm = used?.realm, nonce } = outcome.response;
      if (realm === undefined || nonce === undefined || challenges === MAX_CHALLENGES) return outcome;
      // A 401 to what we signed for this very realm says that the credential is wrong.
      if (outcome.code === 401 && used !== undefined && used.realm === realm) return outcome;
      const key = longTermKey(this.#credential.username, realm, this.#credential.secret);
      this.#challenge = { realm, nonce, key };
    }
  }

  /** A Binding request, which needs no credentials. @throws CodedError ABORTED. */
  bind(options: { signal: AbortSignal; schedule: Omit<StunTransactionOptions, 'now'> }): Promise<TurnOutcome> {
    return this.#transact({ method: 'binding' }, undefined, options.signal, options.schedule);
  }

  /** A Send indication; what is too large for one is dropped, as on any network. */
  sendIndication(peer: TransportAddress, data: Uint8Array): void {
    if (this.#closing.signal.aborted || data.length > MAX_SEND_LENGTH) return;
    this.#datagrams.send(this.#path, encodeRelayIndication('send', this.#random.bytes(12), peer, data));
  }

  /** Ends every request with ABORTED and listens no more. Idempotent. */
  close(): void {
    this.#closing.abort();
    this.#subscription[Symbol.dispose]();
    this.#input = undefined;
  }

  #transact(
    fields: RequestFields,
    challenge: { readonly realm: string; readonly nonce: string; readonly key: Buffer } | undefined,
    signal: AbortSignal,
    schedule: Omit<StunTransactionOptions, 'now'>,
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
      const signals = [signal, this.#closing.signal];
      const startedAtMs = this.#clock.now();
      const transaction = new StunTransaction({ ...schedule, now: startedAtMs });
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
          if (verdict === 'retransmit') this.#datagrams.send(this.#path, bytes);
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
      });
      this.#datagrams.send(this.#path, bytes);
      schedulePass();
    });
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
