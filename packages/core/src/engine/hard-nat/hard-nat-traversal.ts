import { sameAddress, type TransportAddress } from '@wirepath/stun-codec';
import { candidatePriority } from '../../contracts/candidate.js';
import type { NatBehavior } from '../../contracts/nat-behavior.js';
import type { PublicKey } from '../../base/identity/identity.js';
import { CandidatePair } from '../pairs/candidate-pair.js';
import type { RemoteCandidate } from '../pairs/remote-candidates.js';
import type { Checklist } from '../pairs/checklist.js';
import type { EngineEffect } from '../effects.js';
import type { LocalDescription } from '../events.js';
import type { EnginePath, LocalBase } from '../engine-path.js';
import { ATTEMPT_MS, EXTRA_BASES, HARD_NAT_DELAY_MS, HardNatAttempt } from './hard-nat-attempt.js';
import { hardNatPart } from './hard-nat-part.js';
import { TokenBucket } from '../../base/limits/token-bucket.js';

export interface HardNatNeeds {
  readonly peer: PublicKey;
  readonly around: {
    /** Whether to spend many checks and sockets on NATs that map per destination. */
    readonly hardNat: boolean;
    /** The one peer that an attempt is made for: two at once would double the load on the NAT. */
    hardNatHolder: PublicKey | undefined;
    local: LocalDescription;
    random(length: number): Uint8Array;
    emit(effect: EngineEffect): void;
  };
  readonly checklist: Checklist;
  /** Why an address must not be sent to; undefined where it may. */
  refuse(remote: RemoteCandidate): string | undefined;
  /** Undefined before the peer has said anything. */
  remoteBehavior(): NatBehavior | undefined;
  /** There is a trusted path without a relay. */
  isThrough(): boolean;
  /** The base that carries the traffic now. */
  activeBaseId(): string | undefined;
  /** Sends a check on a pair that is on no list: it becomes one if it is answered. */
  guess(pair: CandidatePair, now: number): void;
}

/** One carries the traffic; the others are there in case that the peer prefers them. */
const MAX_RIGHT_GUESSES = 8;
/** Data came in on these: the peer has chosen each of them at some time. */
const MAX_PINNED = 16;

/** Public addresses of the peer that each base is opened toward: more than two is no NAT, and we would be aimed at others. */
const MAX_TARGETS = 2;

/**
 * An attempt sends a thousand checks or more to an address, and what NATs are like is the peer's word. Toward an address that
 * has answered a check (mostly through our relay) attempts are free; toward any other there are two, then one in ten minutes,
 * so that a peer cannot keep us aimed at somebody else.
 */
const UNPROVEN_BURST = 2;
const UNPROVEN_PER_SECOND = 1 / 600;

/** A base on which the peer was heard may be the one that it sends to, whatever we send on: it is closed after this long a silence. */
const LINGER_MS = 60_000;

/** The way to one peer through a NAT that maps per destination: when to attempt it, with which sockets and ports. */
export class HardNatTraversal {
  readonly #needs: HardNatNeeds;
  /** When an attempt is due, if ordinary checks have not succeeded by then. */
  #dueAt: number | undefined;
  #attempt: HardNatAttempt | undefined;
  readonly #extraBases = new Map<string, LocalBase>();
  /** When to look again which extra bases are still in use. */
  #tidyAt: number | undefined;
  readonly #unproven = new TokenBucket(UNPROVEN_PER_SECOND, UNPROVEN_BURST);
  /** Attempts that ended without a path. */
  failures = 0;

  constructor(needs: HardNatNeeds) {
    this.#needs = needs;
  }

  /** What an attempt under way has done so far. */
  get progress(): string | undefined {
    return this.#attempt?.progress;
  }

