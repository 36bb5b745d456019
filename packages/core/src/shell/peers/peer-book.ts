import type { PublicKey } from '../../base/identity/identity.js';
import type { Peer, PeerChange } from '../../contracts/peer-discovery.js';
import { reasonInLine } from '../../base/guard/refusals.js';
import { samePeer } from './same-peer.js';

/** Peers that one discovery may name: beyond that it is broken. */
const MAX_PEERS_PER_OWNER = 100_000;

/** Where the peers that hold go. `set` may throw: the transport cannot take this peer. */
export interface PeerSink {
  set(peer: Peer): void;
  remove(publicKey: PublicKey): void;
}

export type NamedKey = Pick<Peer, 'publicKey'> & Partial<Pick<Peer, 'name'>>;

export interface PeerBookOptions {
  readonly sink: PeerSink;
  /** Whose word goes before all others': the rc file's. */
  readonly first: string;
  /** Told of a peer that another one displaces, of one that the sink does not take, and of what is wrong with a change. */
  readonly onRefused: (owner: string, peer: NamedKey, why: string) => void;
  /** The peer is what its owner says, or gone. */
  readonly onSettled: (owner: string, peer: NamedKey) => void;
}

interface Claim {
  readonly owner: string;
  readonly peer: Peer;
}

/**
 * Who says who the peers are. Key, name and networks of a peer belong to the discovery that named them first, but the rc file
 * goes before all others. A claim that meets another's waits until that is gone; a discovery cannot change or remove what is
 * another's. Within one discovery a network moves to the peer that names it last, as in WireGuard.
 */
export class PeerBook {
  readonly #options: PeerBookOptions;
  /** Those that hold. */
  readonly #held = new Map<PublicKey, Claim>();
  readonly #byName = new Map<string, PublicKey>();
  readonly #byNetwork = new Map<string, PublicKey>();
  /** Those that wait, by owner and key, with the key of the peer that is in their way. */
  readonly #waiting = new Map<string, Claim & { readonly blocker: PublicKey }>();
  readonly #blockedBy = new Map<PublicKey, Set<string>>();
  readonly #counts = new Map<string, number>();

  constructor(options: PeerBookOptions) {
    this.#options = options;
  }

  take(owner: string, change: PeerChange): void {
    if (change.kind === 'set') this.#set({ owner, peer: change.peer });
    else this.#remove(owner, change.publicKey);
  }

  #set(claim: Claim): void {
    const { owner, peer } = claim;
    const known = this.#claimedBy(owner, peer.publicKey);
    if (!known && (this.#counts.get(owner) ?? 0) >= MAX_PEERS_PER_OWNER)
      return this.#refuse(claim, `expected at most ${MAX_PEERS_PER_OWNER} peers of one discovery`);
    this.#dropWaiting(owner, peer.publicKey);
    const before = this.#held.get(peer.publicKey);
    if (before?.owner === owner && samePeer(before.peer, peer)) return this.#options.onSettled(owner, peer);
    const inTheWay = this.#conflicts(claim);
    const [blocking] = inTheWay;
    if (blocking !== undefined && owner !== this.#options.first) {
      // What it said of this peer before no longer holds.
      if (before?.owner === owner) this.#release(peer.publicKey);
      this.#wait(claim, blocking.publicKey);
      this.#refuse(claim, blocking.why);
      if (before?.owner === owner) this.#retryBlocked(peer.publicKey);
      return;
    }
    if (!this.#hold(claim, before)) return;
    for (const { publicKey } of inTheWay)
      if (publicKey !== peer.publicKey) this.#giveWay(this.#release(publicKey), claim);
    // What the peer no longer says may be free for another.
    if (before?.owner === owner) this.#retryBlocked(peer.publicKey);
  }

  /** @returns whether it was taken. */
  #hold(claim: Claim, before: Claim | undefined): boolean {
    const { owner, peer } = claim;
    try {
      this.#options.sink.set(peer);
    } catch (error) {
      this.#refuse(claim, `it cannot be taken: ${reasonInLine(error)}`);
      return false;
    }
    if (before !== undefined) this.#unlist(before.peer);
    this.#held.set(peer.publicKey, claim);
    this.#byName.set(peer.name, peer.publicKey);
    for (const network of peer.allowedIps) this.#byNetwork.set(network, peer.publicKey);
    if (before?.owner !== owner) {
      this.#count(owner, 1);
      if (before !== undefined) this.#count(before.owner, -1);
      this.#giveWay(before, claim);
    }
    this.#options.onSettled(owner, peer);
    return true;
  }

  /** Waits for the one that goes before it to go. */
  #giveWay(claim: Claim | undefined, to: Claim): void {
    if (claim === undefined) return;
    this.#wait(claim, to.peer.publicKey);
    this.#refuse(claim, `its key, name or network is now ${to.peer.name}'s of ${to.owner}`);
  }

