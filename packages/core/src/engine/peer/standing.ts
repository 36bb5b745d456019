import type { PublicKey } from '../../base/identity/identity.js';
import type { Connection } from '../connection-type.js';
import { whatIsNew, type CallMessage } from '../messages.js';
import type { CandidatePair } from '../pairs/candidate-pair.js';
import type { ActivePath, PathTimes } from '../selection/active-path.js';
import { keepaliveIntervalMs } from '../selection/keepalive.js';
import { isAlive, nextPhase, pathOf, silenceOf, type Happening, type Phase } from '../selection/phase.js';
import type { Moment, World } from '../world.js';
import { HandshakeRule } from './handshake-rule.js';

/** How things stand with one peer: where it says that it is, whether there is a session, and the phase that follows. */
export class Standing {
  readonly handshake: HandshakeRule;
  #phase: Phase = { name: 'calling' };
  #remote: CallMessage | null = null;

  constructor(
    readonly publicKey: PublicKey,
    /** RFC 8445's controlling agent: the side with the greater public key. */
    readonly controlling: boolean,
    /** As configured, an upper bound. */
    public keepaliveMs: number,
  ) {
    this.handshake = new HandshakeRule(controlling);
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** The newest description the peer has sent; null before the first. */
  get remote(): CallMessage | null {
    return this.#remote;
  }

  /** Carries the traffic, or did until it went silent. */
  get path(): ActivePath | undefined {
    return pathOf(this.#phase);
  }

  /** The pair in use where nothing speaks against it. */
  get trustedPair(): CandidatePair | undefined {
    return isAlive(this.#phase) && !this.isSilent ? this.path?.pair : undefined;
  }

  get isSilent(): boolean {
    return silenceOf(this.#phase) !== undefined;
  }

  /** Whether the path in use may still answer. */
  get isAlive(): boolean {
    return isAlive(this.#phase);
  }

  get connection(): Connection {
    if (this.#phase.name === 'unreachable') return 'unreachable';
    if (!this.isAlive || this.handshake.needed || this.path === undefined) return 'connecting';
    return this.path.pair.connection;
  }

  /** Connected without a relay: there is nothing to call for. */
  get isSettled(): boolean {
    return this.#phase.name === 'connected' && this.#phase.path.pair.connection !== 'relayed';
  }

  /** Not settled, or there is a pair that nobody has tried yet and that would be better. */
  isImprovable(pairs: Iterable<CandidatePair>): boolean {
    const { path } = this;
    if (path === undefined || !this.isSettled) return true;
    return [...pairs].some((pair) => pair.state === 'waiting' && pair.tier < path.pair.tier);
  }

  /** @returns whether the path in use left from an allocation that our relay has forgotten, or that is gone with it. */
  leavesLostAllocation({ now, world }: Moment): boolean {
    const pair = this.path?.pair;
    if (pair?.base.kind !== 'allocation' || pair.state === 'failed') return false;
    if (world.local.bases.some(({ id }) => id === pair.base.id)) return false;
    pair.fail('our relay has lost the allocation');
    this.distrustPath(now);
    return true;
  }

  /** What was proven before says nothing of it now. */
  distrustPath(now: number): void {
    this.path?.distrust(now);
    this.enter({ type: 'network-changed', now });
  }

  /** @returns whether that leads to another phase. */
  enter(what: Happening): boolean {
    const before = this.#phase;
    const known = { isDescribed: this.#remote !== null, hasSession: !this.handshake.needed };
    this.#phase = nextPhase(before, what, known);
    return this.#phase !== before;
  }

  /** The peer has sent its description. */
  described(message: CallMessage): ReturnType<typeof whatIsNew> {
    const news = whatIsNew(this.#remote, message);
    this.#remote = message;
    if (news.restarted) {
      this.handshake.reset();
      this.enter({ type: 'restarted' });
    }
    if (news.moved) this.enter({ type: 'moved' });
    return news;
  }

  pathTimes({ local }: World): PathTimes {
    const theirs = this.#remote?.natBehavior;
    return {
      silentSinceMs: silenceOf(this.#phase)?.sinceMs,
      keepaliveMs: keepaliveIntervalMs(this.keepaliveMs, local.natBehavior, theirs, this.controlling),
    };
  }
}
