import {
  KEEPALIVE_TIMEOUT_MS,
  MAX_TIMER_HANDSHAKES,
  REJECT_AFTER_TIME_MS,
  REKEY_TIMEOUT_JITTER_MAX_MS,
  REKEY_TIMEOUT_MS,
} from './constants.js';
import type { Timer, TimerQueue } from './timer-queue.js';

/** What a peer does when one of its timers fires. */
export interface TimerActions {
  retransmitInitiation(now: number): void;
  /** No answer for REKEY_ATTEMPT_TIME. */
  giveUp(now: number): void;
  sendKeepalive(now: number): void;
  /** Data was sent and nothing came back. */
  requestInitiation(now: number): void;
  /** The time of an initiation that was asked for too early has come. */
  scheduledInitiation(now: number): void;
  /** No session was derived for a long time. */
  eraseSessions(now: number): void;
}

/**
 * A peer's timers (paper section 6): the methods are the events, named as in wireguard-go, and each starts or stops
 * deadlines. Called for every packet, so most of them are a field write.
 */
export class PeerTimers {
  readonly #queue: TimerQueue;
  readonly #jitterMs: () => number;
  readonly #all: readonly Timer[];
  /** Initiation is unanswered: repeat it after REKEY_TIMEOUT. */
  readonly #retransmit: Timer;
  /** An initiation that was asked for too early. */
  readonly #scheduled: Timer;
  /** Data was received: if we send nothing for KEEPALIVE_TIMEOUT, a keepalive says that we are alive. */
  readonly #keepalive: Timer;
  /** Data was sent: if nothing arrives for KEEPALIVE_TIMEOUT + REKEY_TIMEOUT, the session is suspect. */
  readonly #newHandshake: Timer;
  /** Three times REJECT_AFTER_TIME after the last session: forget all keys. */
  readonly #eraseSessions: Timer;
  readonly #persistentKeepalive: Timer;

  #persistentKeepaliveMs = 0;
  #attempts = 0;
  #needsAnotherKeepalive = false;
  /** Of one session: drawn once, not for each packet. */
  #sessionJitterMs = 0;
  #removed = false;

  constructor(queue: TimerQueue, jitter: (belowMs: number) => number, actions: TimerActions) {
    this.#queue = queue;
    this.#jitterMs = () => jitter(REKEY_TIMEOUT_JITTER_MAX_MS);
    this.#retransmit = queue.create((now) => this.#onRetransmit(actions, now));
    this.#scheduled = queue.create((now) => actions.scheduledInitiation(now));
    this.#keepalive = queue.create((now) => this.#onKeepalive(actions, now));
    this.#newHandshake = queue.create((now) => actions.requestInitiation(now));
    this.#eraseSessions = queue.create((now) => actions.eraseSessions(now));
    this.#persistentKeepalive = queue.create((now) => this.#onPersistentKeepalive(actions, now));
    this.#all = [
      this.#retransmit,
      this.#scheduled,
      this.#keepalive,
      this.#newHandshake,
      this.#eraseSessions,
      this.#persistentKeepalive,
    ];
  }

  /** Whether a response, or a path to ask for one on, is awaited. */
  get initiating(): boolean {
    return this.#retransmit.dueMs !== Infinity;
  }

  /** Seconds turned to ms; 0 turns it off. */
  setPersistentKeepalive(intervalMs: number, now: number): void {
    this.#persistentKeepaliveMs = intervalMs;
    if (intervalMs > 0) this.#set(this.#persistentKeepalive, now + intervalMs);
    else this.#queue.cancel(this.#persistentKeepalive);
  }

  /** Until anything is sent or received. */
  suspendPersistentKeepalive(): void {
    this.#queue.cancel(this.#persistentKeepalive);
  }

  /** An initiation may be sent at `earliestMs`, not before; the earliest of several requests counts. */
  scheduleInitiation(earliestMs: number): void {
    if (earliestMs < this.#scheduled.dueMs) this.#set(this.#scheduled, earliestMs);
  }

  /** The first of a new series of attempts. */
  resetAttempts(): void {
    this.#attempts = 0;
  }

  handshakeInitiated(now: number): void {
    this.#queue.cancel(this.#scheduled);
    this.#set(this.#retransmit, now + REKEY_TIMEOUT_MS + this.#jitterMs());
  }

  /** There is nothing more to wait for: the session is established, or nobody is there to be asked. */
  stopInitiating(): void {
    this.#queue.cancel(this.#scheduled);
    this.#queue.cancel(this.#retransmit);
    this.#attempts = 0;
  }

  sessionDerived(now: number): void {
    this.#sessionJitterMs = this.#jitterMs();
    this.#set(this.#eraseSessions, now + 3 * REJECT_AFTER_TIME_MS);
  }

  dataSent(now: number): void {
    if (this.#newHandshake.dueMs === Infinity) {
      this.#set(this.#newHandshake, now + KEEPALIVE_TIMEOUT_MS + REKEY_TIMEOUT_MS + this.#sessionJitterMs);
    }
  }

  /** @param count of packets at once. */
  dataReceived(now: number, count: number): void {
    if (this.#keepalive.dueMs !== Infinity || count > 1) this.#needsAnotherKeepalive = true;
    if (this.#keepalive.dueMs === Infinity) this.#set(this.#keepalive, now + KEEPALIVE_TIMEOUT_MS);
  }

  anyAuthenticatedSent(now: number): void {
    this.#queue.cancel(this.#keepalive);
    this.#anyAuthenticatedTraversal(now);
  }

  anyAuthenticatedReceived(now: number): void {
    this.#queue.cancel(this.#newHandshake);
    this.#anyAuthenticatedTraversal(now);
  }

  /** Ends them all for good and lets the queue forget them. */
  remove(): void {
    this.#removed = true;
    for (const timer of this.#all) this.#queue.remove(timer);
  }

  #set(timer: Timer, dueMs: number): void {
    // A sink may remove the peer in the middle of a packet.
    if (!this.#removed) this.#queue.set(timer, dueMs);
  }

  #anyAuthenticatedTraversal(now: number): void {
    if (this.#persistentKeepaliveMs > 0) {
      this.#set(this.#persistentKeepalive, now + this.#persistentKeepaliveMs);
    }
  }

  #onRetransmit(actions: TimerActions, now: number): void {
    if (this.#attempts >= MAX_TIMER_HANDSHAKES) {
      this.#attempts = 0;
      this.#queue.cancel(this.#keepalive);
      if (this.#eraseSessions.dueMs === Infinity) this.sessionDerived(now);
      actions.giveUp(now);
    } else {
      this.#attempts++;
      actions.retransmitInitiation(now);
    }
  }

  #onKeepalive(actions: TimerActions, now: number): void {
    actions.sendKeepalive(now);
    if (!this.#needsAnotherKeepalive) return;
    this.#needsAnotherKeepalive = false;
    this.#set(this.#keepalive, now + KEEPALIVE_TIMEOUT_MS);
  }

  #onPersistentKeepalive(actions: TimerActions, now: number): void {
    // Set first, in case nothing can be sent: sending sets it again.
    this.#set(this.#persistentKeepalive, now + this.#persistentKeepaliveMs);
    actions.sendKeepalive(now);
  }
}
