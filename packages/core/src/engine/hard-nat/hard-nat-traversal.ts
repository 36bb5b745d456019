import { sameAddress, type TransportAddress } from '@wirepath/stun-codec';
import { candidatePriority } from '../../contracts/candidate.js';
import type { NatBehavior } from '../../contracts/nat-behavior.js';
import type { PublicKey } from '../../base/identity/identity.js';
import { CandidatePair } from '../pairs/candidate-pair.js';
import type { RemoteCandidate } from '../pairs/remote-candidates.js';
import type { Checklist } from '../pairs/checklist.js';
import type { EngineEffect } from '../effects.js';
import type { HardNatTurn, World } from '../world.js';
import type { EnginePath, LocalBase } from '../engine-path.js';
import { ATTEMPT_MS, EXTRA_BASES, HARD_NAT_DELAY_MS, HardNatAttempt } from './hard-nat-attempt.js';
import { hardNatPart, type HardNatPart } from './hard-nat-part.js';
import { TokenBucket } from '../../base/limits/token-bucket.js';

export interface HardNatNeeds {
  readonly peer: PublicKey;
  readonly checklist: Checklist;
  readonly turn: HardNatTurn;
  readonly random: (length: number) => Uint8Array;
}

/** What decides whether an attempt is wanted, and on what. */
export interface HardNatSituation {
  readonly world: World;
  /** Undefined before the peer has said anything. */
  readonly remoteBehavior: NatBehavior | undefined;
  /** There is a trusted path without a relay. */
  readonly isThrough: boolean;
  /** The base that carries the traffic now. */
  readonly baseInUse: string | undefined;
  /** Why an address must not be sent to; undefined where it may. */
  readonly refuse: (remote: RemoteCandidate) => string | undefined;
}

/** What an attempt wants done. */
export interface HardNatSteps {
  readonly effects: readonly EngineEffect[];
  /** Pairs to check that are on no list: one becomes a pair if it answers. */
  readonly guesses: readonly CandidatePair[];
}

