import {
  decodeStunMessage,
  encodeStunMessage,
  StunTransaction,
  transactionKey,
  type StunMessage,
} from '@wirepath/stun-codec';
import {
  Counters,
  printable,
  sameAddress,
  socketPath,
  type Base,
  type Clock,
  type Datagrams,
  type RandomSource,
  type ReceivedDatagram,
  type TransportAddress,
} from '@wirepath/core/plugin';
import { whyUnusable } from './unusable-address.js';
import { requestSchedule, type Schedule } from './schedules.js';

export interface BindingRequest {
  readonly base: Base;
  readonly server: TransportAddress;
  /** RFC 5780 CHANGE-REQUEST: answer from the other port, or from the other IP address and the other port. */
  readonly change?: 'port' | 'ip-and-port';
  /** RFC 5780 RESPONSE-PORT: answer to this port of our address, which is a mapping of another base. */
  readonly answerTo?: { readonly base: Base; readonly port: number };
  /** @default that of RFC 8489 for a server whose round trip is not known, given up after 5 s */
  readonly schedule?: Schedule;
  readonly signal: AbortSignal;
}

/** This base as the server sees it. */
export interface BindingAnswer {
  readonly kind: 'answered';
  readonly mapped: TransportAddress;
  /** RFC 5780 OTHER-ADDRESS: the server's other IP address and port; undefined where it has none, or none that can be. */
  readonly other: TransportAddress | undefined;
  /** Undefined where the request was sent more than once (Karn). */
  readonly rttMs: number | undefined;
}

export type BindingOutcome =
  | BindingAnswer
  /** The server answered, but not with an address that can be used, or not as it was asked to. */
  | { readonly kind: 'unusable'; readonly reason: string }
  /** No answer, however often it was asked; or only from another address than the one that was asked. */
  | { readonly kind: 'silent'; readonly elsewhere?: TransportAddress }
  /** Nobody waits for the answer any more. */
  | { readonly kind: 'aborted' };

/** Why a datagram that looked like an answer was not taken for one. */
export const STUN_DROP_REASONS = [
  'stun-answer.from-elsewhere',
  'stun-answer.malformed',
  'stun-answer.unusable',
] as const;

export type StunDropReason = (typeof STUN_DROP_REASONS)[number];

export interface StunClientNeeds {
  readonly datagrams: Datagrams;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Counted up; may be shared. */
  readonly drops?: Counters<StunDropReason>;
}

interface Waiting {
  readonly request: BindingRequest;
  readonly settle: (outcome: BindingOutcome) => void;
  readonly sentAtMs: number;
  readonly transaction: StunTransaction;
  /** Where an answer came from that was not asked. */
  elsewhere?: TransportAddress;
}

/** How much longer an answer is waited for by a process that was late itself. */
const MAX_EXTRA_WAIT_MS = 500;
/** Of a server's own words in the log. */
const MAX_REASON_LENGTH = 60;

/** STUN Binding requests (RFC 8489) over the transport's own sockets: many at once, each with its own retransmissions. */
export class StunClient implements Disposable {
  readonly drops: Counters<StunDropReason>;
  readonly #waiting = new Map<string, Waiting>();
  readonly #subscription: Disposable;
  #disposed = false;

  constructor(readonly needs: StunClientNeeds) {
    this.drops = needs.drops ?? new Counters(STUN_DROP_REASONS);
    this.#subscription = needs.datagrams.onDatagram((datagram) => this.#receive(datagram));
  }