  #remove(owner: string, publicKey: PublicKey): void {
    if (this.#dropWaiting(owner, publicKey)) return this.#options.onSettled(owner, { publicKey });
    const held = this.#held.get(publicKey);
    if (held === undefined) return this.#options.onRefused(owner, { publicKey }, 'there is no such peer to remove');
    if (held.owner !== owner)
      return this.#options.onRefused(owner, held.peer, `it is ${held.owner}'s, which alone can remove it`);
    this.#release(publicKey);
    this.#options.onSettled(owner, held.peer);
    this.#retryBlocked(publicKey);
  }

  /** Other owners' peers that stand in the way. */
  #conflicts({ owner, peer }: Claim): { readonly publicKey: PublicKey; readonly why: string }[] {
    const found = new Map<PublicKey, string>();
    const look = (key: PublicKey | undefined, why: (other: Claim) => string) => {
      const other = key === undefined ? undefined : this.#held.get(key);
      if (key === undefined || other === undefined || other.owner === owner || found.has(key)) return;
      found.set(key, why(other));
    };
    look(peer.publicKey, (other) => `${other.owner} has a peer with this key`);
    look(this.#byName.get(peer.name), (other) => `${other.owner} has a peer with this name`);
    for (const network of peer.allowedIps)
      look(this.#byNetwork.get(network), (other) => `${network} belongs to ${other.peer.name} of ${other.owner}`);
    return [...found].map(([publicKey, why]) => ({ publicKey, why }));
  }

  #release(publicKey: PublicKey): Claim | undefined {
    const held = this.#held.get(publicKey);
    if (held === undefined) return undefined;
    this.#held.delete(publicKey);
    this.#unlist(held.peer);
    this.#count(held.owner, -1);
    this.#options.sink.remove(publicKey);
    return held;
  }

  #unlist({ publicKey, name, allowedIps }: Peer): void {
    if (this.#byName.get(name) === publicKey) this.#byName.delete(name);
    for (const network of allowedIps) if (this.#byNetwork.get(network) === publicKey) this.#byNetwork.delete(network);
  }

  #wait(claim: Claim, blocker: PublicKey): void {
    const id = idOf(claim.owner, claim.peer.publicKey);
    this.#waiting.set(id, { ...claim, blocker });
    const blocked = this.#blockedBy.get(blocker) ?? new Set<string>();
    this.#blockedBy.set(blocker, blocked.add(id));
    this.#count(claim.owner, 1);
  }

  #dropWaiting(owner: string, publicKey: PublicKey): boolean {
    const id = idOf(owner, publicKey);
    const claim = this.#waiting.get(id);
    if (claim === undefined) return false;
    this.#waiting.delete(id);
    const blocked = this.#blockedBy.get(claim.blocker);
    blocked?.delete(id);
    if (blocked?.size === 0) this.#blockedBy.delete(claim.blocker);
    this.#count(owner, -1);
    return true;
  }

  #retryBlocked(blocker: PublicKey): void {
    for (const id of [...(this.#blockedBy.get(blocker) ?? [])]) {
      const claim = this.#waiting.get(id);
      if (claim !== undefined) this.#set({ owner: claim.owner, peer: claim.peer });
    }
  }

  #claimedBy(owner: string, publicKey: PublicKey): boolean {
    return this.#held.get(publicKey)?.owner === owner || this.#waiting.has(idOf(owner, publicKey));
  }

  #count(owner: string, by: 1 | -1): void {
    this.#counts.set(owner, (this.#counts.get(owner) ?? 0) + by);
  }

  #refuse({ owner, peer }: Claim, why: string): void {
    this.#options.onRefused(owner, peer, why);
  }
}

function idOf(owner: string, publicKey: PublicKey): string {
  return `${publicKey} ${owner}`;
}
