import {
  Listeners,
  type Allocation,
  type Clock,
  type Datagrams,
  type Logger,
  type RelayFraming,
  type RelayServer,
  type TransportAddress,
} from '@wirepath/core/plugin';
import { sameAddress } from '@wirepath/stun-codec';
import { waitFor } from './wait-for.js';
import { PeerBindings } from './peer-bindings.js';
import { failureOf, relayError } from './relay-error.js';
import type { GrantedAllocation } from './request-allocation.js';
import type { TurnSession } from './turn-session.js';

/** How long before its end an allocation is renewed, at least: time for several attempts. */
const REFRESH_MARGIN_MS = 60_000;
/** RFC 8656, section 7.2: the most that a server should give. One that gives more is asked as often. */
const MAX_LIFETIME_SECONDS = 3600;
/** After a Refresh in the background that was not answered. */
const REFRESH_RETRY_MS = 5000;
/** NATs forget idle UDP mappings after 30 s or more (RFC 4787, REQ-5, wants 2 minutes); peers' data must still get in. */
const KEEPALIVE_MS = 25_000;
const KEEPALIVE_SCHEDULE = { rtoMs: 1000, maxAttempts: 2, finalWaitFactor: 2 } as const;
/** How long close() waits for the answer to Refresh 0, a stale nonce included. */
const CLOSE_TIMEOUT_MS = 500;
const CLOSE_SCHEDULE = { rtoMs: 100, maxAttempts: 3, finalWaitFactor: 3 } as const;

export interface RelayedAllocationOptions {
  readonly id: string;
  readonly server: RelayServer;
  readonly granted: GrantedAllocation;
  readonly session: TurnSession;
  readonly datagrams: Datagrams;
  readonly clock: Clock;
  readonly logger: Logger;
  /** It is over, lost or closed: its 5-tuple is free. */
  readonly onEnd: () => void;
}

/** An allocation on a TURN server. Renews itself until it is closed or lost. */
export class RelayedAllocation implements Allocation {
  readonly id: string;
  readonly server: RelayServer;
  readonly relayedAddress: TransportAddress;
  readonly mappedAddress?: TransportAddress;
  readonly #options: RelayedAllocationOptions;
  readonly #bindings: PeerBindings;
  readonly #ended = new AbortController();
  readonly #lostListeners = new Listeners<Error>();
  #expiresAtMs = 0;
  #refreshTimer: Disposable | undefined;
  #keepaliveTimer: Disposable | undefined;
  #refreshing: Promise<boolean> | undefined;
  #closing: Promise<void> | undefined;
  #lost: Error | undefined;