  /** Ordinary checks begin: an attempt follows if they come to nothing. */
  schedule(now: number): void {
    if (this.#attempt === undefined && this.#isWanted()) this.#dueAt ??= now + HARD_NAT_DELAY_MS;
  }

  nextTimeout(): number | undefined {
    // What an attempt has opened is looked at when it is over.
    const next = Math.min(this.#dueAt ?? Infinity, this.#attempt?.nextTimeout() ?? this.#tidyAt ?? Infinity);
    return next === Infinity ? undefined : next;
  }

  handleTimeout(now: number): void {
    if (this.#dueAt !== undefined && now >= this.#dueAt) this.#start(now);
    const attempt = this.#attempt;
    if (attempt === undefined) {
      if (this.#tidyAt !== undefined && now >= this.#tidyAt) this.#tidy(now);
      return;
    }
    if (now >= attempt.endsAt || !this.#isWanted()) {
      if (!this.#needs.isThrough()) this.failures += 1;
      this.#endAttempt();
      return this.#tidy(now);
    }
    const baseId = attempt.takeBase(now);
    const base = baseId === undefined ? undefined : this.#extraBases.get(baseId);
    if (base !== undefined) {
      const targets = this.#reflexive(base.family).slice(0, MAX_TARGETS);
      for (const remote of targets) this.#needs.guess(new CandidatePair(base, remote), now);
    }
    const port = attempt.takePort(now);
    if (port !== undefined) this.#guess(port, now);
  }

  basesOpened(bases: readonly LocalBase[], now: number): void {
    const ids = bases.map(({ id }) => id);
    for (const base of bases) this.#extraBases.set(base.id, base);
    if (this.#attempt === undefined) return this.#closeBases(ids);
    this.#attempt.basesOpened(ids, now);
  }

  /** A guess was answered: its pair is as good as any. Where ports are in sequence hundreds of them are right; few will do. */
  guessedRight(pair: CandidatePair): void {
    const { checklist } = this.#needs;
    if (checklist.get(pair.path) !== undefined || checklist.pinned.size >= MAX_RIGHT_GUESSES) return;
    checklist.pin(pair);
    this.#tidyAt ??= pair.schedule.lastSentAt === undefined ? undefined : pair.schedule.lastSentAt + LINGER_MS;
  }

  /**
   * The pair of what came in on one of the extra bases; undefined for any other base.
   * @param isInUse data came in on it: the peer has chosen it.
   */
  pairFor(path: EnginePath, isInUse: boolean): CandidatePair | undefined {
    const base = this.#extraBases.get(path.baseId);
    const { checklist } = this.#needs;
    if (base === undefined || (!isInUse && checklist.pinned.size >= MAX_RIGHT_GUESSES)) return undefined;
    if (checklist.pinned.size >= MAX_PINNED) this.#dropLongestSilent();
    const known = checklist.remotes.all.find(({ address }) => sameAddress(address, path.remote));
    const pair = new CandidatePair(base, known ?? peerReflexive(path.remote));
    checklist.pin(pair);
    return pair;
  }

  /** The peer is gone: whatever was opened for it is closed. */
  close(): void {
    this.#endAttempt();
    this.#tidyAt = undefined;
    this.#closeBases([...this.#extraBases.keys()]);
  }

  #dropLongestSilent(): void {
    const { checklist } = this.#needs;
    const idle = [...checklist.pinned.values()].filter(({ base }) => base.id !== this.#needs.activeBaseId());
    const [first, ...others] = idle;
    if (first === undefined) return;
    const heardAt = ({ lastHeardAt = -Infinity }: CandidatePair) => lastHeardAt;
    checklist.unpin(others.reduce((oldest, pair) => (heardAt(pair) < heardAt(oldest) ? pair : oldest), first));
  }

  #endAttempt(): void {
    const { around, peer } = this.#needs;
    this.#attempt = undefined;
    if (around.hardNatHolder === peer) around.hardNatHolder = undefined;
  }

  /** Closes the extra bases on which nothing goes on, and drops the pairs that came of an attempt and have died. */
  #tidy(now: number): void {
    const { checklist } = this.#needs;
    const inUse = new Set([this.#needs.activeBaseId()]);
    for (const pair of [...checklist.pinned.values()]) {
      if (now - (pair.lastHeardAt ?? -Infinity) < LINGER_MS) inUse.add(pair.base.id);
      else checklist.unpin(pair);
    }
    this.#closeBases([...this.#extraBases.keys()].filter((id) => !inUse.has(id)));
    this.#tidyAt = this.#extraBases.size + checklist.pinned.size > 0 ? now + LINGER_MS : undefined;
  }

  #closeBases(baseIds: readonly string[]): void {
    const { checklist, around } = this.#needs;
    for (const id of baseIds) this.#extraBases.delete(id);
    const closed = new Set(baseIds);
    for (const pair of [...checklist.pairs.values()]) if (closed.has(pair.base.id)) checklist.unpin(pair);
    if (baseIds.length > 0) around.emit({ type: 'close-bases', baseIds });
  }

  /** Nothing but a relay so far, and NATs with which more can be done about it. */
  #isWanted(): boolean {
    const remote = this.#needs.remoteBehavior();
    if (!this.#needs.around.hardNat || remote === undefined || this.#needs.isThrough()) return false;
    return hardNatPart(this.#needs.around.local.natBehavior, remote) !== undefined;
  }

  #start(now: number): void {
    this.#dueAt = undefined;
    const { around, peer } = this.#needs;
    const remote = this.#needs.remoteBehavior();
    if (!this.#isWanted() || remote === undefined) return;
    if (around.hardNatHolder !== undefined && around.hardNatHolder !== peer) {
      this.#dueAt = now + ATTEMPT_MS;
      return;
    }
    const part = hardNatPart(around.local.natBehavior, remote);
    const reflexive = this.#reflexive(4);
    if (part === undefined || reflexive.length === 0) return;
    const isProven = reflexive.slice(0, MAX_TARGETS).every(({ address }) => this.#hasAnswered(address));
    if (!isProven && !this.#unproven.take(now)) return;
    around.hardNatHolder = peer;
    const seenPorts = reflexive.map(({ address }) => address.port);
    this.#attempt = new HardNatAttempt({ part, now, seenPorts, random: (length) => around.random(length) });
    if (part === 'many-bases') around.emit({ type: 'open-bases', peer, family: 4, count: EXTRA_BASES });
  }

  /** The peer is there, on whatever port: a check to it was answered. */
  #hasAnswered({ ip }: TransportAddress): boolean {
    return [...this.#needs.checklist.pairs.values()].some(
      ({ remote, responses }) => responses > 0 && remote.address.ip === ip,
    );
  }

  #guess(port: number, now: number): void {
    const base = this.#needs.around.local.bases.find(({ kind, family }) => kind === 'socket' && family === 4);
    const [remote] = this.#reflexive(4);
    if (base === undefined || remote === undefined) return;
    this.#needs.guess(new CandidatePair(base, peerReflexive({ ...remote.address, port })), now);
  }

  #reflexive(family: 4 | 6): RemoteCandidate[] {
    return this.#needs.checklist.remotes.all.filter(
      (remote) =>
        remote.type === 'server-reflexive' &&
        remote.address.family === family &&
        this.#needs.refuse(remote) === undefined,
    );
  }
}

function peerReflexive(address: TransportAddress): RemoteCandidate {
  return { address, type: 'peer-reflexive', priority: candidatePriority('peer-reflexive', 0) };
}
