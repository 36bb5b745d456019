import { sameAddress, type TransportAddress } from '@wirepath/stun-codec';
import { candidatePriority } from '../../contracts/candidate.js';
import type { PublicKey } from '../../base/identity/identity.js';
import type { Connection } from '../connection-type.js';
import type { EngineEffect } from '../effects.js';
import { sameDescription, whatIsNew, type CallMessage } from '../messages.js';
import type { PhaseName } from '../selection/phase.js';
import { SESSION_MS } from '../timings.js';
import type { EngineParts, Moment, World } from '../world.js';
import { EndpointTrials } from './endpoint-trials.js';
import { MessageOutbox } from './message-outbox.js';
import type { PathFinder, PeerEvent } from './path-finder.js';
import type { PairsView, PeerView, Told } from './peer-view.js';

/** A session of the device with the peer. */
interface Session {
  /** WireGuard lets it live no longer without another handshake. */
  readonly untilMs: number;
  /** Where the peer is, as far as it was heard from there or proven to be. */
  readonly endpoint: TransportAddress | undefined;
}

/**
 * The path to one peer of a device whose sockets are not ours: both ends tell each other where they are, and each tries the
 * other's endpoints, until the device has a session.
 */
export class TrialAgent implements PathFinder {
  readonly #trials = new EndpointTrials();
  readonly #outbox: MessageOutbox;
  readonly #told: Told = { undeliverable: false, peerEvidence: undefined };
  readonly #effects: EngineEffect[] = [];
  #remote: CallMessage | null = null;
  #session: Session | undefined;

  constructor(
    readonly publicKey: PublicKey,
    public keepaliveMs: number,
    parts: EngineParts,
    at: Moment,
  ) {
    this.#outbox = new MessageOutbox(parts.random);
    this.call(at);
  }

  // --- What happens ---

