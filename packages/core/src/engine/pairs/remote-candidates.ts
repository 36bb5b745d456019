import { formatAddress, type TransportAddress } from '@wirepath/stun-codec';
import { TokenBucket } from '../../base/limits/token-bucket.js';
import type { CandidateType } from '../../contracts/candidate.js';
import type { LocalBase } from '../engine-path.js';
import { MAX_SIGNALLED_RELAYED } from '../messages.js';

/** Candidates that nobody signalled, nearly all of them peer-reflexive: each was authenticated, but a peer must not make us hoard. */
const MAX_UNSIGNALLED = 16;
const MAX_WITHDRAWN = 16;
/**
 * So many at once, and then one each ten seconds, are taken up. Between two NATs that map per destination, one of them
 * with an open filter, each check comes from yet another port, and checking that makes another: without end.
 */
const PEER_REFLEXIVE_BURST = 8;
const PEER_REFLEXIVE_PER_SECOND = 0.1;
/** Through a relay no such chain comes about, for it shows the peer one address of ours; a flood may come all the same. */
const PEER_REFLEXIVE_RELAYED_BURST = 16;
const PEER_REFLEXIVE_RELAYED_PER_SECOND = 1;

/** Relayed candidates of one message that are heeded: a node offers no more than four. What they are called exempts no others from the limit. */
const MAX_RELAYED = MAX_SIGNALLED_RELAYED;

/** An address of the peer, as it was told or found. */
export interface RemoteCandidate {
  readonly address: TransportAddress;
  readonly type: CandidateType;
  readonly priority: number;
}

/** A remote candidate that makes no pair, and why. */
export interface Rejection {
  readonly remote: RemoteCandidate;
  readonly reason: string;
  /** From there it is reached through our own tunnel. */
  readonly loopFrom?: LocalBase;
}

/** What we know of where one peer is: what it has signalled, and what it was heard from without that. */
export class RemoteCandidates {
  /** By address, as all here. */
  #signalled: ReadonlyMap<string, RemoteCandidate> = new Map();
  /** Relayed addresses that the peer has signalled and does no more; it may be heard from them all the same. */
  readonly #withdrawn = new Set<string>();
  readonly #unsignalled = new Map<string, RemoteCandidate>();
  #admissions = new TokenBucket(PEER_REFLEXIVE_PER_SECOND, PEER_REFLEXIVE_BURST);
  readonly #relayedAdmissions = new TokenBucket(PEER_REFLEXIVE_RELAYED_PER_SECOND, PEER_REFLEXIVE_RELAYED_BURST);
  /** Signalled, and not heeded whatever our bases are. */
  unheeded: readonly Rejection[] = [];

  get all(): readonly RemoteCandidate[] {
    return [...this.#signalled.values(), ...this.#unsignalled.values()];
  }

  /** As the peer has signalled it. */
  signalled(address: TransportAddress): RemoteCandidate | undefined {
    return this.#signalled.get(formatAddress(address));
  }

  isUnsignalled({ address }: RemoteCandidate): boolean {
    return this.#unsignalled.has(formatAddress(address));
  }

  /** An allocation that the peer tells no more: it is gone, or will be. */
  isWithdrawn({ type, address }: RemoteCandidate): boolean {
    return type === 'relayed' && this.#withdrawn.has(formatAddress(address));
  }

  /**
   * What the peer has signalled takes the place of what it signalled before. A peer-reflexive candidate that is among them
   * takes the signalled type, and of two with one address the better counts. A type that escapes the limit of pairs has one
   * of its own, since the peer can claim any.
   */
  setSignalled(remotes: readonly RemoteCandidate[]): void {
    const unique = new Map<string, RemoteCandidate>();
    for (const remote of [...remotes].sort((a, b) => b.priority - a.priority)) {
      const key = formatAddress(remote.address);
      if (!unique.has(key)) unique.set(key, remote);
    }
    const relayed = [...unique.values()].filter(({ type }) => type === 'relayed');
    const unheeded = new Map<RemoteCandidate, string>();
    for (const remote of relayed.slice(MAX_RELAYED))
      unheeded.set(remote, `more than ${MAX_RELAYED} relayed candidates`);
    for (const remote of unique.values())
      if (remote.type === 'peer-reflexive') unheeded.set(remote, 'peer-reflexive candidates are found, not signalled');
    this.unheeded = [...unheeded].map(([remote, reason]) => ({ remote, reason }));
    for (const [key, { type }] of this.#signalled) if (type === 'relayed') this.#withdrawn.add(key);
    this.#signalled = new Map([...unique].filter(([, remote]) => !unheeded.has(remote)));
    for (const key of this.#signalled.keys()) {
      this.#unsignalled.delete(key);
      this.#withdrawn.delete(key);
    }
    for (const key of [...this.#withdrawn].slice(0, -MAX_WITHDRAWN)) this.#withdrawn.delete(key);
  }

  /** The user suggested an address that nobody signalled. */
  addSuggested(remote: RemoteCandidate): void {
    if (!this.#isKnown(remote)) this.#addBounded(remote);
  }

  /** A check came from an address that nobody signalled (RFC 8445 7.3.1.3); too many at once are left alone. */
  addPeerReflexive(base: LocalBase, remote: RemoteCandidate, now: number): void {
    if (this.#isKnown(remote)) return;
    const admissions = base.kind === 'allocation' ? this.#relayedAdmissions : this.#admissions;
    // Data that comes by a relay that is being left does not say so.
    const type = this.#withdrawn.has(formatAddress(remote.address)) ? 'relayed' : remote.type;
    if (admissions.take(now)) this.#addBounded({ ...remote, type });
  }

  /**
   * Peer-reflexive candidates that came to nothing are forgotten, or every later round would check them again; who is behind
   * them is heard again if it matters.
   */
  forgetUnproven(isProven: (remote: RemoteCandidate) => boolean): void {
    for (const [key, remote] of this.#unsignalled)
      if (remote.type === 'peer-reflexive' && !isProven(remote)) this.#unsignalled.delete(key);
  }

  /** What was learnt by checks belongs to the peer's previous run or network. */
  forgetUnsignalled(): void {
    this.#unsignalled.clear();
    this.#admissions = new TokenBucket(PEER_REFLEXIVE_PER_SECOND, PEER_REFLEXIVE_BURST);
  }

  #isKnown({ address }: RemoteCandidate): boolean {
    const key = formatAddress(address);
    return this.#unsignalled.has(key) || this.#signalled.has(key);
  }

  #addBounded(remote: RemoteCandidate): void {
    if (this.#unsignalled.size >= MAX_UNSIGNALLED) {
      const oldest = this.#unsignalled.keys().next().value;
      if (oldest !== undefined) this.#unsignalled.delete(oldest);
    }
    this.#unsignalled.set(formatAddress(remote.address), remote);
  }
}
