import type { Keypair } from './keypair.js';

/** Sessions that we answered and the peer has not used yet. WireGuard keeps one; see {@link Keypairs}. */
const NEXT_MAX = 4;
/** Sessions that are only received on. */
const PREVIOUS_MAX = 3;

/**
 * A peer's sessions and their rotation (paper section 6.3): the initiator may send on a session at once, the responder
 * only after the first data message, which proves that its response arrived.
 *
 * WireGuard has one slot each for the previous, current and next session. Here `next` and `previous` are short lists,
 * because several handshakes may overlap: a path change repeats an initiation before the first is answered, and two
 * peers may initiate at the same time. When initiations cross, both sessions come up; that of the side with the
 * greater public key wins, and the other is received on only. An implementation with single slots (wireguard-go, the
 * kernel) never uses the losing session, so it needs no special treatment.
 */
export class Keypairs {
  current: Keypair | undefined;
  /** Newest last. */
  #next: Keypair[] = [];
  /** Newest first. */
  #previous: Keypair[] = [];
  readonly #retire: (keypair: Keypair) => void;

  /** @param retire called with every session that is not received on any more. */
  constructor(retire: (keypair: Keypair) => void) {
    this.#retire = retire;
  }

  /** A response arrived: the session may be sent on. `ownsTie` is whether our public key is the greater one. */
  establishAsInitiator(keypair: Keypair, ownsTie: boolean): void {
    // The peer's initiation counts as crossing ours only if ours was under way when we consumed it.
    const staysNext = (next: Keypair) => !ownsTie && next.sequence > keypair.sequence;
    const losing = this.#next.filter((next) => !staysNext(next)).reverse();
    this.#next = this.#next.filter(staysNext);
    this.#rotate(keypair, losing);
  }

  /** We sent a response: the session may be received on. */
  addAsResponder(keypair: Keypair): void {
    this.#next.push(keypair);
    if (this.#next.length > NEXT_MAX) this.#next.splice(0, 1).forEach(this.#retire);
  }

  /**
   * A data message was received on `keypair`. @returns whether that confirms a session of which we are the responder.
   */
  confirm(keypair: Keypair): boolean {
    if (keypair === this.current || !this.#next.includes(keypair)) return false;
    const older = this.#next.filter((next) => next.sequence < keypair.sequence);
    this.#next = this.#next.filter((next) => next.sequence > keypair.sequence);
    older.forEach(this.#retire);
    this.#rotate(keypair, []);
    return true;
  }

  clear(): void {
    const all = [...this.#next, ...this.#previous];
    if (this.current !== undefined) all.push(this.current);
    this.current = undefined;
    this.#next = [];
    this.#previous = [];
    all.forEach(this.#retire);
  }

  #rotate(keypair: Keypair, receiveOnly: readonly Keypair[]): void {
    const previous = [...receiveOnly, ...(this.current === undefined ? [] : [this.current]), ...this.#previous];
    this.current = keypair;
    this.#previous = previous.slice(0, PREVIOUS_MAX);
    previous.slice(PREVIOUS_MAX).forEach(this.#retire);
  }
}