  /** Requests that are still waiting end as aborted. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#subscription[Symbol.dispose]();
    for (const { settle } of [...this.#waiting.values()]) settle({ kind: 'aborted' });
  }

  /** Never rejects. */
  request(request: BindingRequest): Promise<BindingOutcome> {
    const { base, server, change, answerTo, signal } = request;
    const { clock, datagrams, random } = this.needs;
    if (signal.aborted || this.#disposed) return Promise.resolve({ kind: 'aborted' });
    const transactionId = random.bytes(12);
    const key = transactionKey(transactionId);
    const bytes = encodeStunMessage({
      class: 'request',
      method: 'binding',
      transactionId,
      ...(change && { changeRequest: { changeIp: change === 'ip-and-port', changePort: true } }),
      ...(answerTo && { responsePort: answerTo.port }),
      fingerprint: true,
    });
    const send = () => datagrams.send(socketPath(base, server), bytes);
    const sentAtMs = clock.now();
    const transaction = new StunTransaction({ now: sentAtMs, ...(request.schedule ?? requestSchedule(undefined)) });
    return new Promise((resolve) => {
      let timer: Disposable | undefined;
      const onAbort = () => settle({ kind: 'aborted' });
      const settle = (outcome: BindingOutcome) => {
        timer?.[Symbol.dispose]();
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(key);
        resolve(outcome);
      };
      const wait = () => {
        const delayMs = Math.max(0, Math.ceil(transaction.nextTimeout() - clock.now()));
        const dueMs = clock.now() + delayMs;
        timer = clock.setTimeout(() => {
          const now = clock.now();
          const verdict = transaction.handleTimeout(now);
          // In a process that was busy timers come before the datagrams that have long arrived, and the other side may have
          // been as busy: silence counts once there was time to hear.
          if (verdict === 'failed')
            timer = clock.setTimeout(() => settle(this.#silent(key)), Math.min(now - dueMs, MAX_EXTRA_WAIT_MS));
          else {
            if (verdict === 'retransmit') send();
            wait();
          }
        }, delayMs);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(key, { request, settle, sentAtMs, transaction });
      wait();
      // Last: a transport in memory may answer during the call.
      send();
    });
  }

  #silent(key: string): BindingOutcome {
    const elsewhere = this.#waiting.get(key)?.elsewhere;
    return { kind: 'silent', ...(elsewhere && { elsewhere }) };
  }

  /** @returns whether it answers a request of ours. */
  #receive({ path, bytes }: ReceivedDatagram): boolean {
    if (path.kind !== 'socket' || this.#waiting.size === 0) return false;
    const message = decodeStunMessage(bytes);
    if (message === undefined || message.method !== 'binding') return false;
    const waiting = this.#waiting.get(message.transactionKey);
    // Connectivity checks have the same method: what is not an answer to us is theirs.
    if (waiting === undefined || (message.class !== 'success' && message.class !== 'error')) return false;
    const { request } = waiting;
    const base = request.answerTo?.base ?? request.base;
    if (path.base.id !== base.id || !mayAnswer(request, path.remote)) {
      this.drops.count('stun-answer.from-elsewhere');
      waiting.elsewhere = path.remote;
    } else if (message.hasFingerprint && !message.verifyFingerprint()) {
      this.drops.count('stun-answer.malformed');
    } else {
      const outcome = this.#outcomeOf(waiting, path.remote, message);
      if (outcome.kind === 'unusable') this.drops.count('stun-answer.unusable');
      waiting.settle(outcome);
    }
    return true;
  }

  #outcomeOf(
    { request, sentAtMs, transaction }: Waiting,
    from: TransportAddress,
    message: StunMessage,
  ): BindingOutcome {
    const { server, change } = request;
    if (message.class === 'error') {
      const { code, reason } = message.errorCode ?? { code: 0, reason: '' };
      return {
        kind: 'unusable',
        reason: `it answers with error ${`${code} ${printable(reason, MAX_REASON_LENGTH)}`.trim()}`,
      };
    }
    // RFC 8489, section 6.3.3: such a response is discarded, and the transaction has failed.
    if (message.unknownRequired.length > 0) {
      return { kind: 'unusable', reason: 'it answers with attributes that are not known here' };
    }
    if (change !== undefined && sameAddress(from, server)) {
      return { kind: 'unusable', reason: 'it does not heed CHANGE-REQUEST' };
    }
    const mapped = message.mappedAddress;
    const reason = whyUnusable(mapped, server);
    if (mapped === undefined || reason !== undefined) return { kind: 'unusable', reason: reason ?? 'no address' };
    return {
      kind: 'answered',
      mapped,
      other: usableOther(message.otherAddress, server),
      rttMs: transaction.attempts === 1 ? this.needs.clock.now() - sentAtMs : undefined,
    };
  }
}

/**
 * Without a credential the transaction id is all that vouches for an answer, so at least its origin must be right. One
 * that was asked to come from elsewhere may come from the server itself, which then does not know how.
 */
function mayAnswer({ server, change }: BindingRequest, from: TransportAddress): boolean {
  if (sameAddress(from, server)) return true;
  if (change === undefined || from.port === server.port) return false;
  return (change === 'ip-and-port') === (from.ip !== server.ip);
}

/** RFC 5780: both IP address and port differ. We send there, so it must be an address like the server's own. */
function usableOther(other: TransportAddress | undefined, server: TransportAddress): TransportAddress | undefined {
  if (other === undefined || other.ip === server.ip || other.port === server.port) return undefined;
  return whyUnusable(other, server) === undefined ? other : undefined;
}
