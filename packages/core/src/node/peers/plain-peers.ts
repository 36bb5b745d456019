import type { Clock } from '../../base/time/clock.js';
import type { PublicKey } from '../../base/identity/identity.js';
import { DueTimes } from '../../base/time/due-times.js';

/** How often some of them are looked at. */
const LOOK_MS = 1000;
/** So many in turn: what all of them cost does not grow with their number. */
const LOOKS_AT_ONCE = 200;

/**
 * When to look at plain WireGuard peers, whose state changes mostly without an event: at each handshake, when that one's
 * session has run out, and in turn otherwise.
 */
export class PlainPeers {
  readonly #peers = new Set<PublicKey>();
  readonly #expiries = new DueTimes<PublicKey>();
  readonly #clock: Clock;
  readonly #look: (publicKey: PublicKey) => void;
  #turn: IterableIterator<PublicKey>;
  #timer: Disposable | undefined;

  constructor(clock: Clock, look: (publicKey: PublicKey) => void) {
    this.#clock = clock;
    this.#look = look;
    this.#turn = this.#peers.values();
  }

  start(): void {
    this.#timer ??= this.#clock.setTimeout(() => this.#lookAround(), LOOK_MS);
  }

  stop(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  add(publicKey: PublicKey): void {
    this.#peers.add(publicKey);
    this.#look(publicKey);
  }

  remove(publicKey: PublicKey): void {
    this.#peers.delete(publicKey);
    this.#expiries.set(publicKey, undefined);
  }

  /** It has a session, which counts for `sessionMs` from now. */
  handshake(publicKey: PublicKey, sessionMs: number): void {
    if (!this.#peers.has(publicKey)) return;
    this.#expiries.set(publicKey, this.#clock.now() + sessionMs);
    this.#look(publicKey);
  }

  #lookAround(): void {
    this.#timer = this.#clock.setTimeout(() => this.#lookAround(), LOOK_MS);
    const now = this.#clock.now();
    for (let due = this.#expiries.takeDue(now); due !== undefined; due = this.#expiries.takeDue(now)) this.#look(due);
    for (let looks = Math.min(LOOKS_AT_ONCE, this.#peers.size); looks > 0; looks--) {
      let next = this.#turn.next();
      if (next.done === true) {
        this.#turn = this.#peers.values();
        next = this.#turn.next();
      }
      if (next.done !== true) this.#look(next.value);
    }
  }
}