  constructor(options: RelayedAllocationOptions) {
    const { id, server, granted, session, clock, logger } = options;
    this.id = id;
    this.server = server;
    this.relayedAddress = granted.relayedAddress;
    if (granted.mappedAddress !== undefined) this.mappedAddress = granted.mappedAddress;
    this.#options = options;
    this.#bindings = new PeerBindings({
      url: server.url,
      allocationId: id,
      session,
      clock,
      logger,
      signal: this.#ended.signal,
      onMismatch: (reason) => this.#lose(reason),
    });
    session.setInput({
      onChannelData: ({ channel, payload }) => {
        const bound = this.#bindings.ofChannel(channel);
        if (bound === undefined) session.drops.count('relay.unknown-peer');
        else this.#handIn(bound.framing, bound.peer, payload);
      },
      onData: (peer, data) => {
        const framing = this.#bindings.framingOf(peer);
        if (framing === undefined) session.drops.count('relay.unknown-peer');
        else this.#handIn(framing, peer, data);
      },
      onLost: (reason) => this.#lose(reason),
    });
    this.#renewed(granted.lifetimeSeconds);
    this.#keepAlive();
  }

  get rttMs(): number | undefined {
    return this.#options.session.rttMs;
  }

  async permit(peer: TransportAddress, { signal }: { signal: AbortSignal }): Promise<RelayFraming> {
    if (this.#ended.signal.aborted) throw relayError(this.server.url, 'the allocation is gone', this.#lost);
    if (peer.family !== this.relayedAddress.family)
      throw relayError(this.server.url, `relays IPv${this.relayedAddress.family} only`);
    return waitFor(this.#bindings.permit(peer), signal);
  }

  release(peer: TransportAddress): void {
    this.#bindings.release(peer);
  }

  async refresh({ signal }: { signal: AbortSignal }): Promise<boolean> {
    if (this.#ended.signal.aborted) return false;
    return waitFor(this.#refreshOnce('now'), signal);
  }

  onLost(listener: (reason: Error) => void): Disposable {
    const lost = this.#lost;
    if (lost === undefined) return this.#lostListeners.add(listener);
    // Who comes late is told too, after the caller has got its Disposable.
    const late = new Listeners<Error>();
    queueMicrotask(() => late.tell(lost));
    return late.add(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #handIn(framing: RelayFraming, remote: TransportAddress, payload: Uint8Array): void {
    this.#options.datagrams.receive({ kind: 'relayed', framing, remote }, payload);
  }

  #renewed(lifetimeSeconds: number): void {
    const lifetimeMs = Math.min(lifetimeSeconds, MAX_LIFETIME_SECONDS) * 1000;
    this.#expiresAtMs = this.#options.clock.now() + lifetimeMs;
    this.#refreshAfter(lifetimeMs - Math.min(REFRESH_MARGIN_MS, lifetimeMs / 2));
  }

  #refreshAfter(delayMs: number): void {
    this.#refreshTimer?.[Symbol.dispose]();
    this.#refreshTimer = this.#options.clock.setTimeout(() => {
      // What the allocation's end interrupts is over anyway.
      this.#refreshOnce('background').catch(() => undefined);
    }, delayMs);
  }

  /** Or joins the one that is under way. */
  #refreshOnce(urgency: 'now' | 'background'): Promise<boolean> {
    this.#refreshing ??= this.#refresh(urgency).finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  /** `now`: somebody doubts it, so no answer means lost; `background`: tried until its lifetime is over. */
  async #refresh(urgency: 'now' | 'background'): Promise<boolean> {
    const { session, clock } = this.#options;
    const outcome = await session.request({ method: 'refresh' }, { signal: this.#ended.signal });
    if (outcome.kind === 'success') {
      const { lifetimeSeconds = 0 } = outcome.response;
      if (lifetimeSeconds > 0) {
        this.#renewed(lifetimeSeconds);
        return true;
      }
      this.#lose('the server gave no more lifetime');
      return false;
    }
    if (outcome.kind === 'unanswered' && urgency === 'background' && clock.now() + REFRESH_RETRY_MS < this.#expiresAtMs)
      this.#refreshAfter(REFRESH_RETRY_MS);
    else this.#lose(failureOf('Refresh', outcome));
    return false;
  }

  /** Keeps NAT mappings on the way alive and learns when one has changed, which has cost us the allocation. */
  #keepAlive(): void {
    const { clock } = this.#options;
    this.#keepaliveTimer = clock.setTimeout(() => {
      this.#keepAlive();
      // Ended meanwhile.
      this.#askForMapping().catch(() => undefined);
    }, KEEPALIVE_MS);
  }

  async #askForMapping(): Promise<void> {
    const { session } = this.#options;
    const outcome = await session.bind({ signal: this.#ended.signal, schedule: KEEPALIVE_SCHEDULE });
    if (outcome.kind === 'unanswered' && session.isReliable) await this.#refreshOnce('now');
    const mapped = outcome.kind === 'success' ? outcome.response.mappedAddress : undefined;
    if (mapped === undefined || this.mappedAddress === undefined || sameAddress(mapped, this.mappedAddress)) return;
    // The server decides: on a new 5-tuple it answers 437.
    this.#refreshAfter(0);
  }

  #lose(reason: string): void {
    if (this.#ended.signal.aborted) return;
    this.#lost = relayError(this.server.url, reason);
    this.#end();
    this.#lostListeners.tell(this.#lost);
  }

  async #close(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    const { session, clock } = this.#options;
    this.#stopTimers();
    const timeout = clock.setTimeout(() => this.#end(), CLOSE_TIMEOUT_MS);
    try {
      await session.request(
        { method: 'refresh', lifetimeSeconds: 0 },
        { signal: this.#ended.signal, schedule: CLOSE_SCHEDULE },
      );
    } catch {
      // Lost while closing, or out of time: the server lets it expire.
    }
    timeout[Symbol.dispose]();
    this.#end();
  }

  #end(): void {
    if (this.#ended.signal.aborted) return;
    this.#stopTimers();
    this.#ended.abort();
    this.#options.session.close();
    this.#options.onEnd();
  }

  #stopTimers(): void {
    this.#refreshTimer?.[Symbol.dispose]();
    this.#keepaliveTimer?.[Symbol.dispose]();
  }
}