  handle(event: PeerEvent, at: Moment): void {
    switch (event.type) {
      case 'message':
        return this.#messageReceived(event.message, at);
      case 'peer-available':
        return this.call(at);
      case 'peer-undeliverable':
        this.#told.undeliverable = true;
        return;
      case 'candidate-suggested': {
        const { address } = event;
        this.#trials.remotes.addSuggested({ address, type: 'host', priority: candidatePriority('host', 0) });
        return this.#tryAll(at);
      }
      case 'endpoint-tried':
        return this.#tried(event.trial, event.proven, at);
      case 'handshake':
        this.#session = { untilMs: at.now + SESSION_MS, endpoint: this.#session?.endpoint };
        this.#outbox.settle();
        return this.#changed();
      case 'authenticated':
        return this.#heardFrom(event.path.remote, at);
      case 'attempt':
        if (this.#session === undefined) this.#tryAll(at);
        return this.call(at);
      case 'ask-for-evidence':
        return this.#outbox.askForEvidence(at.now);
      // Nothing comes in or goes out on sockets of ours.
      case 'check':
      case 'check-response':
      case 'looped':
      case 'sent':
      case 'ping':
      case 'bases-opened':
      case 'permitted':
    }
  }

  call({ now, world }: Moment): void {
    this.#outbox.call(now, world);
  }

  localChanged({ now, world }: Moment, newGeneration: boolean): void {
    this.#trials.form(world);
    if (!world.signalingUp) return;
    const isNews = newGeneration || this.#session === undefined;
    this.#outbox.tell(now, { isCall: isNews });
    if (isNews) this.#outbox.retrySoon(now);
  }

  close(): void {
    this.#trials.stop();
  }

  // --- What is due, and what comes of it ---

  nextTimeout(): number | undefined {
    const next = Math.min(this.#outbox.nextTimeout() ?? Infinity, this.#session?.untilMs ?? Infinity);
    return next === Infinity ? undefined : next;
  }

  handleTimeout(at: Moment): void {
    const { now, world } = at;
    if (this.#session !== undefined && now >= this.#session.untilMs) {
      this.#session = undefined;
      this.#tryAll(at);
      this.call(at);
    }
    const toTell = { seen: this.#remote, evidence: () => this.#trials.views(this.#session?.endpoint) };
    const { message, isRetry } = this.#outbox.handleTimeout(now, world, toTell);
    if (message !== undefined) this.#effects.push({ type: 'send-message', to: this.publicKey, message });
    // Both ends' NATs let in only what they have sent to: the peer tries again when it is called again.
    if (isRetry && this.#session === undefined && !this.#trials.isRunning) this.#tryAll(at);
  }

  takeEffects(): EngineEffect[] {
    return this.#effects.splice(0);
  }

  view({ local }: World): PeerView {
    return Object.freeze({
      ...this.#told,
      means: 'trials',
      phase: this.#phase,
      connection: this.#connection,
      isProbing: this.#trials.isRunning,
      pairInUse: this.#trials.viewOf(this.#session?.endpoint),
      pairs: Object.freeze({ count: this.#trials.count, unrelayed: this.#trials.count }),
      ownNat: local.natBehavior,
      remoteNat: this.#remote?.natBehavior,
      hardNat: Object.freeze({ isOn: false, progress: undefined, failures: 0 }),
    });
  }

  /** A device sends to no allocation of ours. */
  uses(): boolean {
    return false;
  }

  pairsView(): PairsView {
    return Object.freeze({
      pairs: Object.freeze(this.#trials.views(this.#session?.endpoint)),
      rejections: this.#trials.rejections,
      remoteCandidates: Object.freeze([...this.#trials.remotes.all]),
    });
  }

  // --- Inside ---

  get #phase(): PhaseName {
    if (this.#session !== undefined) return 'connected';
    if (this.#remote === null) return 'calling';
    return this.#trials.isRunning ? 'checking' : 'unreachable';
  }

  get #connection(): Connection {
    if (this.#phase === 'connected') return this.#trials.viewOf(this.#session?.endpoint)?.connection ?? 'direct';
    return this.#phase === 'unreachable' ? 'unreachable' : 'connecting';
  }

  #messageReceived(message: CallMessage, at: Moment): void {
    const { restarted, isNews } = whatIsNew(this.#remote, message);
    this.#remote = message;
    this.#told.undeliverable = false;
    this.#trials.remotes.setSignalled(message.candidates);
    this.#trials.form(at.world);
    const isElsewhere = this.#session !== undefined && !this.#isWhereItSays(message);
    const isAnew = restarted && this.#session !== undefined && !isElsewhere;
    if (restarted) this.#session = undefined;
    // A device that has sent something finds out after 15 s that nothing comes back.
    if (isAnew) this.#effects.push({ type: 'initiate-handshake', peer: this.publicKey, fresh: true });
    const isWanted = isElsewhere ? isNews : this.#session === undefined && !isAnew && (isNews || message.call);
    if (isWanted) this.#tryAll(at);
    if (!sameDescription(message.seen, at.world.localId)) this.#outbox.tell(at.now);
    if (message.asksForEvidence) this.#outbox.tellEvidence(at.now);
    if (message.evidence !== null) this.#told.peerEvidence = message.evidence;
    this.#changed();
  }

  /** Whether the session lives where the peer says that it is, as far as that is known. */
  #isWhereItSays({ candidates }: CallMessage): boolean {
    const endpoint = this.#session?.endpoint;
    return endpoint === undefined || candidates.some(({ address }) => sameAddress(address, endpoint));
  }

  #tryAll(at: Moment): void {
    this.#trials.form(at.world);
    this.#trials.begin();
    this.#tryNext(at);
  }

  #tryNext({ now, world }: Moment): void {
    const next = this.#trials.next();
    if (next !== undefined) {
      this.#effects.push({ type: 'try-endpoint', peer: this.publicKey, trial: next.id, address: next.address });
    } else if (this.#session === undefined && !this.#outbox.isRetrying && world.signalingUp) {
      this.#outbox.retrySoon(now);
    }
    this.#changed();
  }

  #tried(trial: number, proven: boolean, at: Moment): void {
    const endpoint = this.#trials.ended(trial, proven);
    if (endpoint === undefined) return;
    if (!proven) return this.#tryNext(at);
    // The device tells of the handshake later than of what it has led to.
    this.#session = { untilMs: this.#session?.untilMs ?? at.now + SESSION_MS, endpoint };
    this.#outbox.settle();
    this.#changed();
  }

  #heardFrom(address: TransportAddress, { world }: Moment): void {
    const before = this.#session;
    if (before === undefined || (before.endpoint !== undefined && sameAddress(before.endpoint, address))) return;
    this.#trials.heardFrom(address, world);
    this.#session = { ...before, endpoint: address };
    this.#changed();
  }

  #changed(): void {
    this.#effects.push({ type: 'changed', peer: this.publicKey });
  }
}
