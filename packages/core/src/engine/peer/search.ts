import { transactionKey } from '@wirepath/stun-codec';
import type { EngineEffect } from '../effects.js';
import type { EnginePath, LocalBase } from '../engine-path.js';
import { HardNatTraversal, type HardNatSituation } from '../hard-nat/hard-nat-traversal.js';
import { byTypeAndPriority, type CandidatePair } from '../pairs/candidate-pair.js';
import { Checklist } from '../pairs/checklist.js';
import { PairForming } from '../pairs/pair-forming.js';
import { RelayPermissions } from '../pairs/relay-permissions.js';
import { RETRY_PROBING_MS } from '../timings.js';
import type { EngineParts, Moment, World } from '../world.js';
import { LoopGuard } from './loop-guard.js';
import { Probing, type CheckOptions } from './probing.js';
import type { Standing } from './standing.js';

/** The search for a path to one peer: which pairs there may be, and the checks that prove them. */
export class Search {
  readonly checklist: Checklist;
  readonly loops: LoopGuard;
  readonly probing: Probing;
  readonly hardNat: HardNatTraversal;
  readonly permissions: RelayPermissions;
  readonly #forming: PairForming;
  readonly #parts: EngineParts;
  readonly #standing: Standing;
  readonly #effects: EngineEffect[];

  /** @param effects where what the search wants done is added. */
  constructor(standing: Standing, maxCandidatePairs: number, parts: EngineParts, effects: EngineEffect[]) {
    const { publicKey: peer, controlling } = standing;
    const { random } = parts;
    const checklist = new Checklist(maxCandidatePairs);
    this.#parts = parts;
    this.#standing = standing;
    this.#effects = effects;
    this.checklist = checklist;
    this.loops = new LoopGuard({ checklist, random });
    this.#forming = new PairForming({ checklist, loops: this.loops });
    this.permissions = new RelayPermissions({ peer, checklist });
    this.probing = new Probing({ peer, controlling, checklist, permissions: this.permissions, parts });
    this.hardNat = new HardNatTraversal({ peer, checklist, turn: parts.hardNatTurn, random });
  }

  /** The better type and the higher priority first. */
  sortedPairs(): CandidatePair[] {
    return [...this.checklist.pairs.values()].sort(byTypeAndPriority);
  }

  /** After a change at either end. */
  form(world: World): void {
    const gone = this.#forming.form(world, this.#standing.path?.pair);
    this.#effects.push(...RelayPermissions.release(gone));
  }

  /** As {@link Probing.begin}; what ordinary checks do not find is then searched with many. */
  begin({ now, world }: Moment, budgetMs: number, options: { readonly all?: boolean } = {}): void {
    this.hardNat.schedule(now, this.#situation(world));
    this.probing.begin(now, budgetMs, this.#standing.trustedPair, options);
  }

  /** A check of the peer came in on the pair: RFC 8445 7.3.1.4. */
  trigger(pair: CandidatePair, { now, world }: Moment): void {
    if (pair.state === 'permitting') return;
    if (RelayPermissions.isNeededFor(pair)) this.#effects.push(...this.permissions.request(pair, now));
    else if (this.probing.trigger(pair, now, retryBudgetMs(world))) this.check(pair, now);
  }

  /** As {@link Probing.check}. */
  check(pair: CandidatePair, now: number, options?: CheckOptions): void {
    const { publicKey: peer, path } = this.#standing;
    const check = this.probing.check(pair, now, path, options);
    if (check === undefined) return;
    const { checklist } = this;
    this.#parts.outstanding.add(transactionKey(check.effect.transactionId), { peer, checklist, ...check.sent });
    this.#effects.push(check.effect);
  }

  /**
   * The pair of a path that something authenticated came in on, made where it is new. Undefined where there is none: a loop, too
   * many, a refused address, a base that is gone.
   * @param check that came in; undefined: data did.
   */
  pairFor(path: EnginePath, at: Moment, check?: Parameters<PairForming['heardAt']>[1]): CandidatePair | undefined {
    const { now, world } = at;
    if (this.loops.isLoop(path, world.local.bases)) return undefined;
    const baseInUse = this.#standing.path?.pair.base.id;
    const known = this.checklist.get(path) ?? this.hardNat.pairFor(path, check === undefined, baseInUse);
    if (known !== undefined) return known;
    if (!this.#forming.heardAt(path, check, world, now)) return undefined;
    this.form(world);
    return this.checklist.get(path);
  }

  basesOpened(bases: readonly LocalBase[], { now }: Moment): void {
    this.#effects.push(...this.hardNat.basesOpened(bases, now));
  }

  /** At any time; undefined is never: {@link checkDue} is due then. */
  nextTimeout(): number {
    if (this.permissions.isAnyWanted) return -Infinity;
    return Math.min(this.probing.nextTimeout(), this.hardNat.nextTimeout(), this.loops.nextTimeout());
  }

  /** Sends the checks that are due, of attempts at hard NATs too, and asks relays for the permissions that are wanted. */
  checkDue({ now, world }: Moment): void {
    const { effects, guesses } = this.hardNat.handleTimeout(now, this.#situation(world));
    this.#effects.push(...effects);
    for (const pair of guesses) this.check(pair, now, { guess: true });
    for (let pair = this.probing.takeDue(now); pair !== undefined; pair = this.probing.takeDue(now))
      this.check(pair, now);
    this.#effects.push(...this.permissions.requestWanted(now));
  }

  /** The peer is gone: nothing of it stays at relays, and no socket that was opened for it. */
  close(): void {
    this.#effects.push(...this.hardNat.close(), ...RelayPermissions.release(this.checklist.pairs.values()));
  }

  #situation(world: World): HardNatSituation {
    const { remote, path, trustedPair } = this.#standing;
    return {
      world,
      remoteBehavior: remote?.natBehavior,
      isThrough: trustedPair !== undefined && trustedPair.connection !== 'relayed',
      baseInUse: path?.pair.base.id,
      refuse: (candidate) => this.#forming.refuse(candidate, world),
    };
  }
}

/** Of a round that nothing new has asked for. */
export function retryBudgetMs({ settings }: World): number {
  return Math.min(RETRY_PROBING_MS, settings.holePunchTimeoutMs);
}
