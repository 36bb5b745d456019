import { randomBytes } from 'node:crypto';
import {
  decodeStunMessage,
  encodeStunMessage,
  sameAddress,
  StunTransaction,
  transactionKey,
  type StunMessage,
} from '@wirepath/stun-codec';
import {
  socketPath,
  type Base,
  type Clock,
  type Datagrams,
  type ReceivedDatagram,
  type TransportAddress,
} from '@wirepath/core/plugin';

export interface BindingRequest {
  readonly base: Base;
  readonly server: TransportAddress;
  /** RFC 5780 CHANGE-REQUEST: answer from another IP address, another port, or both. */
  readonly change?: { readonly changeIp: boolean; readonly changePort: boolean };
  readonly rtoMs?: number;
  readonly maxAttempts?: number;
  readonly signal: AbortSignal;
}

export interface BindingAnswer {
  /** This base as the server sees it. */
  readonly mapped: TransportAddress;
  /** RFC 5780: the server's other IP address and port. */
  readonly other: TransportAddress | undefined;
  readonly from: TransportAddress;
  /** Undefined where the request was sent more than once (Karn). */
  readonly rttMs: number | undefined;
}

interface Waiting {
  readonly request: BindingRequest;
  /** A null answer: none came. */
  readonly settle: (answer: BindingAnswer | null) => void;
  readonly sentAt: number;
  readonly transaction: StunTransaction;
}

const RTO_MS = 250;
const ATTEMPTS = 5;

/** STUN Binding requests (RFC 8489) over the transport's own sockets: many at once, each with its own retransmissions. */
export class StunClient implements Disposable {
  /** Answers dropped: from elsewhere than the server that was asked, or without an address. */
  dropped = 0;
  readonly #waiting = new Map<string, Waiting>();
  readonly #subscription: Disposable;

  constructor(
    readonly datagrams: Datagrams,
    readonly clock: Clock,
  ) {
    this.#subscription = datagrams.onDatagram((datagram) => this.#receive(datagram));
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    for (const { settle } of [...this.#waiting.values()]) settle(null);
  }

  /** @returns null when no answer came, or when `signal` aborted. Never rejects. */
  request(request: BindingRequest): Promise<BindingAnswer | null> {
    const { clock } = this;
    const transactionId = randomBytes(12);
    const key = transactionKey(transactionId);
    const bytes = encodeStunMessage({
      class: 'request',
      method: 'binding',
      transactionId,
      ...(request.change && { changeRequest: request.change }),
      fingerprint: true,
    });
    const send = () => this.datagrams.send(socketPath(request.base, request.server), bytes);
    const sentAt = clock.now();
    const { rtoMs = RTO_MS, maxAttempts = ATTEMPTS } = request;
    const transaction = new StunTransaction({ now: sentAt, rtoMs, maxAttempts, finalWaitFactor: 4 });
    return new Promise((resolve) => {
      let timer: Disposable | undefined;
      const onAbort = () => settle(null);
      const settle = (answer: BindingAnswer | null) => {
        timer?.[Symbol.dispose]();
        request.signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(key);
        resolve(answer);
      };
      const wait = () => {
        timer = clock.setTimeout(
          () => {
            const verdict = transaction.handleTimeout(clock.now());
            if (verdict === 'failed') return settle(null);
            if (verdict === 'retransmit') send();
            wait();
          },
          Math.max(0, Math.ceil(transaction.nextTimeout() - clock.now())),
        );
      };
      if (request.signal.aborted) return settle(null);
      request.signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(key, { request, settle, sentAt, transaction });
      send();
      wait();
    });
  }

  #receive({ path, bytes }: ReceivedDatagram): void {
    if (path.kind !== 'socket' || this.#waiting.size === 0) return;
    const message = decodeStunMessage(bytes);
    if (message === undefined || message.method !== 'binding') return;
    const waiting = this.#waiting.get(message.transactionKey);
    if (waiting === undefined) return;
    const answer = this.#answerOf(waiting, path.remote, path.base, message);
    if (answer === undefined) this.dropped += 1;
    else waiting.settle(answer);
  }

  #answerOf(
    { request, sentAt, transaction }: Waiting,
    from: TransportAddress,
    base: Base,
    message: StunMessage,
  ): BindingAnswer | null | undefined {
    // Without a credential the transaction id is all that vouches for an answer, so at least its origin must be right.
    if (base.id !== request.base.id || (request.change === undefined && !sameAddress(from, request.server))) {
      return undefined;
    }
    if (message.class === 'error') return null;
    if (message.class !== 'success' || message.mappedAddress === undefined) return undefined;
    return {
      mapped: message.mappedAddress,
      other: message.otherAddress,
      from,
      rttMs: transaction.attempts === 1 ? this.clock.now() - sentAt : undefined,
    };
  }
}