/** One carries the traffic; the others are there in case that the peer prefers them. */
const MAX_RIGHT_GUESSES = 8;
/** With those that have died, and those on which data came in: the peer has chosen each of them at some time. */
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
  schedule(now: number, situation: HardNatSituation): void {
    if (this.#attempt === undefined && isWanted(situation)) this.#dueAt ??= now + HARD_NAT_DELAY_MS;
  }

  nextTimeout(): number {
    // What an attempt has opened is looked at when it is over.
    return Math.min(this.#dueAt ?? Infinity, this.#attempt?.nextTimeout() ?? this.#tidyAt ?? Infinity);
  }

  handleTimeout(now: number, situation: HardNatSituation): HardNatSteps {
    const effects: EngineEffect[] = [];
    if (this.#dueAt !== undefined && now >= this.#dueAt) effects.push(...this.#start(now, situation));
    const attempt = this.#attempt;
    if (attempt === undefined) {
      if (this.#tidyAt !== undefined && now >= this.#tidyAt) effects.push(...this.#tidy(now, situation));
      return { effects, guesses: [] };
    }
    if (now >= attempt.endsAt || !isWanted(situation)) {
      if (!situation.isThrough) this.failures += 1;
      this.#endAttempt();
      effects.push(...this.#tidy(now, situation));
      return { effects, guesses: [] };
    }
    return { effects, guesses: [...this.#openings(attempt, now, situation), ...this.#guess(attempt, now, situation)] };
  }

  basesOpened(bases: readonly LocalBase[], now: number): EngineEffect[] {
    const ids = bases.map(({ id }) => id);
    for (const base of bases) this.#extraBases.set(base.id, base);
    if (this.#attempt === undefined) return this.#closeBases(ids);
    this.#attempt.basesOpened(ids, now);
    return [];
  }

  /** A guess was answered: its pair is as good as any. Where ports are in sequence hundreds of them are right; few will do. */
  guessedRight(pair: CandidatePair, baseInUse: string | undefined): void {
    const { checklist } = this.#needs;
    if (checklist.get(pair.path) !== undefined || this.#hasEnough) return;
    if (checklist.pinned.size >= MAX_PINNED) this.#dropLongestSilent(baseInUse);
    checklist.pin(pair);
    this.#tidyAt ??= pair.schedule.lastSentAt === undefined ? undefined : pair.schedule.lastSentAt + LINGER_MS;
  }

  /**
   * The pair of what came in on one of the extra bases; undefined for any other base.
   * @param isChosen data came in on it: the peer has chosen it.
   * @param baseInUse carries the traffic now.
   */
  pairFor(path: EnginePath, isChosen: boolean, baseInUse: string | undefined): CandidatePair | undefined {
    const base = this.#extraBases.get(path.baseId);
    const { checklist } = this.#needs;
    if (base === undefined || (!isChosen && this.#hasEnough)) return undefined;
    if (checklist.pinned.size >= MAX_PINNED) this.#dropLongestSilent(baseInUse);
    const known = checklist.remotes.all.find(({ address }) => sameAddress(address, path.remote));
    const pair = new CandidatePair(base, known ?? peerReflexive(path.remote));
    checklist.pin(pair);
    return pair;
  }

  /** Those of an earlier attempt, on which nothing was heard since, have died: they keep no new one out. */
  get #hasEnough(): boolean {
    const since = this.#attempt?.startedAt ?? -Infinity;
    const alive = [...this.#needs.checklist.pinned.values()].filter(
      ({ lastHeardAt = -Infinity }) => lastHeardAt >= since,
    );
    return alive.length >= MAX_RIGHT_GUESSES;
  }

  /** The peer is gone: whatever was opened for it is closed. */
  close(): EngineEffect[] {
    this.#endAttempt();
    this.#tidyAt = undefined;
    return this.#closeBases([...this.#extraBases.keys()]);
  }

  #dropLongestSilent(baseInUse: string | undefined): void {
    const { checklist } = this.#needs;
    const idle = [...checklist.pinned.values()].filter(({ base }) => base.id !== baseInUse);
    const [first, ...others] = idle;
    if (first === undefined) return;
    const heardAt = ({ lastHeardAt = -Infinity }: CandidatePair) => lastHeardAt;
    checklist.unpin(others.reduce((oldest, pair) => (heardAt(pair) < heardAt(oldest) ? pair : oldest), first));
  }

  #endAttempt(): void {
    this.#attempt = undefined;
    this.#needs.turn.release(this.#needs.peer);
  }

  /** Closes the extra bases on which nothing goes on, and drops the pairs that came of an attempt and have died. */
  #tidy(now: number, { baseInUse }: HardNatSituation): EngineEffect[] {
    const { checklist } = this.#needs;
    const inUse = new Set([baseInUse]);
    for (const pair of [...checklist.pinned.values()]) {
      if (now - (pair.lastHeardAt ?? -Infinity) < LINGER_MS) inUse.add(pair.base.id);
      else checklist.unpin(pair);
    }
    const closed = this.#closeBases([...this.#extraBases.keys()].filter((id) => !inUse.has(id)));
    this.#tidyAt = this.#extraBases.size + checklist.pinned.size > 0 ? now + LINGER_MS : undefined;
    return closed;
  }

  #closeBases(baseIds: readonly string[]): EngineEffect[] {
    const { checklist } = this.#needs;
    for (const id of baseIds) this.#extraBases.delete(id);
    const closed = new Set(baseIds);
    for (const pair of [...checklist.pairs.values()]) if (closed.has(pair.base.id)) checklist.unpin(pair);
    return baseIds.length > 0 ? [{ type: 'close-bases', baseIds }] : [];
  }

  #start(now: number, situation: HardNatSituation): EngineEffect[] {
    this.#dueAt = undefined;
    const { turn, random, peer } = this.#needs;
    const part = partOf(situation);
    if (part === undefined) return [];
    const reflexive = this.#reflexive(4, situation);
    if (!turn.take(peer)) {
      this.#dueAt = now + ATTEMPT_MS;
      return [];
    }
    const isProven = reflexive.slice(0, MAX_TARGETS).every(({ address }) => this.#hasAnswered(address));
    if (reflexive.length === 0 || (!isProven && !this.#unproven.take(now))) {
      turn.release(peer);
      return [];
    }
    const seenPorts = reflexive.map(({ address }) => address.port);
    this.#attempt = new HardNatAttempt({ part, now, seenPorts, random });
    return part === 'many-bases' ? [{ type: 'open-bases', peer, family: 4, count: EXTRA_BASES }] : [];
  }

  /** The peer is there, on whatever port: a check to it was answered. */
  #hasAnswered({ ip }: TransportAddress): boolean {
    return [...this.#needs.checklist.pairs.values()].some(
      ({ remote, responses }) => responses > 0 && remote.address.ip === ip,
    );
  }

  /** Our base that is due, toward the peer's addresses. */
  #openings(attempt: HardNatAttempt, now: number, situation: HardNatSituation): CandidatePair[] {
    const baseId = attempt.takeBase(now);
    const base = baseId === undefined ? undefined : this.#extraBases.get(baseId);
    if (base === undefined) return [];
    const targets = this.#reflexive(base.family, situation).slice(0, MAX_TARGETS);
    return targets.map((remote) => new CandidatePair(base, remote));
  }

  /** The port of the peer's that is due, from our shared socket. */
  #guess(attempt: HardNatAttempt, now: number, situation: HardNatSituation): CandidatePair[] {
    const port = attempt.takePort(now);
    const { bases } = situation.world.local;
    const base = bases.find(({ kind, family }) => kind === 'socket' && family === 4);
    const [remote] = this.#reflexive(4, situation);
    if (port === undefined || base === undefined || remote === undefined) return [];
    return [new CandidatePair(base, peerReflexive({ ...remote.address, port }))];
  }

  #reflexive(family: 4 | 6, { refuse }: HardNatSituation): RemoteCandidate[] {
    return this.#needs.checklist.remotes.all.filter(
      (remote) =>
        remote.type === 'server-reflexive' && remote.address.family === family && refuse(remote) === undefined,
    );
  }
}

/** Nothing but a relay so far, and NATs with which more can be done about it. */
function isWanted(situation: HardNatSituation): boolean {
  return partOf(situation) !== undefined;
}

/** @returns undefined where no attempt is wanted. */
function partOf({ world, remoteBehavior, isThrough }: HardNatSituation): HardNatPart | undefined {
  if (!world.settings.hardNat || remoteBehavior === undefined || isThrough) return undefined;
  return hardNatPart(world.local.natBehavior, remoteBehavior);
}

function peerReflexive(address: TransportAddress): RemoteCandidate {
  return { address, type: 'peer-reflexive', priority: candidatePriority('peer-reflexive', 0) };
}
